"""Instance selection against scikit-learn and NumPy."""

import numpy as np
import pytest
import torch

from gantutor.images import gaussian_scores, instance_selection
from gantutor.rng import Rng


@pytest.mark.parametrize("n, d", [(200, 5), (20, 50)])
def test_scores_are_scikit_learns(n, d):
    from sklearn.mixture import GaussianMixture

    features = Rng(0).randn(n, d) @ Rng(1).randn(d, d) + 3
    x = features.double().numpy()
    theirs = GaussianMixture(1, reg_covar=1e-5).fit(x).score_samples(x)
    np.testing.assert_allclose(gaussian_scores(features).numpy(), theirs, rtol=1e-7)


def test_outliers_go_first_and_each_class_keeps_its_share():
    labels = torch.tensor([0, 1, 1]).repeat(40)
    # the classes are far apart: one Gaussian for all would not do
    features = Rng(0).randn(120, 8) + 100 * labels[:, None]
    far = torch.tensor([3, 4, 50, 100])
    features[far] += 10
    for keep, counts in ((0.9, [36, 72]), (0.5, [20, 40]), (0.1, [4, 8])):
        index = instance_selection(features, labels, keep)
        assert labels[index].bincount().tolist() == counts and not torch.isin(far, index).any()
        scores = [gaussian_scores(features[labels == c]).numpy() for c in (0, 1)]
        kept = [(s > np.percentile(s, 100 - 100 * keep)).nonzero()[0] for s in scores]
        mine = [(labels == c).nonzero()[:, 0][k] for c, k in zip((0, 1), kept, strict=True)]
        assert torch.equal(index, torch.cat(mine).sort().values)
    assert torch.equal(instance_selection(features, labels, 1.0), torch.arange(120))


def test_wrong_arguments_are_refused():
    for keep, labels in ((0.0, 4), (1.5, 4), (0.5, 3)):
        with pytest.raises(ValueError, match=f"keep={keep}, 4 features, {labels} labels"):
            instance_selection(torch.zeros(4, 2), torch.zeros(labels), keep)
    with pytest.raises(ValueError, match="are they finite"):
        instance_selection(torch.full((4, 2), torch.nan), torch.zeros(4))
