"""What a number may be called, and which other numbers it may be compared with."""

from dataclasses import dataclass, fields

from gantutor.metrics.manifold import MANIFOLD
from gantutor.plain import one_of
from gantutor.weights import TF_INCEPTION

PAPER_N = 10_000  # with so many images on both sides a number may have the paper's name
METRICS = ("fid", "kid", "is", *MANIFOLD)


def name(metric: str, features: str, n: int) -> str:
    """Return what a number may be called.

    `metric`: fid, kid, is, precision, recall, density or coverage; `features`: the Extractor's
    name; `n`: the number of images on the smaller side. Only TF Inception with 10,000 images and
    more gets the name of a paper's measure. Raises ValueError for an unknown metric.

    >>> name("fid", "inception", 50_000), name("fid", "inception", 2000), name("fid", "small", 50)
    ('fid', 'fd_inception_2k', 'fd_small')
    """
    one_of("metric", metric, METRICS)
    if features == "inception" and n >= PAPER_N:
        return metric
    stem = {"fid": "fd", "kid": "kd"}.get(metric, metric)
    if features != "inception":
        return f"{stem}_{features}"
    return f"{stem}_{features}_{n // 1000}k" if n % 1000 == 0 else f"{stem}_{features}_{n}"


@dataclass(frozen=True)
class Protocol:
    """How a number was measured, for its record.

    `features`, `weights` (sha256) and `resize`: the Extractor's; `data` (the ImageSet's digest) and
    `split`: the reals; `k`: neighbours of precision to coverage; `bn`: the generator's batch norm,
    "running", "batch" or "standing"; `checkpoint`: how it was chosen, "last" or "best by ...".
    """

    features: str
    weights: str
    resize: str
    data: str
    split: str
    n_real: int
    n_fake: int
    k: int | None = None
    bn: str = "running"
    seed: int = 0
    checkpoint: str = "last"

    def comparable(self, other: "Protocol") -> str | None:
        """Return None if two numbers may be compared (seeds may differ), else why they may not."""
        reasons = []
        for field in fields(self):
            a, b = getattr(self, field.name), getattr(other, field.name)
            same_net = field.name == "weights" and all(w.startswith(TF_INCEPTION) for w in (a, b))
            if a != b and field.name != "seed" and not same_net:
                reasons.append(f"{field.name} {a!r} against {b!r} ({WHY[field.name]})")
        return f"not comparable: {'; '.join(reasons)}" if reasons else None


WHY = {
    "features": "another feature net is another scale",
    "weights": "other weights are another feature net",
    "resize": "resizing alone moves FID by whole points",
    "data": "other reals",
    "split": "other reals",
    "n_real": "the bias falls as 1/n",
    "n_fake": "the bias falls as 1/n",
    "k": "larger balls contain more",
    "bn": "the generator draws other images",
    "checkpoint": "the best of many looks is lower than the last",
}
