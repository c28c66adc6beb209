"""KDD with a class projection: its loss, its gradients, and what it needs."""

import numpy as np
import pytest
import torch
from critics import LABELS, ByClass, labelled, sets, turn_of
from kdd_by_hand import unit

from gantutor.methods.kdd import KDD
from gantutor.objectives import Hinge

Y_REAL, Y_FAKE = LABELS


@pytest.mark.parametrize("projection", ["normalised", "unnormalised"])
@pytest.mark.parametrize("kernel", ["vmf", "gauss"])
def test_the_hinge_wraps_the_sum_of_ratio_and_projection(kernel, projection):
    (r, f), D = sets(), ByClass()
    kdd = KDD(0.5, kernel, projection=projection)
    in_d, in_g = labelled("d", r, f, D), labelled("g", r, f, D)

    def projected(logits, x, y):
        h = 2 * x.numpy()
        h = unit(h) if projection == "normalised" else h
        return logits.detach().numpy() + (D.v.detach().numpy()[y] * h).sum(-1)

    at_reals, at_fakes = KDD(0.5, kernel).logits(in_d)
    at_reals, at_fakes = projected(at_reals, r, Y_REAL), projected(at_fakes, f, Y_FAKE)
    want = np.maximum(0, 1 - at_reals).mean() + np.maximum(0, 1 + at_fakes).mean()
    assert kdd.d_loss(in_d).item() == pytest.approx(want, abs=1e-12)
    assert kdd.g_loss(in_g).item() == pytest.approx(-at_fakes.mean(), abs=1e-12)
    score_r, score_f = 10 * r.sum(-1) + Y_REAL, 10 * f.sum(-1) + Y_FAKE
    hinge = torch.relu(1 - score_r).mean() + torch.relu(1 + score_f).mean()
    joint = (Hinge() + 0.5 * kdd).d_loss(in_d)
    assert joint.item() == pytest.approx(hinge.item() + 0.5 * want, abs=1e-9)


def test_gradients_of_the_projection():
    (r, f), D = sets(), ByClass()
    f.requires_grad_(True)

    def gradient(projection):
        kdd = KDD(0.5, "gauss", projection=projection)
        return torch.autograd.grad(kdd.g_loss(labelled("g", r, f, D)), f)[0]

    added = gradient("unnormalised") - gradient("none")
    # -V_y / n, through pooled = 2 x
    assert torch.allclose(added, -2 * D.v[Y_FAKE] / len(f), atol=1e-12)
    loss = KDD(0.5, projection="normalised").d_loss(labelled("d", r, f, D))
    (of_labels,) = torch.autograd.grad(loss, D.v)
    assert (of_labels.abs().sum(-1) > 0).all()


def test_projection_without_labels_and_maps():
    r, f = sets()
    kdd, D = KDD(projection="normalised"), ByClass()
    with pytest.raises(ValueError, match="projection='normalised' without labels"):
        kdd.d_loss(labelled("d", r, f, D, (None, None)))
    with pytest.raises(TypeError, match="Identity has no class embedding"):
        kdd.g_loss(turn_of("g", r, f, y_fake=Y_FAKE))
    turn = labelled("d", r, f, D)
    assert torch.equal(kdd.logit_at(turn.fake, turn), KDD().logit_at(turn.fake, turn))
