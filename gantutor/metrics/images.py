"""Fakes against real images in the features of a small classifier of our own: a stand-in, never called FID or KID."""

import hashlib
import os
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, relu

from gantutor.images import ImageSet, cache_dir
from gantutor.nets import initialise
from gantutor.rng import Rng

VERSION = 1  # raise it when the net or its training changes: cached weights are of one version
CHUNK = 1000  # rows of a distance matrix at a time


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
    partial = place.with_name(f"{place.name}.{os.getpid()}.partial")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        torch.save(net.state_dict(), partial)
        os.replace(partial, place)
    except OSError:
        partial.unlink(missing_ok=True)  # a cache that cannot be written costs time only
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


def kernel_distance(a: Tensor, b: Tensor, degree: int = 3, blocks: int = 10) -> tuple[float, float]:
    """Unbiased squared MMD of features (N, K) and (M, K) with the kernel (<x, y> / K + 1)^degree: mean and standard error.

    The form of KID (Binkowski et al. 2018), in float64, over `blocks` disjoint blocks; block i takes the rows i, i + blocks,
    ..., so that sets sorted by class are cut into like parts. 0 on average, hence at times below it, for equal distributions
    drawn independently (`ImageSet.sample`); a balanced subset lowers it slightly.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"features {tuple(a.shape)} and {tuple(b.shape)}: expected (N, K) and (M, K)")
    if blocks < 2 or min(len(a), len(b)) < 2 * blocks:
        raise ValueError(f"{len(a)} and {len(b)} features in blocks={blocks}: expected blocks >= 2, each with 2 or more")
    a, b = a.double(), b.double()
    each = torch.stack([_squared_mmd(a[i::blocks], b[i::blocks], degree) for i in range(blocks)])
    return float(each.mean()), float(each.std() / blocks**0.5)


def _squared_mmd(a: Tensor, b: Tensor, degree: int) -> Tensor:
    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** degree

    def others(x):  # mean over pairs of different points
        k, n = kernel(x, x), len(x)
        return (k.sum() - k.trace()) / (n * (n - 1))

    return others(a) + others(b) - 2 * kernel(a, b).mean()


def density_coverage(real: Tensor, fake: Tensor, k: int = 5) -> tuple[float, float]:
    """Density and Coverage of features (N, K) and (M, K) (Naeem et al. 2020).

    Density: how many reals' balls a fake lies in, on average, over k. Coverage: part of the reals with a fake in their ball.
    A ball reaches to the k-th nearest other real, border excluded. Equal distributions score about 1 and 1 - 2^-k.
    """
    if real.ndim != 2 or fake.ndim != 2 or real.shape[1] != fake.shape[1] or len(fake) == 0:
        raise ValueError(f"features {tuple(real.shape)} and {tuple(fake.shape)}: expected (N, K) and (M, K) with M >= 1")
    if not 1 <= k < len(real):
        raise ValueError(f"k={k}: expected 1 to {len(real) - 1}, one less than the number of reals")
    real, fake = real.double(), fake.double()
    # a point is its own nearest neighbour, so the k-th other is the (k+1)-th smallest
    radius = torch.cat([d.kthvalue(k + 1, dim=1).values for d in _distances(real, real)])
    inside = torch.cat([(d < r[:, None]).sum(1) for d, r in zip(_distances(real, fake), radius.split(CHUNK), strict=True)])
    return float(inside.sum() / (k * len(fake))), float((inside > 0).double().mean())


def _distances(x: Tensor, y: Tensor) -> Iterator[Tensor]:
    """Rows of the distance matrix, CHUNK at a time, without the rounding of |x|^2 + |y|^2 - 2 <x, y>."""
    for part in x.split(CHUNK):
        yield torch.cdist(part, y, compute_mode="donot_use_mm_for_euclid_dist")


def judge(real: Tensor, fake: Tensor, k: int = 5) -> dict[str, float]:
    """What a record holds of fakes: kd_small with its standard error, density and coverage; both arguments are `features`."""
    distance, error = kernel_distance(real, fake)
    density, coverage = density_coverage(real, fake, k)
    return {"kd_small": distance, "kd_small_se": error, "density_small": density, "coverage_small": coverage}
