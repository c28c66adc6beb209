"""A discriminator's score as a log density ratio."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from gantutor.nets import latent_mode, modules_of


@dataclass(frozen=True)
class Calibration:
    """The map a s + b from a raw score s to the logit of "real", log p_data / p_G.

    DDLS, DRS and Metropolis-Hastings use it as that ratio.

    >>> Calibration(2.0, 1.0)(torch.tensor([0.0, 3.0]))
    tensor([1., 7.])
    """

    a: float = 1.0
    b: float = 0.0

    def __call__(self, score: Tensor) -> Tensor:
        return self.a * score + self.b

    @classmethod
    def fit(cls, D: Callable, reals: Tensor, fakes: Tensor) -> "Calibration":
        """Logistic regression on D's scores of held-out reals and fakes (batches of images).

        D runs in eval mode.
        """
        with torch.no_grad(), latent_mode(modules_of(D), "eval"):
            return cls.of(D(reals).score, D(fakes).score)

    @classmethod
    def of(cls, real: Tensor, fake: Tensor) -> "Calibration":
        """Logistic regression on given scores; the two classes have equal weight.

        Targets are Platt's (1999), (n + 1) / (n + 2) for 1, so that the slope is finite even where
        the scores do not overlap. Raises ValueError for fewer than 2 scores of a class, for scores
        that are not finite, and where all are equal.
        """
        real, fake = (s.detach().double().flatten().cpu() for s in (real, fake))
        both = torch.cat([real, fake])
        if len(real) < 2 or len(fake) < 2 or not torch.isfinite(both).all() or both.std() == 0:
            raise ValueError(
                f"{len(real)} real, {len(fake)} fake scores: expected 2 of each or more, finite, "
                "not all equal"
            )
        mean, std = both.mean(), both.std()
        # standardised, so that the search for a and b works at any scale
        parts = [
            ((real - mean) / std, (len(real) + 1) / (len(real) + 2)),
            ((fake - mean) / std, 1 / (len(fake) + 2)),
        ]
        a, b = _logistic(parts)
        return cls(a / std.item(), b - a * mean.item() / std.item())


def _logistic(parts: list[tuple[Tensor, float]]) -> tuple[float, float]:
    """Slope and intercept that fit scores to their targets, given as (scores, target) per class."""
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS(
        [w], max_iter=200, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        search.zero_grad()
        total = sum(
            binary_cross_entropy_with_logits(w[0] * s + w[1], torch.full_like(s, target))
            for s, target in parts
        )
        total.backward()
        return total

    with torch.enable_grad():
        search.step(loss)
    return w[0].item(), w[1].item()
