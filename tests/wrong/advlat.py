"""Wrong answers to the exercises of notebook 04, each with the key of the hint it must get."""

import torch
from torch.nn.functional import softplus


# -- advlat.ball
def ascends(z, start, g, eps, radius):
    return torch.maximum(torch.minimum(z + eps * torch.sign(g), start + radius), start - radius)


def no_sign(z, start, g, eps, radius):
    return torch.maximum(torch.minimum(z - eps * g, start + radius), start - radius)


def normalised(z, start, g, eps, radius):
    z = z - eps * torch.nn.functional.normalize(g, dim=-1)
    return torch.clamp(z, start - radius, start + radius)


def around_zero(z, start, g, eps, radius):
    return torch.clip(z - eps * g.sign(), -radius, radius)


def around_z(z, start, g, eps, radius):
    return torch.clamp(z - eps * g.sign(), z - radius, z + radius)


def clipped_too_early(z, start, g, eps, radius):
    z = torch.clamp(z, start - radius, start + radius)
    return z - eps * torch.sign(g) * 1.0


def clipped_first(z, start, g, eps, radius):
    way = torch.clamp(z - eps * g.sign(), start - eps, start + eps)
    return way


def l2_ball(z, start, g, eps, radius):
    way = z - eps * g.sign() - start
    length = way.norm(dim=1, keepdim=True)
    return start + torch.where(length > radius, way * radius / length, way)


def stays(z, start, g, eps, radius):
    new = z - eps * g.sign()
    outside = (new - start).abs() > radius + 1e-12
    new[outside] = z[outside]
    return new


def way_only(z, start, g, eps, radius):
    return (z - eps * g.sign() - start).clamp(min=-radius, max=radius)


def mixed_bounds(z, start, g, eps, radius):
    return torch.clamp(z - eps * g.sign(), start - radius, radius)


def in_place(z, start, g, eps, radius):
    z -= eps * g.sign()
    return torch.clamp(z, start - radius, start + radius)


def forgot_return(z, start, g, eps, radius):
    torch.clamp(z - eps * g.sign(), start - radius, start + radius)


# -- advlat.qua
def plain_gan(z, x_real, G, D, eps):
    loss_d = softplus(-D(x_real).score).mean() + softplus(D(G(z).detach()).score).mean()
    return loss_d, softplus(-D(G(z)).score).mean()


def search(z, G, D, eps, way=1.0):
    z = z.detach().requires_grad_(True)
    (g,) = torch.autograd.grad(D(G(z)).score.sum(), z)
    return (z + way * eps * g.sign()).detach()


def descends(z, x_real, G, D, eps):
    z_moved = search(z, G, D, eps, -1.0)
    loss_d = softplus(-D(x_real).score).mean() + softplus(D(G(z_moved)).score).mean()
    return loss_d, softplus(-D(G(z)).score).mean()


def moved_for_both(z, x_real, G, D, eps):
    fake = G(search(z, G, D, eps))
    return softplus(-D(x_real).score).mean() + softplus(D(fake).score).mean(), softplus(
        -D(fake).score
    ).mean()


def moved_for_g(z, x_real, G, D, eps):
    loss_d = softplus(-D(x_real).score).mean() + softplus(D(G(z.detach())).score).mean()
    return loss_d, softplus(-D(G(search(z, G, D, eps))).score).mean()


def not_detached(z, x_real, G, D, eps):
    score = D(G(z)).score
    (g,) = torch.autograd.grad(score.sum(), z, retain_graph=True)
    loss_d = (
        softplus(-D(x_real).score).mean() + softplus(D(G(z + eps * torch.sign(g))).score).mean()
    )
    return loss_d, softplus(-score).mean()


def plain_slope(z, x_real, G, D, eps):
    at = z.detach().requires_grad_()
    (g,) = torch.autograd.grad(D(G(at)).score.sum(), at)
    loss_d = (
        softplus(-D(x_real).score).mean() + softplus(D(G((at + eps * g).detach())).score).mean()
    )
    return loss_d, softplus(-D(G(z)).score).mean()


def minimax(z, x_real, G, D, eps):
    loss_d = softplus(-D(x_real).score).mean() + softplus(D(G(search(z, G, D, eps))).score).mean()
    return loss_d, torch.log(1 - torch.sigmoid(D(G(z)).score)).mean()


def labels_swapped(z, x_real, G, D, eps):
    loss_d = softplus(D(x_real).score).mean() + softplus(-D(G(search(z, G, D, eps))).score).mean()
    return loss_d, softplus(-D(G(z)).score).mean()


def g_first(z, x_real, G, D, eps):
    loss_d = softplus(-D(x_real).score).mean() + softplus(D(G(search(z, G, D, eps))).score).mean()
    return softplus(-D(G(z)).score).mean(), loss_d


