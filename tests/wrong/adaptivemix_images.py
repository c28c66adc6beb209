"""Wrong answers to the exercises of notebook 07, each with the key of the hint it must get."""

import math

import torch


# -- luck
def luck_min_min(a, b):
    return (b.min(dim=1).values - a.min(dim=1).values).mean()


def luck_common(a, b):
    best = a.mean(0).argmin()
    return b[:, best].mean() - a[:, best].mean()


def luck_axis_0(a, b):
    best = a.argmin(dim=0)
    looks = torch.arange(a.shape[1])
    return (b[best, looks] - a[best, looks]).mean()


def luck_argmax(a, b):
    best, runs = a.argmax(1), torch.arange(len(a))
    return (b[runs, best] - a[runs, best]).mean()


def luck_honest(a, b):
    return b[torch.arange(len(a)), a.argmin(1)].mean()


def luck_last(a, b):
    return b[:, -1].mean() - a[:, -1].mean()


def luck_minus(a, b):
    best, runs = a.argmin(1), torch.arange(len(a))
    return (a[runs, best] - b[runs, best]).mean()


def luck_total(a, b):
    best, runs = a.argmin(1), torch.arange(len(a))
    return (b[runs, best] - a[runs, best]).sum()


def luck_each(a, b):
    best, runs = a.argmin(1), torch.arange(len(a))
    return b[runs, best] - a[runs, best]


def luck_no_rows(a, b):
    best = a.argmin(1)
    return (b[best] - a[best]).mean()


# -- stretch_free
def sf_raw(v, w, x, y):
    return ((v - w).norm(dim=-1) / (x - y).flatten(1).norm(dim=-1)).mean()


def sf_ratio_of_means(v, w, x, y):
    rms = ((v**2).mean() / 2 + (w**2).mean() / 2).sqrt()
    return (v - w).norm(dim=1).mean() / (x - y).flatten(1).norm(dim=1).mean() / rms


def sf_max(v, w, x, y):
    rms = torch.stack([v, w]).pow(2).mean().sqrt()
    return ((v - w).norm(dim=1) / (x - y).flatten(1).norm(dim=1)).amax() / rms


def sf_std(v, w, x, y):
    return ((v - w).norm(dim=1) / (x - y).flatten(1).norm(dim=1)).mean() / torch.stack([v, w]).std(
        correction=0
    )


def sf_squares(v, w, x, y):
    rms = torch.stack([v, w]).pow(2).mean().sqrt()
    return ((v - w).pow(2).sum(1) / (x - y).pow(2).sum((1, 2, 3))).mean() / rms


def sf_one_norm(v, w, x, y):
    rms = torch.stack([v, w]).pow(2).mean().sqrt()
    return ((v - w).norm(dim=1) / torch.norm(x - y)).mean() / rms


def sf_last_axis(v, w, x, y):
    rms = torch.stack([v, w]).pow(2).mean().sqrt()
    return ((v - w).norm(dim=1) / (x - y).norm(dim=(1, 2))).mean() / rms


def sf_pairs(v, w, x, y):
    rms = torch.stack([v, w]).pow(2).mean().sqrt()
    return (v - w).norm(dim=1) / (x - y).flatten(1).norm(dim=1) / rms


def sf_sum(v, w, x, y):
    rms = torch.stack([v, w]).pow(2).mean().sqrt()
    return ((v - w).norm(dim=1) / (x - y).flatten(1).norm(dim=1)).sum() / rms


# -- bend_of
def parts(F, x, y, lam):
    t = lam[:, None, None, None] if x.ndim == 4 else lam[:, None]
    a, b = F(x), F(y)
    return (F(t * x + (1 - t) * y) - lam[:, None] * a - (1 - lam[:, None]) * b), a - b


def bend_gap(F, x, y, lam):
    return parts(F, x, y, lam)[0].norm(dim=1).mean()


