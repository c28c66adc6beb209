"""Exercises of notebook 11: a mean of factors, a sign test, the gaps of those who got lucky, the best of five, a correlation inside blocks."""

import itertools
import math

import numpy as np

from gantutor.course.exercises.judge import Exercise, Property, Symptom


# -- factors --------------------------------------------------------------------------------------------------------------
def _factor(old, new):
    return math.prod(float(b) / float(a) for a, b in zip(old, new, strict=True)) ** (1 / len(old))


def _accuracies(rng):
    k = 1 + int(rng.randint(6, 1))
    return tuple((3.0 * rng.randn(k).double()).exp().numpy() for _ in range(2))


def _two_attacks(f):
    """Average factor of two attacks whose own factors go from 1/4 (left, bottom) to 4 (right, top)."""
    own = 2.0 ** np.linspace(-2, 2, 25)
    return np.array([[float(f(np.ones(2), np.array([a, b]))) for a in own] for b in own])


FACTOR = Exercise(
    "papers.factor",
    "An average factor that does not depend on the side",
    points=2,
    minutes=7,
    reference=_factor,
    cases=_accuracies,
    field=_two_attacks,
    symptoms=(
        Symptom(
            "ratio of means",
            "This is the paper's way, the quotient of two means: the attack with the largest accuracies decides nearly alone. "
            "Take each attack's factor first.",
            lambda old, new: new.mean() / old.mean(),
        ),
        Symptom(
            "mean of ratios",
            "Exchange old and new: this average says that each method is better than the other. Which mean belongs to numbers "
            "that multiply?",
            lambda old, new: (new / old).mean(),
        ),
        Symptom(
            "upside down",
            "You have the old accuracy in per cent of the new one: the factor leads from old to new.",
            lambda old, new: np.exp(np.log(old / new).mean()),
        ),
        Symptom(
            "less one",
            "You took 1 off, which makes a gain of a factor. The factor itself is asked for.",
            lambda old, new: np.exp(np.log(new / old).mean()) - 1,
        ),
        Symptom(
            "still a logarithm",
            "The mean in the logarithm is right. Now come back from the logarithm.",
            lambda old, new: np.log(new / old).mean(),
        ),
        Symptom(
            "two bases",
            "Into the logarithm by one base and out of it by another: log10 belongs to powers of 10, log to exp.",
            lambda old, new: np.exp(np.log10(new / old).mean()),
        ),
        Symptom(
            "no root",
            "You multiplied the factors: that is what all attacks together make. Which root turns a product of k numbers into their "
            "mean?",
            lambda old, new: (new / old).prod(),
        ),
        Symptom(
            "median",
            "The median would do as well for the two conditions; here the mean in the logarithm is asked for.",
            lambda old, new: np.median(new / old),
        ),
        Symptom(
            "harmonic",
            "This is the mean of ratios seen from the other side: now the other method wins both ways.",
            lambda old, new: 1 / (old / new).mean(),
        ),
    ),
    properties=(
        Property(
            "swap",
            "Exchanging old and new must turn the factor into one over itself.",
            lambda rng: [args for a in [_accuracies(rng)] for args in (a, a[::-1])],
            lambda cases, values: math.isclose(values[0] * values[1], 1),
        ),
        Property(
            "units",
            "Multiplying one attack's accuracies, old and new, by the same number changes no factor.",
            lambda rng: [(np.array([1.0, c]), np.array([2.0, 3 * c])) for c in (1.0, 50.0)],
            lambda cases, values: math.isclose(*values),
        ),
    ),
)


# -- signs ----------------------------------------------------------------------------------------------------------------
def _chance(better, n):
    return sum(math.comb(n, k) for k in range(better, n + 1)) / 2**n


def _counts(rng):
    n = 1 + int(rng.randint(24, 1))
    return int(rng.randint(n + 1, 1)), n


def _coins(n):
    return np.array([math.comb(n, k) for k in range(n + 1)]) / 2.0**n


def _normal(better, n):
    """The normal curve's share above better, without the half step between whole numbers."""
    return 0.5 * math.erfc((better - n / 2) / math.sqrt(n / 4) / math.sqrt(2))


