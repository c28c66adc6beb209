"""Exercises of notebook 04: which losses take the same sign step, the ball, who sees the moved latents, the mode-seeking term."""

import math

import numpy as np
import torch
from torch.nn.functional import softplus

from gantutor.course.exercises.judge import Exercise, Property, Symptom
from gantutor.fields import plane
from gantutor.nets import Critique
from gantutor.rng import Rng

# -- advlat.phi ----------------------------------------------------------------------------------------------------------
SAME_STEP = frozenset({"exp(-y)", "-sigmoid(y)", "-y - y**3"})

PHI = Exercise(
    name="advlat.phi",
    title="Which losses take the step of Eq. 6?",
    points=1,
    minutes=6,
    reference=SAME_STEP,
    view=lambda answer: (
        frozenset(answer) if isinstance(answer, list | tuple | set | frozenset) else answer
    ),
    symptoms=(
        Symptom(
            "rises",
            "log(1 + exp(y)) rises with y, so lowering it lowers the score: every step goes the wrong way.",
            lambda v: "log(1 + exp(y))" in v.split(", "),
        ),
        Symptom(
            "turns round",
            "(y - 1)**2 falls only as far as y = 1. What becomes of the sign of its slope for a sample that already scores 3?",
            lambda v: "(y - 1)**2" in v.split(", "),
        ),
        Symptom(
            "falls silent",
            "relu(1 - y) is flat from y = 1 on. Its slope there is 0, and sign(0) = 0: such a latent stays.",
            lambda v: "relu(1 - y)" in v.split(", "),
        ),
        Symptom(
            "size of the slope",
            "Those you named are right, one that belongs to them is missing. A slope may be tiny, or huge, or change from sample to sample: as "
            "long as it is negative for every y, the sign is the same.",
            lambda v: set(v.split(", ")) < SAME_STEP,
        ),
    ),
)


# -- advlat.ball ---------------------------------------------------------------------------------------------------------
def ball(z, start, g, eps, radius):
    """Z - eps sign(g), back inside the l-infinity ball of that radius around the start: one coordinate at a time."""
    out = np.empty(tuple(z.shape))
    for place in np.ndindex(*z.shape):
        slope = float(g[place])
        way = (
            float(z[place])
            - (eps if slope > 0 else -eps if slope < 0 else 0.0)
            - float(start[place])
        )
        out[place] = float(start[place]) + (
            math.copysign(radius, way) if abs(way) > radius else way
        )
    return out


def _ball_cases(rng: Rng):
    n, k = int(rng.randint(4, 1)) + 1, int(rng.randint(4, 1)) + 2
    eps = 0.1 + 0.3 * float(rng.rand(1))
    radius = eps * (1.0, 1.3, 2.0)[int(rng.randint(3, 1))]
    start, g = 1.5 * rng.randn(n, k).double(), 3 * rng.randn(n, k).double()
    g[0, 0] = 0.0
    return (
        start + radius * (2.4 * rng.rand(n, k).double() - 1.2).clamp(-1, 1),
        start,
        g,
        eps,
        radius,
    )


def _to_the_ball(way, radius):
    return way.clamp(-radius, radius)


def _ball_field(f):
    """The step of each latent of the plane, in a ball of radius 1 around the middle."""
    z = plane(1.0, 9).double()
    g = torch.stack(
        [torch.sin(4 * z[:, 0] + 1) + z[:, 1], torch.cos(3 * z[:, 1]) * (z[:, 0] - 0.3)], -1
    )
    return np.asarray(f(z.clone(), torch.zeros_like(z), g, 0.4, 1.0)) - z.numpy()


