"""Wrong answers to the exercises of notebook 06, each with the key of the hint it must get."""

import math

import numpy as np
import torch


# -- fd_diagonal
def fd_variances(x, y):
    gap = x.mean(dim=0) - y.mean(dim=0)
    spread = x.var(dim=0) - y.var(dim=0)
    return (gap**2).sum() + (spread**2).sum()


def fd_numpy_std(x, y):
    x, y = x.numpy(), y.numpy()
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + (
        (np.std(x, axis=0) - np.std(y, axis=0)) ** 2
    ).sum()


def fd_means(x, y):
    gap = x.mean(0) - y.mean(0)
    return gap @ gap


def fd_root(x, y):
    return torch.cat([x.mean(0) - y.mean(0), x.std(0) - y.std(0)]).norm()


def fd_no_axis(x, y):
    return (x.mean() - y.mean()) ** 2 + (x.std() - y.std()) ** 2


def fd_mean_over_features(x, y):
    return ((x.mean(0) - y.mean(0)) ** 2 + (x.std(0) - y.std(0)) ** 2).mean()


def fd_no_sum(x, y):
    return (x.mean(0) - y.mean(0)) ** 2 + (x.std(0) - y.std(0)) ** 2


def fd_prints(x, y):
    print((x.mean(0) - y.mean(0)).square().sum() + (x.std(0) - y.std(0)).square().sum())


def fd_wrong_axis(x, y):
    return (x.mean(1) - y.mean(1)).square().sum() + (x.std(1) - y.std(1)).square().sum()


def fd_centres_in_place(x, y):
    m_x, m_y, s_x, s_y = x.mean(0), y.mean(0), x.std(0), y.std(0)
    x -= m_x
    y -= m_y
    return (m_x - m_y).square().sum() + (s_x - s_y).square().sum()


# -- kernel_distance
def cubic(a, b):
    return (a @ b.T / a.shape[1] + 1) ** 3


def kd_biased(x, y):
    return cubic(x, x).mean() + cubic(y, y).mean() - 2 * cubic(x, y).mean()


def kd_zero_diagonal(x, y):
    xx, yy = cubic(x, x), cubic(y, y)
    xx.fill_diagonal_(0)
    yy.fill_diagonal_(0)
    return xx.mean() + yy.mean() - 2 * cubic(x, y).mean()


def mean_of_others(k):
    n = len(k)
    return (k.sum() - torch.diagonal(k).sum()) / (n * (n - 1))


def kd_cross_once(x, y):
    return mean_of_others(cubic(x, x)) + mean_of_others(cubic(y, y)) - cubic(x, y).mean()


def kd_plain_dot(x, y):
    def k(a, b):
        return (torch.einsum("ik,jk->ij", a, b) + 1) ** 3

    return mean_of_others(k(x, x)) + mean_of_others(k(y, y)) - 2 * k(x, y).mean()


def kd_root(x, y):
    return torch.sqrt(
        mean_of_others(cubic(x, x)) + mean_of_others(cubic(y, y)) - 2 * cubic(x, y).mean()
    )


def kd_minus(x, y):
    return 2 * cubic(x, y).mean() - mean_of_others(cubic(x, x)) - mean_of_others(cubic(y, y))


def kd_halved(x, y):
    return cubic(x, y).mean() * -1 + (mean_of_others(cubic(x, x)) + mean_of_others(cubic(y, y))) / 2


def kd_triangle(x, y):
    return cubic(x, x)[torch.triu(torch.ones(len(x), len(y)), 1) > 0].mean() + cubic(y, y).mean()


# -- coverage
def distances(a, b):
    return (a[:, None] - b[None]).square().sum(-1).sqrt()


def cov_self(real, fake, k):
    radius = distances(real, real).sort(dim=1).values[:, k - 1]
    return (distances(real, fake).min(dim=1).values < radius).double().mean()


def cov_precision(real, fake, k):
    radius = distances(real, real).sort(dim=1).values[:, k]
    inside = distances(real, fake) < radius[:, None]
    return sum(bool(inside[:, j].any()) for j in range(len(fake))) / len(fake)


def cov_density(real, fake, k):
    radius = distances(real, real).sort(dim=1).values[:, k]
    return (distances(real, fake) < radius[:, None]).sum().item() / (k * len(fake))


def cov_border(real, fake, k):
    radius = distances(real, real).topk(k + 1, largest=False).values[:, -1]
    return (distances(real, fake) <= radius[:, None]).any(1).double().mean()


def cov_one_radius(real, fake, k):
    radius = distances(real, real).sort(dim=1).values[:, k].mean()
    return (distances(real, fake).min(1).values < radius).double().mean()


def cov_each(real, fake, k):
    radius = distances(real, real).sort(dim=1).values[:, k]
    return (distances(real, fake).min(dim=1).values < radius).double()


def cov_count(real, fake, k):
    radius = distances(real, real).sort(dim=1).values[:, k]
    return (distances(real, fake).min(dim=1).values < radius).sum()


def cov_bool_mean(real, fake, k):
    radius = distances(real, real).sort(dim=1).values[:, k]
    return (distances(real, fake).min(dim=1).values < radius).mean()


def cov_fakes_balls(real, fake, k):
    radius = distances(fake, fake).sort(dim=1).values[:, min(k, len(fake) - 1)]
    return (distances(real, fake) < radius[None]).any(1).double().mean()


C = 3.15 / (1 / 50_000 + 1 / 10_000)

WRONG = {
    "measuring.fd_diagonal": [
        ("variances", fd_variances),
        ("n for n - 1", fd_numpy_std),
        ("means only", fd_means),
        ("not squared", fd_root),
        ("all features in one", fd_no_axis),
        ("mean for sum", fd_mean_over_features),
        ("shape", fd_no_sum),
        ("nothing", fd_prints),
        ("raises", fd_wrong_axis),
        ("changes its input", fd_centres_in_place),
    ],
    "measuring.kernel_distance": [
        ("own pairs", kd_biased),
        ("own places counted", kd_zero_diagonal),
        ("cross once", kd_cross_once),
        ("K forgotten", kd_plain_dot),
        ("not squared", kd_root),
        ("sign", kd_minus),
        ("factor", kd_halved),
        ("raises", kd_triangle),
    ],
    "measuring.coverage": [
        ("itself a neighbour", cov_self),
        ("precision", cov_precision),
        ("density", cov_density),
        ("border", cov_border),
        ("mean ball", cov_one_radius),
        ("shape", cov_each),
        ("sum for mean", cov_count),
        ("raises", cov_bool_mean),
        ("differs", cov_fakes_balls),
    ],
    "measuring.quick_look": [
        ("fakes alone", 3.15 * 50_000 / 5_000),
        ("reals forgotten", C / 5_000),
        ("root of n", 3.15 * math.sqrt(10)),
        ("total", 3.15 * 60_000 / 15_000),
        ("same n", 3.15),
        ("the other reals", C * (1 / 50_000 + 1 / 5_000)),
        ("kind", "about 8"),
        ("shape", [10_000, 5_000]),
        ("differs", 42.0),
        ("sign", -7.875),
    ],
}
