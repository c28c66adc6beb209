"""What a claim came to as numbers on its scale: from a verdict, or from a line of report.csv."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gantutor.reproduce.claims import LARGEST, Claim, Verdict, Within, factor, number

TIMES, MINUS = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"
EFFECT, COMPUTING = "effect_on_log_", "_equal_computing"  # begins and ends metrics of composition


def effect_in_words(metric: str) -> str:
    """What an effect of the composition is on, and at which budget; "" for any other metric.

    >>> effect_in_words("effect_on_log_energy_distance_equal_computing")
    'effect on log energy distance, at equal computing'
    >>> effect_in_words("effect_on_log_fd_small"), effect_in_words("fd_small_equal_computing")
    ('effect on log fd small, at equal steps', '')
    """
    if not metric.startswith(EFFECT):
        return ""
    budget = "computing" if metric.endswith(COMPUTING) else "steps"
    words = metric.removesuffix(COMPUTING).replace("_", " ")
    return f"{words}, at equal {budget}"


def base_beside(variant: str, against: str) -> str:
    """What a variant is compared with, without the part that both names begin with.

    >>> base_beside("ring: KDD", "ring: none"), base_beside("ring: KDD", "none")
    ('none', 'none')
    """
    part, colon, _ = variant.rpartition(": ")
    return against.removeprefix(part + colon)


@dataclass(frozen=True)
class Estimate:
    """Our effect or number beside the paper's, on the scale on which the claim was judged.

    kind: "direction", a difference to a control; "number", a value beside a printed one; "range",
        values of which each should be in a range
    scale: "log" or "linear"; on "log" all numbers below are logarithms
    mean, low, high: ours, with the ends of the 95 % interval, NaN for a single value
    paper: the paper's effect with its sign, its number, or the middle of the range; None for none
    margin: how far from no effect, or from the paper's number, counts as the same
    side: 1 where the claimed effect is above 0, -1 below, 0 where no side is claimed
    status: the word
    """

    kind: str
    metric: str
    scale: str
    mean: float
    low: float
    high: float
    paper: float | None
    margin: float
    side: int
    status: str

    @property
    def centre(self) -> float:
        """Where the margin's band has its middle: no effect, or the paper's number."""
        return 0.0 if self.kind == "direction" else self.paper

    @property
    def group(self) -> tuple[str, str, str]:
        """Estimates of one group can share an axis."""
        alike = self.scale == "log" and self.kind != "range"
        return self.kind, self.scale, "" if alike else self.metric

    def place(self, x: float) -> float:
        """Where a number is on the axis: numbers on "log" are set against the printed one."""
        return x - self.paper if self.kind == "number" and self.scale == "log" else x

    def text(self, x: float) -> str:
        """A number of the scale as one reads it: a factor, a signed difference or a plain value.

        >>> halved = Estimate("direction", "fid", "log", -0.7, -0.9, -0.5, -0.5, 0.25, -1, "holds")
        >>> halved.text(halved.mean), halved.interval
        ('×0.497', '×0.497 [×0.407, ×0.607]')
        """
        if self.kind != "direction":
            return number(factor(x) if self.scale == "log" else x)
        if self.scale == "log":
            return TIMES + number(factor(x))
        return "+" * (x > 0) + number(x)

    @property
    def interval(self) -> str:
        """Our mean and its interval in words."""
        ends = "" if math.isnan(self.low) else f" [{self.text(self.low)}, {self.text(self.high)}]"
        return self.text(self.mean) + ends

    @property
    def band(self) -> str:
        """The margin in words, from its lower end to its upper one."""
        low, high = self.centre - self.margin, self.centre + self.margin
        return f"{self.text(low)} to {self.text(high)}"

    @property
    def theirs(self) -> str:
        """The paper's effect or number in words; "" where it prints none."""
        if self.paper is None or self.kind == "range":
            return ""
        if self.kind == "direction":
            return self.text(self.paper)
        return f"{math.exp(self.paper) if self.scale == 'log' else self.paper:.5g}"

    @property
    def words(self) -> str:
        """All of it as a sentence, for those who do not see the picture."""
        paper = f"the paper {self.theirs}" if self.theirs else ""
        bands = {"direction": "as good as no effect", "number": "as good as the paper's"}
        band = f"{bands.get(self.kind, 'the range')}: {self.band}"
        side = {1: "claimed: more", -1: "claimed: less"}.get(self.side, "")
        return "; ".join(filter(None, [f"ours {self.interval}", paper, band, side]))


def estimate_of(claim: Claim, v: Verdict, metric: str = "") -> Estimate | None:
    """The numbers behind a verdict; None where it has none.

    metric: by which it was judged, where that is not the claim's own
    """
    metric = metric or claim.metric
    if isinstance(claim, Within) and v.spread is not None:
        s, middle, half = v.spread, (claim.low + claim.high) / 2, (claim.high - claim.low) / 2
        ours = (s.mean, s.low, s.high)
        return Estimate("range", metric, "linear", *ours, middle, half, 0, v.status)
    j = v.judged
    if j is None:
        return None
    kind = "number" if j.zero is None else "direction"
    side = {"higher": 1, "lower": -1}[claim.better] if kind == "direction" else 0
    ours = (j.spread.mean, j.spread.low, j.spread.high)
    return Estimate(kind, metric, j.scale, *ours, j.paper, j.margin, side, v.status)


def columns_of(e: Estimate | None) -> dict[str, object]:
    """An estimate as report.csv has it; numbers on "log" are written as factors."""
    if e is None:
        return {}
    shown = {"mean": e.mean, "low": e.low, "high": e.high, "effect": e.paper, "margin": e.margin}
    if e.scale == "log":
        shown = {k: None if x is None else factor(x) for k, x in shown.items()}
    side = {1: "higher", -1: "lower"}.get(e.side, "")
    return {"kind": e.kind, "scale": e.scale, "better": side} | shown


def estimate_in(row: Mapping[str, str]) -> Estimate | None:
    """The estimate in a line of report.csv; None where it has none."""
    if not row["kind"]:
        return None
    log = row["scale"] == "log"

    def read(name: str) -> float | None:
        if not row[name]:
            return None
        x = float(row[name])
        return math.log(x) if log and x > 0 else -LARGEST if log else x

    mean, low, high = (read(name) for name in ("mean", "low", "high"))
    side = {"higher": 1, "lower": -1}.get(row["better"], 0)
    return Estimate(
        row["kind"],
        row["metric"],
        row["scale"],
        mean,
        math.nan if low is None else low,
        math.nan if high is None else high,
        read("effect"),
        read("margin"),
        side,
        row["claim_status"],
    )
