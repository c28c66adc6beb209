"""Wrong answers to the exercises of notebook 10, each with the key of the hint it must get."""

import torch


# -- go_on
def forgets_m(w, grads, m, v, t, lr, betas):
    m = 0
    for g in grads:
        t = t + 1
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        w = w - lr * (m / (1 - betas[0] ** t)) / ((v / (1 - betas[1] ** t)) ** 0.5 + 1e-8)
    return w


def forgets_v(w, grads, m, v, t, lr, betas):
    v = 0
    for g in grads:
        t = t + 1
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        w = w - lr * (m / (1 - betas[0] ** t)) / ((v / (1 - betas[1] ** t)) ** 0.5 + 1e-8)
    return w


def forgets_both(w, grads, m, v, t, lr, betas):
    m = v = torch.zeros_like(w)
    for g in grads:
        t = t + 1
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        w = w - lr * (m / (1 - betas[0] ** t)) / ((v / (1 - betas[1] ** t)) ** 0.5 + 1e-8)
    return w


def counts_anew(w, grads, m, v, t, lr, betas):
    for t, g in enumerate(grads, 1):
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        w = w - lr * (m / (1 - betas[0] ** t)) / ((v / (1 - betas[1] ** t)) ** 0.5 + 1e-8)
    return w


def never_counts(w, grads, m, v, t, lr, betas):
    c1, c2 = 1 - betas[0] ** t, 1 - betas[1] ** t
    for g in grads:
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        w = w - lr * (m / c1) / ((v / c2) ** 0.5 + 1e-8)
    return w


def uncorrected(w, grads, m, v, t, lr, betas):
    for g in grads:
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        w = w - lr * m / (v.sqrt() + 1e-8)
    return w


def climbs(w, grads, m, v, t, lr, betas):
    for g in grads:
        t = t + 1
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        w = w + lr * (m / (1 - betas[0] ** t)) / ((v / (1 - betas[1] ** t)) ** 0.5 + 1e-8)
    return w


def without_root(w, grads, m, v, t, lr, betas):
    for g in grads:
        t = t + 1
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        w = w - lr * (m / (1 - betas[0] ** t)) / (v / (1 - betas[1] ** t) + 1e-8)
    return w


def betas_on_the_gradient(w, grads, m, v, t, lr, betas):
    for g in grads:
        t = t + 1
        m = (1 - betas[0]) * m + betas[0] * g
        v = (1 - betas[1]) * v + betas[1] * g**2
        w = w - lr * (m / (1 - betas[0] ** t)) / ((v / (1 - betas[1] ** t)) ** 0.5 + 1e-8)
    return w


def without_a_loop(w, grads, m, v, t, lr, betas):
    g, t = grads[-1], t + 1
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g**2
    return w - lr * (m / (1 - betas[0] ** t)) / ((v / (1 - betas[1] ** t)) ** 0.5 + 1e-8)


def eats_the_checkpoint(w, grads, m, v, t, lr, betas):
    for g in grads:
        t = t + 1
        m.mul_(betas[0]).add_((1 - betas[0]) * g)
        v.mul_(betas[1]).add_((1 - betas[1]) * g**2)
        w = w - lr * (m / (1 - betas[0] ** t)) / ((v / (1 - betas[1] ** t)) ** 0.5 + 1e-8)
    return w


def by_the_library(w, grads, m, v, t, lr, betas):
    p = torch.nn.Parameter(w.clone())
    opt = torch.optim.Adam([p], lr, betas)
    for g in grads:
        p.grad = g
        opt.step()
    return p.detach()


# -- reports
def over_seeds(curves):
    best = curves.min(dim=0).values
    return torch.stack([curves[:, -1].mean(), best.mean(), curves.min()])


def by_the_mean_curve(curves):
    mean = curves.mean(0)
    return torch.stack([mean[-1], mean.min(), curves.min()])


def higher_is_better(curves):
    return torch.stack([curves[:, -1].mean(), curves.max(1).values.mean(), curves.max()])


def at_the_start(curves):
    return torch.stack([curves[:, 0].mean(), curves.min(1).values.mean(), curves.min()])


