"""Wrong answers to the exercises of notebook 05, each with the key of the hint it must get."""

import numpy as np
import torch


# -- images.pixels
def to_tensor(pictures):
    return pictures.permute(0, 3, 1, 2).float() / 255.0


def by_128(pictures):
    return (pictures.float().permute(0, 3, 1, 2) - 128) / 128


def wraps(pictures):
    x = pictures.movedim(-1, 1)
    return x * 2 / 255 - 1


def viewed(pictures):
    n, h, w, c = pictures.shape
    return pictures.float().view(n, c, h, w) / 127.5 - 1


def transposed(pictures):
    return pictures.float().transpose(1, 3) / 127.5 - 1


def whitened(pictures):
    x = pictures.float().permute(0, 3, 1, 2)
    return (x - x.mean()) / x.std()


def unscaled(pictures):
    return pictures.permute(0, 3, 1, 2).float()


def channels_last(pictures):
    return pictures.float() / 127.5 - 1


def no_batch(pictures):
    return pictures.permute(2, 0, 1) / 127.5 - 1


def inverted(pictures):
    return 1 - pictures.permute(0, 3, 1, 2).float() / 127.5


def shifted(pictures):
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 0.5


# -- images.all_three
def no_term(methods):
    return methods["advlat"].but(objective=methods["kdd"].objective)


def no_latent(methods):
    return methods["adaptivemix"].but(objective=methods["kdd"].objective)


def no_kdd(methods):
    return methods["baseline"].but(
        terms=methods["adaptivemix"].terms, latent=methods["advlat"].latent
    )


def with_hinge(methods):
    recipe = methods["adaptivemix"].but(latent=methods["advlat"].latent)
    return recipe.but(objective=methods["hinge"].objective)


def joint(methods):
    both = methods["adaptivemix"].objective + methods["kdd"].objective
    return methods["adaptivemix"].but(latent=methods["advlat"].latent, objective=both)


def first_found(methods):
    return methods["kdd"].but()


def by_name(methods):
    return methods["adaptivemix"].but(latent="advlat", objective="kdd")


def unknown_part(methods):
    return methods["kdd"].but(terms=methods["adaptivemix"].terms, latents=methods["advlat"].latent)


def a_list(methods):
    return [methods["adaptivemix"], methods["advlat"], methods["kdd"]]


def sets_attributes(methods):
    recipe = methods["kdd"]
    recipe.terms = methods["adaptivemix"].terms
    return recipe


def nothing(methods):
    methods["kdd"].but(terms=methods["adaptivemix"].terms, latent=methods["advlat"].latent)


# -- images.paired
def two_groups(a, b):
    n = len(a)
    return b.mean() - a.mean(), torch.sqrt(a.var() / n + b.var() / n)


def numpy_std(a, b):
    gap = (b - a).numpy()
    return gap.mean(), np.std(gap) / np.sqrt(len(gap))


def over_n_minus_1(a, b):
    gap = b - a
    return gap.mean(), gap.std() / np.sqrt(len(gap) - 1)


def spread(a, b):
    return (b - a).mean(), (b - a).std()


def over_n(a, b):
    return (b - a).mean(), (b - a).std() / len(a)


def no_root(a, b):
    gap = b - a
    return gap.mean(), ((gap - gap.mean()) ** 2).sum() / (len(gap) - 1) / len(gap)


def other_way(a, b):
    gap = a - b
    return gap.mean(), gap.std() / len(gap) ** 0.5


def absolute(a, b):
    gap = torch.abs(a - b)
    return gap.mean(), gap.std() / len(gap) ** 0.5


def per_seed(a, b):
    return b - a, (b - a).std() / len(a) ** 0.5


def mean_only(a, b):
    return (b - a).mean()


def relative(a, b):
    gap = (b - a) / a
    return gap.mean(), gap.std() / len(gap) ** 0.5


WRONG = {
    "images.pixels": [
        ("0 to 1", to_tensor),
        ("128", by_128),
        ("bytes wrap", wraps),
        ("reshaped", viewed),
        ("mirrored", transposed),
        ("standardised", whitened),
        ("still bytes", unscaled),
        ("shape", channels_last),
        ("raises", no_batch),
        ("sign", inverted),
        ("offset", shifted),
    ],
    "images.all_three": [
        ("AdaptiveMix lost", no_term),
        ("AdvLatGAN lost", no_latent),
        ("KDD lost", no_kdd),
        ("hinge for KDD", with_hinge),
        ("two objectives", joint),
        ("only one of them", first_found),
        ("raises", by_name),
        ("raises", unknown_part),
        ("kind", a_list),
        ("raises", sets_attributes),
        ("nothing", nothing),
    ],
    "images.paired": [
        ("seeds not paired", two_groups),
        ("n for n - 1", numpy_std),
        ("n - 1 twice", over_n_minus_1),
        ("spread for error", spread),
        ("divided by n", over_n),
        ("variance", no_root),
        ("which minus which", other_way),
        ("size of the gaps", absolute),
        ("kind", per_seed),
        ("shape", mean_only),
        ("differs", relative),
    ],
    "images.midpoint": [
        ("on the shell", 10),
        ("half of an end", 5.0),
        ("square of the length", 50),
        ("not halved", 200**0.5),
        ("cancelled", 0),
        ("of one number", 0.5**0.5),
        ("sign", -(50**0.5)),
        ("kind", "sqrt(50)"),
        ("differs", 8.0),
    ],
}
