"""Exercise advlat.phi: losses of the score that all give the sign step of Eq. 6."""

from gantutor.course.exercises.definition import Exercise, Symptom

SAME_STEP = frozenset({"exp(-y)", "-sigmoid(y)", "-y - y**3"})


PHI = Exercise(
    name="advlat.phi",
    title="Which losses take the step of Eq. 6?",
    points=1,
    minutes=6,
    reference=SAME_STEP,
    view=lambda answer: (
        frozenset(answer) if isinstance(answer, list | tuple | set | frozenset) else answer
    ),
    symptoms=(
        Symptom(
            "rises",
            "log(1 + exp(y)) rises with y, so lowering it lowers the score: every step goes the "
            "wrong way.",
            lambda v: "log(1 + exp(y))" in v.split(", "),
        ),
        Symptom(
            "turns round",
            "(y - 1)**2 falls only up to y = 1. What is the sign of its slope for a sample that "
            "already scores 3?",
            lambda v: "(y - 1)**2" in v.split(", "),
        ),
        Symptom(
            "falls silent",
            "relu(1 - y) is flat from y = 1 on. Its slope there is 0, and sign(0) = 0: such a "
            "latent does not move.",
            lambda v: "relu(1 - y)" in v.split(", "),
        ),
        Symptom(
            "size of the slope",
            "Those that you named are right, but one is missing. A slope may be tiny, or huge, or "
            "change from sample to sample: as long as it is negative for every y, the sign is the "
            "same.",
            lambda v: set(v.split(", ")) < SAME_STEP,
        ),
    ),
)
