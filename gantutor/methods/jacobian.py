"""JacobianD, the regulariser of KDD GAN: D's features change as fast as the images do."""

from dataclasses import dataclass

import torch
import torch.autograd.forward_ad as forward_ad
from torch import Tensor

from gantutor.methods.anchors import in_float32
from gantutor.nets import full
from gantutor.plain import one_of, settle
from gantutor.turn import Term, Turn, draw_rows


class _Taken(torch.autograd.Function):
    """A loss () or (seeds,) with known gradients, scaled by the incoming one."""

    @staticmethod
    def forward(ctx, loss: Tensor, gradients: list[Tensor], *weights: Tensor) -> Tensor:
        ctx.gradients = gradients
        return loss.clone()

    @staticmethod
    def backward(ctx, factor: Tensor):
        def scaled(g: Tensor) -> Tensor:
            return factor.reshape(factor.shape + (1,) * (g.ndim - factor.ndim)) * g

        return None, None, *map(scaled, ctx.gradients)


@dataclass(frozen=True)
class JacobianD(Term):
    """D: + weight / |S_r| * sum | |phi(x + delta u) - phi(x)| / delta - 1 | (JacD, Eq. 9's L_Jac).

    The sum runs over reals and fakes, u is uniform on the unit sphere of the images, phi are the
    unnormalised features.

    weight: the paper's lambda.
    delta: length of the step along u.
    method: "fd" is the finite difference above; "jvp" the exact directional derivative, which does
        not drown in rounding noise in TF32 and bf16. Both run in true float32, and so does the
        gradient for D's weights, which is taken on the spot, through both features [A5].
    mean: divides by all points instead of the reals alone.

    It costs one more call of D's trunk, hence one more power iteration where D has spectral norm,
    shared by both features. Raises TypeError for critics that read labels in their trunk.
    """

    weight: float = 1e-5
    delta: float = 1e-3
    method: str = "fd"
    mean: bool = False

    def __post_init__(self):
        settle(self)
        one_of("method", self.method, ("fd", "jvp"))
        if not self.delta > 0 or self.weight < 0:
            raise ValueError(f"{self}: expected delta > 0 and weight >= 0")

    def d_loss(self, turn: Turn) -> Tensor:
        x = torch.cat([full(turn.x_real), full(turn.x_fake)], turn.axis)
        n_points, n_real = x.shape[turn.axis], turn.x_real.shape[turn.axis]
        u = self._directions(turn, x)
        with turn.full_precision(), in_float32(x.device):
            slope = self.slope(lambda y: turn.D.pooled(turn.features(y)[0]), x, u, turn.axis)
            loss = self.weight * (slope - 1).abs().sum(-1) / (n_points if self.mean else n_real)
            weights = [p for p in turn.D.parameters() if p.requires_grad]
            if not (loss.requires_grad and weights):
                return loss
            # TF32 in the backward pass would be as bad: the gradient is a difference of two that
            # are nearly equal, divided by delta
            gradients = torch.autograd.grad(loss.sum(), weights, allow_unused=True)
        used = [(g, p) for g, p in zip(gradients, weights, strict=True) if g is not None]
        return _Taken.apply(loss.detach(), [g for g, _ in used], *[p for _, p in used])

    def _directions(self, turn: Turn, x: Tensor) -> Tensor:
        """A unit vector for each point, like x; processes draw for all points and take theirs."""
        shape = x.shape[turn.axis + 1 :]
        sizes = turn.x_real.shape[turn.axis], turn.x_fake.shape[turn.axis]
        u = draw_rows(turn, sizes, lambda n, rng: rng.randn(n, *shape)).to(x)
        length = u.flatten(turn.axis + 1).norm(dim=-1)
        return u / length.reshape(length.shape + (1,) * (x.ndim - length.ndim))

    def slope(self, phi, x: Tensor, u: Tensor, axis: int = 0) -> Tensor:
        """|directional derivative of phi at x along u|, one number a point of the axis `axis`."""
        if self.method == "jvp":
            with forward_ad.dual_level():
                ahead = phi(forward_ad.make_dual(x, u))
                return forward_ad.unpack_dual(ahead).tangent.norm(dim=-1)
        # one call: between two, spectral norm's power iteration would move phi itself
        ahead, at = phi(torch.cat([x + self.delta * u, x], axis)).tensor_split(2, axis)
        return (ahead - at).norm(dim=-1) / self.delta
