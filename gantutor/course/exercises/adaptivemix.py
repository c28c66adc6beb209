"""Exercises of notebook 02: what scale does to three losses, the gap along a segment, the summed logit, and the detached cosine."""

import torch

from gantutor.course.exercises.judge import Exercise, Property, Symptom
from gantutor.fields import plane

# -- what multiplying all features by c does: powers of c for DISTANCES
POWERS = Exercise(
    "adaptivemix.powers",
    "Which of the losses can be pleased by shrinking?",
    points=1,
    minutes=4,
    reference=(2, 1, 1, 2, 0),
    symptoms=(
        Symptom(
            "ratios",
            "You gave the ratios for one c. Asked is the *power*: with c = 2, a ratio of 4 is the power 2.",
            lambda v: tuple(v[:4]) == (4, 2, 2, 4),
        ),
        Symptom(
            "l2 is squared",
            '"l2" is the length of the difference, with its square root. Twice the features give twice the length, not four '
            "times.",
            lambda v: tuple(v[:2]) == (2, 2) and v[4] == 0,
        ),
        Symptom(
            "mse is plain",
            'In "mse" the mean runs over squares. Dividing by K does not change what happens to each square when the features '
            "grow.",
            lambda v: tuple(v) == (2, 1, 1, 1, 0),
        ),
        Symptom(
            "cosine falls",
            "The cosine divides by both lengths. Multiply both vectors by c and look what is left of the c.",
            lambda v: v[4] != 0,
        ),
        Symptom(
            "order",
            "The right powers, in another order. Keep to the table's: sq_l2, l2, l1, mse, cosine.",
            lambda v: sorted(v) == [0, 1, 1, 2, 2] and tuple(v) != (2, 1, 1, 2, 0),
        ),
    ),
)


def _trunk(rng, width):
    """A bent feature map of points (..., 2) to (..., width)."""
    w, shift = 1.5 * rng.randn(2, width).double(), rng.randn(width).double()
    return lambda x: torch.sin(x @ w + shift) + 0.3 * (x @ w)


# -- the gap between the features of a mix and the mix of the features
def _gap(F, x_i, x_j, lam):
    gaps = []
    for a, b, t in zip(x_i, x_j, lam.reshape(-1), strict=True):
        stray = F(b + t * (a - b)) - F(b) - t * (F(a) - F(b))
        gaps.append((stray * stray).sum() ** 0.5)
    return torch.stack(gaps)


def _mixed(F, x_i, x_j, lam):
    """F of the mixes, and the mixes of F."""
    return F(lam * x_i + (1 - lam) * x_j), lam * F(x_i) + (1 - lam) * F(x_j)


def _stray(F, x_i, x_j, lam):
    v, target = _mixed(F, x_i, x_j, lam)
    return v - target


def _gap_cases(rng):
    n, width = 1 + int(rng.randint(8, 1)), 1 + int(rng.randint(7, 1))
    return (
        _trunk(rng, width + 1),
        rng.randn(n, 2).double(),
        rng.randn(n, 2).double(),
        0.1 + 0.35 * rng.rand(n, 1).double(),
    )


def _straight_cases(rng):
    w, x, y, lam = (
        3000 * rng.randn(2, 5).double(),
        rng.randn(6, 2).double(),
        rng.randn(6, 2).double(),
        rng.rand(6, 1).double(),
    )
    right = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    return [
        (lambda x: x @ w + 1, x, y, lam),
        (lambda x: x[..., :1] ** 2, right, -right, torch.full((1, 1), 0.5)),
    ]


def _gap_field(f):
    """The gap of a mix, three parts of each place and seven of a fixed sample at the lower left, for features that bend."""
    w = torch.tensor([[2.0, -1.0, 0.5], [0.5, 1.5, -2.0]], dtype=torch.float64)
    x = plane(1.0, 50).double()
    values = f(
        lambda x: torch.sin(x @ w) + 0.3 * (x @ w),
        x,
        torch.full_like(x, -0.7),
        torch.full_like(x[:, :1], 0.3),
    )
    return values.detach().reshape(50, 50).numpy()


