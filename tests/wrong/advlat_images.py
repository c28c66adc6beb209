"""Wrong answers to the exercises of notebook 09, each with the key of the hint it must get."""

import math

import torch


# -- passes
def each_waits_for_itself(score):
    keep = torch.exp(score - torch.max(score))
    waiting = 1 / keep
    return waiting.mean()


def share_kept(score):
    return torch.exp(score - score.max()).sum() / len(score)


def over_the_kept(score):
    p = torch.exp(score - score.max())
    return 1 / p.sum()


def thrown_away(score):
    p = torch.exp(score - score.max()).mean()
    return (1 - p) / p


def keep_by_sigmoid(score):
    p = 1 / (1 + torch.exp(score.max() - score))
    return len(p) / p.sum()


def typical_score(score):
    return 1 / torch.exp(torch.mean(score - score.max()))


def not_against_the_top(score):
    return len(score) / torch.exp(score).sum()


def overflows(score):
    return torch.exp(score.max()) / torch.exp(score).mean()


def prints_it(score):
    print(1 / torch.exp(score - score.max()).mean(), end="")


def one_for_each(score):
    return 1 / torch.exp(score - score.max()).cumsum(0)


# -- leash
def bare_step(z, g, eps):
    return z + eps * torch.sign(g)


def whole_batch(z, g, eps):
    new = z + eps * torch.sign(g)
    return new / new.norm() * z.norm()


def down_the_batch(z, g, eps):
    new = z + eps * torch.sign(g)
    return new / new.norm(dim=0, keepdim=True) * z.norm(dim=0, keepdim=True)


def normalised(z, g, eps):
    new = z + eps * torch.sign(g)
    return torch.nn.functional.normalize(new, dim=1)


def on_the_shell(z, g, eps):
    new = torch.nn.functional.normalize(z + eps * torch.sign(g), dim=1)
    return math.sqrt(z.shape[1]) * new


def descends(z, g, eps):
    new = z - eps * torch.sign(g)
    return new * (z.norm(dim=1, keepdim=True) / new.norm(dim=1, keepdim=True))


def plain_gradient(z, g, eps):
    new = z + eps * g
    return new * (z.norm(dim=1, keepdim=True) / new.norm(dim=1, keepdim=True))


def along_the_tangent(z, g, eps):
    unit = z / z.norm(dim=1, keepdim=True)
    s = torch.sign(g)
    return z + eps * (s - (s * unit).sum(1, keepdim=True) * unit)


def axis_is_lost(z, g, eps):
    new = z + eps * torch.sign(g)
    return new * z.norm(dim=1) / new.norm(dim=1)


def in_place(z, g, eps):
    length = z.norm(dim=1, keepdim=True)
    z += eps * torch.sign(g)
    return z * length / z.norm(dim=1, keepdim=True)


# -- credit
def table(*links):
    return torch.stack([torch.stack([d.mean(), d.std() / math.sqrt(len(d))]) for d in links])


def everything_to_the_search(msgan, neighbours, div):
    return table(neighbours - msgan, div - msgan)


def search_first(msgan, neighbours, div):
    return table(div - neighbours, neighbours - msgan)


def changes_then_errors(msgan, neighbours, div):
    d = torch.stack([neighbours - msgan, div - neighbours])
    return torch.stack([d.mean(1), d.std(1) / math.sqrt(d.shape[1])])


def lower_is_better(msgan, neighbours, div):
    return table(msgan - neighbours, neighbours - div)


def errors_add_up(msgan, neighbours, div):
    n = len(div)
    start = [(neighbours.mean() - msgan.mean()), torch.sqrt(msgan.var() / n + neighbours.var() / n)]
    search = [(div.mean() - neighbours.mean()), torch.sqrt(neighbours.var() / n + div.var() / n)]
    return torch.tensor([start, search])


def by_n(msgan, neighbours, div):
    rows = []
    for d in (neighbours - msgan, div - neighbours):
        spread = ((d - d.mean()) ** 2).mean().sqrt()
        rows.append([d.mean(), spread / math.sqrt(len(d))])
    return torch.tensor(rows)


def not_of_the_mean(msgan, neighbours, div):
    return torch.tensor([[d.mean(), d.std()] for d in (neighbours - msgan, div - neighbours)])


def variance(msgan, neighbours, div):
    return torch.tensor(
        [[d.mean(), d.var() / len(d)] for d in (neighbours - msgan, div - neighbours)]
    )


def only_the_changes(msgan, neighbours, div):
    return torch.stack([(neighbours - msgan).mean(), (div - neighbours).mean()])


WRONG = {
    "advlat_images.passes": [
        ("mean of inverses", each_waits_for_itself),
        ("acceptance", share_kept),
        ("kept ones", over_the_kept),
        ("rejects only", thrown_away),
        ("sigmoid", keep_by_sigmoid),
        ("exp of the mean", typical_score),
        ("no top", not_against_the_top),
        ("not finite", overflows),
        ("nothing", prints_it),
        ("shape", one_for_each),
    ],
    "advlat_images.leash": [
        ("one length for all", whole_batch),
        ("tangent", along_the_tangent),
        ("no leash", bare_step),
        ("wrong axis", down_the_batch),
        ("unit length", normalised),
        ("typical length", on_the_shell),
        ("downhill", descends),
        ("no sign", plain_gradient),
        ("raises", axis_is_lost),
        ("changes its input", in_place),
    ],
    "advlat_images.bound": [
        ("mean", 2),
        ("no root", 2**2 * 3072),
        ("sum of differences", 6144),
        ("one channel", 64.0),
        ("range of one", 3072**0.5),
        ("no offset", float("inf")),
        ("latents", 20),
        ("kind", "about 111"),
        ("differs", 4.023),
    ],
    "advlat_images.credit": [
        ("search from MSGAN", everything_to_the_search),
        ("unpaired", errors_add_up),
        ("rows swapped", search_first),
        ("laid down", changes_then_errors),
        ("backwards", lower_is_better),
        ("n for n - 1", by_n),
        ("spread of one seed", not_of_the_mean),
        ("no root", variance),
        ("shape", only_the_changes),
    ],
}
