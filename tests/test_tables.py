"""Each row of the papers' image tables: a recipe that trains, resumes exactly and is measured, here at a tiny size."""

import json

import pytest
import torch

from gantutor.course.config import BadParameters
from gantutor.course.lessons import FullRunConfig
from gantutor.course.lessons.full_run import AUGMENTS, NEEDS_NETS, NETS, OBJECTIVES, SAMPLERS, TERMS
from gantutor.course.lessons.images import SIDES
from gantutor.descriptions import describe
from gantutor.images import ImageSet
from gantutor.metrics.images import judge
from gantutor.recipes import Adam, Ema
from gantutor.reproduce import ready, tables
from gantutor.reproduce.tables import EPS, MODELS, ROWS, compose, nets_by_name, planned
from gantutor.rng import Rng
from gantutor.train import Run, train

# rows whose training is the same differ in how they are sampled alone
TRAININGS = {json.dumps([describe(row.recipe), row.size]): name for name, row in ROWS.items()}


def kinds(part):
    """The classes in a recipe's description, without its numbers: what differs in kind may fail for a reason of its own."""
    if isinstance(part, dict):
        return [part.get("kind"), *(kinds(v) for v in part.values())]
    return [kinds(p) for p in part] if isinstance(part, list) else isinstance(part, str) and part


def chosen() -> set[str]:
    """Rows that bring a kind of nets or a kind of losses and maps that no row before them brought."""
    seen, names = set(), set()
    for name in TRAININGS.values():
        what = describe(ROWS[name].recipe)
        new = {
            json.dumps([k, kinds(what[k])])
            for k in ("nets", "latent", "inputs", "fakes", "n_gen", "ema")
        }
        new.add(json.dumps(["loss", kinds(what["objective"]), kinds(what["terms"])]))
        names |= {name} if new - seen else set()
        seen |= new
    return names


# BigGAN and SA-GAN take long: of KDD GAN's rows two are quick enough here, all run in `make test-slow`
KDD = {"kddgan/table1/joint-uncond", "kddgan/table2/kdd-jacd"}
FIRST = {n for n in chosen() if not n.startswith("kddgan/") or n in KDD}
ROW = [pytest.param(n, marks=() if n in FIRST else pytest.mark.slow) for n in TRAININGS.values()]


def last(steps):
    *_, step = steps
    return step


def noise(size):
    images = Rng(1).randint(256, 24, 3, size, size).to(torch.uint8)
    return ImageSet(f"noise{size}", images, torch.arange(24) % 10, tuple("abcdefghij"))


def measured(x, y):
    """The measures of the package on 64 fixed random features."""
    axes = Rng(2).randn(x[0].numel(), 64)
    return judge(x.flatten(1) @ axes, y.flatten(1) @ axes)


@pytest.mark.parametrize("name", ROW)
def test_a_row_trains_resumes_and_is_measured(name, tmp_path):
    row = ROWS[name].thinner(16, batch=4)
    data, file = noise(row.size), tmp_path / "run.pt"
    last(train(row.recipe, data, 0, 1, checkpoint=file))
    run = last(train(row.recipe, data, 0, 2, checkpoint=file)).run
    whole = last(train(row.recipe, data, 0, 2)).run
    for key in ("G", "D"):
        assert all(
            torch.equal(v, run.state_dict()[key][k]) for k, v in whole.state_dict()[key].items()
        ), key
    fakes = run.sample(24, 5, norm=row.norm)
    assert (
        fakes.shape == (24, 3, row.size, row.size)
        and float(fakes.abs().max()) <= 1
        and float(fakes.std()) > 0
    )
    assert all(torch.isfinite(torch.tensor(v)) for v in measured(data.floats(), fakes).values())


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=() if "table3/dcgan" in n or n.endswith("div+") else pytest.mark.slow)
        for n, row in ROWS.items()
        if row.sampler is not None and ("cifar10" in n or "table3/dcgan" in n)
    ],
)
def test_a_row_is_sampled_by_its_own_sampler(name):
    row = ROWS[name].thinner(16, batch=4)
    run = last(train(row.recipe, noise(row.size), 0, 1)).run
    plain, moved = run.sample(6, 5), run.sample(6, 5, latent=row.sampler)
    assert moved.shape == plain.shape and not torch.equal(moved, plain)


