"""Factorial experiments: every subset of some factors is run, and each effect is a contrast.

Box, Hunter and Hunter, Statistics for Experimenters (1978), chapter 10: in a 2^k design all 2^k
cells serve every effect, so that all effects have the same standard error.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TypeVar

Value = TypeVar("Value")  # a number, or an array with one number per seed


def subsets(factors: Sequence[str]) -> list[tuple[str, ...]]:
    """All subsets of the factors: none first, then each alone, then pairs, and so on.

    >>> subsets(["A", "B"])
    [(), ('A',), ('B',), ('A', 'B')]
    """
    return [s for size in range(len(factors) + 1) for s in combinations(factors, size)]


def effects(cells: Mapping[tuple[str, ...], Value]) -> dict[tuple[str, ...], Value]:
    """Main effects and interactions of a 2^k experiment, by the factors that take part.

    `cells` has the response of every subset of the factors, in the order of `subsets`: a number, or
    an array with one number per seed, which gives one effect per seed. A main effect is the mean
    response with the factor minus the mean without it. The interaction of two factors is half the
    difference between the effects of the one with and without the other; further factors halve
    again. So the effect of A is (A) + (A, B) where B is there, and (A) - (A, B) where it is not.
    Raises ValueError where a subset is missing.

    >>> effects({(): 4.0, ("A",): 3.0, ("B",): 2.0, ("A", "B"): 3.0})
    {('A',): 0.0, ('B',): -1.0, ('A', 'B'): 1.0}
    """
    factors = tuple(dict.fromkeys(name for cell in cells for name in cell))
    every = subsets(factors)
    if missing := [cell for cell in every if cell not in cells]:
        raise ValueError(
            f"cells of {list(cells)}: the factors {', '.join(factors)} also need {missing}"
        )
    half = 2 ** (len(factors) - 1)
    return {
        which: sum(_sign(which, cell) * cells[cell] for cell in every) / half for which in every[1:]
    }


def _sign(which: tuple[str, ...], cell: tuple[str, ...]) -> int:
    """The cell's sign in a contrast: -1 for each factor of `which` that the cell lacks."""
    return (-1) ** sum(name not in cell for name in which)
