"""Real images: the papers' sets, folders and archives of classes, or scikit-learn's digits.

>>> from gantutor.images import open_images
>>> data = open_images("digits", size=32)
>>> data.sample(16, rng=0).shape
torch.Size([16, 1, 32, 32])
"""

from gantutor.datasets import DataError
from gantutor.files import cache_dir
from gantutor.images.opening import open_images, verify
from gantutor.images.select import gaussian_scores, instance_selection
from gantutor.images.serve import Epochs, serve
from gantutor.images.sets import ImageSet, in_range
from gantutor.images.vectors import Vectors

__all__ = [
    "DataError",
    "Epochs",
    "ImageSet",
    "Vectors",
    "cache_dir",
    "gaussian_scores",
    "in_range",
    "instance_selection",
    "open_images",
    "serve",
    "verify",
]
