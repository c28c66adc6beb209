"""Exercise kdd.floor: the lowest loss that D can reach with features behind a ReLU."""

from gantutor.course.exercises.definition import Exercise, Symptom


def _is(*values):
    return lambda v: any(abs(v - value) < 2e-3 for value in values)


FLOOR = Exercise(
    name="kdd.floor",
    title="The lowest loss that D can reach after a ReLU",
    points=1,
    minutes=5,
    reference=2 * (1 - 1 / 5),
    tolerance=1e-3,
    symptoms=(
        Symptom(
            "signed features",
            "1.2 is the lowest loss for features of either sign, with the bound 2/tau. After a "
            "ReLU no feature entry is negative: how small can <a, xi> be then?",
            _is(1.2),
        ),
        Symptom(
            "margin out of reach",
            "A loss of 0 needs l(r) = 1 and l(g) = -1. Compare that with the bound on |l| at tau "
            "= 5.",
            _is(0.0),
        ),
        Symptom(
            "one side",
            "That is the loss of one side at the bound. L_D adds the reals' part and the fakes' "
            "part.",
            _is(0.8, 0.6),
        ),
        Symptom(
            "nothing learnt",
            "2 is D's loss when l = 0 everywhere. D can do better: place the reals and the fakes "
            "where they see each other least.",
            _is(2.0),
        ),
        Symptom(
            "the bound itself",
            "This is the bound on |l|. Put it into the two hinges, 1 - l(r) and 1 + l(g).",
            _is(0.2, 0.4),
        ),
        Symptom(
            "the worst loss",
            "This is above 2, the loss of a D that knows nothing: you put in the worst l. At the "
            "lowest loss l(r) > 0 and l(g) < 0.",
            _is(2.4, 2.8),
        ),
    ),
)
