"""Wrong answers to the exercises of notebook 13, each with the key of the hint it must get."""

import math

import numpy as np
from scipy import stats

from gantutor.statistics import seeds_needed


# -- retraining
def means_only(y):
    return np.var(y.mean(1), ddof=1)


def everything(y):
    return np.var(y, ddof=1)


def everything_less_noise(y):
    return np.var(y, ddof=1) - np.mean([np.var(row, ddof=1) for row in y])


def all_of_the_noise(y):
    return np.var(y.mean(1), ddof=1) - np.mean([np.var(row, ddof=1) for row in y])


def mean_squares(y):
    n, r = y.shape
    between = r * sum((row.mean() - y.mean()) ** 2 for row in y) / (n - 1)
    within = sum(((row - row.mean()) ** 2).sum() for row in y) / (n * (r - 1))
    return between - within


def noise(y):
    return np.mean([np.var(row, ddof=1) for row in y])


def numpys_default(y):
    return np.var(y.mean(1)) - np.mean([np.var(row) for row in y]) / y.shape[1]


def spread(y):
    v = np.var(y.mean(1), ddof=1) - np.mean([np.var(row, ddof=1) for row in y]) / y.shape[1]
    return max(v, 0) ** 0.5


def columns(y):
    return np.var(y.mean(0), ddof=1) - np.mean([np.var(c, ddof=1) for c in y.T]) / y.shape[0]


def cut_off(y):
    v = np.var(y.mean(1), ddof=1) - np.mean([np.var(row, ddof=1) for row in y]) / y.shape[1]
    return max(v, 0.0)


# -- pairing
def paired_over_unpaired(a, b):
    return (b - a).var(ddof=1) / (a.var(ddof=1) + b.var(ddof=1))


def roots(a, b):
    return math.sqrt((a.var(ddof=1) + b.var(ddof=1)) / (b - a).var(ddof=1))


def spreads_added(a, b):
    return (a.std(ddof=1) + b.std(ddof=1)) ** 2 / (b - a).var(ddof=1)


def first_only(a, b):
    return a.var(ddof=1) / (b - a).var(ddof=1)


def second_only(a, b):
    return b.var(ddof=1) / (b - a).var(ddof=1)


def averaged(a, b):
    return np.mean([a.var(), b.var()]) / (a - b).var()


def one_pot(a, b):
    return 2 * np.hstack([a, b]).var() / (b - a).var()


def sums(a, b):
    return (a.var(ddof=1) + b.var(ddof=1)) / (a + b).var(ddof=1)


def r(a, b):
    return stats.pearsonr(a, b).statistic


# -- needed
def power_of(effect, n, level=0.975):
    limit = stats.t.ppf(level, n - 1)
    centre = effect * n**0.5
    return stats.nct.sf(limit, n - 1, centre) + stats.nct.cdf(-limit, n - 1, centre)


def first(enough):
    n = 2
    while not enough(n):
        n += 1
    return n


def textbook(effect):
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    return math.ceil((z / effect) ** 2)


def independent(effect):
    def enough(n):
        limit, centre = stats.t.ppf(0.975, 2 * n - 2), effect * (n / 2) ** 0.5
        return stats.nct.sf(limit, 2 * n - 2, centre) >= 0.8

    return first(enough)


def one_sided(effect):
    return first(lambda n: power_of(effect, n, 0.95) >= 0.8)


def even_odds(effect):
    return first(lambda n: power_of(effect, n) >= 0.5)


def ninety(effect):
    return first(lambda n: power_of(effect, n) >= 0.9)


def last_that_fails(effect):
    return first(lambda n: power_of(effect, n + 1) >= 0.8)


def strictly_after(effect):
    return first(lambda n: n > 2 and power_of(effect, n - 1) >= 0.8)


def forgets_the_root(effect):
    return first(lambda n: stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, effect * n) >= 0.8)


def on_average(effect):
    return first(lambda n: effect >= stats.t.ppf(0.975, n - 1) / n**0.5)


def packages_own(effect):
    return seeds_needed(effect)


# -- verdicts
def interval(d, level, spread=None):
    half = stats.t.ppf((1 + level) / 2, len(d) - 1) * d.std(ddof=1) / len(d) ** 0.5
    return d.mean() - half, d.mean() + half


def words(d, margin, wide=0.95, narrow=0.9, interval=interval):
    found = []
    for row in d:
        low, high = interval(row, wide)
        inner = interval(row, narrow)
        if high < 0:
            found.append("holds")
        elif -margin < inner[0] and inner[1] < margin:
            found.append("absent")
        elif low > 0:
            found.append("contradicts")
        else:
            found.append("undecided")
    return found


def no_evidence_is_evidence(d, margin):
    return ["absent" if w == "undecided" else w for w in words(d, margin)]


def point(d, margin):
    return [
        w if w in ("holds", "contradicts") else "absent" if abs(m) < margin else "undecided"
        for w, m in zip(words(d, margin), d.mean(1), strict=True)
    ]


