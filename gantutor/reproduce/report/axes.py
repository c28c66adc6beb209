"""Axes for forest plots: a range that holds what matters, and ticks at round numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gantutor.reproduce.claims import number
from gantutor.reproduce.report.estimates import MINUS, TIMES, Estimate

MOST = 5  # ticks
# factors of an axis of logarithms begin with these digits, where ticks may be closer than that
DIGITS = (
    (0.45, ("1", "1.25", "1.6", "2", "2.5", "3", "4", "5", "6", "8")),
    (0.93, ("1", "2", "5")),
    (1.1, ("1", "3")),
    (math.inf, ("1",)),
)
STRETCH = 1.6  # intervals may widen an axis by this factor, and are cut beyond
EXTREME = math.log(30)  # factors nearer to 1 are never left out of their axis


@dataclass(frozen=True)
class Axis:
    """A range of an axis, and its ticks as (place, label)."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def holds(self, x: float) -> bool:
        """Whether a place is on the axis."""
        return self.low <= x <= self.high

    def share(self, x: float) -> float:
        """Where a place is, 0 at the lower end and 1 at the upper one; outside, the nearer end."""
        return min(max((x - self.low) / (self.high - self.low), 0.0), 1.0)


def axis_of(estimates: Sequence[Estimate]) -> Axis:
    """An axis that estimates of one group share, but for those that would squeeze the others."""
    wanted, ends = [], []
    for e in estimates:
        if _squeezes(e, [other for other in estimates if other is not e]):
            continue
        wanted += _wanted(e)
        ends += [e.place(x) for x in (e.low, e.high) if math.isfinite(x)]
    low, high = min(wanted), max(wanted)
    room = (STRETCH - 1) * (high - low) or 1.0
    low = max(min([low, *ends]), low - room)
    high = min(max([high, *ends]), high + room)
    pad = 0.04 * (high - low) or 0.5  # one place alone
    low, high = low - pad, high + pad
    first = estimates[0]
    if first.scale == "log" and first.kind != "range":
        return Axis(low, high, _factors(low, high))
    sign = "+" if first.kind == "direction" else ""
    ticks = ((x, (sign if x > 0 else "") + _round(x)) for x in _steps(low, high))
    return Axis(low, high, tuple(ticks))


def _wanted(e: Estimate) -> list[float]:
    """The places that an axis needs: our mean, the margin's ends and the paper's effect."""
    theirs = [] if e.paper is None else [e.paper]
    return [e.place(x) for x in (e.mean, e.centre - e.margin, e.centre + e.margin, *theirs)]


def _squeezes(e: Estimate, others: Sequence[Estimate]) -> bool:
    """Whether a factor is extreme, and further from the others than they need in all."""
    mean = e.place(e.mean)
    if e.scale != "log" or e.kind == "range" or abs(mean) <= EXTREME or not others:
        return False
    places = [x for other in others for x in _wanted(other)]
    low, high = min(places), max(places)
    return max(low - mean, mean - high) > high - low


def _factors(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """Ticks of an axis of logarithms: factors from 1 outwards that are far enough apart.

    >>> [label for _, label in _factors(-1.0, 1.5)]
    ['×0.5', '×1', '×2']
    >>> [label for _, label in _factors(-7.0, 0.5)]
    ['×0.001', '×0.01', '×0.1', '×1']
    >>> [label for _, label in _factors(-0.1, 0.12)]
    ['×0.95', '×1', '×1.05', '×1.1']
    """
    if high - low < math.log(2):
        found = [x for x in _steps(math.exp(low), math.exp(high)) if x > 0]
    else:
        apart = (high - low) / MOST
        found = sorted({*_outwards(apart, low, -1), *_outwards(apart, high, 1)})
    return tuple((math.log(x), TIMES + _round(x)) for x in found)


def _outwards(apart: float, end: float, way: int) -> list[float]:
    """Factors from 1 towards an end, each by `apart` or more away from the last, on the log."""
    digits = next(d for least, d in DIGITS if apart < least)
    tens = range(math.floor(abs(end) / math.log(10)) + 2)
    factors = sorted((float(f"{d}e{way * k}") for k in tens for d in digits), key=lambda x: way * x)
    found = [1.0]
    for x in factors:
        if way * (math.log(x / found[-1])) >= apart - 1e-9 and way * math.log(x) <= way * end:
            found.append(x)
    return found


def _steps(low: float, high: float) -> list[float]:
    """Round numbers in a range, at most five.

    >>> _steps(-0.3, 1.1)
    [0.0, 0.5, 1.0]
    """
    least = (high - low) / MOST
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= least * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def _round(x: float) -> str:
    """A round number, without an exponent where it is short.

    >>> _round(0.05), _round(-20.0), _round(1e-5)
    ('0.05', '−20', '1.0e-05')
    """
    return f"{x:g}".replace("-", MINUS) if x == 0 or 1e-3 <= abs(x) < 1e4 else number(x)
