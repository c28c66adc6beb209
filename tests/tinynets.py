"""Small nets of every kind, for the tests of nets."""

from dataclasses import replace
from functools import cache

import pytest
import torch

from gantutor.nets.cnn import Cnn
from gantutor.nets.dcgan import BnDcgan, ConditionalDcgan, Dcgan
from gantutor.nets.resnet import biggan_cifar, sagan64, sngan_resnet, wgangp_resnet
from gantutor.rng import Rng

SMALL = {"size": 16, "g_widths": (6, 5, 4), "d_widths": (4, 6, 6), "downs": 2}
SPECS = {
    "DCGAN": BnDcgan(6, 2, 32),
    "ACGAN": BnDcgan(6, 2, 32, classes=3),
    "MSGAN": ConditionalDcgan(6, 4, 16, classes=3),
    "Realness": Dcgan(6, 4, 16, outcomes=5),
    "Realness resampled": Dcgan(6, 4, 16, norm="none", outcomes=3, resample=True),
    "WGAN with a mean": Dcgan(6, 4, 16, norm="none", head="mean"),
    "SNGAN cnn": Cnn(6, 4, 16),
    "WGAN-GP cnn": Cnn(6, 4, 16, norm="none"),
    "SNGAN": replace(sngan_resnet(), **SMALL),
    "SNGAN for ImageNet": replace(sngan_resnet(64), **SMALL),
    "WGAN-GP": replace(wgangp_resnet(), **SMALL),
    "BigGAN": biggan_cifar(classes=3, width=2, **SMALL, z=6),
    "BigGAN of StudioGAN": biggan_cifar(
        "studio", 3, **SMALL | {"attention": 8, "shared": 5, "z": 6}
    ),
    "SA-GAN": sagan64(3, **SMALL | {"attention": 8}),
    "residual ACGAN": biggan_cifar(classes=3, labels="acgan", **SMALL, z=6),
    "KDD's linear features": biggan_cifar(classes=3, kdd_width=7, pool="mean", **SMALL, z=6),
}
each = pytest.mark.parametrize("name", SPECS)


def blank(spec):
    """The nets of a spec, without weights."""
    with torch.device("meta"):
        return spec.blank()


def labels(spec, n=4):
    """The arguments that nets take besides z or x: n labels, or none."""
    return (torch.arange(n) % spec.classes,) if spec.classes else ()


@cache
def pair(name):
    """Nets in eval mode, in which two calls give the same; built once, so do not change them."""
    G, D = SPECS[name].build(Rng(0))
    return G.eval(), D.eval()
