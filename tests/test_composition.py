"""Notebook 14: factorial effects, counted operations, images as vectors, the grid's choice."""

import csv
import math

import numpy as np
import pytest
import torch

from gantutor import toy
from gantutor.course.config import BadParameters
from gantutor.course.lessons import TogetherConfig
from gantutor.course.lessons.together_grid import (
    COLUMNS,
    FACTORS,
    GRID,
    GRID_SEEDS,
    PAPERS,
    WORLDS,
    Setting,
    asked,
    chosen,
    complete,
    means,
    rows,
)
from gantutor.course.lessons.together_recipes import (
    called,
    combined,
    eight,
    image_base,
    plane_base,
    setting,
)
from gantutor.course.records import Record
from gantutor.images import ImageSet, Vectors
from gantutor.methods.kdd import KDD
from gantutor.nets.pixels import PixelMlp
from gantutor.operations import operations, step_operations
from gantutor.recipes import Recipe
from gantutor.reproduce.targets import choose
from gantutor.statistics import effects, subsets, t_interval
from gantutor.train import Run


def random_images(n=40, shape=(1, 4, 4)):
    images = torch.randint(256, (n, *shape), generator=torch.Generator().manual_seed(3))
    return ImageSet("random", images.to(torch.uint8), torch.arange(n) % 2, ("a", "b"))


class TestEffects:
    def test_they_are_the_coefficients_of_a_regression_on_signs(self):
        factors, rng = ("A", "B", "C"), np.random.default_rng(0)
        cells = {s: rng.normal(size=5) for s in subsets(factors)}
        signs = {s: [1 if f in s else -1 for f in factors] for s in cells}
        columns = [w for w in subsets(factors)]
        design = np.array(
            [[math.prod(signs[s][factors.index(f)] for f in w) for w in columns] for s in cells]
        )
        coefficients, *_ = np.linalg.lstsq(design, np.array(list(cells.values())), rcond=None)
        found = effects(cells)
        assert list(found) == columns[1:]
        for which, beta in zip(columns[1:], coefficients[1:], strict=True):
            assert np.allclose(found[which], 2 * beta), which

    def test_effects_that_add_up_have_no_interaction_and_a_seeds_luck_cancels(self):
        sizes, luck = {"A": 0.5, "B": -1.0, "C": 2.0}, np.arange(4.0)
        cells = {s: luck + sum(sizes[f] for f in s) for s in subsets(tuple(sizes))}
        found = effects(cells)
        for name, size in sizes.items():
            assert np.allclose(found[name,], size)
        assert all(np.allclose(v, 0) for w, v in found.items() if len(w) > 1)

    def test_all_have_the_same_spread_and_the_nominal_coverage(self):
        rng, factors, trials, n = np.random.default_rng(1), ("A", "B", "C"), 2000, 8
        noise = {s: rng.normal(size=(trials, n)) for s in subsets(factors)}
        found = effects(noise)
        # each is a mean of eight cells with signs, times 2: sd sqrt(8) / 4
        assert all(abs(v.std() - math.sqrt(8) / 4) < 0.02 for v in found.values())
        inside = [low <= 0 <= high for low, high in map(t_interval, found["A", "B"])]
        assert 0.93 < np.mean(inside) < 0.97  # 2000 trials: 0.95 +- 4 * 0.005

    def test_a_missing_cell_is_named(self):
        with pytest.raises(ValueError, match=r"also need \[\('A', 'B'\)\]"):
            effects({(): 0.0, ("A",): 1.0, ("B",): 1.0})


