"""Wrong answers to the exercises of notebook 11, each with the key of the hint it must get."""

import math
import random

import numpy as np
from scipy.stats import binomtest, norm


# -- factor
def as_the_paper(old, new):
    return np.mean(new) / np.mean(old)


def plain_mean(old, new):
    return np.mean(new / old)


def old_over_new(old, new):
    return np.prod(old / new) ** (1 / len(old))


def gain(old, new):
    return np.prod(new / old) ** (1 / len(old)) - 1


def stays_in_the_log(old, new):
    return np.mean(np.log(new) - np.log(old))


def decades(old, new):
    return math.exp(np.mean(np.log10(new / old)))


def all_together(old, new):
    return np.prod(new / old)


def middle_one(old, new):
    return float(np.median(new / old))


def the_other_mean(old, new):
    return len(old) / np.sum(old / new)


def factors(old, new):
    return new / old


# -- chance
def this_result(better, n):
    return math.comb(n, better) * 0.5**n


def above(better, n):
    return sum(math.comb(n, k) for k in range(better + 1, n + 1)) / 2**n


def below(better, n):
    return sum(math.comb(n, k) for k in range(better + 1)) / 2**n


def doubled(better, n):
    return min(1, 2 * sum(math.comb(n, k) for k in range(better, n + 1)) / 2**n)


def all_in_a_row(better, n):
    return 2.0**-better


def count(better, n):
    return sum(math.comb(n, k) for k in range(better, n + 1))


def bell(better, n):
    return norm.sf(better, loc=n / 2, scale=(n / 4) ** 0.5)


def library(better, n):
    return binomtest(better, n, alternative="greater").pvalue


def one_third(better, n):
    return sum(math.comb(n, k) * (1 / 3) ** k * (2 / 3) ** (n - k) for k in range(better, n + 1))


# -- published
def everybody(r, n):
    return r


def share_of_all(r, n):
    a, b = 1.96 - r * np.sqrt(n), 1.96 + r * np.sqrt(n)
    return r * (norm.sf(a) + norm.sf(b)) + (norm.pdf(a) - norm.pdf(b)) / np.sqrt(n)


def winners(r, n):
    a = 1.96 - r * np.sqrt(n)
    return r + norm.pdf(a) / norm.sf(a) / np.sqrt(n)


def absolute(r, n):
    a, b = 1.96 - r * np.sqrt(n), 1.96 + r * np.sqrt(n)
    up, down = r * norm.sf(a) + norm.pdf(a) / np.sqrt(n), r * norm.sf(b) - norm.pdf(b) / np.sqrt(n)
    return (up - down) / (norm.sf(a) + norm.sf(b))


def forgets_the_unit(r, n):
    a, b = 1.96 - r * np.sqrt(n), 1.96 + r * np.sqrt(n)
    return r + (norm.pdf(a) - norm.pdf(b)) / (norm.sf(a) + norm.sf(b))


def by_n(r, n):
    a, b = 1.96 - r * n, 1.96 + r * n
    return r + (norm.pdf(a) - norm.pdf(b)) / (norm.sf(a) + norm.sf(b)) / n


def limit_in_spreads(r, n):
    s = 1 / np.sqrt(n)
    a, b = (1.96 - r) / s, (1.96 + r) / s
    return r + s * (norm.pdf(a) - norm.pdf(b)) / (norm.sf(a) + norm.sf(b))


def both_push_up(r, n):
    a, b = 1.96 - r * np.sqrt(n), 1.96 + r * np.sqrt(n)
    return r + (norm.pdf(a) + norm.pdf(b)) / (norm.sf(a) + norm.sf(b)) / np.sqrt(n)


def exaggeration(r, n):
    a, b = 1.96 - r * np.sqrt(n), 1.96 + r * np.sqrt(n)
    return 1 + (norm.pdf(a) - norm.pdf(b)) / (norm.sf(a) + norm.sf(b)) / np.sqrt(n) / r


