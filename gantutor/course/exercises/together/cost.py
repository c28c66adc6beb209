"""Exercise together.cost: the operations of a step, by counting passes."""

from gantutor.course.exercises.definition import Exercise, Property, Symptom


def _cost(f_g, f_d, mix, qua):
    """From a table: passes of G and of D, for the base and for each method."""
    passes = [(4, 8), (0, 8 * mix), (2 * qua, 2 * qua)]
    return sum(g for g, _ in passes) * f_g + sum(d for _, d in passes) * f_d


def _nets(rng):
    f_g, f_d = (1000 * (1 + rng.rand(2).double())).tolist()
    mix, qua = (bool(v) for v in rng.randint(2, 2))
    return f_g, f_d, mix, qua


def _with(base=(4, 8), mix=(0, 8), qua=(2, 2)):
    def answer(f_g, f_d, has_mix, has_qua):
        g, d = (b + m * has_mix + q * has_qua for b, m, q in zip(base, mix, qua, strict=True))
        return g * f_g + d * f_d

    return answer


COST = Exercise(
    "together.cost",
    "What a step costs",
    points=3,
    minutes=10,
    reference=_cost,
    cases=_nets,
    symptoms=(
        Symptom(
            "forward only",
            "You count forward passes only. A backward pass costs one more for the gradient of "
            "the input, and one more for that of the weights.",
            _with((2, 3), (0, 3), (1, 1)),
        ),
        Symptom(
            "weights of D in G's turn",
            "In G's turn the gradient passes through D, but D's weights get none: a pass of D "
            "costs 2 there.",
            _with((4, 9), (0, 9)),
        ),
        Symptom(
            "G learns in D's turn",
            "In D's turn the fakes are constants. G only runs forwards there.",
            _with((6, 8)),
        ),
        Symptom(
            "mixes in D's turn alone",
            "AdaptiveMix is minimised by both players: in G's turn the fakes are mixed too.",
            _with(mix=(0, 6)),
        ),
        Symptom(
            "one mix",
            "In D's turn there are two mixed batches, one of reals and one of fakes.",
            _with(mix=(0, 5)),
        ),
        Symptom(
            "search for weights",
            "-qua wants the gradient of the latents alone: no weight gets one, so that a pass "
            "forwards and back costs 2, for G and for D.",
            _with(qua=(3, 3)),
        ),
        Symptom(
            "search in both turns",
            "-qua moves latents in D's turn only.",
            _with(qua=(4, 4)),
        ),
        Symptom(
            "search through D alone",
            "To reach the latents the gradient goes back through D and then through G.",
            _with(qua=(0, 2)),
        ),
    ),
    properties=(
        Property(
            "costs add up",
            "The two methods do not share any pass: together they add what each adds alone.",
            lambda rng: [(3.0, 5.0, mix, qua) for mix in (False, True) for qua in (False, True)],
            lambda cases, v: abs(float(v[3]) - float(v[2]) - float(v[1]) + float(v[0])) < 1e-9,
        ),
    ),
)
