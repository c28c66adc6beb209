"""Fields against direct computation, layers that draw, sliders that redraw."""

import numpy as np
import pytest
import torch
from PIL import Image

from gantutor import fields, plot, toy
from gantutor.course.lab import Explore
from gantutor.methods.kdd import log_ratio
from gantutor.nets import Critique
from gantutor.nets.mlp import Critic
from gantutor.recipes import METHODS, OBJECTIVES, TOY, mlp
from gantutor.rng import Rng
from gantutor.train import Run


def trained(recipe=TOY, seed=0, steps=3):
    run = Run(recipe.but(nets=mlp(2, 16, 2), batch=32), toy.ring(), seed)
    for _ in run.steps(steps):
        pass
    return run


def test_the_plane_is_row_by_row_from_the_bottom_left():
    assert fields.plane(2.0, 3).tolist()[:4] == [[-2, -2], [0, -2], [2, -2], [-2, 0]]


def test_confidence_is_the_sigmoid_of_the_score_at_each_point():
    run = trained()
    map_ = fields.confidence(run, limit=1.5, n=5)
    x = torch.tensor([[-1.5 + 3.0 * 4 / 4, -1.5 + 3.0 * 1 / 4]])  # column 4, row 1
    assert map_.values[1, 4] == pytest.approx(torch.sigmoid(run.D(x).score).item(), rel=1e-5)


def test_kdd_is_mapped_by_its_log_ratio_and_not_by_the_head():
    run = trained(METHODS["KDD"])
    turn = run.fresh_turn(50, 3)
    x = fields.plane(1.0, 3)
    kdd = run.recipe.objective
    expected = log_ratio(
        *(kdd.phi(v, run.D) for v in (run.D.features(x), turn.real.features, turn.fake.features)),
        kdd.tau,
    )
    found = fields.logit_map(run, 1.0, 3, turn).values.reshape(-1)
    assert np.allclose(found, expected.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("name", [*OBJECTIVES, *METHODS])
def test_gradient_field_is_minus_the_slope_of_g_s_loss(name):
    """Against central differences of the same loss in float64."""
    run = trained({**OBJECTIVES, **METHODS}[name])
    turn = run.fresh_turn(40, 3)
    run.D.double(), run.G.double()
    turn._real, turn.fake = (
        Critique(*(None if t is None else t.double() for t in critique))
        for critique in (turn.real, turn.fake)
    )
    x = torch.tensor([[0.3, -0.7], [1.9, 0.1]], dtype=torch.float64)
    got = fields.gradient_field(run, turn=turn, points=x).vectors

    def loss(p):
        with torch.no_grad():
            return run.recipe.objective.gen(run.recipe.objective.logit_at(run.D(p), turn))

    for axis in range(2):
        step = torch.zeros(2, dtype=torch.float64)
        step[axis] = 1e-6
        slope = ((loss(x + step) - loss(x - step)) / 2e-6).numpy()
        assert np.allclose(got[:, axis], -slope, rtol=1e-4, atol=1e-7)


def test_looking_does_not_disturb_the_run():
    plain, watched = trained(steps=6), Run(TOY.but(nets=mlp(2, 16, 2), batch=32), toy.ring(), 0)
    for _ in watched.steps(6):
        fields.confidence(watched)
        fields.gradient_field(watched)
        fields.latent_warp(watched)
        watched.sample(10)
    pairs = zip(plain.G.parameters(), watched.G.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_seeds_are_drawn_apart():
    both, one = trained(seed=[0, 1]), trained(seed=1)
    maps = [fields.confidence(run, n=4).values for run in (both, one)]
    assert np.allclose(maps[0][1], maps[1], atol=1e-5)
    pushes = [fields.gradient_field(run, n=4).vectors for run in (both, one)]
    assert np.allclose(pushes[0][1], pushes[1], atol=1e-5)
    assert fields.latent_warp(both, 5).shape == (2, 5, 5, 2)
    assert fields.slopes(both.D, fields.plane(1, 3)).shape == (2, 9)


def test_slopes_of_a_linear_critic_are_its_weight():
    D = Critic([2, 3], "mean", 0.2, Rng(0))
    w = D.constants()[0][0].mean(1)
    assert np.allclose(fields.slopes(D, torch.randn(7, 2)), w.norm().item(), rtol=1e-6)


def test_principal_axes_are_numpy_s_and_do_not_flip():
    spread = torch.tensor([3.0, 2.0, 1.0, 0.5, 0.1])
    v = torch.randn(200, 5, generator=torch.Generator().manual_seed(0)) * spread
    axes = fields.principal_axes(v)
    values, vectors = np.linalg.eigh(np.cov(v.numpy().T))
    for mine, theirs in zip(axes.axes.numpy(), vectors.T[::-1], strict=False):
        assert abs(mine @ theirs) == pytest.approx(1, abs=1e-4)
    assert torch.equal(axes.axes, fields.principal_axes(v.flip(0)).axes.sign() * axes.axes.abs())
    assert axes(v).shape == (200, 2)


def test_mix_path_of_an_affine_critic_has_no_gap_and_of_a_bent_one_has():
    affine, bent = Critic([2, 4], "linear", 0.2, Rng(0)), Critic([2, 8, 4], "linear", 0.0, Rng(0))
    a, b = torch.tensor([2.0, 1.0]), torch.tensor([-2.0, -1.0])
    assert fields.mix_path(affine, a, b).gap.max() < 1e-5
    path = fields.mix_path(bent, a, b)
    assert path.gap[0] < 1e-6 and path.gap[-1] < 1e-6 and path.gap.max() > 0.01
    assert torch.allclose(path.features[-1], bent.features(a[None])[0])


def drawn(figure) -> np.ndarray:
    import io

    return np.asarray(Image.open(io.BytesIO(plot.png(figure))).convert("RGB"))


def test_layers_leave_ink_of_their_colour():
    run = trained()
    for layer, colour in [
        (lambda ax: plot.points(ax, np.zeros((1, 2)), "real", 400), plot.REAL),
        (lambda ax: plot.arrows(ax, fields.gradient_field(run, n=4)), plot.PUSH),
        (lambda ax: plot.warp(ax, fields.latent_warp(run, 5)), plot.LATENT),
    ]:
        figure, axes = plot.plate(1, caption="A caption.")
        plot.square(axes[0, 0], 2.5)
        before = drawn(figure)
        layer(axes[0, 0])
        after = drawn(figure)
        changed = after[(before != after).any(-1)].astype(float)
        assert len(changed) > 10
        # the strongest new colour, as what it takes away from white
        ink = 255 - changed[np.ptp(changed, axis=1).argmax()]
        palette = {
            c: 255 - np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)])
            for c in (plot.REAL, plot.FAKE, plot.PUSH, plot.LATENT)
        }
        assert max(palette, key=lambda c: ink @ palette[c] / np.linalg.norm(palette[c])) == colour


