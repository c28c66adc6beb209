"""Exercise papers.best: the expected gain from reporting the best of five equal settings."""

import math

from gantutor.course.exercises.definition import Exercise, Symptom

# the mean of the largest of five standard normal numbers, in closed form;
# numerical integration gives the same 15 digits
_FIVE = 5 / (4 * math.sqrt(math.pi)) * (1 + 6 / math.pi * math.asin(1 / 3))


BEST = Exercise(
    "papers.best",
    "What the best of five equal settings gains",
    points=2,
    minutes=7,
    reference=_FIVE,
    tolerance=0.02,
    symptoms=(
        Symptom(
            "no gain",
            "Each of the five is right on average. But you do not report an average one: you "
            "report the one that came out highest.",
            0.0,
        ),
        Symptom(
            "median",
            "This is the median of the best one. The exercise asks for the mean, which is a "
            "little higher: the largest value has a long upper tail.",
            1.1290,
        ),
        Symptom("best of four", "This is the number for the best of four.", 1.0294),
        Symptom("best of six", "This is the number for the best of six.", 1.2672),
        Symptom(
            "best to worst",
            "This is the mean distance from the best to the worst of the five. How far is the "
            "best above the middle?",
            2 * _FIVE,
        ),
        Symptom(
            "one in five",
            "This is the value that one in five of many numbers exceeds. The best of five is "
            "often far beyond it.",
            0.8416,
        ),
        Symptom(
            "limit",
            "1.96 is the limit of a test for one number. The exercise asks for the mean of the "
            "largest of five.",
            lambda x: abs(x - 1.96) < 0.006 or abs(x - 1.645) < 0.006,
        ),
        Symptom(
            "bound",
            "sqrt(2 log 5) is an upper bound that is good for very many settings. For five the "
            "exact mean is well below it.",
            math.sqrt(2 * math.log(5)),
        ),
        Symptom(
            "mean of five",
            "The mean of five scatters by 1 / sqrt(5). That is another question: here the largest "
            "of them is reported.",
            1 / math.sqrt(5),
        ),
    ),
)