class TestOperations:
    def test_a_step_on_the_plane_by_hand(self):
        """Layers of 2 n_in n_out operations a sample; a first layer never sends a gradient back."""
        cfg = TogetherConfig(batch=16, hidden=8, steps=4)
        recipes = eight(plane_base(cfg), PAPERS)
        g, d = [(8, 8), (8, 8), (8, 8), (8, 2)], [(2, 8), (8, 8), (8, 8), (8, 1)]

        def forward(layers):
            return sum(2 * a * b for a, b in layers)

        def learned(layers, own_input=False):
            first = 2 * layers[0][0] * layers[0][1]
            return 3 * forward(layers) - (0 if own_input else first)

        trunk = d[:3]
        none = forward(g) + 2 * learned(d) + learned(g) + 2 * forward(d)
        mixed = 2 * learned(trunk) + 2 * forward(trunk)
        searched = 2 * forward(g) + 2 * forward(d)
        expected = {
            (): none,
            ("AdaptiveMix",): none + mixed,
            ("-qua",): none + searched,
            ("AdaptiveMix", "-qua"): none + mixed + searched,
        }
        for subset, one in expected.items():
            run = Run(recipes[subset], toy.ring(), 0)
            assert step_operations(run) == pytest.approx(16 * one, rel=0.02), called(subset)
            assert run.step == 1

    def test_kdd_adds_at_least_its_kernel_matrices(self):
        cfg = TogetherConfig(batch=16, hidden=8, steps=4)
        recipes = eight(plane_base(cfg), PAPERS)
        count = {s: step_operations(Run(recipes[s], toy.ring(), 0)) for s in ((), ("KDD",))}
        d_turn, g_turn = 3 * 2 * 32 * 32 * 8, 3 * 2 * 16 * 32 * 8  # forwards and both gradients
        assert count["KDD",] - count[()] > 0.9 * (d_turn + g_turn)

    def test_seeds_side_by_side_cost_what_they_cost_alone(self):
        recipe = plane_base(TogetherConfig(batch=16, hidden=8))
        alone, three = (step_operations(Run(recipe, toy.ring(), s)) for s in (0, [0, 1, 2]))
        assert three == 3 * alone

    def test_it_counts_backward_passes(self):
        a, b = torch.ones(2, 3), torch.ones(3, 5, requires_grad=True)
        assert operations(lambda: (a @ b).sum().backward()) == 2 * 60  # of b alone


class TestVectors:
    def test_seeds_draw_what_each_draws_alone_and_pixels_keep_their_places(self):
        images = random_images()
        data = Vectors(images)
        both = data.sample(6, [3, 4])
        assert torch.equal(both[1], data.sample(6, 4)) and both.shape == (2, 6, 16)
        assert torch.equal(data.pictures(both[1]), images.sample(6, 4))

    def test_an_mlp_of_two_seeds_trains_each_as_alone(self):
        data = Vectors(random_images())
        nets = PixelMlp(4, (8,), (8,), pixels=16)
        recipe = combined(Recipe(nets, batch=8), FACTORS, PAPERS)
        together, alone = Run(recipe, data, [5, 6]), Run(recipe, data, 6)
        for run in (together, alone):
            list(run.steps(5))
        assert together.sample(7, [1, 2]).shape == (2, 7, 16)
        assert torch.allclose(together.sample(7, [1, 2])[1], alone.sample(7, 2), atol=1e-4)

    def test_wrong_sizes_are_refused(self):
        with pytest.raises(ValueError, match="pixels=0"):
            PixelMlp(pixels=0)
        recipe = Recipe(PixelMlp(pixels=9), batch=8)
        with pytest.raises(ValueError, match="shape"):
            Run(recipe, Vectors(random_images()), 0)


