"""On which scale a measure is compared, and which effect is the smallest worth naming.

Distances and ratios are compared on the logarithm: a change by a factor means the same whether the
distance is large or small, and the seeds' spread is then nearly symmetric. Shares, counts and
scores are compared as they are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

QUARTER = math.log(1.25)


@dataclass(frozen=True)
class Measure:
    """How a measure is compared.

    scale: "log" or "linear"
    smallest: the smallest effect worth naming where a paper prints none, on that scale
    floor: on the logarithm smaller values count as this one, since nothing tells them apart;
        unbiased distances of good samples may even be below 0
    """

    scale: str
    smallest: float
    floor: float = 0.0

    def place(self, values: Sequence[float]) -> list[float]:
        """Values on the scale; NaN where a value is not finite or has no logarithm.

        >>> Measure("log", 0.2, 0.01).place([1.0, -0.3, float("inf")])
        [0.0, -4.605170185988091, nan]
        """
        if self.scale == "linear":
            return [float(v) if math.isfinite(v) else math.nan for v in values]
        lifted = [max(v, self.floor) if math.isfinite(v) else math.nan for v in values]
        return [math.log(v) if v > 0 else math.nan for v in lifted]


LOG, SHARE = Measure("log", QUARTER), Measure("linear", 0.05)
LOG10 = Measure("linear", QUARTER / math.log(10))  # a mean of logarithms already
# by the beginning of a measure's name, the longest that fits
MEASURES: dict[str, Measure] = {
    "fid": LOG,
    "is": LOG,
    "kid": Measure("log", QUARTER, 1e-5),
    "kd_log10": LOG10,
    "kd_": Measure("log", QUARTER, 0.01),
    "fd_": Measure("log", QUARTER, 0.001),
    "energy_distance": Measure("log", QUARTER, 0.001),
    "mean_slope": LOG,
    "seen_slope": LOG,
    "stretch": LOG,
    "pair_ratio": LOG,
    "ratio_local": LOG,
    "diversity": LOG,
    "modes": Measure("linear", 1.0),
    "angle": Measure("linear", 5.0),  # degrees
    "critic_score": Measure("linear", 0.1),  # logits
    "held_out": Measure("linear", 0.1),
    "own_critic": Measure("linear", 0.1),
    "coverage": SHARE,
    "density": SHARE,
    "high_quality": SHARE,
    "mode_kl": SHARE,  # nats
    "certainty": SHARE,
}


def measure_of(metric: str) -> Measure:
    """The measure with this name; a name that the table does not have is compared as it is.

    >>> measure_of("kd_small").floor, measure_of("coverage_small").scale
    (0.01, 'linear')
    >>> measure_of("kd_log10_rotations") == LOG10
    True
    """
    fits = [name for name in MEASURES if metric.startswith(name)]
    return MEASURES[max(fits, key=len)] if fits else SHARE
