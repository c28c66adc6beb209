"""Exercise papers.inside: a correlation with the differences between data sets removed."""

import itertools
import math

import numpy as np

from gantutor.course.exercises.definition import Exercise, Property, Symptom


def _correlation(a, b):
    """Pearson's correlation, by loops."""
    ma, mb = math.fsum(a) / len(a), math.fsum(b) / len(b)
    top = math.fsum((x - ma) * (y - mb) for x, y in zip(a, b, strict=True))
    return top / math.sqrt(
        math.fsum((x - ma) ** 2 for x in a) * math.fsum((y - mb) ** 2 for y in b)
    )


def _inside(x, y, block):
    """The pooled correlation, and the one inside the blocks.

    The second is computed from the products of differences over all pairs of rows in one block; a
    block of m rows counts 1/m of its pairs.
    """
    top = left = right = 0.0
    for b in sorted(set(block.tolist())):
        rows = np.flatnonzero(block == b).tolist()
        for i, j in itertools.combinations(rows, 2):
            dx, dy = x[i] - x[j], y[i] - y[j]
            top += dx * dy / len(rows)
            left += dx * dx / len(rows)
            right += dy * dy / len(rows)
    return np.array([_correlation(x.tolist(), y.tolist()), top / math.sqrt(left * right)])


def _tables(rng):
    # the blocks are far apart along a rising line, but inside each block the two measures
    # disagree: the pooled correlation misleads
    sizes = [2 + int(k) for k in rng.randint(4, 2 + int(rng.randint(3, 1)))]
    block = np.repeat(np.arange(len(sizes)), sizes)[rng.randperm(sum(sizes)).numpy()]
    level = (3.0 * rng.randn(len(sizes)).double()).numpy()[block]
    step, noise = rng.randn(2, len(block)).double().numpy()
    return level + step, level - step + 0.5 * noise, block


def _means(x, block):
    return np.array([x[block == b].mean() for b in block])


def _pair(pooled, inside):
    return lambda x, y, block: np.array([pooled(x, y, block), inside(x, y, block)])


def _r(x, y, block=None):
    return np.corrcoef(x, y)[0, 1]


def _covariance(x, y, block):
    return float(((x - _means(x, block)) * (y - _means(y, block))).mean())


INSIDE = Exercise(
    "papers.inside",
    "Take the data set out of a correlation",
    points=3,
    minutes=10,
    reference=_inside,
    cases=_tables,
    symptoms=(
        Symptom(
            "still pooled",
            "Your second number is the first one again: subtracting one mean from all rows "
            "changes no correlation. Each block has its own mean.",
            _pair(_r, _r),
        ),
        Symptom(
            "between",
            "You kept the blocks' means and threw away what happens inside the blocks. Do the "
            "opposite: subtract the means.",
            _pair(_r, lambda x, y, block: _r(_means(x, block), _means(y, block))),
        ),
        Symptom(
            "one side only",
            "You subtracted the block's mean from x alone. The data set shifts both measures.",
            _pair(_r, lambda x, y, block: _r(x - _means(x, block), y)),
        ),
        Symptom(
            "the other side only",
            "You subtracted the block's mean from y alone. The data set shifts both measures.",
            _pair(_r, lambda x, y, block: _r(x, y - _means(y, block))),
        ),
        Symptom(
            "mean of correlations",
            "You averaged one correlation per block. A block of two rows always has 1 or -1, and "
            "counts as much as a large one: pool the differences from the means, then correlate "
            "once.",
            _pair(
                _r,
                lambda x, y, block: np.mean(
                    [_r(x[block == b], y[block == b]) for b in np.unique(block)]
                ),
            ),
        ),
        Symptom(
            "covariance",
            "A covariance has units. Divide by both spreads to get a number between -1 and 1.",
            _pair(_r, _covariance),
        ),
        Symptom(
            "squared",
            "You squared the correlations: that hides the sign, which is exactly what changes "
            "here.",
            lambda x, y, block: _inside(x, y, block) ** 2,
        ),
        Symptom(
            "other order",
            "The two numbers are swapped: pooled first, then inside.",
            lambda x, y, block: _inside(x, y, block)[::-1],
        ),
    ),
    properties=(
        Property(
            "another data set",
            "Adding a number to one block's y, as another data set would, must not change the "
            "second number.",
            lambda rng: [
                (x, y + c * (block == 0), block)
                for x, y, block in [_tables(rng)]
                for c in (0.0, 9.0)
            ],
            lambda cases, values: math.isclose(values[0][1], values[1][1]),
        ),
    ),
)
