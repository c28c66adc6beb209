"""Exercise plane.turn_of_d: D's loss, which must not send a gradient to the fakes."""

import torch

from gantutor.course.exercises.definition import Exercise, Symptom
from gantutor.course.exercises.maps import map_of


def _turn(D, w, x_real, x_fake):
    a, b = D(w, x_real), D(w, x_fake.detach())
    return _positive(-a).mean() + _positive(b).mean()


def _positive(t):
    """Softplus, which is log(e^t + e^0)."""
    return torch.logaddexp(t, torch.zeros_like(t))


def _bent(w, x):
    return (x + torch.sin(2 * x)) @ w


def _turn_cases(rng):
    n, m = (2 + int(k) for k in rng.randint(6, 2))
    w = rng.randn(2).double()
    far = 300 * w / w.norm() ** 2  # its score is about 300, where sigma rounds to 1
    return (
        _bent,
        w,
        torch.cat([rng.randn(n, 2).double(), -far[None]]),
        torch.cat([rng.randn(m, 2).double(), far[None]]),
    )


def _turn_field(f):
    """The loss with a single fake at each place and one real point on the right.

    The critic believes that the data are on the right.
    """
    w = torch.tensor([3.0, 1.0], dtype=torch.float64)
    real = torch.tensor([[0.6, 0.2]], dtype=torch.float64)
    return map_of(lambda p: f(_bent, w, real, p[None]), 30)


TURN = Exercise(
    "plane.turn_of_d",
    "Repair a turn of D that moves the generator",
    points=2,
    minutes=8,
    reference=_turn,
    cases=_turn_cases,
    gradients=(1,),
    constants=(3,),
    symptoms=(
        Symptom(
            "scores detached",
            "The value is right, but you detached after D: the scores of the fakes are now "
            "constants, so D learns nothing from the fakes. Detach *before* D.",
            lambda D, w, x, y: _positive(-D(w, x)).mean() + _positive(D(w, y)).mean().detach(),
        ),
        Symptom(
            "labels swapped",
            "With this loss D learns to call the fakes real. A real pays -log sigma(a), a fake "
            "pays -log(1 - sigma(b)).",
            lambda D, w, x, y: _positive(D(w, x)).mean() + _positive(-D(w, y.detach())).mean(),
        ),
        Symptom(
            "generator's loss",
            "For the fakes this is G's loss, -log sigma(b). In D's turn a fake pays the opposite: "
            "softplus(b).",
            lambda D, w, x, y: _positive(-D(w, x)).mean() + _positive(-D(w, y.detach())).mean(),
        ),
        Symptom(
            "summed",
            "You summed over the batch. Take the mean over the reals and the mean over the fakes.",
            lambda D, w, x, y: _positive(-D(w, x)).sum() + _positive(D(w, y.detach())).sum(),
        ),
        Symptom(
            "halved",
            "You have half of the loss: either one mean over all points, or a division by 2. Add "
            "the mean over the reals and the mean over the fakes.",
            lambda D, w, x, y: _turn(D, w, x, y) / 2,
        ),
    ),
    field=_turn_field,
)
