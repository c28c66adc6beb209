"""Wrong answers to the exercises of notebook 01, each with the key of the hint it must get."""

import math

import torch
from torch.nn.functional import softplus


def v_statistic(x, y):
    return 2 * torch.cdist(x, y).mean() - torch.cdist(x, x).mean() - torch.cdist(y, y).mean()


def without_itself(d):
    return d.sum() / (len(d) * (len(d) - 1))


def squared(x, y):
    d = [((a[:, None] - b[None]) ** 2).sum(-1) for a, b in ((x, y), (x, x), (y, y))]
    return 2 * d[0].mean() - without_itself(d[1]) - without_itself(d[2])


def no_two(x, y):
    return (
        torch.cdist(x, y).mean()
        - without_itself(torch.cdist(x, x))
        - without_itself(torch.cdist(y, y))
    )


def no_reals(x, y):
    return 2 * torch.cdist(x, y).mean() - without_itself(torch.cdist(x, x))


def upper_triangle(x, y):
    within = sum(torch.cdist(a, a).triu(1).sum() / (len(a) * (len(a) - 1)) for a in (x, y))
    return 2 * torch.cdist(x, y).mean() - within


def manhattan(x, y):
    return (
        2 * torch.cdist(x, y, p=1).mean()
        - without_itself(torch.cdist(x, x, p=1))
        - without_itself(torch.cdist(y, y, p=1))
    )


def negative(x, y):
    return (
        without_itself(torch.cdist(x, x))
        + without_itself(torch.cdist(y, y))
        - 2 * torch.cdist(x, y).mean()
    )


def one_by_one(x, y):
    return (
        2 * (x - y).norm(dim=-1).mean()
        - without_itself(torch.cdist(x, x))
        - without_itself(torch.cdist(y, y))
    )


def half(x, y):
    return (
        torch.cdist(x, y).mean()
        - 0.5 * without_itself(torch.cdist(x, x))
        - 0.5 * without_itself(torch.cdist(y, y))
    )


def rows(x, y):
    return (
        2 * torch.cdist(x, y).mean(1)
        - without_itself(torch.cdist(x, x))
        - without_itself(torch.cdist(y, y))
    )


def root(x, y):
    return (negative(x, y)).sqrt()


def as_found(D, w, x_real, x_fake):
    return softplus(-D(w, x_real)).mean() + softplus(D(w, x_fake)).mean()


def cut_behind(D, w, x_real, x_fake):
    return softplus(-D(w, x_real)).mean() + softplus(D(w, x_fake).detach()).mean()


def no_grad(D, w, x_real, x_fake):
    with torch.no_grad():
        return softplus(-D(w, x_real)).mean() + softplus(D(w, x_fake)).mean()


def swapped(D, w, x_real, x_fake):
    return softplus(D(w, x_real)).mean() + softplus(-D(w, x_fake.detach())).mean()


def g_loss(D, w, x_real, x_fake):
    return softplus(-D(w, x_real)).mean() + softplus(-D(w, x_fake.detach())).mean()


def summed(D, w, x_real, x_fake):
    return softplus(-D(w, x_real)).sum() + softplus(D(w, x_fake.detach())).sum()


def mean_of_two(D, w, x_real, x_fake):
    x_fake = x_fake.detach()
    return (softplus(-D(w, x_real)).mean() + softplus(D(w, x_fake)).mean()) / 2


def by_the_book(D, w, x_real, x_fake):
    sigma = torch.sigmoid
    return (
        -torch.log(sigma(D(w, x_real))).mean() - torch.log(1 - sigma(D(w, x_fake.detach()))).mean()
    )


def ascent(D, w, x_real, x_fake):
    return -softplus(-D(w, x_real)).mean() - softplus(D(w, x_fake.detach())).mean()


def two_batches(D, w, x_real, x_fake):
    return softplus(-D(w, x_real)) + softplus(D(w, x_fake.detach()))


def fake_probability(log_p, log_q):
    return 1 / (1 + torch.exp(log_p - log_q))


def density_ratio(log_p, log_q):
    return torch.exp(log_p - log_q)


def logit(log_p, log_q):
    return log_p - log_q


def logs(log_p, log_q):
    return log_p / (log_p + log_q)


def textbook(log_p, log_q):
    return torch.exp(log_p) / (torch.exp(log_p) + torch.exp(log_q))


def with_eps(log_p, log_q):
    return torch.exp(log_p) / (torch.exp(log_p) + torch.exp(log_q) + 1e-8)


def batch_softmax(log_p, log_q):
    return torch.softmax(torch.stack([log_p, log_q]), dim=1)[0]


def both(log_p, log_q):
    return torch.softmax(torch.stack([log_p, log_q]), dim=0)


def mean_confidence(log_p, log_q):
    return torch.sigmoid(log_p - log_q).mean()


def printed(log_p, log_q):
    print(torch.sigmoid(log_p - log_q).shape)


WRONG = {
    "plane.half_the_modes": [
        ("one mode", math.log(8)),
        ("one term", 0.173),
        ("not weighted", 2.77),
        ("base 2", 1.0),
        ("fraction", 0.5),
        ("equal shares", 0.0),
        ("sign", -0.693),
        ("not finite", math.inf),
        ("kind", "ln 2"),
        ("differs", math.log(4)),
    ],
    "plane.energy": [
        ("itself counted", v_statistic),
        ("squared distances", squared),
        ("cross once", no_two),
        ("reals left out", no_reals),
        ("each pair once", upper_triangle),
        ("sum of coordinates", manhattan),
        ("sign", negative),
        ("raises", one_by_one),
        ("factor", half),
        ("shape", rows),
        ("not finite", root),
    ],
    "plane.turn_of_d": [
        ("not detached", as_found),
        ("scores detached", cut_behind),
        ("detached", no_grad),
        ("labels swapped", swapped),
        ("generator's loss", g_loss),
        ("summed", summed),
        ("halved", mean_of_two),
        ("not finite", by_the_book),
        ("sign", ascent),
        ("raises", two_batches),
    ],
    "plane.best_critic": [
        ("swapped", fake_probability),
        ("ratio", density_ratio),
        ("score", logit),
        ("logs divided", logs),
        ("rescued by epsilon", with_eps),
        ("of the batch", batch_softmax),
        ("not finite", textbook),
        ("shape", both),
        ("shape", mean_confidence),
        ("nothing", printed),
    ],
}
