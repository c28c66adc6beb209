"""Fakes against real images in the features of a small classifier of our own.

This is a stand-in for the papers' measures and is never called FID or KID.
"""

import hashlib
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, relu

from gantutor.files import one_maker, replacing
from gantutor.images import ImageSet, cache_dir, in_range
from gantutor.metrics.features import density_coverage, kernel_distance
from gantutor.metrics.features import name as called
from gantutor.nets import initialise
from gantutor.optimisers import light
from gantutor.rng import Rng

VERSION = 2  # raise it when the net, its training or its file changes
TURNS = (0, 1, 2, 3)  # the quarter turns to tell apart if there are no labels


class SmallCnn(nn.Module):
    """Classifier of small images (B, channels, H, W) in [-1, 1].

    The measures compare its K=128 features. `name` tells what it was trained on ("small": labels)
    and is the last part of the names of all measures on these features.
    """

    def __init__(self, channels: int, classes: int, name: str = "small"):
        super().__init__()
        self.name = name
        pairs = [(channels, 32), (32, 64), (64, 128)]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairs)
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for _, b in pairs)
        self.out = nn.Linear(128, classes)

    def features(self, x: Tensor) -> Tensor:
        """Return the mean of the last maps over positions, (B, 128), not negative."""
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = relu(norm(conv(x)))
        return x.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Return class logits (B, classes)."""
        return self.out(self.features(x))

    def label(self, metric: str) -> str:
        """Return a measure's name in a notebook, with the features' name unless it is "small"."""
        return metric if self.name == "small" else f"{metric}_{self.name}"

    @property
    def digest(self) -> str:
        """Short sha256 of the weights, for records: other features give other distances."""
        state = hashlib.sha256()
        for name, w in self.state_dict().items():
            state.update(name.encode() + w.detach().cpu().contiguous().numpy().tobytes())
        return state.hexdigest()[:12]


def small_cnn(images: ImageSet, seed: int = 0, steps: int = 400, batch: int = 128) -> SmallCnn:
    """Return a SmallCnn trained on `images`, in eval mode, from the cache if it is there.

    It learns the labels and is named "small". If all images are of one class, labels teach
    nothing: then it learns by which quarter turn an image was rotated (RotNet: Gidaris, Singh &
    Komodakis 2018, arXiv 1803.07728), all else equal, and is named "rotations". Rotations teach
    shapes more than texture: on photographs these features see repetition and static noise, but
    blur, mild noise and missing kinds of image only weakly. All random numbers come from `seed`.
    Raises ValueError for images of one class that are not square.
    """
    name = feature_name(images)
    if name == "rotations" and images.shape[1] != images.shape[2]:
        height, width = images.shape[1:]
        raise ValueError(
            f"{images.name} has a single class and images of {height} x {width}: without labels "
            "the features are learnt from quarter turns, so pass square images"
        )
    rng = Rng(seed)
    answers = len(images.classes) if name == "small" else len(TURNS)
    with torch.device("meta"):
        net = SmallCnn(images.shape[0], answers, name)
    net = initialise(net, rng)
    place = cache_dir() / f"{name}_cnn-{images.digest}-{seed}-{steps}-{batch}-v{VERSION}.pt"
    if _loaded(net, place):
        return net.eval()
    with one_maker(place):  # of several processes that ask at once, one trains
        if _loaded(net, place):
            return net.eval()
        _train(net, images, rng, steps, batch)
        # a cache that cannot be written costs only time
        with suppress(OSError, RuntimeError), replacing(place) as partial:
            torch.save({"digest": net.digest, "weights": net.state_dict()}, partial)
    return net.eval()


def _train(net: SmallCnn, images: ImageSet, rng: Rng, steps: int, batch: int) -> None:
    opt = light(torch.optim.Adam)(net.parameters(), lr=2e-3, fused=True)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
    for _ in range(steps):
        index = rng.randint(len(images), batch)
        x = images.floats(index)
        if net.name == "small":
            y = images.labels[index]
        else:
            y = rng.randint(len(TURNS), batch)
            x = turned(x, y)
        loss = cross_entropy(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        decay.step()


def feature_name(images: ImageSet) -> str:
    """Return the name of `small_cnn(images)`: "small", or "rotations" for images of one class."""
    return "small" if int(images.labels.min()) < int(images.labels.max()) else "rotations"


def turned(x: Tensor, quarters: Tensor) -> Tensor:
    """Rotate square images (B, C, S, S), each by its own number of quarter turns (B,)."""
    x = x.clone()
    for k in TURNS[1:]:
        x[quarters == k] = x[quarters == k].rot90(k, (2, 3))
    return x


def _loaded(net: SmallCnn, place: Path) -> bool:
    """Load the weights at `place` into `net`; return False, and leave it as it was, if that fails.

    The file contains the digest of the weights that were saved, and others are not accepted.
    """
    before = {key: w.clone() for key, w in net.state_dict().items()}
    with suppress(Exception):  # whatever is wrong with the file, the net is trained again
        kept = torch.load(place, weights_only=True)
        net.load_state_dict(kept["weights"])
        if net.digest == kept["digest"]:
            return True
    net.load_state_dict(before)  # a damaged file may have been loaded in part
    return False


@torch.no_grad()
def features(net: SmallCnn, images: Tensor | ImageSet, chunk: int = 500) -> Tensor:
    """Return features (N, 128) of images (N, C, H, W) in [-1, 1], or of a whole ImageSet.

    The net is used in eval mode and left in the mode that it was in.
    """
    whole = isinstance(images, ImageSet)
    if not whole:
        in_range(images)
    training = net.training
    net.eval()
    try:
        parts = [slice(i, i + chunk) for i in range(0, len(images), chunk)]
        return torch.cat([net.features(images.floats(p) if whole else images[p]) for p in parts])
    finally:
        net.train(training)


def judge(real: Tensor, fake: Tensor, k: int = 5, name: str = "small") -> dict[str, float]:
    """Return what a record holds: kernel distance with its standard error, density and coverage.

    `real` and `fake` are `features`; the name of their net is the last part of each key.

    >>> sorted(judge(Rng(0).randn(100, 8), Rng(1).randn(100, 8)))
    ['coverage_small', 'density_small', 'kd_small', 'kd_small_se']
    """
    distance, error = kernel_distance(real, fake)
    density, coverage = density_coverage(real, fake, k)
    n = min(len(real), len(fake))
    label = called("kid", name, n)
    return {
        label: distance,
        f"{label}_se": error,
        called("density", name, n): density,
        called("coverage", name, n): coverage,
    }


__all__ = [
    "SmallCnn",
    "density_coverage",
    "feature_name",
    "features",
    "judge",
    "kernel_distance",
    "small_cnn",
    "turned",
]