GAP = Exercise(
    "adaptivemix.gap",
    "How far does a mix stray from the straight line?",
    points=2,
    minutes=8,
    reference=_gap,
    cases=_gap_cases,
    gradients=(1, 2),
    symptoms=(
        Symptom(
            "sides swapped",
            "The mix of the samples and the mix of the features have lambda on opposite sides: the weight of x_i must also be "
            "that of F(x_i).",
            lambda F, x_i, x_j, lam: (
                F(lam * x_i + (1 - lam) * x_j) - (1 - lam) * F(x_i) - lam * F(x_j)
            ).norm(dim=-1),
        ),
        Symptom(
            "squared",
            "This is the square of the gap, as the loss has it. The gap itself is a length: take the root.",
            lambda *args: _stray(*args).square().sum(-1),
        ),
        Symptom(
            "mean over features",
            "You took a mean over the K entries. A length is the root of their *sum* of squares.",
            lambda *args: _stray(*args).square().mean(-1).sqrt(),
        ),
        Symptom(
            "absolute values",
            "You added absolute values, which is the L1 distance. The gap is the straight, Euclidean length.",
            lambda *args: _stray(*args).abs().sum(-1),
        ),
        Symptom(
            "always 0",
            "Your target is F of the mix, so you compare a thing with itself. The target mixes the *features* F(x_i) and F(x_j).",
            lambda *args: 0 * _stray(*args).sum(-1),
        ),
        Symptom(
            "parents",
            "This is the distance of the parents' features from each other. Asked is how far F of the mix lies from its target on "
            "the line between them.",
            lambda F, x_i, x_j, lam: (F(x_i) - F(x_j)).norm(dim=-1),
        ),
        Symptom(
            "target detached",
            "The values are right, but your target is a constant. The paper has no detach: all three features move.",
            lambda *args: (_mixed(*args)[0] - _mixed(*args)[1].detach()).norm(dim=-1),
        ),
    ),
    properties=(
        Property(
            "straight and bent",
            "Two cases that you can work out: an affine F has the gap 0 for every slope, and F(x) = x0 * x0 "
            "half-way from 1 to -1 has the gap 1.",
            _straight_cases,
            lambda cases, v: abs(v[0]).max() < 1e-8 and abs(v[1] - 1).max() < 1e-9,
        ),
    ),
    forbidden=("mix_path",),
    field=_gap_field,
)


# -- the score that the authors' program shows to the GAN loss
def _seen_score(J, v_i, v_j, v_mix, lam):
    both = torch.cat([v_j + lam * (v_i - v_j), v_mix])
    return J(both).reshape(2, -1).sum(0)


def _head(rng, width):
    """A bent head of features (..., width) to scores (...)."""
    w, out = rng.randn(width, 6).double(), rng.randn(6).double()
    return lambda v: torch.nn.functional.leaky_relu(v @ w, 0.2) @ out


def _score_cases(rng):
    n, width = 1 + int(rng.randint(8, 1)), 2 + int(rng.randint(6, 1))
    return _head(rng, width), *rng.randn(3, n, width).double(), 0.1 + 0.35 * rng.rand(n, 1).double()


def _twice(rng):
    J, v_i, v_j, _, lam = _score_cases(rng)
    return [
        (J, v_i, v_j, v_i, 0 * lam + 1),
        (lambda v: torch.ones(len(v), dtype=v.dtype), v_i, v_j, v_i, lam),
    ]


def _score_field(f):
    """The score that the loss sees, if the mixed features lie at each place of a plane of features, for a head with one hill; one partner is fixed."""
    x = plane(1.0, 50).double()
    fixed = torch.tensor([[0.8, 0.8]]).double().expand(len(x), 2)
    return (
        f(
            lambda v: torch.exp(-3 * v.square().sum(-1)),
            x,
            fixed,
            0.9 * x,
            torch.full((len(x), 1), 0.4).double(),
        )
        .detach()
        .reshape(50, 50)
        .numpy()
    )


