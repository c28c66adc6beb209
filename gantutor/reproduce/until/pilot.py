"""What a claim is tested for, and how many seeds a spread makes it need."""

import math
from dataclasses import dataclass

from gantutor.reproduce.claims import ENOUGH, Claim, Direction, Printed, Ratio, TableRow, number
from gantutor.statistics import detectable, equivalence_power, seeds_needed
from gantutor.statistics.power import seeds_for_equivalence

POWER = 0.8


@dataclass(frozen=True)
class Pilot:
    """The standard deviation of what a claim is judged by, on its scale, over n seeds."""

    sd: float
    n: int


@dataclass(frozen=True)
class Aim:
    """What a claim is tested for: an effect, or a printed number to within a margin.

    size: the effect or the margin, on the scale
    scale: "log" or "linear"
    number: whether it is a margin
    printed: whether the paper prints it
    """

    size: float
    scale: str
    number: bool
    printed: bool

    def seen(self, sd: float, n: int, alpha: float) -> float:
        """The size that n seeds show with 80 % power."""
        return sd * (_confirmable(n) if self.number else detectable(n, POWER, alpha))

    def needed(self, sd: float) -> int | None:
        """The seeds that show it with 80 % power; None where nobody can run as many."""
        if sd == 0:
            return ENOUGH
        found = (seeds_for_equivalence if self.number else seeds_needed)(self.size / sd, POWER)
        return None if found is None else max(found, ENOUGH)

    def shown(self, size: float) -> str:
        """A size as a difference, a change in percent, or a factor.

        >>> aim = Aim(0.04, "log", False, True)
        >>> aim.shown(0.04), aim.shown(1.1)
        ('4.08 %', 'x 3')
        """
        sign = "+-" * self.number
        if self.scale == "linear":
            return f"{sign}{number(size)}"
        factor = math.exp(min(size, 20.0))
        percent = f"{sign}{number(100 * math.expm1(size))} %" if factor < 2 else ""
        return percent or f"x {number(factor)}"


def aim_of(claim: Claim) -> Aim | None:
    """What a claim is tested for; None for an exact statement or a bar."""
    if isinstance(claim, TableRow):
        claim = claim.direction(claim.metric) if claim.against else claim.number
    if isinstance(claim, Direction):
        return Aim(claim.effect, claim.measure.scale, False, claim.printed is not None)
    if isinstance(claim, Ratio):
        return Aim(claim.margin, "log", True, True)
    if isinstance(claim, Printed):
        return Aim(claim.margin, claim.measure.scale, True, True)
    return None


def _confirmable(n: int) -> float:
    """The least margin, in standard deviations, that n seeds confirm with 80 % power."""
    from scipy.optimize import brentq

    return float(brentq(lambda m: equivalence_power(m, n) - POWER, 1e-6, 1e3, xtol=1e-4))
