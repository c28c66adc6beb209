"""The rivals of AdvLatGAN-z (its Table 3): samplers that follow a trained discriminator.

Every sampler is a LatentMap: it runs the nets in eval mode and returns as many latents as it was
given. `nfe` counts what one costs, `with_budget` sets a cost.
"""

from gantutor.methods.samplers.base import Sampler
from gantutor.methods.samplers.calibration import Calibration
from gantutor.methods.samplers.cost import SAMPLERS, Evaluations, nfe, table3, with_budget
from gantutor.methods.samplers.gradient import DDLS, DOT, DGflow
from gantutor.methods.samplers.score import DRS, EvolGAN, MetropolisHastings

__all__ = [
    "DDLS",
    "DOT",
    "DRS",
    "SAMPLERS",
    "Calibration",
    "DGflow",
    "Evaluations",
    "EvolGAN",
    "MetropolisHastings",
    "Sampler",
    "nfe",
    "table3",
    "with_budget",
]
