"""Exercise lab.in_force: the settings that a log puts in force at a step."""

from gantutor.course.exercises.definition import Exercise, Property, Symptom


def _in_force(start, log, step):
    """For each setting, backwards: the last entry that counts, otherwise the start."""
    return {
        name: next((v for s, n, v in reversed(log) if n == name and s <= step), value)
        for name, value in start.items()
    }


def _entries(rng):
    start = {
        name: float(v)
        for name, v in zip(("g_lr", "d_lr", "n_dis"), rng.rand(3).double(), strict=True)
    }
    when = sorted(int(s) for s in rng.randint(12, 1 + int(rng.randint(9, 1))))
    log = [
        (s, ("g_lr", "d_lr", "n_dis")[int(rng.randint(2, 1))], float(rng.rand(1).double()))
        for s in when
    ]  # n_dis is never touched
    return start, log, when[int(rng.randint(len(when), 1))]  # a step at which something was changed


def _replay(counts):
    def answer(start, log, step):
        return {**start, **{n: v for s, n, v in log if counts(s, step)}}

    return answer


LOG = Exercise(
    "lab.in_force",
    "The log is the state",
    points=1,
    minutes=6,
    reference=_in_force,
    cases=_entries,
    symptoms=(
        Symptom(
            "the future",
            "Your answer includes entries of later steps. Going back to a step means replaying "
            "the log up to that step.",
            _replay(lambda s, step: True),
        ),
        Symptom(
            "a step late",
            "What was changed at this very step is missing: a change happens at the boundary, "
            "before the next step is trained.",
            _replay(lambda s, step: s < step),
        ),
        Symptom(
            "only this step",
            "You use only the entries of this step. What was changed before is still in force.",
            _replay(lambda s, step: s == step),
        ),
        Symptom(
            "first wins",
            "Your answer keeps the first entry of a name. If a rate was changed twice, the second "
            "change is in force.",
            lambda start, log, step: {**start, **{n: v for s, n, v in reversed(log) if s <= step}},
        ),
        Symptom(
            "without the start",
            "Settings that nobody has touched are missing. They have the values that they had at "
            "the start.",
            lambda start, log, step: {n: v for s, n, v in log if s <= step},
        ),
        Symptom(
            "start wins",
            "The start's values overwrite what was changed.",
            lambda start, log, step: {**{n: v for s, n, v in log if s <= step}, **start},
        ),
    ),
    properties=(
        Property(
            "empty log",
            "With an empty log everything is as at the start.",
            lambda rng: [({"g_lr": 0.5}, [], 7)],
            lambda cases, values: values[0]["['g_lr']"] == 0.5,
        ),
    ),
)
