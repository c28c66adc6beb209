"""Wrong answers to the exercises of notebook 00, each with the key of the hint it must get."""

import math

import torch

log, sigma = torch.log, torch.sigmoid


def swapped(real, fake):
    return -log(1 - sigma(real)).mean() - log(sigma(fake)).mean()


def both_real(real, fake):
    return -log(sigma(real)).mean() - log(sigma(fake)).mean()


def forgot_fakes(real, fake):
    return -log(sigma(real)).mean()


def forgot_reals(real, fake):
    loss = -log(sigma(real)).mean()
    loss = -log(1 - sigma(fake)).mean()
    return loss


def summed(real, fake):
    return -(log(sigma(real)).sum() + log(1 - sigma(fake)).sum())


def pooled(real, fake):
    right = torch.cat([sigma(real), 1 - sigma(fake)])
    return -log(right).mean()


def no_first_minus(real, fake):
    return log(sigma(real)).mean() - log(1 - sigma(fake)).mean()


def no_second_minus(real, fake):
    return -log(sigma(real)).mean() + log(1 - sigma(fake)).mean()


def no_logarithm(real, fake):
    return -sigma(real).mean() - (1 - sigma(fake)).mean()


def no_minus(real, fake):
    return log(sigma(real)).mean() + log(1 - sigma(fake)).mean()


def no_sigmoid(real, fake):
    return -log(real).mean() - log(1 - fake).mean()


def no_return(real, fake):
    loss = -log(sigma(real)).mean() - log(1 - sigma(fake)).mean()
    loss.item()


def base_2(real, fake):
    return -torch.log2(sigma(real)).mean() - torch.log2(1 - sigma(fake)).mean()


def a_number(real, fake):
    return (-log(sigma(real)).mean() - log(1 - sigma(fake)).mean()).item()


def elementwise(real, fake):
    return -log(sigma(real)), -log(1 - sigma(fake))


def forward_only(D, x, h):
    right, up = torch.tensor([h, 0.0]), torch.tensor([0.0, h])
    return torch.stack([(D(x + right) - D(x)) / h, (D(x + up) - D(x)) / h], 1)


def difference_only(D, x, h):
    right, up = torch.tensor([h, 0.0]), torch.tensor([0.0, h])
    return torch.stack([D(x + right) - D(x - right), D(x + up) - D(x - up)], 1)


def h_for_two_h(D, x, h):
    right, up = torch.tensor([h, 0.0]), torch.tensor([0.0, h])
    return torch.stack([D(x + right) - D(x - right), D(x + up) - D(x - up)], 1) / h


def adds_h_to_both(D, x, h):
    slope = (D(x + h) - D(x - h)) / (2 * h)
    return torch.stack([slope, slope], 1)


def up_first(D, x, h):
    right, up = torch.tensor([h, 0.0]), torch.tensor([0.0, h])
    return torch.stack([D(x + up) - D(x - up), D(x + right) - D(x - right)], 1) / (2 * h)


def downhill(D, x, h):
    right, up = torch.tensor([h, 0.0]), torch.tensor([0.0, h])
    return torch.stack([D(x - right) - D(x + right), D(x - up) - D(x + up)], 1) / (2 * h)


def normalised(D, x, h):
    arrows = -downhill(D, x, h)
    return arrows / arrows.norm(dim=1, keepdim=True)


def mean_arrow(D, x, h):
    return (-downhill(D, x, h)).mean(0, keepdim=True).repeat(len(x), 1)


def transposed(D, x, h):
    right, up = torch.tensor([h, 0.0]), torch.tensor([0.0, h])
    return torch.stack([D(x + right) - D(x - right), D(x + up) - D(x - up)]) / (2 * h)


def misses_the_other_column(D, x, h):
    return (D(x + torch.tensor([h, 0.0])) - D(x - torch.tensor([h, 0.0]))) / (2 * h)


def squared(x, centres, std):
    d2 = ((x[:, None] - centres[None]) ** 2).sum(-1)
    return (d2.min(dim=1).values <= 3 * std).double().mean()


def farthest(x, centres, std):
    return (torch.cdist(x, centres).max(dim=1).values <= 3 * std).double().mean()


def within_one(x, centres, std):
    return (torch.cdist(x, centres).min(dim=1).values <= std).double().mean()


def box(x, centres, std):
    inside = (x[:, None] - centres[None]).abs().max(dim=-1).values <= 3 * std
    return inside.any(dim=1).double().mean()


def mean_of_all(x, centres, std):
    return (torch.cdist(x, centres) <= 3 * std).double().mean()


def outside(x, centres, std):
    return (torch.cdist(x, centres).min(dim=1).values > 3 * std).double().mean()


def count(x, centres, std):
    return (torch.cdist(x, centres).min(dim=1).values <= 3 * std).sum()


def mask(x, centres, std):
    return (torch.cdist(x, centres).min(dim=1).values <= 3 * std).double()


def mean_of_bool(x, centres, std):
    return (torch.cdist(x, centres).min(dim=1).values <= 3 * std).mean()


WRONG = {
    "start.cannot_tell": [
        ("one half", 0.693),
        ("base 2", 2),
        ("base 10", 0.602),
        ("no loss", 0),
        ("not the logarithm", 1.0),
        ("sign", -1.386),
        ("kind", "2 ln 2"),
        ("not finite", math.inf),
        ("differs", 0.25),
    ],
    "start.critic_loss": [
        ("labels swapped", swapped),
        ("fakes as reals", both_real),
        ("only the reals", forgot_fakes),
        ("only the fakes", forgot_reals),
        ("summed", summed),
        ("pooled", pooled),
        ("sign", no_minus),
        ("not finite", no_sigmoid),
        ("nothing", no_return),
        ("factor", base_2),
        ("detached", a_number),
        ("kind", elementwise),
        ("minus of the reals", no_first_minus),
        ("minus of the fakes", no_second_minus),
        ("no logarithm", no_logarithm),
    ],
    "start.arrows": [
        ("one-sided", forward_only),
        ("not divided", difference_only),
        ("factor", h_for_two_h),
        ("both at once", adds_h_to_both),
        ("columns swapped", up_first),
        ("sign", downhill),
        ("unit length", normalised),
        ("of the batch", mean_arrow),
        ("shape", misses_the_other_column),
        ("shape", transposed),
    ],
    "start.near_a_cloud": [
        ("squared distance", squared),
        ("near to all", farthest),
        ("one std", within_one),
        ("square box", box),
        ("mean over the clouds", mean_of_all),
        ("far", outside),
        ("sum for mean", count),
        ("shape", mask),
        ("raises", mean_of_bool),
    ],
}
