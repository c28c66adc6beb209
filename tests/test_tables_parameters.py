"""The rows that notebook 10's parameters ask for: names, changed values, what is refused."""

import pytest
import torch
from test_tables import noise

from gantutor.course.config import BadParameters
from gantutor.course.lessons import FullRunConfig
from gantutor.course.lessons.full_run import AUGMENTS, NEEDS_NETS, NETS, OBJECTIVES, SAMPLERS, TERMS
from gantutor.course.lessons.images import SIDES
from gantutor.recipes import Adam, Ema
from gantutor.reproduce import ready, tables
from gantutor.reproduce.tables import ROWS, compose, nets_by_name, planned
from gantutor.rng import Rng
from gantutor.train import Run

DIGITS = {"channels": 1, "classes": 10}


@pytest.mark.parametrize("nets", NETS)
def test_every_name_composes_a_recipe_whose_nets_fit(nets):
    size = 64 if nets == "sagan64" else 32
    recipe = compose(nets, "hinge", width=4, size=size, channels=1, classes=3)
    G, D = recipe.nets.build(Rng(0))
    y = () if not recipe.nets.classes else (torch.tensor([0, 2]),)
    x = G(torch.randn(2, recipe.nets.z, generator=torch.Generator().manual_seed(0)), *y)
    assert x.shape == (2, 1, size, size) and D(x, *y).score.shape == (2,)


@pytest.mark.parametrize(
    "how, sentence",
    [
        ({"nets": "dcgam"}, "nets='dcgam': expected one of 'dcgan', "),
        ({"objective": "kd"}, "objective='kd': expected one of 'non-saturating', 'hinge'"),
        ({"terms": ("gp", "adaptive")}, "terms='adaptive': expected one of 'adaptivemix'"),
        ({"terms": ("classes",)}, "needs nets='acgan'"),
        ({"objective": "kdd-proj"}, "a projection needs class embeddings"),
    ],
)
def test_what_cannot_be_composed_is_said(how, sentence):
    with pytest.raises(ValueError, match=sentence):
        compose(**{"nets": "dcgan", "objective": "hinge"} | how)


def test_parameters_of_a_row_keep_the_row_s_own_unless_they_give_a_number():
    name = "advlatgan/table4/stl10/sngan/qua+"
    paper = planned(FullRunConfig(profile="paper", row=name), {"channels": 3, "classes": 10})
    assert paper == ROWS[name]
    small = planned(
        FullRunConfig(
            profile="class", row=name, dataset="digits", size=32, sampler="none", lr=1e-3
        ),
        DIGITS,
    )
    r = small.recipe
    assert (small.data, small.size, small.steps, small.sampler, r.decay) == (
        "digits",
        32,
        300,
        None,
        300,
    )
    assert (
        r.nets.width,
        r.nets.size,
        r.nets.channels,
        r.batch,
        r.g_batch,
        r.g_opt.lr,
        r.g_opt.betas,
    ) == (16, 32, 1, 32, 64, 1e-3, (0.0, 0.9))
    assert set(paper.recipe.diff(r)) == {"nets", "batch", "g_batch", "g_opt", "d_opt", "decay"}


def test_parameters_compose_where_no_row_is_named():
    row = planned(
        FullRunConfig(
            profile="class",
            nets="cnn",
            objective="kdd",
            terms="adaptivemix, gp",
            qua_eps=0.04,
            ema=0.99,
            decay=True,
        ),
        DIGITS,
    )
    r = row.recipe
    assert [type(t).__name__ for t in r.terms] == [
        "AdaptiveMix",
        "GradientPenalty",
    ] and r.latent.eps == 0.04
    assert (r.ema.decay, r.decay, row.steps, r.nets.channels, row.data) == (
        0.99,
        300,
        300,
        1,
        "digits",
    )


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({"n_dis": 3}, {"n_dis": 3}),
        ({"beta1": 0.3}, {"g_opt": Adam(2e-4, (0.3, 0.999)), "d_opt": Adam(2e-4, (0.3, 0.999))}),
        ({"beta2": 0.9}, {"g_opt": Adam(2e-4, (0.0, 0.9)), "d_opt": Adam(2e-4, (0.0, 0.9))}),
        ({"ema": 0.0}, {"ema": None}),
        ({"ema": 0.99}, {"ema": Ema(0.99, 1000)}),
        ({"ema": 0.99, "steps": 300}, {"ema": Ema(0.99, 30)}),
        ({"ema_start": 50}, {"ema": Ema(0.9999, 50)}),
        ({"decay": True}, {"decay": 100_000}),
    ],
)
def test_what_a_parameter_gives_is_what_a_row_trains_by(given, changed):
    """Each used to be taken, recorded and ignored."""
    row = "kddgan/table2/hinge"
    mine = planned(
        FullRunConfig(profile="paper", row=row, **given), {"channels": 3, "classes": 10}
    ).recipe
    assert set(ROWS[row].recipe.diff(mine)) == set(changed)
    for part, value in changed.items():
        assert getattr(mine, part) == value


def test_a_row_s_linear_decay_can_be_turned_off():
    row = planned(
        FullRunConfig(profile="paper", row="advlatgan/table4/cifar10/dcgan/bare", decay=False), {}
    )
    assert row.recipe.decay is None


