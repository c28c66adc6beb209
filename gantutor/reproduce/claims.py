"""A paper's claim against our seeds: the status is computed, never written by hand.

reproduced      a printed number, or an exact statement, falls inside our spread
direction only  the direction holds beyond the spread (the most that fewer than 3 seeds can say)
not reached     the spread hides it
contradicts     the opposite holds beyond the spread
measured        values of a row that nothing is claimed of
not run         no values
The spread is the 95 % t interval of the mean over seeds; two variants are compared seed by seed.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

# the worst first: a target is as good as its worst claim
STATUSES = ("contradicts", "not reached", "not run", "measured", "direction only", "reproduced")
ENOUGH = 3


@dataclass(frozen=True)
class Spread:
    """Mean of n values and its 95 % t interval; a single value has none (low and high are NaN)."""

    mean: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        from scipy.special import stdtrit

        n, mean = len(values), math.fsum(values) / len(values)
        if n == 1:
            return cls(mean, math.nan, math.nan, 1)
        half = float(stdtrit(n - 1, 0.975)) * math.sqrt(
            math.fsum((v - mean) ** 2 for v in values) / (n - 1) / n
        )
        return cls(mean, mean - half, mean + half, n)

    def __str__(self) -> str:
        return (
            number(self.mean)
            if self.n == 1
            else f"{number(self.mean)} [{number(self.low)}, {number(self.high)}]"
        )


@dataclass(frozen=True)
class Verdict:
    """What a claim came to: `ours` as a sentence, `spread` of the quantity that was judged, the number of seeds."""

    status: str
    ours: str = ""
    spread: Spread | None = None
    seeds: int = 0
    note: str = ""


@dataclass(frozen=True)
class Claim:
    """`paper`: the claim in words, with the paper's own numbers where it prints some."""

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
        return (self.variant,)

    def verdict(self, *columns: list[float]) -> Verdict:
        raise NotImplementedError


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
    """metric(variant) / metric(against), paired over seeds; `value`: the ratio that the paper prints."""

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
    """The paper prints `value`: is it inside our spread?"""

    value: float

    def verdict(self, mine: list[float]) -> Verdict:
        s = Spread.of(mine)
        inside = s.n > 1 and s.low <= self.value <= s.high
        return Verdict(
            _capped("reproduced" if inside else "not reached", s.n), str(s), s, s.n, _few(s.n)
        )


@dataclass(frozen=True)
class Within(Claim):
    """Every seed's value lies in [low, high]: an exact statement, or, with `ours`, a bar that the paper did not set."""

    low: float
    high: float
    ours: bool = False

    def verdict(self, mine: list[float]) -> Verdict:
        slack = 1e-6  # a share of 0.95 in float32 is a little less
        low, high = self.low - slack * abs(self.low), self.high + slack * abs(self.high)
        s, inside = Spread.of(mine), [low <= v <= high for v in mine]
        best = "direction only" if self.ours else "reproduced"
        status = (
            _capped(best, s.n) if all(inside) else "not reached" if any(inside) else "contradicts"
        )
        bar = "our bar" if self.ours else "exact"
        return Verdict(
            status,
            f"{number(min(mine))} to {number(max(mine))}",
            s,
            s.n,
            "; ".join(filter(None, [f"{bar}: {self.low:g} to {self.high:g}", _few(s.n)])),
        )


@dataclass(frozen=True)
class TableRow(Claim):
    """A row of a paper's table: `value` is printed, and where the row `against` is, it is `better` ("lower" or "higher") than that.

    The number is judged where ours was measured as the paper's; else the direction alone, by `metric` or, where that was not
    measured, by a kernel distance.
    """

    against: str
    better: str
    value: float

    @property
    def variants(self) -> tuple[str, ...]:
        return (self.variant, self.against) if self.against else (self.variant,)

    def judge(self, frame, other: str = "") -> Verdict:
        """`other`: why ours was measured in another way than the printed number; "" where it was not."""
        printed = Printed(self.metric, self.variant, self.paper, self.value).judge(frame)
        if printed.status == "reproduced" and not other:
            return printed
        metric = (
            self.metric
            if all(values(frame, self.metric, v) for v in self.variants)
            else kernel_distance(frame, *self.variants)
        )
        why = other if metric == self.metric else f"{metric} has no printed number"
        if self.against:
            verdict = Direction(metric, self.variant, self.paper, self.against, self.better).judge(
                frame
            )
            return replace(
                verdict,
                note="; ".join(
                    filter(None, [verdict.note, other if metric == self.metric else ""])
                ),
            )
        there = Printed(metric, self.variant, self.paper, self.value).judge(frame)
        return (
            there
            if there.status == "not run" or not why
            else replace(there, status="measured", note=why)
        )


def kernel_distance(frame, *variants: str) -> str:
    """The name of the kernel distance that all these variants have, kid or a stand-in by features; "kd_small" where none is."""
    names = dict.fromkeys(frame.loc[frame["variant"].isin(variants), "metric"])
    return next(
        (
            m
            for m in names
            if re.fullmatch(r"kid|kd_\w+(?<!_std)", m)
            and all(values(frame, m, v) for v in variants)
        ),
        "kd_small",
    )


def values(frame, metric: str, variant: str) -> dict[int, float]:
    """{seed: value}; a value that belongs to no seed has key -1."""
    rows = frame[(frame["metric"] == metric) & (frame["variant"] == variant)]
    return {
        int(seed): float(value)
        for seed, value in zip(rows["seed"].fillna(-1), rows["value"], strict=True)
    }


def worst(verdicts: Sequence[Verdict]) -> str:
    """The status of a target with these claims."""
    return min((v.status for v in verdicts), key=STATUSES.index)


def number(x: float) -> str:
    """Three significant digits; nothing is rounded to a 0 that it is not."""
    plain = x == 0 or not math.isfinite(x) or 1e-3 <= abs(x) < 1e4
    return (f"{x:.3g}" if plain else f"{x:.1e}").replace(
        "-", "\N{MINUS SIGN}" if x < 0 and plain else "-"
    )


def _side(d: Spread, sign: int) -> str:
    """Of a difference d that should have this sign. A single seed has no spread to hold beyond."""
    if d.n == 1:
        return "not reached"
    low, high = sorted((sign * d.low, sign * d.high))
    return "direction only" if low > 0 else "contradicts" if high < 0 else "not reached"


def _capped(status: str, n: int) -> str:
    return "direction only" if status == "reproduced" and n < ENOUGH else status


def _few(n: int) -> str:
    return f"{n} seed{'s' * (n > 1)}: {ENOUGH} are needed to say more" if n < ENOUGH else ""
