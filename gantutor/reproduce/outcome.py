"""How a run ended, and how long it may take."""

from dataclasses import dataclass

# s for a whole run if the caller sets no limit; a single cell may use all of it
LIMITS = {"smoke": 600, "class": 3600, "colab": 4 * 3600, "paper": 14 * 24 * 3600}
FINISHED = ("ok", "diverged")  # statuses of runs that leave a record
EXIT = {"ok": 0, "bad_input": 2, "diverged": 3}  # exit codes by status; 1 for all others


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    `status` is "ok", "diverged", "error", "timeout", "memory", "kernel_died", "bad_input",
    "interrupted", or "busy" (not started, because another command is running it). `wall_s` is
    the run's duration in s, `step` the training step at which it diverged; `reused` means that
    the folder already held the run.
    """

    status: str
    message: str = ""
    wall_s: float = 0.0
    step: int | None = None
    reused: bool = False