BALL = Exercise(
    name="advlat.ball",
    title="One sign step that stays inside the ball",
    points=2,
    minutes=8,
    reference=ball,
    cases=_ball_cases,
    symptoms=(
        Symptom(
            "uphill",
            "Your step goes along the gradient. g is the gradient of the loss, which Eq. 6 lowers: there is a minus before epsilon.",
            lambda z, start, g, eps, radius: (
                start + _to_the_ball(z + eps * g.sign() - start, radius)
            ),
        ),
        Symptom(
            "gradient for its sign",
            "The step takes the gradient itself. Eq. 6 takes its sign: every coordinate goes the same way, epsilon.",
            lambda z, start, g, eps, radius: start + _to_the_ball(z - eps * g - start, radius),
        ),
        Symptom(
            "unit length",
            "Your step has length epsilon as a whole. The sign step has length epsilon in every coordinate.",
            lambda z, start, g, eps, radius: (
                start + _to_the_ball(z - eps * g / g.norm(dim=-1, keepdim=True) - start, radius)
            ),
        ),
        Symptom(
            "ball around zero",
            "Your ball lies around 0. Eq. 5 puts it around the start of each latent.",
            lambda z, start, g, eps, radius: _to_the_ball(z - eps * g.sign(), radius),
        ),
        Symptom(
            "no wall",
            "The wall is never felt: a latent at the border walks out. The ball must be taken around `start`, not around where z is now, and after the step.",
            lambda z, start, g, eps, radius: z - eps * g.sign(),
        ),
        Symptom(
            "round ball",
            "Your ball is round: it limits the length of z - start. The l-infinity ball is a cube, it limits each coordinate by itself.",
            lambda z, start, g, eps, radius: (
                start
                + (z - eps * g.sign() - start)
                * (radius / (z - eps * g.sign() - start).norm(dim=-1, keepdim=True)).clamp(max=1)
            ),
        ),
        Symptom(
            "step refused",
            "A coordinate whose step would leave the ball stays where it was. It should go as far as the wall.",
            lambda z, start, g, eps, radius: torch.where(
                (z - eps * g.sign() - start).abs() <= radius * (1 + 1e-12), z - eps * g.sign(), z
            ),
        ),
        Symptom(
            "start not added",
            "What comes out is the way from the start. Asked for is the new latent, start + way.",
            lambda z, start, g, eps, radius: _to_the_ball(z - eps * g.sign() - start, radius),
        ),
    ),
    properties=(
        Property(
            "inside",
            "No coordinate may end farther than the radius from its start.",
            lambda rng: [_ball_cases(rng)],
            lambda cases, v: np.abs(v[0] - cases[0][1].numpy()).max() <= cases[0][4] + 1e-9,
        ),
    ),
    field=_ball_field,
)


# -- advlat.qua ----------------------------------------------------------------------------------------------------------
def qua(z, x_real, G, D, eps):
    """L_D on moved latents and L_G on plain ones; the slope's sign by differences, one coordinate at a time."""
    with torch.no_grad():
        up = torch.zeros_like(z)
        for j in range(z.shape[-1]):
            h = torch.zeros_like(z)
            h[:, j] = 1e-5
            up[:, j] = torch.sign(D(G(z + h)).score - D(G(z - h)).score)
        fake = G(z.detach() + eps * up)
    loss_d = (
        torch.log1p(torch.exp(-D(x_real).score)).mean()
        + torch.log1p(torch.exp(D(fake).score)).mean()
    )
    return loss_d, torch.log1p(torch.exp(-D(G(z)).score)).mean()


def _small_gan(rng: Rng, k: int):
    a, b, c, w = (rng.randn(*shape).double() for shape in ((k, 6), (6, 2), (2, 6), (6,)))
    return lambda z: torch.tanh(z @ a) @ b, lambda x: Critique(torch.tanh(x @ c) @ w, x)


def _qua_cases(rng: Rng):
    n, m, k = (int(rng.randint(5, 1)) + 2 for _ in range(3))
    return (
        rng.randn(n, k).double(),
        1.5 * rng.randn(m, 2).double(),
        *_small_gan(rng, k),
        0.2 + 0.2 * float(rng.rand(1)),
    )


def _qua(z, x_real, G, D, eps, d="moved", g="plain", way=1, sign=True, keep=False):
    """The switches are mistakes: who sees which latents, the way of the step, its size, and whether its graph is kept."""
    at = z if keep else z.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(D(G(at)).score.sum(), at, create_graph=keep)
    moved = at + way * eps * (slope.sign() if sign else slope)
    latents = {
        "moved": moved if keep else moved.detach(),
        "plain": z,
        "plain, constant": z.detach(),
    }
    loss_d = softplus(-D(x_real).score).mean() + softplus(D(G(latents[d])).score).mean()
    return loss_d, softplus(-D(G(latents[g])).score).mean()


def _saturating(z, x_real, G, D, eps):
    return _qua(z, x_real, G, D, eps)[0], -softplus(D(G(z)).score).mean()