def simulates(r, n):
    gaps = r[:, None] + np.array([[random.gauss(0, 1) for _ in range(1000)] for _ in r]) / np.sqrt(
        n
    )
    passed = abs(gaps) > 1.96 / np.sqrt(n)
    return (gaps * passed).sum(1) / passed.sum(1).clip(1)


def mean_of_all_truths(r, n):
    a, b = 1.96 - r * np.sqrt(n), 1.96 + r * np.sqrt(n)
    return (r + (norm.pdf(a) - norm.pdf(b)) / (norm.sf(a) + norm.sf(b)) / np.sqrt(n)).mean()


# -- inside
def centred(x, y, block):
    means = {b: (x[block == b].mean(), y[block == b].mean()) for b in set(block)}
    dx = np.array([v - means[b][0] for v, b in zip(x, block, strict=True)])
    dy = np.array([v - means[b][1] for v, b in zip(y, block, strict=True)])
    return dx, dy


def r(a, b):
    return np.corrcoef(a, b)[0, 1]


def one_mean_for_all(x, y, block):
    return np.array([r(x, y), r(x - x.mean(), y - y.mean())])


def of_the_means(x, y, block):
    dx, dy = centred(x, y, block)
    return np.array([r(x, y), r(x - dx, y - dy)])


def only_x(x, y, block):
    return np.array([r(x, y), r(centred(x, y, block)[0], y)])


def only_y(x, y, block):
    return np.array([r(x, y), r(x, centred(x, y, block)[1])])


def block_by_block(x, y, block):
    return np.array([r(x, y), np.mean([r(x[block == b], y[block == b]) for b in set(block)])])


def has_units(x, y, block):
    dx, dy = centred(x, y, block)
    return np.array([r(x, y), np.mean(dx * dy)])


def r_squared(x, y, block):
    return np.array([r(x, y) ** 2, r(*centred(x, y, block)) ** 2])


def inside_first(x, y, block):
    return np.array([r(*centred(x, y, block)), r(x, y)])


def matrices(x, y, block):
    return np.array([np.corrcoef(x, y), np.corrcoef(*centred(x, y, block))])


def fewer_is_better(x, y, block):
    return -np.array([r(x, y), r(*centred(x, y, block))])


WRONG = {
    "papers.factor": [
        ("ratio of means", as_the_paper),
        ("mean of ratios", plain_mean),
        ("upside down", old_over_new),
        ("less one", gain),
        ("still a logarithm", stays_in_the_log),
        ("two bases", decades),
        ("no root", all_together),
        ("median", middle_one),
        ("harmonic", the_other_mean),
        ("shape", factors),
    ],
    "papers.chance": [
        ("exactly", this_result),
        ("more than", above),
        ("at most", below),
        ("both sides", doubled),
        ("one order", all_in_a_row),
        ("number of orders", count),
        ("normal curve", bell),
        ("borrowed", library),
        ("differs", one_third),
    ],
    "papers.published": [
        ("one side", winners),
        ("not divided", share_of_all),
        ("no selection", everybody),
        ("sizes", absolute),
        ("no root", forgets_the_unit),
        ("n without a root", by_n),
        ("one run's limit", limit_in_spreads),
        ("densities added", both_push_up),
        ("times the truth", exaggeration),
        ("random", simulates),
        ("shape", mean_of_all_truths),
    ],
    "papers.best": [
        ("no gain", 0),
        ("median", norm.ppf(0.5 ** (1 / 5))),
        ("best of four", 1.03),
        ("best of six", 1.27),
        ("best to worst", 2.326),
        ("one in five", norm.ppf(0.8)),
        ("limit", 1.96),
        ("bound", math.sqrt(2 * math.log(5))),
        ("mean of five", 0.447),
        ("sign", -1.163),
        ("kind", "one spread"),
    ],
    "papers.inside": [
        ("still pooled", one_mean_for_all),
        ("mean of correlations", block_by_block),
        ("between", of_the_means),
        ("one side only", only_x),
        ("the other side only", only_y),
        ("covariance", has_units),
        ("squared", r_squared),
        ("other order", inside_first),
        ("shape", matrices),
        ("sign", fewer_is_better),
    ],
}
