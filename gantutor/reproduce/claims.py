"""A paper's claim, judged against our seeds: the status is computed, never written by hand.

reproduced      a printed number, or an exact statement, falls inside our spread
direction only  the direction holds beyond the spread (the most that fewer than 3 seeds can show)
not reached     the spread hides the effect
contradicts     the opposite holds beyond the spread
measured        values of a row about which nothing is claimed
not run         no values

The spread is the 95 % t interval of the mean over seeds; two variants are compared seed by seed.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gantutor.plain import missing
from gantutor.statistics import t_interval

# the worst first: the status of a target is that of its worst claim
STATUSES = ("contradicts", "not reached", "not run", "measured", "direction only", "reproduced")
ENOUGH = 3  # seeds


@dataclass(frozen=True)
class Spread:
    """Mean of n values and the ends of its 95 % t interval, which are NaN for a single value."""

    mean: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of finite values.

        >>> print(Spread.of([2.0, 2.5, 3.0]))
        2.5 [1.26, 3.74]
        >>> print(Spread.of([0.25]))
        0.25
        """
        n, mean = len(values), math.fsum(values) / len(values)
        if n == 1:
            return cls(mean, math.nan, math.nan, 1)
        return cls(mean, *t_interval(values), n)

    @property
    def interval(self) -> str:
        """The interval in brackets; "" for a single value."""
        return "" if self.n == 1 else f"[{number(self.low)}, {number(self.high)}]"

    def __str__(self) -> str:
        return f"{number(self.mean)} {self.interval}".rstrip()


@dataclass(frozen=True)
class Verdict:
    """The status of a claim, and why.

    ours: our values in words
    spread: of the quantity that was judged
    seeds: how many were judged
    """

    status: str
    ours: str = ""
    spread: Spread | None = None
    seeds: int = 0
    note: str = ""


@dataclass(frozen=True)
class Claim:
    """What a paper claims about a measure of a variant.

    paper: the claim in words, with the paper's own numbers where it prints some
    """

    metric: str
    variant: str
    paper: str

    def judge(self, frame) -> Verdict:
        """The verdict on a tidy frame of records (columns variant, metric, seed, value)."""
        found = [values(frame, self.metric, v) for v in self.variants]
        for variant, by_seed in zip(self.variants, found, strict=True):
            if not by_seed:
                return Verdict("not run", note=f"no values of {self.metric} for {variant}")
        seeds = sorted(set.intersection(*map(set, found)))
        if not seeds:
            return Verdict("not run", note="the variants have no seed in common")
        columns = [[by_seed[s] for s in seeds] for by_seed in found]
        if not all(math.isfinite(v) for column in columns for v in column):
            return Verdict("not reached", seeds=len(seeds), note="some values are not finite")
        return self.verdict(*columns)

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants whose values are needed."""
        return (self.variant,)

    def verdict(self, *columns: list[float]) -> Verdict:
        """The verdict on finite values, one list for each variant, in the order of the seeds."""
        raise missing(self, "verdict(*columns)", "the verdict on values of each variant")


@dataclass(frozen=True)
class Direction(Claim):
    """`variant` is better than `against`; `better` is "higher" or "lower". Paired over seeds."""

    against: str
    better: str

    @property
    def variants(self) -> tuple[str, ...]:
        return (self.variant, self.against)

    def verdict(self, mine: list[float], theirs: list[float]) -> Verdict:
        sign = {"higher": 1, "lower": -1}[self.better]
        d = Spread.of([a - b for a, b in zip(mine, theirs, strict=True)])
        ours = f"{Spread.of(mine)} against {Spread.of(theirs)}"
        return Verdict(_side(d, sign), ours, d, d.n, _few(d.n))


@dataclass(frozen=True)
class Ratio(Claim):
    """metric(variant) / metric(against), paired over seeds; `value` is the paper's ratio."""

    against: str
    value: float

    @property
    def variants(self) -> tuple[str, ...]:
        return (self.variant, self.against)

    def verdict(self, mine: list[float], theirs: list[float]) -> Verdict:
        if min(*mine, *theirs) <= 0:
            return Verdict("not reached", seeds=len(mine), note="a ratio needs values above 0")
        log = Spread.of([math.log(a / b) for a, b in zip(mine, theirs, strict=True)])
        r = Spread(math.exp(log.mean), math.exp(log.low), math.exp(log.high), log.n)
        inside = r.n >= ENOUGH and r.low <= self.value <= r.high
        status = "reproduced" if inside else _side(log, 1 if self.value > 1 else -1)
        return Verdict(status, f"{r} times", r, r.n, _few(r.n))


