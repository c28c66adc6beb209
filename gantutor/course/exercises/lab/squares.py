"""Exercise lab.squares: a least-squares loss for both players."""

from gantutor.course.exercises.definition import Exercise, Symptom


def _squares(player, real, fake):
    """Mean of (s - label)^2, written out as mean of s^2 - 2 label mean of s + label^2."""

    def half(s, label):
        return ((s * s).mean() - 2 * label * s.mean() + label**2) / 2

    return half(real, 1) + half(fake, -1) if player == "d" else half(fake, 0)


def _scores(rng):
    n, m = (2 + int(k) for k in rng.randint(6, 2))
    return "dg"[int(rng.rand(1) < 0.5)], 2 * rng.randn(n).double(), 2 * rng.randn(m).double()


def _labels(real, fake, gen):
    return lambda player, r, f: (
        ((r - real) ** 2).mean() / 2 + ((f - fake) ** 2).mean() / 2
        if player == "d"
        else ((f - gen) ** 2).mean() / 2
    )


LOSS = Exercise(
    "lab.squares",
    "A loss of your own",
    points=2,
    minutes=8,
    reference=_squares,
    cases=_scores,
    gradients=(1, 2),
    forbidden=("LSGAN",),
    symptoms=(
        Symptom(
            "0 and 1",
            "Your labels are 1 for reals and 0 for fakes, and G wants 1: the better known choice. "
            "Here they are 1 and -1, and G wants 0.",
            _labels(1, 0, 1),
        ),
        Symptom(
            "G wants 1",
            "Your G pulls its fakes to the label of the reals. In this game it pulls them to 0, "
            "where D cannot tell.",
            _labels(1, -1, 1),
        ),
        Symptom(
            "labels swapped",
            "Your D wants 1 of its fakes and -1 of the reals: swap the labels.",
            _labels(-1, 1, 0),
        ),
        Symptom(
            "D's loss for both",
            "G gets D's loss. Check whose turn it is: `player` tells you.",
            lambda player, r, f: _squares("d", r, f),
        ),
        Symptom(
            "G's loss for both",
            "D gets G's loss. Check whose turn it is: `player` tells you.",
            lambda player, r, f: _squares("g", r, f),
        ),
        Symptom(
            "players swapped",
            "Each player has the other one's loss.",
            lambda player, r, f: _squares("g" if player == "d" else "d", r, f),
        ),
        Symptom(
            "not squared",
            "Your distance to the label is not squared, so a score that is far off is pulled no "
            "harder than one that is nearly right.",
            lambda player, r, f: (
                ((r - 1).abs().mean() + (f + 1).abs().mean()) / 2
                if player == "d"
                else f.abs().mean() / 2
            ),
        ),
        Symptom(
            "the square of the mean",
            "You squared the mean: scores of 5 and -3 would do as well as 1 and 1. Square each "
            "score first, then take the mean.",
            lambda player, r, f: (
                ((r.mean() - 1) ** 2 + (f.mean() + 1) ** 2) / 2
                if player == "d"
                else f.mean() ** 2 / 2
            ),
        ),
        Symptom(
            "fakes missing",
            "D's loss has two parts, and that of the fakes is missing.",
            lambda player, r, f: (
                ((r - 1) ** 2).mean() / 2 if player == "d" else _squares("g", r, f)
            ),
        ),
    ),
)