def names(prefix):
    return {n.removeprefix(prefix) for n in ROWS if n.startswith(prefix)}


def test_every_row_that_the_tables_print_is_there():
    """Counted in the papers: rows that were copied from elsewhere (starred) are not ours to train."""
    assert len(names("advlatgan/table3/")) == 5 * 3
    assert (
        len(names("advlatgan/table4/cifar10/")) == 7 * 3
        and len(names("advlatgan/table4/stl10/")) == 6 * 3
    )
    assert len(names("advlatgan/table5/")) == 5 * 2 * 3
    assert (
        {"msgan", "div", "div+"}
        <= names("advlatgan/table6/cifar10/")
        == names("advlatgan/table6/stl10/")
    )
    assert names("adaptivemix/table2/") == {"wgan", "adaptivemix"}
    assert (
        len(names("adaptivemix/table4/cifar10/")) == 9
        and len(names("adaptivemix/table4/celeba/")) == 6
    )
    assert [len(names(f"kddgan/table{t}/")) for t in (1, 2, 3, 4, 5, 6)] == [
        13,
        7,
        10,
        11,
        4,
        4,
    ]  # 5 and 6 print 4 and 3 again


@pytest.mark.parametrize("model", EPS["cifar10"])
def test_qua_is_one_change_of_its_baseline(model):
    bare, trained = (ROWS[f"advlatgan/table4/cifar10/{model}/{v}"].recipe for v in ("bare", "qua"))
    assert set(bare.diff(trained)) == {"latent"} and trained.latent.eps == EPS["cifar10"][model]
    assert bare == MODELS[model]


def test_kdd_against_the_hinge_is_one_change():
    for table in (1, 2, 3, 4):
        hinge = ROWS[f"kddgan/table{table}/hinge"].recipe
        kdd = ROWS[
            f"kddgan/table{table}/kdd-tau1" if table == 1 else f"kddgan/table{table}/kdd"
        ].recipe
        assert set(hinge.diff(kdd)) == {"objective"}


def test_rows_are_built_for_their_data():
    for name, row in ROWS.items():
        assert row.recipe.nets.size == row.size, name
        classes = {"cifar10": 10, "stl10": 10, "tiny-imagenet": 200, "imagenet64": 1000}.get(
            row.data
        )
        assert row.recipe.nets.classes in (0, classes), name
        assert row.note or name.split("/")[0] == "kddgan" or "/table4/" in name or "64/" in name


# -- from names and parameters -------------------------------------------------------------------------------------------
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
    """Also where they are what is usual: a dcgan that was asked for is not what a BigGAN's row trains."""
    with pytest.raises(ValueError, match="leave nets, objective"):
        FullRunConfig(row="kddgan/table2/kdd", **given)


def test_a_row_that_is_mistyped_is_named():
    with pytest.raises(ValueError, match="did you mean kddgan/table2/kdd"):
        planned(FullRunConfig(row="kddgan/table2/kd"), {})


def test_the_names_of_the_config_are_those_of_the_parts():
    """config.py is read before torch is, so it has lists of its own."""
    assert tuple(nets_by_name(0, 32, 3, 10)) == NETS and tuple(tables.OBJECTIVES) == OBJECTIVES
    assert (tuple(tables.TERMS), tuple(tables.AUGMENTS), tuple(tables.SAMPLERS)) == (
        TERMS,
        AUGMENTS,
        SAMPLERS,
    )
    assert set(ready.rows()) == set(ROWS)


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
