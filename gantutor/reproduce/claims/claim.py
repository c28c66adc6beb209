"""What every claim has: the values it needs, the seeds that count, what is fixed before a run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from gantutor.plain import missing
from gantutor.reproduce.claims.deciding import ALPHA, ENOUGH, reached
from gantutor.reproduce.claims.measures import Measure, measure_of
from gantutor.reproduce.claims.verdict import Spread, Verdict

Looks = Sequence[int] | None


@dataclass(frozen=True)
class Claim:
    """What a paper claims about a measure of a variant.

    paper: the claim in words, with the paper's own numbers where it prints some
    """

    metric: str
    variant: str
    paper: str

    outcomes: ClassVar[dict[str, str]] = {}

    def judge(self, frame, looks: Looks = None) -> Verdict:
        """The verdict on a tidy frame of records (columns variant, metric, seed, value).

        looks: numbers of seeds at which it may be decided; None: at those that are there. Of the
            seeds as many count as the last look that they reach, in their order.
        """
        found = [values(frame, self.metric, v) for v in self.variants]
        for variant, by_seed in zip(self.variants, found, strict=True):
            if not by_seed:
                return Verdict("not run", note=f"no values of {self.metric} for {variant}")
        seeds = sorted(set.intersection(*map(set, found)))
        if not seeds:
            return Verdict("not run", note="the variants have no seed in common")
        now, planned = reached(len(seeds), looks)
        if not now:
            note = f"{seeds_in_words(len(seeds))}; the first look is at {planned[0]}"
            return Verdict("undecided", seeds=len(seeds), note=note)
        columns = [[by_seed[s] for s in seeds[: now[-1]]] for by_seed in found]
        return self.verdict(columns, (now, planned))

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants whose values are needed."""
        return (self.variant,)

    @property
    def measure(self) -> Measure:
        """The scale on which it is judged."""
        return measure_of(self.metric)

    def verdict(self, columns: list[list[float]], looks: tuple[list[int], list[int]]) -> Verdict:
        """The verdict on values, one list for each variant, in the order of the seeds.

        looks: those reached, and those planned
        """
        raise missing(self, "verdict(columns, looks)", "the verdict on values of each variant")

    def terms(self) -> dict[str, Any]:
        """What is fixed before the run, as plain JSON."""
        return {
            "kind": type(self).__name__,
            "metric": self.metric,
            "variants": list(self.variants),
            "claim": self.paper,
            "scale": self.measure.scale,
            "floor": self.measure.floor,
            "alpha": ALPHA,
            "least_seeds": ENOUGH,
            "outcomes": self.outcomes,
        }


def values(frame, metric: str, variant: str) -> dict[int, float]:
    """{seed: value}; a value that belongs to no seed has key -1."""
    rows = frame[(frame["metric"] == metric) & (frame["variant"] == variant)]
    seeds = rows["seed"].fillna(-1)
    return {int(seed): float(v) for seed, v in zip(seeds, rows["value"], strict=True)}


def in_words(column: list[float]) -> str:
    """The spread of values, and how many have none."""
    finite = [v for v in column if math.isfinite(v)]
    if not finite:
        return "no finite value"
    lost = len(column) - len(finite)
    return str(Spread.of(finite)) + f" ({lost} failed)" * bool(lost)


def seeds_in_words(n: int) -> str:
    return f"{n} seed{'s' * (n > 1)}"


def few(n: int) -> str:
    return f"{seeds_in_words(n)}: {ENOUGH} are needed to say more" if n < ENOUGH else ""