@dataclass(frozen=True)
class Printed(Claim):
    """The paper prints `value`, which is inside our spread or not."""

    value: float

    def verdict(self, mine: list[float]) -> Verdict:
        s = Spread.of(mine)
        inside = s.n > 1 and s.low <= self.value <= s.high
        status = _capped("reproduced" if inside else "not reached", s.n)
        return Verdict(status, str(s), s, s.n, _few(s.n))


@dataclass(frozen=True)
class Within(Claim):
    """Every seed's value is in [low, high].

    ours: False for an exact statement of the paper, True for a bar that we set
    """

    low: float
    high: float
    ours: bool = False

    def verdict(self, mine: list[float]) -> Verdict:
        slack = 1e-6  # a share of 0.95 in float32 is slightly less
        low, high = self.low - slack * abs(self.low), self.high + slack * abs(self.high)
        s, inside = Spread.of(mine), [low <= v <= high for v in mine]
        if all(inside):
            status = _capped("direction only" if self.ours else "reproduced", s.n)
        else:
            status = "not reached" if any(inside) else "contradicts"
        bar = f"{'our bar' if self.ours else 'exact'}: {self.low:g} to {self.high:g}"
        ours = f"{number(min(mine))} to {number(max(mine))}"
        return Verdict(status, ours, s, s.n, _joined(bar, _few(s.n)))


@dataclass(frozen=True)
class TableRow(Claim):
    """A row of a paper's table, where `value` is printed.

    against: the row that it is compared with, "" for none
    better: "lower" or "higher": which side of `against` the paper has it on

    The number is judged where ours was measured as the paper's was. Otherwise only the direction
    is, by `metric` or, where that was not measured, by a kernel distance.
    """

    against: str
    better: str
    value: float

    @property
    def variants(self) -> tuple[str, ...]:
        return (self.variant, self.against) if self.against else (self.variant,)

    def judge(self, frame, unlike: str = "") -> Verdict:
        """The verdict on a frame of records.

        unlike: how our measurement differs from the paper's; "" where it does not
        """
        printed = Printed(self.metric, self.variant, self.paper, self.value).judge(frame)
        if printed.status == "reproduced" and not unlike:
            return printed
        measured = all(values(frame, self.metric, v) for v in self.variants)
        metric = self.metric if measured else kernel_distance(frame, *self.variants)
        if self.against:
            direction = Direction(metric, self.variant, self.paper, self.against, self.better)
            verdict = direction.judge(frame)
            return replace(verdict, note=_joined(verdict.note, unlike if measured else ""))
        alone = Printed(metric, self.variant, self.paper, self.value).judge(frame)
        why = unlike if measured else f"{metric} has no printed number"
        if alone.status == "not run" or not why:
            return alone
        return replace(alone, status="measured", note=why)


def kernel_distance(frame, *variants: str) -> str:
    """The name of the kernel distance that all these variants have: kid, or a stand-in.

    "kd_small" where they have none in common.
    """
    for metric in dict.fromkeys(frame.loc[frame["variant"].isin(variants), "metric"]):
        named = re.fullmatch(r"kid|kd_\w+(?<!_std)", metric)
        if named and all(values(frame, metric, v) for v in variants):
            return metric
    return "kd_small"


def values(frame, metric: str, variant: str) -> dict[int, float]:
    """{seed: value}; a value that belongs to no seed has key -1."""
    rows = frame[(frame["metric"] == metric) & (frame["variant"] == variant)]
    seeds = rows["seed"].fillna(-1)
    return {int(seed): float(v) for seed, v in zip(seeds, rows["value"], strict=True)}


def worst(verdicts: Sequence[Verdict]) -> str:
    """The status of a target with these claims."""
    return min((v.status for v in verdicts), key=STATUSES.index)


def number(x: float) -> str:
    """Three significant digits; a number that is not 0 is never rounded to 0.

    >>> number(0.1234), number(0.00012), number(2500)
    ('0.123', '1.2e-04', '2.5e+03')
    """
    plain = x == 0 or not math.isfinite(x) or 1e-3 <= abs(x) < 1e4
    if not plain:
        return f"{x:.1e}"
    return f"{x:.3g}".replace("-", "\N{MINUS SIGN}")


def _side(d: Spread, sign: int) -> str:
    """The status of a difference that should have this sign; one seed alone shows nothing."""
    if d.n == 1:
        return "not reached"
    low, high = sorted((sign * d.low, sign * d.high))
    if low > 0:
        return "direction only"
    return "contradicts" if high < 0 else "not reached"


def _capped(status: str, n: int) -> str:
    return "direction only" if status == "reproduced" and n < ENOUGH else status


def _few(n: int) -> str:
    return f"{n} seed{'s' * (n > 1)}: {ENOUGH} are needed to say more" if n < ENOUGH else ""


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))