@pytest.mark.parametrize(("steps", "start"), [(20, 2), (300, 30), (50_000, 1000)])
def test_a_moving_average_that_is_asked_for_begins_within_the_budget(steps, start):
    assert planned(FullRunConfig(ema=0.999, steps=steps), DIGITS).recipe.ema == Ema(0.999, start)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"row": "adaptivemix/table2/wgan", "beta1": 0.5}, "trained by RmsProp.*has no betas"),
        ({"row": "adaptivemix/table2/wgan", "ema_start": 3}, "there is no moving average"),
        ({"ema": 0.9, "ema_start": 400}, "ema_start=400: the run ends after 300 steps"),
    ],
)
def test_a_part_that_a_row_has_not_cannot_be_changed(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        planned(FullRunConfig(**given), DIGITS)


@pytest.mark.parametrize(
    "given",
    [
        {"nets": "dcgan"},
        {"objective": "non-saturating"},
        {"terms": ""},
        {"qua_eps": 0.0},
        {"augment": "none"},
        {"terms": "gp"},
    ],
)
def test_a_row_and_parts_of_one_s_own_are_refused_together(given):
    """Also where they are the defaults: a row of BigGAN would not train the dcgan asked for."""
    with pytest.raises(ValueError, match="leave nets, objective"):
        FullRunConfig(row="kddgan/table2/kdd", **given)


def test_a_row_that_is_mistyped_is_named():
    with pytest.raises(ValueError, match="did you mean kddgan/table2/kdd"):
        planned(FullRunConfig(row="kddgan/table2/kd"), {})


def test_the_names_of_the_config_are_those_of_the_parts():
    """The lessons' parameters are checked without torch, so they have lists of their own."""
    assert tuple(nets_by_name(0, 32, 3, 10)) == NETS and tuple(tables.OBJECTIVES) == OBJECTIVES
    assert (tuple(tables.TERMS), tuple(tables.AUGMENTS), tuple(tables.SAMPLERS)) == (
        TERMS,
        AUGMENTS,
        SAMPLERS,
    )
    assert set(ready.row_names()) == set(ROWS)


def steps_once(recipe, size) -> bool:
    try:
        list(Run(recipe, noise(size), 0).steps(1))
        return True
    except (ValueError, RuntimeError, TypeError):
        return False


@pytest.mark.parametrize("nets", NETS)
def test_the_sides_that_nets_are_said_to_take_are_those_that_they_take(nets):
    for size in (8, 12, 16, 24, 32, 48, 64):
        if size not in SIDES[nets]:
            with pytest.raises(BadParameters, match=f"size={size}: nets='{nets}' takes"):
                FullRunConfig(nets=nets, size=size)
        elif size < 48 or nets == "sagan64":  # larger ones take their time
            mine = planned(
                FullRunConfig(profile="smoke", nets=nets, size=size, width=4, batch=4),
                DIGITS | {"channels": 3},
            )
            assert steps_once(mine.recipe, size), size


# a row of each kind of nets
KINDS = [
    "kddgan/table1/hinge",
    "kddgan/table3/hinge",
    "adaptivemix/table2/wgan",
    "advlatgan/table4/cifar10/lsgan/bare",
    "advlatgan/table4/cifar10/wgan/bare",
    "advlatgan/table6/cifar10/msgan",
]


@pytest.mark.parametrize("row", KINDS)
def test_the_sides_that_a_row_is_said_to_take_are_those_that_it_takes(row):
    for size in (8, 12, 16, 24, 32, 40, 64):
        mine = (
            planned(
                FullRunConfig(
                    profile="smoke", row=row, size=size, width=4, batch=4, dataset="digits"
                ),
                DIGITS | {"channels": 3},
            )
            if size in ready.sides(row)
            else None
        )
        assert (
            mine is None or size == 64 and "table3" not in row or steps_once(mine.recipe, size)
        ), (row, size)


def test_every_row_is_of_one_of_these_kinds():
    assert all(row.size in ready.sides(name) for name, row in ROWS.items())
    nets = {type(ROWS[name].recipe.nets) for name in KINDS}
    assert nets == {type(row.recipe.nets) for row in ROWS.values()}


@pytest.mark.parametrize("part", NEEDS_NETS)
def test_parts_that_only_some_nets_can_have_are_refused_for_the_others(part):
    kind = "objective" if part in OBJECTIVES else "terms"
    able, _ = NEEDS_NETS[part]
    refused = next(n for n in NETS if n not in able)
    with pytest.raises(BadParameters, match=f"'{part}' with nets='{refused}'"):
        FullRunConfig(nets=refused, **{kind: part})
    mine = planned(
        FullRunConfig(profile="smoke", nets=able[0], width=4, batch=4, **{kind: part}),
        DIGITS | {"channels": 3},
    )
    assert steps_once(mine.recipe, mine.size)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"sampler": "dott"}, "sampler='dott': did you mean 'dot'"),
        ({"nets": "dcgam"}, "nets='dcgam': did you mean 'dcgan'"),
        ({"objective": "kd"}, "objective='kd': did you mean 'kdd'"),
        (
            {"terms": "gp, adaptive"},
            "'adaptive' is not the name of a term; names are separated by commas; "
            "did you mean 'adaptivemix'",
        ),
        ({"augment": "diff"}, "augment='diff': "),
        ({"beta1": 2.0}, "beta1=2.0: expected a number of at least 0 and below 1"),
        ({"device": "gpu"}, "device='gpu': expected auto, cpu, cuda"),
        ({"seed": 2**70}, "seed=1180591620717411303424: expected at most 2,000,000,000"),
        ({"seeds": 10**9}, "seeds=1000000000: expected at most 1,000"),
        ({"nets": "biggan", "size": 64}, "size=64: nets='biggan' takes pictures with a side of 32"),
        (
            {"nets": "sagan64", "size": 32},
            "size=32: nets='sagan64' takes pictures with a side of 64",
        ),
    ],
)
def test_names_and_numbers_are_refused_before_anything_starts(given, sentence):
    with pytest.raises(BadParameters, match=sentence):
        FullRunConfig(**given)
