"""Wrong answers to the exercises of notebook 03, each with the key of the hint it must get."""

import torch
from torch.nn.functional import normalize, relu


# -- kdd.log_mean_exp
def naive(s):
    total = torch.exp(s).sum(dim=1)
    kept = (s > -torch.inf).sum(dim=1)
    return torch.log(total / kept)


def naive_mean(s):
    return s.exp().mean(-1).log()


def global_max(s):
    c = s.max()
    return c + torch.log(torch.exp(s - c).sum(-1) / (s != -torch.inf).sum(-1))


def forgot_the_shift(s):
    c = s.max(dim=-1, keepdim=True).values
    return torch.log(torch.exp(s - c).sum(-1) / (~torch.isinf(s)).sum(-1))


def plain_mean(s):
    c = s.amax(-1, keepdim=True)
    return (c + (s - c).exp().mean(-1, keepdim=True).log())[:, 0]


def plain_sum(s):
    c = s.amax(-1)
    return c + torch.log(torch.sum(torch.exp(s.T - c), 0))


def average_of_logs(s):
    return torch.stack([row[row > -torch.inf].mean() for row in s])


def largest(s):
    return torch.max(s, dim=-1)[0]


def kept_column(s):
    c = s.amax(-1, keepdim=True)
    return c + ((s - c).exp().sum(-1, keepdim=True) / s.isfinite().sum(-1, keepdim=True)).log()


def library(s):
    return torch.logsumexp(s, -1) - s.isfinite().sum(-1).log()


def in_place(s):
    kept = s.isfinite().sum(-1)
    c = s.amax(-1)
    s -= c[:, None]
    return s.exp_().sum(-1).log() - kept.log() + c


def no_return(s):
    c = s.amax(-1)
    print((s - c[:, None]).exp().sum(-1).log() + c)


# -- kdd.loss
def gauss(x, a, sigma):
    return torch.exp(-((x[:, None] - a[None]) ** 2).sum(-1) / (2 * sigma**2))


def densities(r, g, sigma, gauss=gauss):
    """Log-ratios by plain sums, with the own bump subtracted."""
    m, n = len(r), len(g)
    rr, gg, rg = gauss(r, r, sigma), gauss(g, g, sigma), gauss(r, g, sigma)
    l_r = torch.log((rr - torch.diag(rr.diagonal())).sum(1) / (m - 1)) - torch.log(rg.mean(1))
    l_g = torch.log(rg.mean(0)) - torch.log((gg - torch.diag(gg.diagonal())).sum(1) / (n - 1))
    return l_r, l_g


def with_self(r, g, sigma):
    l_r = torch.log(gauss(r, r, sigma).mean(1)) - torch.log(gauss(r, g, sigma).mean(1))
    l_g = torch.log(gauss(g, r, sigma).mean(1)) - torch.log(gauss(g, g, sigma).mean(1))
    return torch.relu(1 - l_r).mean() + torch.relu(1 + l_g).mean()


def diagonal_zeroed(r, g, sigma):
    rr, gg = gauss(r, r, sigma), gauss(g, g, sigma)
    rr, gg = rr * (1 - torch.eye(len(r)).to(rr)), gg * (1 - torch.eye(len(g)).to(gg))
    l_r = torch.log(rr.mean(1) / gauss(r, g, sigma).mean(1))
    l_g = torch.log(gauss(g, r, sigma).mean(1) / gg.mean(1))
    return torch.relu(1 - l_r).mean() + torch.relu(1 + l_g).mean()


def sigma_as_variance(r, g, sigma):
    l_r, l_g = densities(r, g, sigma**0.5)
    return relu(1 - l_r).mean() + relu(1 + l_g).mean()


def no_two(r, g, sigma):
    l_r, l_g = densities(
        r, g, sigma, lambda x, a, sigma: torch.exp(-((x[:, None] - a) ** 2).sum(-1) / sigma**2)
    )
    return relu(1 - l_r).mean() + relu(1 + l_g).mean()


def laplace(r, g, sigma):
    l_r, l_g = densities(
        r, g, sigma, lambda x, a, sigma: torch.exp(-torch.cdist(x, a) / (2 * sigma**2))
    )
    return relu(1 - l_r).mean() + relu(1 + l_g).mean()


def wasserstein(r, g, sigma):
    l_r, l_g = densities(r, g, sigma)
    return 2 + l_g.mean() - l_r.mean()


def hinge_of_mean(r, g, sigma):
    l_r, l_g = densities(r, g, sigma)
    return torch.clamp(1 - l_r.mean(), min=0) + torch.clamp(1 + l_g.mean(), min=0)


def swapped_margins(r, g, sigma):
    l_r, l_g = densities(r, g, sigma)
    return relu(1 + l_r).mean() + relu(1 - l_g).mean()


