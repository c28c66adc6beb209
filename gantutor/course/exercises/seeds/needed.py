"""Exercise seeds.needed: the least number of paired seeds that sees an effect with 80 % power."""

import math

from scipy import special

from gantutor.course.exercises.definition import Exercise, Property, Symptom


def _power(effect, n, df=None, limit=0.975, centre=None):
    df = n - 1 if df is None else df
    centre = effect * math.sqrt(n) if centre is None else centre
    critical = float(special.stdtrit(df, limit))
    right = 1 - float(special.nctdtr(df, centre, critical))
    wrong = float(special.nctdtr(df, centre, -critical))
    # SciPy gives NaN for tails that are too small to matter
    return (right if math.isfinite(right) else 1.0) + (wrong if math.isfinite(wrong) else 0.0)


def _least(enough):
    n = 2
    while not enough(n):
        n += 1
    return n


def _needed(effect):
    return _least(lambda n: _power(effect, n) >= 0.8)


def _effects(rng):
    return (round(0.45 * 5 ** float(rng.rand(1)), 3),)


def _two_groups(effect):
    """Runs of each side, where the two sides share no seeds."""
    return _least(
        lambda n: _power(effect, n, df=2 * n - 2, centre=effect * math.sqrt(n / 2)) >= 0.8
    )


NEEDED = Exercise(
    "seeds.needed",
    "From an effect to a number of seeds",
    points=3,
    minutes=10,
    reference=_needed,
    cases=_effects,
    forbidden=("seeds_needed", "power", "detectable", "least"),
    symptoms=(
        Symptom(
            "normal curve",
            "This is the textbook formula (1.96 + 0.84)^2 / effect^2. It takes the spread for "
            "known; with few seeds the t distribution asks for two or three more.",
            lambda effect: math.ceil((2.8016 / effect) ** 2),
        ),
        Symptom(
            "two groups",
            "This is the number of runs of each side if the two variants share no seeds. Here "
            "each seed gives one difference, and you have n differences.",
            _two_groups,
        ),
        Symptom(
            "one side",
            "Your limit is that of a one-sided test. The test asks whether the effect differs "
            "from 0 on either side: the 97.5 % point.",
            lambda effect: _least(lambda n: _power(effect, n, limit=0.95) >= 0.8),
        ),
        Symptom(
            "half the time",
            "With this number the effect is seen only half of the time. Compare the power with "
            "0.8.",
            lambda effect: _least(lambda n: _power(effect, n) >= 0.5),
        ),
        Symptom(
            "nine of ten",
            "This is the number for a power of 90 %.",
            lambda effect: _least(lambda n: _power(effect, n) >= 0.9),
        ),
        Symptom(
            "one too few",
            "One seed too few: this is the last number whose power is still below 80 %.",
            lambda effect: max(_needed(effect) - 1, 1),
        ),
        Symptom(
            "one too many",
            "One seed too many: the number before it has a power of 80 % already.",
            lambda effect: _needed(effect) + 1,
        ),
        Symptom(
            "no root",
            "The mean of n differences is sqrt(n) times as certain as one: the noncentrality is "
            "effect * sqrt(n).",
            lambda effect: _least(lambda n: _power(effect, n, centre=effect * n) >= 0.8),
        ),
        Symptom(
            "significant on average",
            "You asked when an effect of exactly this size is significant. In half of all studies "
            "the measured effect is smaller than the true one.",
            lambda effect: _least(
                lambda n: effect * math.sqrt(n) >= float(special.stdtrit(n - 1, 0.975))
            ),
        ),
    ),
    properties=(
        Property(
            "larger is cheaper",
            "A larger effect can never need more seeds.",
            lambda rng: [(e,) for e in (0.5, 0.8, 1.2, 2.0)],
            lambda cases, values: all(a >= b for a, b in zip(values, values[1:], strict=False)),
        ),
    ),
)
