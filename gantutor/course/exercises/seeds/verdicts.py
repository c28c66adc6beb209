"""Exercise seeds.verdicts: what paired differences say about a claim with a margin."""

import math

from scipy import special

from gantutor.course.exercises.definition import Exercise, Property, Symptom


def _interval(d, level, spread=None):
    n = len(d)
    mean = math.fsum(d) / n
    if spread is None:
        spread = math.sqrt(math.fsum((x - mean) ** 2 for x in d) / (n - 1))
    half = float(special.stdtrit(n - 1, (1 + level) / 2)) * spread / math.sqrt(n)
    return mean - half, mean + half


def _word(d, margin, interval=_interval, levels=(0.95, 0.9)):
    low, high = interval(d, levels[0])
    if high < 0:
        return "holds"
    inner_low, inner_high = interval(d, levels[1])
    if -margin < inner_low and inner_high < margin:
        return "absent"
    return "contradicts" if low > 0 else "undecided"


def _each(word):
    return lambda d, margin: [word(row, margin) for row in d]


def _verdicts(d, margin):
    """The word of each row, by intervals that are computed with sums."""
    return [_word(row, margin) for row in d]


def _claims(rng):
    """Forty claims with n seeds each: effects from none to large, spreads from tiny to large."""
    n = 4 + int(rng.randint(4, 1))
    spread = 0.02 * 30 ** rng.rand(40, 1).double()
    effect = 0.3 * (2 * rng.rand(40, 1).double() - 1) * rng.randint(3, 40, 1).clamp(max=1)
    return (effect + spread * rng.randn(40, n).double()).numpy(), 0.2


def _normal(d, level):
    half = float(special.ndtri((1 + level) / 2)) * d.std(ddof=1) / math.sqrt(len(d))
    return d.mean() - half, d.mean() + half


def _of_single_seeds(d, level):
    half = float(special.stdtrit(len(d) - 1, (1 + level) / 2)) * d.std(ddof=1)
    return d.mean() - half, d.mean() + half


def _not_seen(d, margin):
    word = _word(d, margin)
    return "absent" if word == "undecided" else word


def _by_the_mean(d, margin):
    word = _word(d, margin)
    if word in ("holds", "contradicts"):
        return word
    return "absent" if abs(d.mean()) < margin else "undecided"


def _absent_first(d, margin):
    low, high = _interval(d, 0.9)
    return "absent" if -margin < low and high < margin else _word(d, margin)


def _contradicts_first(d, margin):
    return "contradicts" if _interval(d, 0.95)[0] > 0 else _word(d, margin)


def _beyond(d, margin):
    low, high = _interval(d, 0.95)
    inner_low, inner_high = _interval(d, 0.9)
    if high < -margin:
        return "holds"
    if -margin < inner_low and inner_high < margin:
        return "absent"
    return "contradicts" if low > margin else "undecided"


VERDICTS = Exercise(
    "seeds.verdicts",
    "Four words for a claim",
    points=3,
    minutes=10,
    reference=_verdicts,
    cases=_claims,
    symptoms=(
        Symptom(
            "not seen is not there",
            "You call a claim absent where its interval contains 0. With few seeds almost every "
            "interval does; absent needs an interval inside the margin.",
            _each(_not_seen),
        ),
        Symptom(
            "mean inside the margin",
            "For absent you look at the mean alone. The whole 90 % interval must lie inside the "
            "margin, or a noisy mean near 0 decides.",
            _each(_by_the_mean),
        ),
        Symptom(
            "swapped",
            "You took the claim the other way round: it says that d is below 0.",
            _each(lambda d, margin: _word(-d, margin)),
        ),
        Symptom(
            "normal curve",
            "Your intervals use the normal distribution. The spread comes from the same few "
            "seeds: take Student's t with n - 1 degrees of freedom.",
            _each(lambda d, margin: _word(d, margin, _normal)),
        ),
        Symptom(
            "n for n - 1",
            "Your spread divides by n, as `np.std` does unless it is told otherwise: `ddof=1`.",
            _each(
                lambda d, margin: _word(d, margin, lambda x, level: _interval(x, level, x.std()))
            ),
        ),
        Symptom(
            "of single seeds",
            "Your interval is as wide as single seeds scatter. The mean of n seeds is more "
            "certain by sqrt(n).",
            _each(lambda d, margin: _word(d, margin, _of_single_seeds)),
        ),
        Symptom(
            "95 % for both",
            "You use the 95 % interval for absent as well. The two one-sided tests at 5 % each "
            "are the 90 % interval.",
            _each(lambda d, margin: _word(d, margin, levels=(0.95, 0.95))),
        ),
        Symptom(
            "90 % for both",
            "You use the 90 % interval for all words. Holds and contradicts need the 95 % "
            "interval, which leaves 2.5 % on each side.",
            _each(lambda d, margin: _word(d, margin, levels=(0.9, 0.9))),
        ),
        Symptom(
            "absent first",
            "You ask for absent first. A small effect that is clearly below 0 holds, even if it "
            "lies inside the margin.",
            _each(_absent_first),
        ),
        Symptom(
            "beyond the margin",
            "For holds you ask that the interval lies beyond the margin. Beyond 0 is enough; the "
            "margin is for absent.",
            _each(_beyond),
        ),
        Symptom(
            "contradicts first",
            "You ask for contradicts before absent. An effect on the wrong side that lies inside "
            "the margin is called absent.",
            _each(_contradicts_first),
        ),
    ),
    properties=(
        Property(
            "no margin",
            "With a margin of 0 nothing can be absent.",
            lambda rng: [(_claims(rng)[0], 0.0)],
            lambda cases, values: "absent" not in list(values[0]),
        ),
    ),
)