def other_side(d, margin):
    return words(-d, margin)


def gauss(d, margin):
    def normal(row, level):
        half = stats.norm.ppf((1 + level) / 2) * row.std(ddof=1) / len(row) ** 0.5
        return row.mean() - half, row.mean() + half

    return words(d, margin, interval=normal)


def numpys_spread(d, margin):
    def biased(row, level):
        half = stats.t.ppf((1 + level) / 2, len(row) - 1) * row.std() / len(row) ** 0.5
        return row.mean() - half, row.mean() + half

    return words(d, margin, interval=biased)


def of_one_seed(d, margin):
    def wide(row, level):
        half = stats.t.ppf((1 + level) / 2, len(row) - 1) * row.std(ddof=1)
        return row.mean() - half, row.mean() + half

    return words(d, margin, interval=wide)


def only_95(d, margin):
    return words(d, margin, 0.95, 0.95)


def only_90(d, margin):
    return words(d, margin, 0.9, 0.9)


def equivalence_first(d, margin):
    found = words(d, margin)
    for i, row in enumerate(d):
        low, high = interval(row, 0.9)
        if -margin < low and high < margin:
            found[i] = "absent"
    return found


def against_first(d, margin):
    found = words(d, margin)
    return [
        "contradicts" if interval(row, 0.95)[0] > 0 else w for row, w in zip(d, found, strict=True)
    ]


def beyond_the_margin(d, margin):
    found = []
    for row in d:
        low, high = interval(row, 0.95)
        inner = interval(row, 0.9)
        if high < -margin:
            found.append("holds")
        elif -margin < inner[0] and inner[1] < margin:
            found.append("absent")
        elif low > margin:
            found.append("contradicts")
        else:
            found.append("undecided")
    return found


# -- fresh
def best_look(first, again):
    i = np.argmin(first)
    return np.array([first[i], again[i] - first[i]])


def best_of_the_second(first, again):
    return np.array([min(again), min(again) - min(first)])


def swapped(first, again):
    i = np.argmin(again)
    return np.array([first[i], first[i] - again[i]])


def highest(first, again):
    i = np.argmax(first)
    return np.array([again[i], again[i] - first[i]])


def final(first, again):
    return np.array([again[-1], again[-1] - first[-1]])


def first_minus_second(first, again):
    i = np.argmin(first)
    return np.array([again[i], first[i] - again[i]])


def mean_of_two(first, again):
    i = np.argmin(first)
    reported = (first[i] + again[i]) / 2
    return np.array([reported, reported - first[i]])


def by_both(first, again):
    i = np.argmin((first + again) / 2)
    return np.array([again[i], again[i] - first[i]])


def place(first, again):
    i = np.argmin(first)
    return np.array([float(i), again[i] - first[i]])


def score_alone(first, again):
    return again[np.argmin(first)]


WRONG = {
    "seeds.retraining": [
        ("noise left in", means_only),
        ("all in one", everything),
        ("all in one, less the inside", everything_less_noise),
        ("too much subtracted", all_of_the_noise),
        ("r times too large", mean_squares),
        ("the other variance", noise),
        ("n for n - 1", numpys_default),
        ("root", spread),
        ("other axis", columns),
        ("never below 0", cut_off),
    ],
    "seeds.pairing": [
        ("upside down", paired_over_unpaired),
        ("of spreads", roots),
        ("spreads added", spreads_added),
        ("one variant", first_only),
        ("the other variant", second_only),
        ("mean of the two", averaged),
        ("all values together", one_pot),
        ("sum for difference", sums),
        ("correlation", r),
    ],
    "seeds.needed": [
        ("normal curve", textbook),
        ("two groups", independent),
        ("one side", one_sided),
        ("half the time", even_odds),
        ("nine of ten", ninety),
        ("one too few", last_that_fails),
        ("one too many", strictly_after),
        ("no root", forgets_the_root),
        ("significant on average", on_average),
        ("borrowed", packages_own),
    ],
    "seeds.verdicts": [
        ("not seen is not there", no_evidence_is_evidence),
        ("mean inside the margin", point),
        ("swapped", other_side),
        ("normal curve", gauss),
        ("n for n - 1", numpys_spread),
        ("of single seeds", of_one_seed),
        ("95 % for both", only_95),
        ("90 % for both", only_90),
        ("absent first", equivalence_first),
        ("beyond the margin", beyond_the_margin),
        ("contradicts first", against_first),
    ],
    "seeds.fresh": [
        ("the lucky number", best_look),
        ("chosen again", best_of_the_second),
        ("roles swapped", swapped),
        ("the worst", highest),
        ("the last", final),
        ("which minus which", first_minus_second),
        ("both averaged", mean_of_two),
        ("chosen by the mean of both", by_both),
        ("which one", place),
        ("shape", score_alone),
    ],
}