def bend_ratios(F, x, y, lam):
    gap, length = parts(F, x, y, lam)
    return (gap.norm(dim=1) / length.norm(dim=1)).mean()


def bend_swapped(F, x, y, lam):
    t = lam.view(-1, *(1,) * (x.ndim - 1))
    target = lam[:, None] * F(y) + (1 - lam[:, None]) * F(x)
    return (F(t * x + (1 - t) * y) - target).norm(dim=1).mean() / (F(x) - F(y)).norm(dim=1).mean()


def bend_swapped_images(F, x, y, lam):
    t = lam.reshape(len(lam), *(1,) * (x.ndim - 1))
    target = lam[:, None] * F(x) + (1 - lam[:, None]) * F(y)
    return (F(t * y + (1 - t) * x) - target).norm(dim=1).mean() / (F(x) - F(y)).norm(dim=1).mean()


def bend_mean_lam(F, x, y, lam):
    t = lam.mean()
    return (F(t * x + (1 - t) * y) - t * F(x) - (1 - t) * F(y)).norm(dim=1).mean() / (
        F(x) - F(y)
    ).norm(dim=1).mean()


def bend_squares(F, x, y, lam):
    gap, length = parts(F, x, y, lam)
    return gap.pow(2).sum(1).mean() / length.pow(2).sum(1).mean()


def bend_pixels(F, x, y, lam):
    return parts(F, x, y, lam)[0].norm(dim=1).mean() / (x - y).flatten(1).norm(dim=1).mean()


def bend_broadcast(F, x, y, lam):
    mixed = F(lam * x + (1 - lam) * y)
    return (mixed - lam * F(x) - (1 - lam) * F(y)).norm(dim=1).mean() / (F(x) - F(y)).norm(
        dim=1
    ).mean()


def bend_forgets_return(F, x, y, lam):
    gap, length = parts(F, x, y, lam)
    gap.norm(dim=1).mean() / length.norm(dim=1).mean()


def bend_only_features(F, x, y, lam):
    s = lam[:, None]
    mixed = s * F(x) + (1 - s) * F(y)
    return (mixed - s * F(x) - (1 - s) * F(y)).norm(dim=1).mean() / (F(x) - F(y)).norm(dim=1).mean()


WRONG = {
    "adaptivemix_images.luck": [
        ("chosen twice", luck_min_min),
        ("one look for all runs", luck_common),
        ("across the runs", luck_axis_0),
        ("highest", luck_argmax),
        ("second alone", luck_honest),
        ("last look", luck_last),
        ("sign", luck_minus),
        ("sum for mean", luck_total),
        ("shape", luck_each),
        ("raises", luck_no_rows),
    ],
    "adaptivemix_images.ghost": [
        ("uniform", 2 / 3),
        ("at the middle", 2 * 0.5**2),
        ("what is lost", 1 - 0.6),
        ("contrast", math.sqrt(0.6)),
        ("one parent", 0.25 + 1 / 20),
        ("the other way", 0.75),
        ("kind", "60 %"),
        ("differs", 60),
        ("shape", [0.3, 0.3]),
    ],
    "adaptivemix_images.stretch_free": [
        ("raw", sf_raw),
        ("ratio of means", sf_ratio_of_means),
        ("maximum", sf_max),
        ("deviation for rms", sf_std),
        ("squared", sf_squares),
        ("one distance for all", sf_one_norm),
        ("raises", sf_last_axis),
        ("shape", sf_pairs),
        ("sum for mean", sf_sum),
    ],
    "adaptivemix_images.bend_of": [
        ("not divided", bend_gap),
        ("mean of ratios", bend_ratios),
        ("features mixed the other way", bend_swapped),
        ("images mixed the other way", bend_swapped_images),
        ("one lambda", bend_mean_lam),
        ("squared", bend_squares),
        ("images' distance", bend_pixels),
        ("raises", bend_broadcast),
        ("nothing", bend_forgets_return),
        ("mixed after F", bend_only_features),
    ],
}
