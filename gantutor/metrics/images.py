"""Fakes against real images in the features of a small classifier of our own: a stand-in, never called FID or KID."""

import hashlib
from contextlib import suppress

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, relu

from gantutor.files import replacing
from gantutor.images import ImageSet, cache_dir
from gantutor.metrics.features import density_coverage, kernel_distance
from gantutor.nets import initialise
from gantutor.rng import Rng

VERSION = 1  # raise it when the net or its training changes: cached weights are of one version


class SmallCnn(nn.Module):
    """Classifier of small images (B, channels, H, W) in [-1, 1]; its K=128 features are what the measures compare."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        pairs = [(channels, 32), (32, 64), (64, 128)]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairs)
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for _, b in pairs)
        self.out = nn.Linear(128, classes)

    def features(self, x: Tensor) -> Tensor:
        """(B, 128), not negative: the last maps' mean over positions."""
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = relu(norm(conv(x)))
        return x.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Class logits (B, classes)."""
        return self.out(self.features(x))

    @property
    def digest(self) -> str:
        """Short sha256 of the weights, for records: distances in other features are other distances."""
        state = hashlib.sha256()
        for name, w in self.state_dict().items():
            state.update(name.encode() + w.detach().cpu().contiguous().numpy().tobytes())
        return state.hexdigest()[:12]


def small_cnn(images: ImageSet, seed: int = 0, steps: int = 400, batch: int = 128) -> SmallCnn:
    """The SmallCnn trained on the labels of `images`, in eval mode; from the cache where it was trained before.

    All random numbers come from `seed`. Raises ValueError for images of one class, from which nothing is learnt.
    """
    if len(images.classes) < 2:
        raise ValueError(f"{images.name} has the one class {images.classes[0]!r}: train the features on a set with labels")
    rng = Rng(seed)
    with torch.device("meta"):
        net = SmallCnn(images.shape[0], len(images.classes))
    net = initialise(net, rng)
    place = cache_dir() / f"small_cnn-{images.digest}-{seed}-{steps}-{batch}-v{VERSION}.pt"
    try:
        net.load_state_dict(torch.load(place, weights_only=True))
        return net.eval()
    except Exception:  # not there, cut short or not ours: all the same, train it
        pass
    opt = torch.optim.Adam(net.parameters(), lr=2e-3, fused=True)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
    for _ in range(steps):
        index = rng.randint(len(images), batch)
        loss = cross_entropy(net(images.floats(index)), images.labels[index])
        opt.zero_grad()
        loss.backward()
        opt.step()
        decay.step()
    with suppress(OSError, RuntimeError), replacing(place) as partial:  # a cache that cannot be written costs time only
        torch.save(net.state_dict(), partial)
    return net.eval()


@torch.no_grad()
def features(net: SmallCnn, images: Tensor | ImageSet, chunk: int = 500) -> Tensor:
    """Features (N, 128) of images (N, C, H, W) in [-1, 1], or of all of an ImageSet, by the net in eval mode."""
    training, n = net.training, len(images)
    net.eval()
    parts = (slice(i, i + chunk) for i in range(0, n, chunk))
    try:
        return torch.cat([net.features(images.floats(p) if isinstance(images, ImageSet) else images[p]) for p in parts])
    finally:
        net.train(training)


def judge(real: Tensor, fake: Tensor, k: int = 5) -> dict[str, float]:
    """What a record holds of fakes: kd_small with its standard error, density and coverage; both arguments are `features`."""
    distance, error = kernel_distance(real, fake)
    density, coverage = density_coverage(real, fake, k)
    return {"kd_small": distance, "kd_small_se": error, "density_small": density, "coverage_small": coverage}


__all__ = ["SmallCnn", "density_coverage", "features", "judge", "kernel_distance", "small_cnn"]
