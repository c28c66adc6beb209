"""The three papers, same-shaped, equation numbers beside the lines: adaptivemix, advlat, kdd; samplers: advlat's rivals."""

from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.methods.advlat import IFGSM, MIFGSM, PGD, HardPairs, ModeSeeking
from gantutor.methods.kdd import KDD, JacobianD
from gantutor.methods.samplers import (
    DDLS,
    DOT,
    DRS,
    Calibration,
    DGflow,
    EvolGAN,
    MetropolisHastings,
    nfe,
    table3,
    with_budget,
)

__all__ = [
    "AdaptiveMix",
    "IFGSM",
    "PGD",
    "MIFGSM",
    "HardPairs",
    "ModeSeeking",
    "KDD",
    "JacobianD",
    "DOT",
    "DDLS",
    "DGflow",
    "EvolGAN",
    "MetropolisHastings",
    "DRS",
    "Calibration",
    "nfe",
    "with_budget",
    "table3",
]
