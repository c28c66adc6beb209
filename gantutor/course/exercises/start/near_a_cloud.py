"""Exercise start.near_a_cloud: the share of fakes that are close to a cloud of the data."""

import math

import torch

from gantutor.course.exercises.definition import Exercise, Symptom
from gantutor.course.exercises.maps import map_of
from gantutor.course.exercises.start.common import CENTRES


def _near(x, centres, std):
    near = [min(math.dist(p, c) for c in centres.tolist()) <= 3 * std for p in x.tolist()]
    return torch.tensor(sum(near) / len(near), dtype=torch.float64)


def _share(x, centres, std, near):
    return near(x[:, None, :] - centres, 3 * std).double().mean()


def _near_cases(rng):
    centres = rng.randn(1 + int(rng.randint(5, 1)), 2).double()
    n, std = 9 + int(rng.randint(30, 1)), 0.15 + 0.15 * float(rng.rand(1))
    x = torch.cat(
        [
            centres[:1] + 0.5 * std * rng.randn(2, 2).double(),
            centres[:1] + 3.6 * std,
            1.3 * rng.randn(n, 2).double(),
        ]
    )
    return x, centres, std


def _near_field(f):
    """The measure for a single fake at each place, with three clouds of std 0.1."""
    return map_of(lambda p: f(p[None], CENTRES, 0.1), 40)


NEAR = Exercise(
    "start.near_a_cloud",
    "Count the fakes that lie near a cloud",
    points=2,
    minutes=8,
    reference=_near,
    cases=_near_cases,
    symptoms=(
        Symptom(
            "squared distance",
            "You compared the *squared* distance with 3 std. Take the square root of the "
            "distance, or square 3 std as well.",
            lambda x, centres, std: _share(
                x, centres, std, lambda d, r: (d.square().sum(-1) <= r).any(1)
            ),
        ),
        Symptom(
            "near to all",
            "You require each fake to be near *every* cloud. It is enough if the nearest cloud is "
            "within reach: take a minimum, or use `any`.",
            lambda x, centres, std: _share(
                x, centres, std, lambda d, r: (d.norm(dim=-1) <= r).all(1)
            ),
        ),
        Symptom(
            "one std",
            "You allow one standard deviation. The measure allows three.",
            lambda x, centres, std: _share(
                x, centres, std, lambda d, r: (d.norm(dim=-1) <= r / 3).any(1)
            ),
        ),
        Symptom(
            "square box",
            "You compared each coordinate separately, which turns each cloud into a square. The "
            "distance is the length of the whole difference.",
            lambda x, centres, std: _share(
                x, centres, std, lambda d, r: (d.abs() <= r).all(-1).any(1)
            ),
        ),
        Symptom(
            "mean over the clouds",
            "You averaged over the clouds as well. A fake counts once if it is near any of them: "
            "first decide for each fake, then take the mean over the fakes.",
            lambda x, centres, std: _share(x, centres, std, lambda d, r: d.norm(dim=-1) <= r),
        ),
        Symptom(
            "far",
            "This is the share of fakes *outside* every cloud: the comparison is the wrong way "
            "round.",
            lambda x, centres, std: 1 - _near(x, centres, std),
        ),
    ),
    forbidden=("judge", "high_quality"),
    field=_near_field,
)