def test_artists_updated_in_place_show_what_new_ones_show():
    old, new = trained(steps=2), trained(steps=8)

    def layers(run, ax, into=(None,) * 5):
        return (
            plot.confidence(ax, fields.confidence(run, n=20), into=into[0]),
            plot.points(ax, run.sample(50), into=into[1]),
            plot.arrows(ax, fields.gradient_field(run, n=5), into=into[2]),
            plot.warp(ax, fields.latent_warp(run, 5), into=into[3]),
        )

    moved, axes = plot.plate(1)
    artists = layers(old, axes[0, 0])
    before = drawn(moved)
    again = layers(new, axes[0, 0], artists)
    assert all(a is b for a, b in zip(artists, again, strict=True))
    fresh, axes = plot.plate(1)
    layers(new, axes[0, 0])
    assert (drawn(moved) == drawn(fresh)).all() and (before != drawn(moved)).any()


class Far(torch.Tensor):
    """A tensor as those of a GPU, which NumPy cannot read."""

    def __array__(self, *args, **kwargs):
        raise TypeError("can't convert a tensor of this device to numpy")

    def cpu(self):
        return self.as_subclass(torch.Tensor)


def test_layers_take_tensors_of_any_device():
    _, axes = plot.plate(2)
    far = torch.rand(4, 1, 8, 8).as_subclass(Far)
    shown = plot.images(axes[0, 0], far)
    plot.images(axes[0, 0], far, into=shown)
    dots = plot.points(axes[0, 1], torch.rand(4, 2).as_subclass(Far))
    plot.points(axes[0, 1], torch.rand(4, 2).as_subclass(Far), into=dots)


def test_a_sheet_of_images_is_updated_in_place():
    a, b = torch.zeros(4, 1, 8, 8), torch.rand(4, 1, 8, 8) * 2 - 1
    moved, axes = plot.plate(1)
    plot.images(axes[0, 0], b, 2, into=plot.images(axes[0, 0], a, 2))
    fresh, other = plot.plate(1)
    plot.images(other[0, 0], b, 2)
    assert (drawn(moved) == drawn(fresh)).all()


def test_pyplot_stays_out():
    """JupyterLab delivers widget messages on another thread, which would share pyplot's figures."""
    import subprocess
    import sys

    code = (
        "import sys, gantutor.plot as p, gantutor.fields; "
        "f, a = p.plate(2, caption='x'); p.png(f); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_slider_redraws_and_an_error_is_shown_not_lost():
    def draw(tau, kind):
        if tau > 5:
            raise ValueError("tau too large for this lesson")
        return plot.plate(1, titles=[f"{tau} {kind}"])[0]

    view = Explore(draw, tau=(0.0, 10.0, 1.0), kind=["vmf", "gauss"])
    first = view.image.value
    assert first[:4] == b"\x89PNG"
    view.controls["tau"].value = 2.0
    second = view.image.value
    view.controls["kind"].value = "gauss"
    assert first != second != view.image.value and view.message.value == ""
    kept = view.image.value
    view.controls["tau"].value = 9.0
    assert "tau too large" in view.message.value and view.image.value == kept
    view.controls["tau"].value = 1.0
    assert view.message.value == ""


def test_a_slider_is_a_widget_and_a_picture():
    bundle = Explore(lambda n: plot.plate(1)[0], n=(1, 5, 2))._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "image/png"} <= bundle.keys()


def test_t_interval_is_scipy_s():
    from scipy.stats import t

    v = [1.0, 2.0, 4.0]
    low, high = plot.t_interval(v)
    assert (low, high) == pytest.approx(t.interval(0.95, 2, np.mean(v), np.std(v, ddof=1) / 3**0.5))
    assert plot.t_interval([3.0]) == (3.0, 3.0)


def test_an_unknown_kind_of_points_is_refused():
    _, axes = plot.plate(1)
    with pytest.raises(ValueError, match="kind='reel': expected one of 'real', 'fake'"):
        plot.points(axes[0, 0], np.zeros((1, 2)), "reel")


def test_the_image_slice_has_the_three_images_at_its_corners():
    assert np.allclose(
        fields._barycentric(torch.from_numpy(fields.CORNERS), torch.from_numpy(fields.CORNERS)),
        np.eye(3),
    )
    middle = torch.from_numpy(fields.CORNERS.mean(0, keepdims=True))
    weights = fields._barycentric(middle, torch.from_numpy(fields.CORNERS))
    assert np.allclose(weights, 1 / 3) and weights.shape == (1, 3)
