"""Wrong answers to the exercises of notebook 08, each with the key of the hint it must get."""

import math
from math import pi, sqrt

import torch
from torch.nn.functional import normalize


# -- push
def push_with_self(anchors, g, copies, tau):
    fakes = torch.cat([g, copies])
    w_r, w_g = torch.softmax(g @ anchors.T / tau, dim=1), torch.softmax(g @ fakes.T / tau, dim=1)
    return (w_r @ anchors - w_g @ fakes) / tau


def push_without_copies_of_self(anchors, g, copies, tau):
    fakes, n = torch.cat([g, copies]), len(g)
    s = g @ fakes.T / tau
    for i in range(n):
        s[i, i::n] = -math.inf
    return ((g @ anchors.T / tau).softmax(1) @ anchors - s.softmax(1) @ fakes) / tau


def push_plain_fakes(anchors, g, copies, tau):
    s = (g @ g.T / tau).fill_diagonal_(-math.inf)
    return ((g @ anchors.T / tau).softmax(1) @ anchors - s.softmax(1) @ g) / tau


def masked(g, fakes, scale):
    s = g @ fakes.T * scale
    s[:, : len(g)].fill_diagonal_(-math.inf)
    return s.softmax(-1) @ fakes


def push_times_tau(anchors, g, copies, tau):
    return (
        (g @ anchors.T * tau).softmax(1) @ anchors - masked(g, torch.cat([g, copies]), tau)
    ) / tau


def push_no_factor(anchors, g, copies, tau):
    return (g @ anchors.T / tau).softmax(1) @ anchors - masked(g, torch.cat([g, copies]), 1 / tau)


def push_plain_means(anchors, g, copies, tau):
    total = g.sum(0) + copies.sum(0)
    return (anchors.mean(0) - (total - g) / (len(g) + len(copies) - 1)) / tau


def push_gradient(anchors, g, copies, tau):
    return (
        masked(g, torch.cat([g, copies]), 1 / tau) - (g @ anchors.T / tau).softmax(1) @ anchors
    ) / tau


def push_mean(anchors, g, copies, tau):
    return (
        ((g @ anchors.T / tau).softmax(1) @ anchors - masked(g, torch.cat([g, copies]), 1 / tau))
        / tau
        / len(g)
    )


def push_average_fake(anchors, g, copies, tau):
    return (
        ((g @ anchors.T / tau).softmax(1) @ anchors - masked(g, torch.cat([g, copies]), 1 / tau))
        / tau
    ).mean(0)


def push_no_log(anchors, g, copies, tau):
    near = torch.exp(g @ anchors.T / tau) @ anchors
    fakes = torch.cat([g, copies])
    k = torch.exp(g @ fakes.T / tau)
    k[range(len(g)), range(len(g))] = 0
    return (near - k @ fakes) / tau


def push_square_mask(anchors, g, copies, tau):
    fakes = torch.cat([g, copies])
    s = (g @ fakes.T / tau).masked_fill(torch.eye(len(g)).bool(), -math.inf)
    return ((g @ anchors.T / tau).softmax(1) @ anchors - s.softmax(1) @ fakes) / tau


def push_wrong_softmax_axis(anchors, g, copies, tau):
    fakes = torch.cat([g, copies])
    s = g @ fakes.T / tau
    s[:, : len(g)].fill_diagonal_(-math.inf)
    return ((g @ anchors.T / tau).softmax(0) @ anchors - s.softmax(0) @ fakes) / tau


# -- jacobian
def unit(u):
    return normalize(u.flatten(1), dim=1).reshape(u.shape)


def jac_mean(phi, x_real, x_fake, u, delta):
    x = torch.cat([x_real, x_fake])
    return ((phi(x + delta * unit(u)) - phi(x)).norm(dim=-1) / delta - 1).abs().mean()


def jac_no_delta(phi, x_real, x_fake, u, delta):
    x = torch.cat([x_real, x_fake])
    return ((phi(x + delta * unit(u)) - phi(x)).norm(dim=-1) - 1).abs().sum() / len(x_real)


def jac_raw_direction(phi, x_real, x_fake, u, delta):
    x = torch.cat([x_real, x_fake])
    return ((phi(x + delta * u) - phi(x)).norm(dim=-1) / delta - 1).abs().sum() / len(x_real)


def jac_normalize(phi, x_real, x_fake, u, delta):
    x = torch.cat([x_real, x_fake])
    return ((phi(x + delta * normalize(u)) - phi(x)).norm(dim=-1) / delta - 1).abs().sum() / len(
        x_real
    )


