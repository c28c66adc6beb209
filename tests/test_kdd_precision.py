"""KDD in lower precision and in captured steps, which may not read tensors on the host."""

import pytest
import torch
from critics import ByClass, Identity, labelled, sets, turn_of
from host import NoHostReads
from kdd_by_hand import Shift
from turns import loss_of

from gantutor.methods.anchors import in_float32
from gantutor.methods.kdd import KDD


def test_half_precision_features_are_lifted():
    r, f = (v.bfloat16() for v in sets())
    assert KDD().d_loss(turn_of("d", r, f)).dtype == torch.float32


@pytest.mark.parametrize("kernel", ["vmf", "gauss"])
def test_autocast_changes_nothing(kernel):
    r, f = (v.bfloat16() for v in sets())
    kdd, turn, lifted = KDD(0.05, kernel), turn_of("d", r, f), turn_of("d", r.float(), f.float())
    with torch.autocast("cpu", torch.bfloat16):
        got, at = kdd.logits(turn), kdd.logit_at(Identity()(f), turn)
    assert torch.equal(at, kdd.logit_at(lifted.fake, lifted))
    exact = kdd.logits(turn_of("d", r.double(), f.double()))
    for logits, want, in_doubles in zip(got, kdd.logits(lifted), exact, strict=True):
        assert torch.equal(logits, want) and logits.dtype == torch.float32
        assert torch.allclose(logits.double(), in_doubles, atol=2e-5)


OPTIONS = [{}, {"stale": "both"}, {"augment": Shift(), "copies": 2}, {"projection": "normalised"}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_turn_reads_nothing_on_the_host(options):
    (r, f), D = sets(), ByClass()
    kdd, turns = KDD(**options), [labelled(player, r, f, D) for player in "dg"]
    # leave-one-out is prepared once, and again when the reals of the step before are the anchors
    for turn in 2 * turns:
        loss_of(kdd, turn)
    with NoHostReads():
        for turn in turns:
            loss_of(kdd, turn)


def test_float32_is_asked_for_and_given_back():
    parts = torch.backends.cuda.matmul, torch.backends.cudnn.conv
    before = [p.fp32_precision for p in parts]
    with (
        pytest.raises(ZeroDivisionError),
        torch.autocast("cpu", torch.bfloat16),
        in_float32(torch.device("cuda")),
    ):
        assert [p.fp32_precision for p in parts] == ["ieee", "ieee"]
        raise ZeroDivisionError
    assert [p.fp32_precision for p in parts] == before