def _up_to_sixteen(f):
    """Chance of at least k of n: k from 0 (left) to 16, n from 1 (bottom) to 17."""
    return np.array([[float(f(k, n)) if k <= n else 0.0 for k in range(17)] for n in range(1, 18)])


SIGNS = Exercise(
    "papers.chance",
    "What a column of small gaps is worth",
    points=2,
    minutes=7,
    reference=_chance,
    cases=_counts,
    field=_up_to_sixteen,
    forbidden=("binomtest", "binom"),
    symptoms=(
        Symptom(
            "exactly",
            "This is the chance of exactly so many. A result that is even better would have convinced us as well: at least so many is "
            "asked for.",
            lambda better, n: _coins(n)[better],
        ),
        Symptom(
            "more than",
            "You begin one too high: `better` itself belongs to it.",
            lambda better, n: _coins(n)[better + 1 :].sum(),
        ),
        Symptom(
            "at most",
            "You added up the lower end. How likely are so many improvements, or more?",
            lambda better, n: _coins(n)[: better + 1].sum(),
        ),
        Symptom(
            "both sides",
            "You doubled it: that is the test whether something changed, up or down. Here improvements alone are asked about.",
            lambda better, n: min(1.0, 2 * _coins(n)[better:].sum()),
        ),
        Symptom(
            "one order",
            "1/2 to the power of `better` is one order of the improvements. In how many orders can they come, and what do the other "
            "gaps do?",
            lambda better, n: 0.5**better,
        ),
        Symptom(
            "number of orders",
            "You counted the orders. All 2^n orders of n coins are equally likely: what part of them is it?",
            lambda better, n: float(sum(math.comb(n, k) for k in range(better, n + 1))),
        ),
        Symptom(
            "normal curve",
            "The normal curve is an approximation, and a poor one far out and for few gaps. Count the orders exactly.",
            _normal,
        ),
    ),
    properties=(
        Property(
            "certain",
            "At least 0 of n is certain, and n of n has the chance 1 / 2^n.",
            lambda rng: [(0, 9), (9, 9)],
            lambda cases, values: math.isclose(values[0], 1) and math.isclose(values[1], 2**-9),
        ),
        Property(
            "two halves",
            "At least k improvements, or at least n - k + 1 worsenings: one of the two must happen.",
            lambda rng: [(4, 11), (8, 11)],
            lambda cases, values: math.isclose(sum(map(float, values)), 1),
        ),
    ),
)


# -- the lucky ------------------------------------------------------------------------------------------------------------
def _published(r, n, limit=1.96, sides=(-1, 1), of=lambda d: d, spread=lambda n: n**-0.5):
    """Mean of `of` the measured gap where it passes, by Simpson's rule on both tails."""
    out = []
    for true in np.atleast_1d(np.asarray(r, float)):
        weight = total = 0.0
        for side in sides:
            d = side * (limit * spread(n) + np.linspace(0, abs(true) + 12 * spread(n), 2_001))
            density = np.exp(-0.5 * ((d - true) / spread(n)) ** 2)
            simpson = np.concatenate([[1], np.tile([4, 2], 999), [4, 1]]) * abs(d[1] - d[0])
            weight, total = weight + simpson @ density, total + simpson @ (density * of(d))
        out.append(total / weight)
    return np.array(out)


def _density(x):
    return np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _tail(x):
    return np.array([0.5 * math.erfc(v / math.sqrt(2)) for v in np.atleast_1d(x)])


def _parts(r, n):
    """The two tails' probability and the difference of their densities."""
    a, b = 1.96 - r * n**0.5, 1.96 + r * n**0.5
    return _tail(a) + _tail(b), _density(a) - _density(b)


def _truths(rng):
    k = 1 + int(rng.randint(5, 1))
    return (2.5 * rng.rand(k).double()).numpy(), 1 + int(rng.randint(12, 1))


def _by_runs(f):
    """Mean printed gap for true gaps from 0 (left) to 2.5 spreads and 1 (bottom) to 16 runs a side."""
    return np.array([f(np.linspace(0, 2.5, 16), n) for n in range(1, 17)])