def _roles_swapped(z, x_real, G, D, eps):
    fake = G(_moved(z, G, D, eps))
    return softplus(D(x_real).score).mean() + softplus(-D(fake).score).mean(), softplus(
        -D(G(z)).score
    ).mean()


def _moved(z, G, D, eps):
    at = z.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(D(G(at)).score.sum(), at)
    return (at + eps * slope.sign()).detach()


def _qua_field(f):
    """L_D + L_G of a batch of one, by where its latent lies."""
    G, D = _small_gan(Rng(4), 2)
    x_real = Rng(5).randn(4, 2).double()
    return np.array(
        [sum(float(v) for v in f(z[None], x_real, G, D, 0.4)) for z in plane(1.0, 15).double()]
    ).reshape(15, 15)


QUA = Exercise(
    name="advlat.qua",
    title="Both losses of a step with -qua",
    points=3,
    minutes=15,
    reference=qua,
    cases=_qua_cases,
    gradients=(0,),
    symptoms=(
        Symptom(
            "nothing moved",
            "L_D is that of a plain GAN: D must see the fakes of the moved latents.",
            lambda *a: _qua(*a, d="plain, constant"),
        ),
        Symptom(
            "moved downwards",
            "The latents went the wrong way: D shall meet fakes that it likes better, so its score must rise.",
            lambda *a: _qua(*a, way=-1),
        ),
        Symptom(
            "G sees moved latents",
            "L_D is right, and L_G is taken on moved latents too. In -qua G trains on the plain ones: they are what it will be sampled with.",
            lambda *a: _qua(*a, g="moved"),
        ),
        Symptom(
            "the other player",
            "D sees the plain latents and G the moved ones: it is the other way round.",
            lambda *a: _qua(*a, d="plain, constant", g="moved"),
        ),
        Symptom(
            "graph kept",
            "The values are right, but L_D still hangs on z through the step. The moved latent is a constant: detach it.",
            lambda *a: _qua(*a, keep=True),
        ),
        Symptom(
            "gradient for its sign",
            "The step takes the slope itself. Eq. 6 takes its sign.",
            lambda *a: _qua(*a, sign=False),
        ),
        Symptom(
            "saturating",
            "L_G is log(1 - sigma(s)). That is the form of Eq. 6's search; the task asks for the non-saturating loss softplus(-s).",
            _saturating,
        ),
        Symptom(
            "real and fake swapped",
            "D is asked to call the reals fake and the fakes real: softplus(-s) is small where s is high, which D wants for reals.",
            _roles_swapped,
        ),
        Symptom(
            "order",
            "The two losses are right and come in the other order: D's first.",
            lambda *a: _qua(*a)[::-1],
        ),
    ),
    properties=(
        Property(
            "eps of 0",
            "With eps = 0 nothing moves, and L_D must be that of the plain GAN.",
            lambda rng: [(z, x, G, D, 0.0) for z, x, G, D, _ in [_qua_cases(rng)]],
            lambda cases, v: np.allclose(
                v[0], [float(loss.detach()) for loss in _qua(*cases[0], d="plain")]
            ),
        ),
    ),
    forbidden=("IFGSM", "PGD", "MIFGSM", "eq6"),
    field=_qua_field,
)


# -- advlat.pairs --------------------------------------------------------------------------------------------------------
def pairs(x1, x2, z1, z2):
    """1 / (ratio + 1e-5), the ratio summed up entry by entry: mean |x2 - x1| over mean |z2 - z1|."""

    def mean_distance(a, b):
        entries = [
            (p - q).abs()
            for row, other in zip(a, b, strict=True)
            for p, q in zip(row, other, strict=True)
        ]
        return sum(entries) / len(entries)

    return 1 / (mean_distance(x1, x2) / mean_distance(z1, z2) + 1e-5)


def _pairs_cases(rng: Rng):
    n, k = (int(rng.randint(4, 1)) + 2 for _ in range(2))
    z1, x1 = rng.randn(n, k).double(), rng.randn(n, k + 1 + int(rng.randint(4, 1))).double()
    z2 = z1 + (0.08 + rng.rand(n, 1).double()) * rng.randn(*z1.shape).double()
    return x1, x1 + (0.05 + 0.5 * rng.rand(n, 1).double()) * rng.randn(*x1.shape).double(), z1, z2