class TestRecipes:
    def test_each_subset_differs_from_the_baseline_at_its_places_alone(self):
        base = plane_base(TogetherConfig())
        place = {"AdaptiveMix": "terms", "-qua": "latent", "KDD": "objective"}
        for subset, recipe in eight(base, PAPERS).items():
            assert set(recipe.diff(base)) == {place[name] for name in subset}

    def test_settings_reach_their_methods(self):
        recipe = combined(plane_base(TogetherConfig()), FACTORS, Setting(0.5, 0.02, 3.0))
        assert recipe.terms[0].weight == 0.5 and recipe.latent.eps == 0.02
        assert isinstance(recipe.objective, KDD) and recipe.objective.tau == 3.0

    def test_images_take_an_mlp_or_a_dcgan_of_their_shape(self):
        mlp = image_base(TogetherConfig(), (3, 8, 8)).nets
        conv = image_base(TogetherConfig(nets="dcgan", size=16, width=4), (3, 16, 16)).nets
        assert mlp.shape == (192,) and conv.channels == 3 and conv.size == 16

    def test_parameters_that_do_not_fit_are_refused(self):
        with pytest.raises(BadParameters, match="size=20: a DCGAN"):
            TogetherConfig(nets="dcgan", size=20)
        assert TogetherConfig(nets="mlp", size=20).size == 20

    def test_a_given_setting_replaces_the_grids_choice(self):
        grids, _ = chosen("ring")
        mine = setting(TogetherConfig(tau=0.05), "ring")
        assert mine == Setting(grids.weight, grids.eps, 0.05)
        assert setting(TogetherConfig(), "cifar10") == PAPERS


class TestGrid:
    def test_the_record_has_whole_data_sets_on_seeds_that_no_profile_uses(self):
        found, cfg = rows(), TogetherConfig(profile="class")
        assert {r["data"] for r in found} == set(complete()) and "ring" in complete()
        for data in complete():
            mine = [r for r in found if r["data"] == data]
            tried = {(r["method"], r["value"], int(r["seed"])) for r in mine}
            assert tried == {(m, f"{v:g}", s) for m, v in asked() for s in GRID_SEEDS}
            assert len(mine) == len(tried)
            steps = cfg.steps if data in WORLDS else cfg.image_steps
            assert {int(r["steps"]) for r in mine} == {steps}, "trained as the class profile does"
        most = max(p["seeds"] for p in TogetherConfig.PROFILES.values())
        assert min(GRID_SEEDS) >= most

    def test_the_least_geometric_mean_wins(self, tmp_path):
        file = tmp_path / "grid.csv"
        distances = {("AdaptiveMix", 1.0): (1.0, 100.0), ("KDD", 0.3): (9.0, 9.0)}
        with file.open("w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(COLUMNS)
            for method, value in asked():
                pair = distances.get((method, value), (20.0 + value, 20.0 + value))
                for seed, distance in enumerate(pair):
                    writer.writerow(("x", method, f"{value:g}", seed, 9, distance))
        # the mean of 1 and 100 is 50.5, their geometric mean 10
        assert means(file)["x", "AdaptiveMix", "1"] == pytest.approx(10)
        assert chosen("x", file) == (Setting(1.0, GRID["-qua"][0], 0.3), "KDD")

    def test_half_a_grid_chooses_nothing(self, tmp_path):
        file = tmp_path / "grid.csv"
        file.write_text(",".join(COLUMNS) + "\nx,KDD,1,100,9,0.5\n")
        assert chosen("x", file) is None and complete(file) == []
        assert chosen("x", tmp_path / "none.csv") is None


def test_a_record_takes_the_numbers_of_some_of_its_seeds():
    record = Record(TogetherConfig(seeds=3), "14_together").add("a", [1, 2], seeds=[0, 1])
    assert record.frame().seed.tolist() == [0, 1]
    with pytest.raises(ValueError, match="2 values"):
        record.add("b", [1, 2])


def test_the_claims_of_a_world_are_its_effects_and_two_comparisons():
    (target,) = choose(["composition/ring"])
    effects_claimed = {c.variant for c in target.claims if c.metric.startswith("effect_on_log")}
    assert effects_claimed == {f"ring: {' x '.join(w)}" for w in subsets(FACTORS)[1:]}
    assert {c.margin for c in target.claims} == {math.log(1.25)}
    assert target.claims[-2].against == f"ring: {chosen('ring')[1]}"
