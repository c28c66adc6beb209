"""The papers' image tables, row by row: the recipe behind each printed number, and how to judge it.

A row has its data, budget, sampler and protocol. There are AdvLatGAN's Tables 3 to 6, AdaptiveMix's
Tables 2 and 4, and KDD GAN's Tables 1 to 6. Where a paper does not state a choice it is ours, and
the row's `note` says so.
"""

from gantutor.reproduce.tables.adaptivemix import REAL, SHRUNK, WGAN_ROW
from gantutor.reproduce.tables.advlatgan import ADVLAT, EPS, MODELS, Z_SEARCH, qua
from gantutor.reproduce.tables.index import ROWS, find
from gantutor.reproduce.tables.kddgan import BIGGAN, SAGAN
from gantutor.reproduce.tables.names import (
    AUGMENTS,
    OBJECTIVES,
    SAMPLERS,
    TERMS,
    compose,
    nets_by_name,
)
from gantutor.reproduce.tables.planned import planned
from gantutor.reproduce.tables.row import Row

__all__ = [
    "ADVLAT",
    "AUGMENTS",
    "BIGGAN",
    "EPS",
    "MODELS",
    "OBJECTIVES",
    "REAL",
    "ROWS",
    "SAGAN",
    "SAMPLERS",
    "SHRUNK",
    "TERMS",
    "WGAN_ROW",
    "Z_SEARCH",
    "Row",
    "compose",
    "find",
    "nets_by_name",
    "planned",
    "qua",
]