LUCK = Exercise(
    "papers.published",
    "The gaps that the lucky ones print",
    points=4,
    minutes=15,
    reference=_published,
    cases=_truths,
    tolerance=1e-4,
    field=_by_runs,
    symptoms=(
        Symptom(
            "no selection",
            "This is the mean over all papers, which is the truth. Only those that pass the limit are printed.",
            lambda r, n: r * np.ones_like(r),
        ),
        Symptom(
            "not divided",
            "You added up the gaps of those that pass, as a share of all papers. Their mean is asked for: divide by how many "
            "pass.",
            lambda r, n: r * _parts(r, n)[0] + _parts(r, n)[1] * n**-0.5,
        ),
        Symptom(
            "one side",
            "You left out those that pass with the wrong sign. There are few, but for small r they count: the limit has two sides.",
            lambda r, n: _published(r, n, sides=(1,)),
        ),
        Symptom(
            "sizes",
            "You averaged the gaps without their signs. Who passes on the wrong side prints a negative gap.",
            lambda r, n: _published(r, n, of=np.abs),
        ),
        Symptom(
            "no root",
            "The second part has forgotten its unit: phi is in standard errors, and a standard error is 1 / sqrt(n) spreads.",
            lambda r, n: r + _parts(r, n)[1] / _parts(r, n)[0],
        ),
        Symptom(
            "n without a root",
            "The mean of n runs scatters by 1 / sqrt(n), not by 1 / n.",
            lambda r, n: _published(r, n, spread=lambda n: 1 / n),
        ),
        Symptom(
            "one run's limit",
            "Your limit is 1.96 spreads whatever n is. It is 1.96 standard errors of a mean of n runs, which shrink with n.",
            lambda r, n: _published(r, n, limit=1.96 * n**0.5),
        ),
        Symptom(
            "densities added",
            "The two tails lie on two sides: the gaps beyond the lower limit pull the mean down. Which sign has their "
            "density?",
            lambda r, n: (
                r
                + (_density(1.96 - r * n**0.5) + _density(1.96 + r * n**0.5))
                / _parts(r, n)[0]
                * n**-0.5
            ),
        ),
        Symptom(
            "times the truth",
            "You divided by the truth: this is how many times too large the printed gap is. The gap itself is asked for.",
            lambda r, n: _published(r, n) / np.where(r == 0, 1, r),
        ),
    ),
    properties=(
        Property(
            "nothing there",
            "Where there is nothing to find, wins and losses are printed equally often: the mean must be 0.",
            lambda rng: [(np.zeros(1), n) for n in (1, 4, 30)],
            lambda cases, values: all(abs(v[0]) < 1e-6 for v in values),
        ),
        Property(
            "clear cases",
            "A gap of many standard errors always passes, and then the mean printed gap is the true one.",
            lambda rng: [(np.array([3.0]), 40)],
            lambda cases, values: math.isclose(values[0][0], 3, rel_tol=1e-4),
        ),
    ),
)

# -- the best of five -----------------------------------------------------------------------------------------------------
# mean of the largest of five standard normal numbers in closed form; by numerical integration it is the same to 15 digits
_FIVE = 5 / (4 * math.sqrt(math.pi)) * (1 + 6 / math.pi * math.asin(1 / 3))

BEST = Exercise(
    "papers.best",
    "What the best of five equal settings gains",
    points=2,
    minutes=7,
    reference=_FIVE,
    tolerance=0.02,
    symptoms=(
        Symptom(
            "no gain",
            "Each of the five is right on average. But you do not report an average one: you report the one that came out highest.",
            0.0,
        ),
        Symptom(
            "median",
            "This is the median of the best one. The mean is asked for, and it lies a little higher: the largest has a long way "
            "upwards.",
            1.1290,
        ),
        Symptom("best of four", "This is a number for the best of four.", 1.0294),
        Symptom("best of six", "This is a number for the best of six.", 1.2672),
        Symptom(
            "best to worst",
            "This is the mean distance from the best to the worst of the five. How far is the best above the middle?",
            2 * _FIVE,
        ),
        Symptom(
            "one in five",
            "This is the value that one of many numbers in five exceeds. The best of five often lies far beyond it.",
            0.8416,
        ),
        Symptom(
            "limit",
            "1.96 is where a test's limit lies, for one number. Here the mean of the largest of five is asked for.",
            lambda x: abs(x - 1.96) < 0.006 or abs(x - 1.645) < 0.006,
        ),
        Symptom(
            "bound",
            "sqrt(2 log 5) is an upper bound, good for very many settings. For five the exact mean lies well below.",
            math.sqrt(2 * math.log(5)),
        ),
        Symptom(
            "mean of five",
            "The mean of five scatters by 1 / sqrt(5). That is another question: the largest of them is reported.",
            1 / math.sqrt(5),
        ),
    ),
)


