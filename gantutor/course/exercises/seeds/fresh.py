"""Exercise seeds.fresh: the checkpoint that looked best, measured again."""

import numpy as np

from gantutor.course.exercises.definition import Exercise, Property, Symptom


def _fresh(first, again):
    """The chosen checkpoint's second score, and how much it is above the first, by a loop."""
    best = 0
    for i, value in enumerate(first.tolist()):
        if value < first[best]:
            best = i
    return np.array([again[best], again[best] - first[best]])


def _looks(rng):
    k = 4 + int(rng.randint(12, 1))
    true = 2 + 0.5 * rng.rand(k).double()
    first, again = true + 0.4 * rng.randn(2, k).double()
    return first.numpy(), again.numpy()


FRESH = Exercise(
    "seeds.fresh",
    "Choose with one measurement, report another",
    points=1,
    minutes=5,
    reference=_fresh,
    cases=_looks,
    symptoms=(
        Symptom(
            "the lucky number",
            "You report the score by which the checkpoint was chosen: the least of many noisy "
            "numbers. Report what `again` says about that checkpoint.",
            lambda first, again: np.array([first.min(), again[first.argmin()] - first.min()]),
        ),
        Symptom(
            "chosen again",
            "You choose the checkpoint anew in the second measurement. Then that one is the least "
            "of many noisy numbers too.",
            lambda first, again: np.array([again.min(), again.min() - first.min()]),
        ),
        Symptom(
            "roles swapped",
            "You choose by `again` and report from `first`: it is the other way round.",
            lambda first, again: np.array(
                [first[again.argmin()], first[again.argmin()] - again.min()]
            ),
        ),
        Symptom(
            "the worst",
            "You chose the checkpoint with the largest score. Here less is better.",
            lambda first, again: np.array(
                [again[first.argmax()], again[first.argmax()] - first.max()]
            ),
        ),
        Symptom(
            "the last",
            "You report the last checkpoint. That is an honest choice too, but the exercise asks "
            "for the one that looked best.",
            lambda first, again: np.array([again[-1], again[-1] - first[-1]]),
        ),
        Symptom(
            "which minus which",
            "The score is right. The optimism is the second score minus the first, which is above "
            "0 where the first was lucky.",
            lambda first, again: np.array(
                [again[first.argmin()], first.min() - again[first.argmin()]]
            ),
        ),
        Symptom(
            "both averaged",
            "You average the two measurements of the chosen checkpoint. Half of the luck by which "
            "it was chosen is still in that number.",
            lambda first, again: np.array(
                [
                    (again[first.argmin()] + first.min()) / 2,
                    (again[first.argmin()] - first.min()) / 2,
                ]
            ),
        ),
        Symptom(
            "chosen by the mean of both",
            "You choose by the mean of both measurements, so the second one is part of the "
            "choice. Choose by `first` alone.",
            lambda first, again: np.array(
                [
                    again[(first + again).argmin()],
                    (again - first)[(first + again).argmin()],
                ]
            ),
        ),
        Symptom(
            "which one",
            "This is the checkpoint's number in the list. Report its score.",
            lambda first, again: np.array(
                [first.argmin(), again[first.argmin()] - first.min()], dtype=float
            ),
        ),
    ),
    properties=(
        Property(
            "all the rest",
            "The second measurements of checkpoints that were not chosen must not matter.",
            lambda rng: [
                (first, np.where(np.arange(len(first)) == first.argmin(), again, other))
                for first, again in [_looks(rng)]
                for other in (0.0, 9.0)
            ],
            lambda cases, values: np.allclose(values[0], values[1]),
        ),
    ),
)