def _mean(v):
    return v.abs().mean()


def _pairs_field(f):
    """The term of three pairs, by where the second image of one of them stands on the plane."""
    x1 = torch.tensor([[-0.3, 0.2], [0.5, 0.5], [0.4, -0.4]]).double()
    x2, z1, z2 = (
        x1 + 0.3,
        torch.zeros(3, 3).double(),
        torch.tensor([[0.2, 0.2, 0.1], [0.5, -0.4, 0.3], [0.1, 0.3, -0.2]]).double(),
    )
    values = [f(x1, torch.cat([x[None], x2[1:]]), z1, z2) for x in plane(1.0, 20).double()]
    return np.array([float(v) for v in values]).reshape(20, 20)


PAIRS = Exercise(
    name="advlat.pairs",
    title="The term that pulls the images of a pair apart",
    points=2,
    minutes=8,
    reference=pairs,
    cases=_pairs_cases,
    gradients=(0, 1),
    symptoms=(
        Symptom(
            "upside down",
            "This grows as the images part, so G would learn to make them equal. A loss must be small where the pair is good: 1 over the ratio.",
            lambda x1, x2, z1, z2: _mean(x2 - x1) / _mean(z2 - z1),
        ),
        Symptom(
            "older form",
            "Minus the ratio is the form of the paper's older version. The code, and this task, take 1 over it: it bites hardest where the images are alike.",
            lambda x1, x2, z1, z2: -_mean(x2 - x1) / _mean(z2 - z1),
        ),
        Symptom(
            "ratio of each pair",
            "You take each pair's own ratio and average. The code averages both distances over the batch first and then divides once.",
            lambda x1, x2, z1, z2: (
                1 / ((x2 - x1).abs().mean(-1) / (z2 - z1).abs().mean(-1) + 1e-5)
            ).mean(),
        ),
        Symptom(
            "mean of the ratios",
            "The pairs' own ratios are averaged before 1 is divided by them. The code averages both distances over the batch first.",
            lambda x1, x2, z1, z2: (
                1 / (((x2 - x1).abs().mean(-1) / (z2 - z1).abs().mean(-1)).mean() + 1e-5)
            ),
        ),
        Symptom(
            "squared",
            "The distances are squared. The code takes the mean absolute difference.",
            lambda x1, x2, z1, z2: (
                1 / ((x2 - x1).square().mean() / (z2 - z1).square().mean() + 1e-5)
            ),
        ),
        Symptom(
            "Euclidean",
            "The distances are Euclidean lengths, which depend on how many entries there are. The code takes the mean absolute difference.",
            lambda x1, x2, z1, z2: (
                1 / ((x2 - x1).norm(dim=-1).mean() / (z2 - z1).norm(dim=-1).mean() + 1e-5)
            ),
        ),
        Symptom(
            "sums for means",
            "Sums stand where means belong. Images have more entries than latents, so the ratio of sums is another number.",
            lambda x1, x2, z1, z2: 1 / ((x2 - x1).abs().sum() / (z2 - z1).abs().sum() + 1e-5),
        ),
        Symptom(
            "the search's +1",
            "There is a 1 in the denominator of the ratio. It belongs to the code's search for z2, not to the term.",
            lambda x1, x2, z1, z2: 1 / (_mean(x2 - x1) / (_mean(z2 - z1) + 1) + 1e-5),
        ),
    ),
    properties=(
        Property(
            "equal images",
            "Two equal images must cost 1/1e-5 = 100,000, and not infinity.",
            lambda rng: [(x1, x1.clone(), z1, z2) for x1, _, z1, z2 in [_pairs_cases(rng)]],
            lambda cases, v: np.isclose(v[0], 1e5),
        ),
        Property(
            "symmetry",
            "The term may not depend on which of the two is called the first.",
            lambda rng: [
                c
                for x1, x2, z1, z2 in [_pairs_cases(rng)]
                for c in ((x1, x2, z1, z2), (x2, x1, z2, z1))
            ],
            lambda cases, v: np.isclose(v[0], v[1]),
        ),
    ),
    forbidden=("pair_ratio", "ModeSeeking", "HardPairs"),
    field=_pairs_field,
)

EXERCISES = (PHI, BALL, QUA, PAIRS)