# -- inside the blocks ----------------------------------------------------------------------------------------------------
def _correlation(a, b):
    """Pearson's, by loops."""
    ma, mb = math.fsum(a) / len(a), math.fsum(b) / len(b)
    top = math.fsum((x - ma) * (y - mb) for x, y in zip(a, b, strict=True))
    return top / math.sqrt(
        math.fsum((x - ma) ** 2 for x in a) * math.fsum((y - mb) ** 2 for y in b)
    )


def _inside(x, y, block):
    """Inside: over all pairs of rows of one block, the products of their differences; a block of m rows counts 1/m of its pairs."""
    top = left = right = 0.0
    for b in sorted(set(block.tolist())):
        rows = np.flatnonzero(block == b).tolist()
        for i, j in itertools.combinations(rows, 2):
            dx, dy = x[i] - x[j], y[i] - y[j]
            top, left, right = (
                top + dx * dy / len(rows),
                left + dx * dx / len(rows),
                right + dy * dy / len(rows),
            )
    return np.array([_correlation(x.tolist(), y.tolist()), top / math.sqrt(left * right)])


def _tables(rng):
    # blocks far apart, upwards; inside each the measures disagree: the pooled correlation misleads
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


def _residual(x, y, block):
    return _r(x - _means(x, block), y - _means(y, block))


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
            "Your second number is the first one again: taking off one mean for all rows changes no correlation. Each block has "
            "a mean of its own.",
            _pair(_r, _r),
        ),
        Symptom(
            "between",
            "You kept the blocks' means and threw away what happens inside. It is the other way round: the means are taken off.",
            _pair(_r, lambda x, y, block: _r(_means(x, block), _means(y, block))),
        ),
        Symptom(
            "one side only",
            "You took the block's mean off one of the two measures. The data set shifts both.",
            _pair(_r, lambda x, y, block: _r(x - _means(x, block), y)),
        ),
        Symptom(
            "the other side only",
            "You took the block's mean off y alone. The data set shifts both measures.",
            _pair(_r, lambda x, y, block: _r(x, y - _means(y, block))),
        ),
        Symptom(
            "mean of correlations",
            "You averaged one correlation a block. A block of two rows has 1 or -1 always, and counts as much as a large "
            "one: pool the differences from the means, then correlate once.",
            _pair(
                _r,
                lambda x, y, block: np.mean(
                    [_r(x[block == b], y[block == b]) for b in np.unique(block)]
                ),
            ),
        ),
        Symptom(
            "covariance",
            "A covariance has units. Divide by both spreads, and it lies between -1 and 1.",
            _pair(_r, _covariance),
        ),
        Symptom(
            "squared",
            "You squared them: that hides the sign, which is the very thing that turns here.",
            lambda x, y, block: _inside(x, y, block) ** 2,
        ),
        Symptom(
            "other order",
            "The two have changed places: pooled first, then inside.",
            lambda x, y, block: _inside(x, y, block)[::-1],
        ),
    ),
    properties=(
        Property(
            "another data set",
            "Adding a number to one block's y, as another data set would, must not change the second number.",
            lambda rng: [
                (x, y + c * (block == 0), block)
                for x, y, block in [_tables(rng)]
                for c in (0.0, 9.0)
            ],
            lambda cases, values: math.isclose(values[0][1], values[1][1]),
        ),
    ),
)

EXERCISES = (FACTOR, SIGNS, LUCK, BEST, INSIDE)