def places(curves):
    return torch.stack([curves[:, -1].mean(), curves.min(1).indices.double().mean(), curves.min()])


def lucky_seed_at_the_end(curves):
    return torch.stack([curves[:, -1].mean(), curves.min(1).values.mean(), curves[:, -1].min()])


def from_best_to_worst(curves):
    return torch.stack([curves.min(), curves.min(1).values.mean(), curves[:, -1].mean()])


def sums(curves):
    return torch.stack([curves[:, -1].sum(), curves.min(1).values.sum(), curves.min()])


def each_seed(curves):
    return torch.stack([curves[:, -1], curves.min(1).values, curves.min().expand(len(curves))])


# -- average
def new_by_decay(weights, decay, start):
    a = weights[start]
    for w in weights[start + 1 :]:
        a = (1 - decay) * a + decay * w
    return a


def zeros_first(weights, decay, start):
    a = torch.zeros(weights.shape[1])
    for w in weights[start:]:
        a = decay * a + (1 - decay) * w
    return a


def as_adam_does(weights, decay, start):
    a, n = torch.zeros(weights.shape[1]), 0
    for w in weights[start:]:
        a, n = decay * a + (1 - decay) * w, n + 1
    return a / (1 - decay**n)


def from_the_first_row(weights, decay, start):
    a = weights[0]
    for w in weights[1:]:
        a = decay * a + (1 - decay) * w
    return a


def all_alike(weights, decay, start):
    return weights[start:].mean(dim=0)


def one_too_few(weights, decay, start):
    a = weights[start]
    for t in range(start + 1, len(weights) - 1):
        a = decay * a + (1 - decay) * weights[t]
    return a


def one_too_late(weights, decay, start):
    a = weights[start + 1]
    for t in range(start + 2, len(weights)):
        a = decay * a + (1 - decay) * weights[t]
    return a


def the_net(weights, decay, start):
    return weights[-1].clone()


def in_the_callers_row(weights, decay, start):
    a = weights[start]
    for w in weights[start + 1 :]:
        a *= decay
        a += (1 - decay) * w
    return a


def whole_path(weights, decay, start):
    rows = [weights[start]]
    for w in weights[start + 1 :]:
        rows.append(decay * rows[-1] + (1 - decay) * w)
    return torch.stack(rows)


WRONG = {
    "full_run.epochs": [
        ("turns of D", 125_000 * 64 / 50_000),
        ("divided", 125_000 / 5 * 64 / 50_000),
        ("the other row", 80),
        ("fakes too", 1600.0),
        ("all of CIFAR", 667),
        ("pictures", 40_000_000),
        ("upside down", 50_000 / (125_000 * 5 * 64)),
        ("kind", "800 epochs"),
        ("differs", 2.5),
    ],
    "full_run.go_on": [
        ("no first moment", forgets_m),
        ("a new clock", counts_anew),
        ("no second moment", forgets_v),
        ("no moments", forgets_both),
        ("the clock stands", never_counts),
        ("no correction", uncorrected),
        ("uphill", climbs),
        ("no root", without_root),
        ("betas swapped", betas_on_the_gradient),
        ("last gradient", without_a_loop),
        ("changes its input", eats_the_checkpoint),
        ("borrowed", by_the_library),
    ],
    "full_run.reports": [
        ("seeds and looks", over_seeds),
        ("best of the mean", by_the_mean_curve),
        ("highest", higher_is_better),
        ("first look", at_the_start),
        ("where, not what", places),
        ("last of the best seed", lucky_seed_at_the_end),
        ("other order", from_best_to_worst),
        ("summed over seeds", sums),
        ("shape", each_seed),
    ],
    "full_run.average": [
        ("shares swapped", new_by_decay),
        ("from zero", zeros_first),
        ("corrected", as_adam_does),
        ("no start", from_the_first_row),
        ("plain mean", all_alike),
        ("last step missing", one_too_few),
        ("a step late", one_too_late),
        ("not averaged", the_net),
        ("changes its input", in_the_callers_row),
        ("shape", whole_path),
    ],
}