def constant_anchors(r, g, sigma):
    l_r, l_g = densities(r, g, sigma, lambda x, a, sigma: gauss(x, a.detach(), sigma))
    cross = gauss(g, r.detach(), sigma).mean(1).log()
    gg = gauss(g, g.detach(), sigma)
    l_g = cross - ((gg - torch.diag(gg.diagonal())).sum(1) / (len(g) - 1)).log()
    return relu(1 - l_r).mean() + relu(1 + l_g).mean()


def without_gradient(r, g, sigma):
    with torch.no_grad():
        l_r, l_g = densities(r, g, sigma)
        return relu(1 - l_r).mean() + relu(1 + l_g).mean()


def each_point(r, g, sigma):
    l_r, l_g = densities(r, g, sigma)
    return torch.cat([relu(1 - l_r), relu(1 + l_g)])


def halved(r, g, sigma):
    l_r, l_g = densities(r, g, sigma)
    return (relu(1 - l_r).mean() + relu(1 + l_g).mean()) / 2


def negative(r, g, sigma):
    l_r, l_g = densities(r, g, sigma)
    return -(relu(1 - l_r).mean() + relu(1 + l_g).mean())


def one_block(r, g, sigma):
    return relu(1 - torch.log(gauss(r, r, sigma) / gauss(r, g, sigma)))


# -- kdd.turn
def only_projected(u, push):
    phi = normalize(u, dim=-1)
    return push - phi * (phi * push).sum(-1, keepdim=True)


def length_squared(u, push):
    phi = u / u.norm(dim=-1, keepdim=True)
    return (push - phi * (phi * push).sum(-1, keepdim=True)) / (u**2).sum(-1, keepdim=True)


def only_scaled(u, push):
    return push / u.norm(dim=-1)[:, None]


def with_u(u, push):
    return (push - u * (u * push).sum(-1, keepdim=True)) / u.norm(dim=-1, keepdim=True)


def along(u, push):
    phi = normalize(u, dim=-1)
    return phi * (phi * push).sum(-1, keepdim=True) / u.norm(dim=-1, keepdim=True)


def no_dim(u, push):
    phi = u / torch.norm(u)
    return (push - phi * torch.sum(phi * push)) / torch.norm(u)


def uphill(u, push):
    phi, length = normalize(u, dim=-1), u.norm(dim=-1, keepdim=True)
    return (phi * (phi * push).sum(-1, keepdim=True) - push) / length


def broadcast(u, push):
    phi = normalize(u, dim=-1)
    return (push - phi * (phi * push).sum(-1)) / u.norm(dim=-1)


def first_axis(u, push):
    phi = normalize(u, dim=0)
    return (push - phi * (phi * push).sum(0, keepdim=True)) / u.norm(dim=0, keepdim=True)


def added(u, push):
    phi = normalize(u, dim=-1)
    return (push + phi * (phi * push).sum(-1, keepdim=True)) / u.norm(dim=-1, keepdim=True)


WRONG = {
    "kdd.log_mean_exp": [
        ("overflow", naive),
        ("not finite", naive_mean),
        ("one shift for all rows", global_max),
        ("shift not given back", forgot_the_shift),
        ("masked entries counted", plain_mean),
        ("sum instead of mean", plain_sum),
        ("mean of the logs", average_of_logs),
        ("nearest only", largest),
        ("shape", kept_column),
        ("borrowed", library),
        ("changes its input", in_place),
        ("nothing", no_return),
    ],
    "kdd.loss": [
        ("own bump counted", with_self),
        ("divided by all", diagonal_zeroed),
        ("sigma not squared", sigma_as_variance),
        ("2 missing", no_two),
        ("distance not squared", laplace),
        ("no hinge", wasserstein),
        ("hinge after the mean", hinge_of_mean),
        ("margins swapped", swapped_margins),
        ("anchors detached", constant_anchors),
        ("detached", without_gradient),
        ("shape", each_point),
        ("factor", halved),
        ("sign", negative),
        ("raises", one_block),
    ],
    "kdd.turn": [
        ("length missing", only_projected),
        ("length twice", length_squared),
        ("radial part kept", only_scaled),
        ("not unit", with_u),
        ("radial part alone", along),
        ("batch leak", no_dim),
        ("sign", uphill),
        ("raises", broadcast),
        ("differs", first_axis),
        ("differs", added),
    ],
    "kdd.floor": [
        ("signed features", 1.2),
        ("margin out of reach", 0),
        ("one side", 0.8),
        ("nothing learnt", 2),
        ("the bound itself", 1 / 5),
        ("the worst loss", 2.4),
        ("sign", -1.6),
        ("kind", "1.6"),
        ("shape", torch.tensor([1.6])),
        ("differs", 1.0),
    ],
}
