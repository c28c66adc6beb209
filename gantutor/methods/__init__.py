"""The methods of the three papers, with their equation numbers, and AdvLatGAN's rival samplers."""

from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.methods.advlat import IFGSM, MIFGSM, PGD
from gantutor.methods.jacobian import JacobianD
from gantutor.methods.kdd import KDD
from gantutor.methods.pairs import HardPairs, ModeSeeking
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
