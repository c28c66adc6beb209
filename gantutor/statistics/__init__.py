"""Statistics over seeds: intervals, power, several looks at growing data, several claims at once.

SciPy is imported when something is computed: the core of the package imports without it.
"""

from gantutor.statistics.factorial import effects, subsets
from gantutor.statistics.intervals import t_interval, t_test
from gantutor.statistics.multiple import holm
from gantutor.statistics.power import (
    detectable,
    equivalence_power,
    half_width,
    power,
    seeds_needed,
)
from gantutor.statistics.sequential import LOOKS, levels, looks, over_looks

__all__ = [
    "LOOKS",
    "detectable",
    "effects",
    "equivalence_power",
    "half_width",
    "holm",
    "levels",
    "looks",
    "over_looks",
    "power",
    "seeds_needed",
    "subsets",
    "t_interval",
    "t_test",
]
