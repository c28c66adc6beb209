"""Exercise adaptivemix.cosine: the feature loss of the authors' StyleGAN2 code."""

import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.fields import plane


def _unit(v):
    return v / v.norm(dim=-1, keepdim=True)


def _cosine(v_mix, v_i, v_j, lam):
    with torch.no_grad():
        direction = _unit(lam * v_i + (1 - lam) * v_j)
    return -torch.einsum("nk,nk->n", _unit(v_mix), direction).mean()


def _cosine_cases(rng):
    n, width = 2 + int(rng.randint(7, 1)), 2 + int(rng.randint(6, 1))
    v_mix, v_i, v_j = rng.randn(3, n, width).double() * torch.tensor([1.0, 2.0, 0.7])[:, None, None]
    return v_mix, v_i, v_j, 0.1 + 0.35 * rng.rand(n, 1).double()


def _scaled(rng):
    v_mix, v_i, v_j, lam = _cosine_cases(rng)
    target = lam * v_i + (1 - lam) * v_j
    return [
        (v_mix, v_i, v_j, lam),
        (7 * v_mix, v_i, v_j, lam),
        (v_mix, 7 * v_i, 7 * v_j, lam),
        (3 * target, v_i, v_j, lam),
    ]


def _cosine_field(f):
    """Where the loss pulls the features of a mix, times their length, over a plane of features.

    The target points to the upper right.
    """
    v = plane(1.0, 12).double().requires_grad_(True)
    parents = torch.tensor([[[0.9, 0.1], [0.2, 0.9]]]).double().expand(len(v), 2, 2).unbind(1)
    lam = torch.full((1, 1), 0.5).double()
    pulls = [
        torch.autograd.grad(f(v[n : n + 1], parents[0][:1], parents[1][:1], lam).sum(), v)[0][n]
        for n in range(len(v))
    ]
    return (-torch.stack(pulls) * v.detach().norm(dim=1, keepdim=True)).numpy()


def _target(v_i, v_j, lam):
    return (lam * v_i + (1 - lam) * v_j).detach()


COSINE = Exercise(
    "adaptivemix.cosine",
    "Detach is harmless where length does not count",
    points=3,
    minutes=10,
    reference=_cosine,
    cases=_cosine_cases,
    gradients=(0,),
    constants=(1, 2),
    symptoms=(
        Symptom(
            "not normalised",
            "Without the division by the lengths this is a dot product, which falls without limit "
            "as v_mix grows. Divide by both lengths.",
            lambda v, a, b, lam: -(v * _target(a, b, lam)).sum(-1).mean(),
        ),
        Symptom(
            "one long vector",
            "You took one cosine for the whole batch. Each sample has its own cosine; the mean "
            "over the samples comes last.",
            lambda v, a, b, lam: (
                -(v * _target(a, b, lam)).sum() / v.norm() / _target(a, b, lam).norm()
            ),
        ),
        Symptom(
            "over the batch",
            "Your cosine runs along the batch, separately for each feature. It must run along the "
            "features, the last axis.",
            lambda v, a, b, lam: (
                -torch.nn.functional.cosine_similarity(v, _target(a, b, lam), dim=0).mean()
            ),
        ),
        Symptom(
            "squared distance",
            "This is the squared distance, the paper's loss. The StyleGAN2 code uses minus the "
            "cosine.",
            lambda v, a, b, lam: (v - _target(a, b, lam)).square().sum(-1).mean(),
        ),
        Symptom(
            "wrong side detached",
            "The value is right, but you made the *mix* a constant. In the authors' code F(x_ij) "
            "moves and its target is the constant.",
            lambda v, a, b, lam: (
                -(_unit(v.detach()) * _unit(lam * a + (1 - lam) * b)).sum(-1).mean()
            ),
        ),
        Symptom(
            "units mixed",
            "You normalised v_i and v_j before mixing them. Mix them as they are; the cosine then "
            "divides by the length of the mix.",
            lambda v, a, b, lam: (
                -(_unit(v) * _unit(_target(_unit(a), _unit(b), lam))).sum(-1).mean()
            ),
        ),
        Symptom(
            "sides swapped",
            "Lambda is on the wrong side: v_i has the weight lambda, v_j has 1 - lambda.",
            lambda v, a, b, lam: -(_unit(v) * _unit(_target(b, a, lam))).sum(-1).mean(),
        ),
    ),
    properties=(
        Property(
            "length",
            "Features seven times as long must change nothing, and features that point along the "
            "target must give -1.",
            _scaled,
            lambda cases, v: max(abs(v[0] - v[1]), abs(v[0] - v[2]), abs(v[3] + 1)) < 1e-6,
        ),
    ),
    forbidden=("distance", "AdaptiveMix", "STYLEGAN_CODE"),
    field=_cosine_field,
)