def jac_batch_norm(phi, x_real, x_fake, u, delta):
    x = torch.cat([x_real, x_fake])
    return (
        (phi(x + delta * u / torch.linalg.vector_norm(u)) - phi(x)).norm(dim=-1) / delta - 1
    ).abs().sum() / len(x_real)


def jac_squared(phi, x_real, x_fake, u, delta):
    x = torch.cat([x_real, x_fake])
    return (((phi(x + delta * unit(u)) - phi(x)).norm(dim=-1) / delta - 1) ** 2).sum() / len(x_real)


def jac_reals(phi, x_real, x_fake, u, delta):
    v = unit(u)[: len(x_real)]
    return ((phi(x_real + delta * v) - phi(x_real)).norm(dim=-1) / delta - 1).abs().sum() / len(
        x_real
    )


def jac_each(phi, x_real, x_fake, u, delta):
    x = torch.cat([x_real, x_fake])
    return ((phi(x + delta * unit(u)) - phi(x)).norm(dim=-1) / delta - 1).abs() / len(x_real)


def jac_moves_the_images(phi, x_real, x_fake, u, delta):
    before = torch.cat([phi(x_real), phi(x_fake)])
    x_real += delta * unit(u)[: len(x_real)]
    x_fake += delta * unit(u)[len(x_real) :]
    after = torch.cat([phi(x_real), phi(x_fake)])
    return ((after - before).norm(dim=-1) / delta - 1).abs().sum() / len(x_real)


def jac_over_delta_of_zero(phi, x_real, x_fake, u, delta):
    x = torch.cat([x_real, x_fake])
    delta = 0.0
    return ((phi(x + delta * unit(u)) - phi(x)).norm(dim=-1) / delta - 1).abs().sum() / len(x_real)


# -- even_step
def step_root(d, bits):
    return sqrt(2.0**-bits / 3 * sqrt(2 * d / pi))


def step_ratio(d, bits):
    return sqrt(d * 2.0**-bits / (3 * 1e-3) * sqrt(2 / (pi * d)))


def step_no_third(d, bits):
    return 2.0**-bits * d * sqrt(2 / (pi * d))


def step_target(d, bits):
    return 256 * 2**-bits / 3 * sqrt(2 / (pi * d))


def step_bits(d, bits):
    return 2**bits / 3 * sqrt(2 * d / pi)


def step_rms(d, bits):
    return d * 2**-bits / 3 * sqrt(1 / d)


def step_no_truth(d, bits):
    return 2**-bits / 3 * sqrt(2 / (pi * d))


def step_inverse(d, bits):
    return 1 / (2**-bits / 3 * sqrt(2 * d / pi))


def step_math(d, bits):
    return math.sqrt(torch.tensor(d)) / 0 * bits


WRONG = {
    "kdd_images.push": [
        ("own kernel", push_with_self),
        ("own copies left out", push_without_copies_of_self),
        ("copies forgotten", push_plain_fakes),
        ("temperature", push_times_tau),
        ("tau once", push_no_factor),
        ("no weights", push_plain_means),
        ("up the loss", push_gradient),
        ("mean for sum", push_mean),
        ("shape", push_average_fake),
        ("differs", push_no_log),
        ("raises", push_square_mask),
        ("differs", push_wrong_softmax_axis),
    ],
    "kdd_images.worth": [
        ("in proportion", 64 * 4 / 8),
        ("in proportion", 63 * 4 / 7),
        ("independent", 64),
        ("limit", 7.0),
        ("rho", 1 / 7),
        ("no more", 4),
        ("N for N + 1", 63 / (1 + 63 / 7)),
        ("N for N + 1", 63 / (1 + 63 * 0.75 / 7)),
        ("kind", "six"),
        ("differs", 12.8),
        ("not finite", float("inf")),
    ],
    "kdd_images.jacobian": [
        ("mean over both", jac_mean),
        ("step not divided", jac_no_delta),
        ("direction too long", jac_raw_direction),
        ("length by channel", jac_normalize),
        ("one length for all", jac_batch_norm),
        ("squared", jac_squared),
        ("reals alone", jac_reals),
        ("shape", jac_each),
        ("changes its input", jac_moves_the_images),
        ("not finite", jac_over_delta_of_zero),
    ],
    "kdd_images.even_step": [
        ("root", step_root),
        ("noise over truth", step_ratio),
        ("third forgotten", step_no_third),
        ("truth of 1", step_target),
        ("bits upside down", step_bits),
        ("rms for mean", step_rms),
        ("d forgotten", step_no_truth),
        ("differs", step_inverse),
        ("raises", step_math),
    ],
}
