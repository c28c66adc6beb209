"""The published image sets: a catalogue, where their files are, and a resumable download.

>>> from gantutor.datasets import SOURCES
>>> SOURCES["cifar10"].splits
{'train': 50000, 'test': 10000}
"""

from gantutor.datasets.catalogue import ARCHIVES, SOURCES, File, Source
from gantutor.datasets.download import fetch
from gantutor.datasets.places import (
    DataError,
    checked,
    data_dirs,
    digest,
    locate,
    openable,
    place_of,
    remedy,
)

__all__ = [
    "ARCHIVES",
    "SOURCES",
    "DataError",
    "File",
    "Source",
    "checked",
    "data_dirs",
    "digest",
    "fetch",
    "locate",
    "openable",
    "place_of",
    "remedy",
]
