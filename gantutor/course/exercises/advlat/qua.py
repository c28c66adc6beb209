"""Exercise advlat.qua: D's loss on moved latents and G's loss on plain ones."""

import numpy as np
import torch
from torch.nn.functional import softplus

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.maps import map_of
from gantutor.nets import Critique
from gantutor.rng import Rng


def qua(z, x_real, G, D, eps):
    """L_D on moved latents and L_G on plain ones; the slope's sign by finite differences."""
    with torch.no_grad():
        up = torch.zeros_like(z)
        for j in range(z.shape[-1]):
            h = torch.zeros_like(z)
            h[:, j] = 1e-5
            up[:, j] = torch.sign(D(G(z + h)).score - D(G(z - h)).score)
        fake = G(z.detach() + eps * up)
    on_reals = torch.log1p(torch.exp(-D(x_real).score)).mean()
    on_fakes = torch.log1p(torch.exp(D(fake).score)).mean()
    return on_reals + on_fakes, torch.log1p(torch.exp(-D(G(z)).score)).mean()


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
    """Both losses; the keyword arguments switch on mistakes.

    Who sees which latents (`d`, `g`), the direction of the step (`way`), its size (`sign`), and
    whether its graph is kept (`keep`).
    """
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
    loss_d = softplus(D(x_real).score).mean() + softplus(-D(fake).score).mean()
    return loss_d, softplus(-D(G(z)).score).mean()


def _moved(z, G, D, eps):
    at = z.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(D(G(at)).score.sum(), at)
    return (at + eps * slope.sign()).detach()


def _qua_field(f):
    """L_D + L_G of a batch of one, by where its latent is."""
    G, D = _small_gan(Rng(4), 2)
    x_real = Rng(5).randn(4, 2).double()
    return map_of(lambda z: sum(float(v) for v in f(z[None], x_real, G, D, 0.4)), 15)


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
            "The latents went the wrong way: D should meet fakes that it likes better, so its "
            "score must rise.",
            lambda *a: _qua(*a, way=-1),
        ),
        Symptom(
            "G sees moved latents",
            "L_D is right, but L_G is also computed on moved latents. In -qua G trains on the "
            "plain ones, since those are what it will be sampled with.",
            lambda *a: _qua(*a, g="moved"),
        ),
        Symptom(
            "the other player",
            "D sees the plain latents and G the moved ones. It should be the other way round.",
            lambda *a: _qua(*a, d="plain, constant", g="moved"),
        ),
        Symptom(
            "graph kept",
            "The values are right, but L_D still depends on z through the step. The moved latent "
            "is a constant: detach it.",
            lambda *a: _qua(*a, keep=True),
        ),
        Symptom(
            "gradient for its sign",
            "You step by the slope itself. Eq. 6 takes its sign.",
            lambda *a: _qua(*a, sign=False),
        ),
        Symptom(
            "saturating",
            "Your L_G is log(1 - sigma(s)). Eq. 6 uses that form in its search, but the exercise "
            "asks for the non-saturating loss softplus(-s).",
            _saturating,
        ),
        Symptom(
            "real and fake swapped",
            "You ask D to call the reals fake and the fakes real: softplus(-s) is small where s "
            "is high, which D wants for reals.",
            _roles_swapped,
        ),
        Symptom(
            "order",
            "The two losses are right but in the wrong order: D's comes first.",
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
