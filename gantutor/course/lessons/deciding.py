"""What a lesson's own seeds can decide about a printed effect, and what would decide it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gantutor.statistics import detectable, seeds_needed, t_interval

# an unbiased distance may be 0 or less, and has no logarithm there
FLOORS = {"kd": 0.01, "fd": 0.001}


@dataclass(frozen=True)
class Effect:
    """A difference that a paper prints, and the two variants of a lesson that could show it.

    printed: the paper's values, with the method and without; their ratio is its effect
    """

    claim: str
    metric: str
    variant: str
    against: str
    printed: tuple[float, float]

    @property
    def log(self) -> float:
        """The logarithm of the printed ratio, below 0 where the method lowers the measure.

        >>> print(f"{Effect('mean FID', 'kd_mean', 'with', 'without', (39.52, 106.81)).log:.3f}")
        -0.994
        """
        return math.log(self.printed[0] / self.printed[1])


def log_ratios(frame: pd.DataFrame, effect: Effect) -> pd.Series:
    """Return the logarithm of variant over control, by seed, from the rows of a record.

    Distances below their floor, 0.01 for kernel and 0.001 for Frechet distances, count as it. NaN
    where a training diverged.

    >>> rows = [("a", 0, 1.0), ("a", 1, 2.0), ("b", 0, 2.0), ("b", 1, 2.0)]
    >>> frame = pd.DataFrame(rows, columns=["variant", "seed", "value"]).assign(metric="kd_small")
    >>> log_ratios(frame, Effect("", "kd_small", "a", "b", (1, 2))).round(2).tolist()
    [-0.69, 0.0]
    """
    rows = frame[(frame["metric"] == effect.metric) & frame["seed"].notna()]
    wide = rows.pivot(index="seed", columns="variant", values="value")
    pair = wide.reindex(columns=[effect.variant, effect.against]).astype(float)
    pair = pair.where(np.isfinite(pair)).clip(lower=FLOORS.get(effect.metric.split("_")[0], 1e-12))
    logs = np.log(pair)
    return logs[effect.variant] - logs[effect.against]


def deciding(frame: pd.DataFrame, effects: Sequence[Effect], minutes: float) -> pd.DataFrame:
    """Return what these seeds see of each effect, and what would decide it, a row a claim.

    minutes: what one more seed costs

    The columns are ratios of variant to control: "paper" the printed one, "here" the geometric mean
    of ours with its 95 % interval, "seen with n" the weakest effect that n seeds show with a power
    of 80 %. "seeds" and "minutes" are what the paper's effect needs for that power, given the
    spread of these seeds; "-" where one seed, or a training that diverged, leaves no spread.
    """
    rows = {}
    for effect in effects:
        logs = log_ratios(frame, effect)
        n, spread = len(logs), logs.std(skipna=False)
        row = {"paper": f"{math.exp(effect.log):.2f}", "here": "-", f"seen with {n}": "-"}
        row |= {"seeds": "-", "minutes": "-"}
        if spread > 0:
            low, high = (math.exp(x) for x in t_interval(logs))
            row["here"] = f"{math.exp(logs.mean()):.2f} [{low:.2f}, {high:.2f}]"
            seen = math.exp(math.copysign(detectable(n) * spread, effect.log))
            row[f"seen with {n}"] = f"{seen:.2g}"
            needed = seeds_needed(abs(effect.log) / spread)
            row["seeds"] = "over 100,000" if needed is None else f"{needed:,}"
            row["minutes"] = "-" if needed is None else f"{needed * minutes:,.0f}"
        rows[effect.claim] = row
    return pd.DataFrame.from_dict(rows, "index")
