"""Exercise adaptivemix.seen_score: the score that the authors' code feeds to the GAN loss."""

import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.fields import plane


def _seen_score(J, v_i, v_j, v_mix, lam):
    both = torch.cat([v_j + lam * (v_i - v_j), v_mix])
    return J(both).reshape(2, -1).sum(0)


def _head(rng, width):
    """A nonlinear head of features (..., width) to scores (...)."""
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
    """The score that the loss sees, by where the mixed features are on a plane of features.

    The head has one hill; one partner is fixed.
    """
    x = plane(1.0, 50).double()
    fixed = torch.tensor([[0.8, 0.8]]).double().expand(len(x), 2)
    lam = torch.full((len(x), 1), 0.4).double()

    def hill(v):
        return torch.exp(-3 * v.square().sum(-1))

    return f(hill, x, fixed, 0.9 * x, lam).detach().reshape(50, 50).numpy()


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
            "You mixed the *scores* of x_i and x_j. The authors' code mixes their features first "
            "and passes the mix to J; J is nonlinear, so the two differ.",
            lambda J, a, b, v, lam: lam[:, 0] * J(a) + (1 - lam[:, 0]) * J(b) + J(v),
        ),
        Symptom(
            "features added",
            "You added the two feature vectors and applied J once. The authors' code adds two "
            "*scores*.",
            lambda J, a, b, v, lam: J(lam * a + (1 - lam) * b + v),
        ),
        Symptom(
            "only the mix",
            "The score of F(x_ij) is there, but the score of the mixed features is missing.",
            lambda J, a, b, v, lam: J(v),
        ),
        Symptom(
            "plain score",
            "Your sum contains the unmixed J(F(x_i)). The strange thing about this code is that "
            "it never scores an unmixed sample.",
            lambda J, a, b, v, lam: J(a) + J(v),
        ),
        Symptom(
            "sides swapped",
            "Lambda is on the wrong side: v_i has the weight lambda, v_j has 1 - lambda.",
            lambda J, a, b, v, lam: J((1 - lam) * a + lam * b) + J(v),
        ),
        Symptom(
            "target detached",
            "The values are right, but you detached the mixed features. The authors' code "
            "detaches them only in its feature loss, not in this score.",
            lambda J, a, b, v, lam: J((lam * a + (1 - lam) * b).detach()) + J(v),
        ),
    ),
    properties=(
        Property(
            "twice the score",
            "For lambda = 1 both parts are J(F(x_i)), and a head that always returns 1 must give "
            "2.",
            _twice,
            lambda cases, v: (
                abs(v[0] - 2 * cases[0][0](cases[0][1]).numpy()).max() < 1e-9
                and abs(v[1] - 2).max() < 1e-9
            ),
        ),
    ),
    field=_score_field,
)
