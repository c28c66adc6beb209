"""Exercise together.words: from an interval and a margin to a word."""

import math

import numpy as np

from gantutor.course.exercises.definition import Exercise, Symptom


def _by(rule):
    def answer(low, high, margin):
        return [rule(float(a), float(b), margin) for a, b in zip(low, high, strict=True)]

    return answer


def _word(low, high, margin):
    if not low <= 0 <= high:
        return ("helps", "hurts")[low > 0]
    inside = max(-low, high) < math.log1p(margin)
    return "no effect" if inside else "undecided"


def _intervals(rng):
    """Two of each kind, and those in which the mistakes below show, in random order."""
    margin = 0.2 + 0.3 * float(rng.rand(1))
    d = math.log(1 + margin)
    between = (d + margin) / 2  # inside the margin as printed, outside on the logarithm
    pairs = np.array(
        [
            (-3 * d, -1.5 * d),
            (-0.8 * d, -0.2 * d),  # small, and surely not 0
            (-1.5 * d, -0.4 * d),
            (1.2 * d, 4 * d),
            (0.1 * d, 0.9 * d),
            (-0.7 * d, 0.8 * d),
            (-0.2 * d, 0.1 * d),
            (-3.0 * d, 0.3 * d),
            (-5 * d, 4 * d),
            (-0.3 * d, between),
        ]
    )
    order = np.array(rng.randperm(len(pairs)).tolist())
    low, high = (pairs[order] * (1 + 0.01 * float(rng.rand(1)))).T
    return low, high, margin


def _swapped(low, high, margin):
    other = {"helps": "hurts", "hurts": "helps"}
    word = _word(low, high, margin)
    return other.get(word, word)


def _no_evidence(low, high, margin):
    word = _word(low, high, margin)
    return "no effect" if word == "undecided" else word


def _never_none(low, high, margin):
    word = _word(low, high, margin)
    return "undecided" if word == "no effect" else word


def _plain_margin(low, high, margin):
    return _word(low, high, math.exp(margin) - 1)


def _by_the_mean(low, high, margin):
    if not low <= 0 <= high:
        return _word(low, high, margin)
    return "no effect" if abs(low + high) / 2 < math.log1p(margin) else "undecided"


def _margin_first(low, high, margin):
    if max(-low, high) < math.log1p(margin):
        return "no effect"
    return _word(low, high, margin)


def _beyond_the_margin(low, high, margin):
    d = math.log1p(margin)
    if high < -d or low > d:
        return "helps" if high < -d else "hurts"
    return "no effect" if -d < low and high < d else "undecided"


WORDS = Exercise(
    "together.words",
    "Four words, and only four",
    points=2,
    minutes=8,
    reference=_by(_word),
    cases=_intervals,
    symptoms=(
        Symptom(
            "no evidence",
            "A wide interval around 0 gets the word 'no effect'. That nothing was seen does not "
            "mean that there is nothing: say 'undecided'.",
            _by(_no_evidence),
        ),
        Symptom(
            "never no effect",
            "Your answer never says 'no effect'. An interval that lies wholly within the margin "
            "shows just that.",
            _by(_never_none),
        ),
        Symptom(
            "helps and hurts",
            "Helps and hurts are swapped: a distance that falls has a negative effect.",
            _by(_swapped),
        ),
        Symptom(
            "margin without a logarithm",
            "The effects are differences of logarithms, so a margin of 25 % reaches from "
            "-log(1.25) to log(1.25).",
            _by(_plain_margin),
        ),
        Symptom(
            "the middle alone",
            "You ask whether the middle of the interval lies within the margin. The whole "
            "interval must.",
            _by(_by_the_mean),
        ),
        Symptom(
            "margin first",
            "A small effect whose interval excludes 0 gets 'no effect'. Ask first whether the "
            "interval excludes 0.",
            _by(_margin_first),
        ),
        Symptom(
            "beyond the margin",
            "You say helps and hurts only where the interval lies beyond the margin. It is enough "
            "that it excludes 0.",
            _by(_beyond_the_margin),
        ),
    ),
)