SEEN = Exercise(
    "adaptivemix.seen_score",
    "Write the score that the authors' GAN loss sees",
    points=2,
    minutes=6,
    reference=_seen_score,
    cases=_score_cases,
    gradients=(1, 2, 3),
    symptoms=(
        Symptom(
            "scores mixed",
            "You mixed the *scores* of x_i and x_j. The program mixes their features first and gives the mix to J; J bends, so "
            "the two differ.",
            lambda J, a, b, v, lam: lam[:, 0] * J(a) + (1 - lam[:, 0]) * J(b) + J(v),
        ),
        Symptom(
            "features added",
            "You added the two feature vectors and used J once. The program adds two *scores*.",
            lambda J, a, b, v, lam: J(lam * a + (1 - lam) * b + v),
        ),
        Symptom(
            "only the mix",
            "The score of F(x_ij) is there, that of the mixed features is missing.",
            lambda J, a, b, v, lam: J(v),
        ),
        Symptom(
            "plain score",
            "There is the unmixed J(F(x_i)) in your sum. In this program no unmixed sample is ever scored: that is the strange "
            "thing about it.",
            lambda J, a, b, v, lam: J(a) + J(v),
        ),
        Symptom(
            "sides swapped",
            "Lambda is on the wrong side: it is the weight of v_i, and 1 - lambda that of v_j.",
            lambda J, a, b, v, lam: J((1 - lam) * a + lam * b) + J(v),
        ),
        Symptom(
            "target detached",
            "The values are right, but the mixed features were detached. The program detaches them in its feature loss "
            "only, not in this score.",
            lambda J, a, b, v, lam: J((lam * a + (1 - lam) * b).detach()) + J(v),
        ),
    ),
    properties=(
        Property(
            "twice the score",
            "For lambda = 1 both parts are J(F(x_i)), and a head that always says 1 must give 2.",
            _twice,
            lambda cases, v: (
                abs(v[0] - 2 * cases[0][0](cases[0][1]).numpy()).max() < 1e-9
                and abs(v[1] - 2).max() < 1e-9
            ),
        ),
    ),
    field=_score_field,
)


# -- the feature loss of the authors' StyleGAN2 program
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
    """Where the loss pulls the features of a mix, times their length, at each place of a plane of features; the target points to the upper right."""
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
            "Without the lengths below the fraction this is a dot product, and it falls without end if v_mix grows. Divide "
            "by both lengths.",
            lambda v, a, b, lam: -(v * _target(a, b, lam)).sum(-1).mean(),
        ),
        Symptom(
            "one long vector",
            "You took one cosine for the whole batch. Each sample has a cosine of its own; the mean over the samples comes "
            "last.",
            lambda v, a, b, lam: (
                -(v * _target(a, b, lam)).sum() / v.norm() / _target(a, b, lam).norm()
            ),
        ),
        Symptom(
            "over the batch",
            "Your cosine runs along the batch, for each feature by itself. It must run along the features, the last axis.",
            lambda v, a, b, lam: (
                -torch.nn.functional.cosine_similarity(v, _target(a, b, lam), dim=0).mean()
            ),
        ),
        Symptom(
            "squared distance",
            "This is the squared distance, the paper's loss. The StyleGAN2 program uses minus the cosine.",
            lambda v, a, b, lam: (v - _target(a, b, lam)).square().sum(-1).mean(),
        ),
        Symptom(
            "wrong side detached",
            "The value is right, but you made the *mix* a constant. In the program F(x_ij) moves, and its target stands "
            "still.",
            lambda v, a, b, lam: (
                -(_unit(v.detach()) * _unit(lam * a + (1 - lam) * b)).sum(-1).mean()
            ),
        ),
        Symptom(
            "units mixed",
            "You normalised v_i and v_j before mixing them. Mix first, as they are; the cosine divides by the length of the mix.",
            lambda v, a, b, lam: (
                -(_unit(v) * _unit(_target(_unit(a), _unit(b), lam))).sum(-1).mean()
            ),
        ),
        Symptom(
            "sides swapped",
            "Lambda is on the wrong side: it is the weight of v_i, and 1 - lambda that of v_j.",
            lambda v, a, b, lam: -(_unit(v) * _unit(_target(b, a, lam))).sum(-1).mean(),
        ),
    ),
    properties=(
        Property(
            "length",
            "Seven times longer features must change nothing, and features that point along the target must give -1.",
            _scaled,
            lambda cases, v: max(abs(v[0] - v[1]), abs(v[0] - v[2]), abs(v[3] + 1)) < 1e-6,
        ),
    ),
    forbidden=("distance", "AdaptiveMix", "STYLEGAN_CODE"),
    field=_cosine_field,
)

EXERCISES = (POWERS, GAP, SEEN, COSINE)