def without_score(z, x_real, G, D, eps):
    fake = G(search(z, G, D, eps))
    return softplus(-D(x_real)).mean() + softplus(D(fake)).mean(), softplus(-D(G(z))).mean()


def only_d(z, x_real, G, D, eps):
    return softplus(-D(x_real).score).mean() + softplus(D(G(search(z, G, D, eps))).score).mean()


def all_constant(z, x_real, G, D, eps):
    z = z.detach()
    loss_d = softplus(-D(x_real).score).mean() + softplus(D(G(search(z, G, D, eps))).score).mean()
    return loss_d, softplus(-D(G(z)).score).mean()


# -- advlat.pairs
def the_ratio(x1, x2, z1, z2):
    return torch.mean(torch.abs(x2 - x1)) / torch.mean(torch.abs(z2 - z1))


def minus_ratio(x1, x2, z1, z2):
    return -(x1 - x2).abs().mean() / (z1 - z2).abs().mean()


def each_pair(x1, x2, z1, z2):
    ratio = (x1 - x2).abs().mean(1) / (z1 - z2).abs().mean(1)
    return (1 / (ratio + 1e-5)).mean()


def mean_ratio(x1, x2, z1, z2):
    ratio = ((x1 - x2).abs().mean(1) / (z1 - z2).abs().mean(1)).mean()
    return 1 / (ratio + 1e-5)


def squares(x1, x2, z1, z2):
    return 1 / (((x1 - x2) ** 2).mean() / ((z1 - z2) ** 2).mean() + 1e-5)


def lengths(x1, x2, z1, z2):
    d_x, d_z = torch.linalg.norm(x1 - x2, dim=1), torch.linalg.norm(z1 - z2, dim=1)
    return 1 / (d_x.mean() / d_z.mean() + 1e-5)


def sums(x1, x2, z1, z2):
    return 1 / (torch.sum((x1 - x2).abs()) / torch.sum((z1 - z2).abs()) + 1e-5)


def plus_one(x1, x2, z1, z2):
    return 1 / ((x1 - x2).abs().mean() / ((z1 - z2).abs().mean() + 1) + 1e-5)


def one_each(x1, x2, z1, z2):
    return 1 / ((x1 - x2).abs().mean(1) / (z1 - z2).abs().mean(1) + 1e-5)


def first_constant(x1, x2, z1, z2):
    return 1 / ((x2 - x1.detach()).abs().mean() / (z2 - z1).abs().mean() + 1e-5)


def no_safety(x1, x2, z1, z2):
    return (z2 - z1).abs().mean() / (x2 - x1).abs().mean()


def minus(x1, x2, z1, z2):
    return -1 / ((x2 - x1).abs().mean() / (z2 - z1).abs().mean() + 1e-5)


WRONG = {
    "advlat.phi": [
        ("rises", {"exp(-y)", "-sigmoid(y)", "-y - y**3", "log(1 + exp(y))"}),
        ("turns round", {"exp(-y)", "-sigmoid(y)", "-y - y**3", "(y - 1)**2"}),
        ("falls silent", ["exp(-y)", "-sigmoid(y)", "-y - y**3", "relu(1 - y)"]),
        ("size of the slope", {"exp(-y)", "-y - y**3"}),
        ("size of the slope", "-sigmoid(y)"),
        ("differs", {"exp(y)", "-sigmoid(y)", "-y - y**3"}),
        ("kind", 3),
        ("differs", set()),
    ],
    "advlat.ball": [
        ("uphill", ascends),
        ("gradient for its sign", no_sign),
        ("unit length", normalised),
        ("ball around zero", around_zero),
        ("no wall", around_z),
        ("no wall", clipped_too_early),
        ("differs", clipped_first),
        ("round ball", l2_ball),
        ("step refused", stays),
        ("start not added", way_only),
        ("raises", mixed_bounds),
        ("changes its input", in_place),
        ("nothing", forgot_return),
    ],
    "advlat.qua": [
        ("nothing moved", plain_gan),
        ("moved downwards", descends),
        ("G sees moved latents", moved_for_both),
        ("the other player", moved_for_g),
        ("graph kept", not_detached),
        ("gradient for its sign", plain_slope),
        ("saturating", minimax),
        ("real and fake swapped", labels_swapped),
        ("order", g_first),
        ("raises", without_score),
        ("shape", only_d),
        ("detached", all_constant),
    ],
    "advlat.pairs": [
        ("upside down", the_ratio),
        ("older form", minus_ratio),
        ("ratio of each pair", each_pair),
        ("mean of the ratios", mean_ratio),
        ("squared", squares),
        ("Euclidean", lengths),
        ("sums for means", sums),
        ("the search's +1", plus_one),
        ("shape", one_each),
        ("detached", first_constant),
        ("sign", minus),
    ],
}
