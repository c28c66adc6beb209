"""What is typed on the command line: amounts, values, options that need each other, patterns."""

import pytest
from typer.testing import CliRunner

from gantutor import plain
from gantutor.cli import app
from gantutor.course import config
from gantutor.course.config import BadParameters, literal
from gantutor.course.lessons import FullRunConfig, PlaneConfig
from gantutor.reproduce.targets import ALL, choose


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "01", "--limit", "nan"], "--limit nan: expected seconds above 0"),
        (["run", "01", "--limit", "0"], "--limit 0: expected seconds above 0"),
        (["run", "01", "--limit", "-1"], "--limit -1: expected seconds above 0"),
        (["run", "01", "--limit", "inf"], "--limit inf: expected at most 31,622,400 seconds"),
        (["run", "01", "--limit", "soon"], "--limit soon: expected seconds above 0"),
        (["run", "01", "--cell-timeout", "0"], "--cell-timeout 0: expected seconds above 0"),
        (["run", "01", "--seeds", "1000000000"], "--seeds 1000000000: expected at most 1,000"),
        (["run", "01", "--seeds", "0"], "--seeds 0: expected an integer of at least 1"),
        (["run", "01", "--seeds", "1.5"], "--seeds 1.5: expected an integer of at least 1"),
        (["run", "01", "--seed", "-1"], "--seed -1: expected an integer of at least 0"),
        (["run", "01", "--seed", str(2**70)], f"--seed {2**70}: expected at most 2,000,000,000"),
        (["run", "01", "-p", "steps="], "-p 'steps=': the value is empty: leave it out"),
        (["run", "01", "-p", "seed=3", "--seed", "4"], "-p seed and --seed: give only one of them"),
        (["reproduce", "--limit", "nan"], "--limit nan: expected seconds above 0"),
        (["reproduce", "--cell-timeout", "-2"], "--cell-timeout -2: expected seconds above 0"),
        (["reproduce", "--memory", "-1"], "--memory -1: expected GiB above 0"),
        (["reproduce", "--memory", "nan"], "--memory nan: expected GiB above 0"),
        (["reproduce", "--seeds", "1000000000"], "--seeds 1000000000: expected at most 1,000"),
        (["reproduce", "--jobs", "100000"], "--jobs 100000: expected at most 1,024"),
        (["reproduce", "--jobs", "0"], "--jobs 0: expected an integer of at least 1"),
        (["reproduce", "-p", "n_fake="], "-p 'n_fake=': the value is empty: leave it out"),
        (
            ["reproduce", "--features", "small", "-p", "features=small"],
            "-p features and --features: give only one of them",
        ),
        (["reproduce", "--features", ""], "--features '' is empty: leave it out"),
        (["reproduce", "--weights", ""], "--weights '' is empty: leave it out"),
        (["reproduce", ""], "target '' is empty: leave it out for all"),
        (["reproduce", "--scheduler", ""], "--scheduler '' is empty: leave it out"),
        (["reproduce", "--scheduler-file", " "], "--scheduler-file ' ' is empty: leave it out"),
        (["reproduce", "--tls", ""], "--tls '' is empty: leave it out"),
        (
            ["reproduce", "--tls", "ca=a,cert=b,key=c"],
            "--tls belongs to --scheduler or --scheduler-file: add one of them",
        ),
        (
            ["reproduce", "--slurm", "--tls", "ca=a"],
            "--tls belongs to --scheduler or --scheduler-file: add one of them, or leave",
        ),
        (
            ["reproduce", "--slurm-option", "queue=gpu"],
            "--slurm-option belongs to --slurm: add --slurm",
        ),
        (
            ["reproduce", "--slurm", "--slurm-option", "queue=", "kddgan/fig1"],
            "--slurm-option 'queue=': the value is empty",
        ),
        (["check", ".", "--seconds", "nan"], "--seconds nan: expected seconds above 0"),
        (["check", ".", "--seconds", "inf"], "--seconds inf: expected at most 86,400 seconds"),
        (["check", ".", "--memory", "0"], "--memory 0: expected GiB above 0"),
        (["check", ".", "--jobs", "0"], "--jobs 0: expected an integer of at least 1"),
        (["lab", "--port", "99999"], "--port 99999: expected at most 65,535"),
        (["lab", "--port", "0"], "--port 0: expected an integer of at least 1"),
        (["data", "fetch", "cifar10", "--to", ""], "--to '' is empty: leave it out"),
    ],
)
def test_a_flag_s_value_that_cannot_be_is_one_sentence(tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith(f"gantutor: {sentence}") and result.stderr.count("\n") == 1


def test_the_command_and_the_notebooks_have_the_same_bounds():
    assert config.MAX_SEEDS == plain.MAX_SEEDS
    assert config.MAX_SEED == plain.MAX_SEED


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500", 500),
        ("-3", -3),
        ("+7", 7),
        ("0", 0),
        (" 5 ", 5),
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        (".5", 0.5),
        ("1.", 1.0),
        ("-0.25", -0.25),
        ("true", True),
        ("False", False),
        ("null", None),
        ("None", None),
        ("'500'", "500"),
        ('"true"', "true"),
        ("['--gres=gpu:1']", ["--gres=gpu:1"]),
        (
            "[--gres=gpu:1, 0500, 5, 1e-3, yes, 24:00:00]",
            ["--gres=gpu:1", "0500", 5, 1e-3, "yes", "24:00:00"],
        ),
        (
            "{dashboard_address: '127.0.0.1:0', port: 8786}",
            {"dashboard_address": "127.0.0.1:0", "port": 8786},
        ),
    ],
)
def test_a_typed_value_is_what_it_looks_like(text, value):
    found = literal(text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "0500",
        "00",
        "0o17",
        "0x10",
        "0b1",
        "1_000",
        "12:30:45",
        "24:00:00",
        "1:30",
        "yes",
        "No",
        "on",
        "off",
        "y",
        "~",
        "nan",
        ".nan",
        "inf",
        "-.inf",
        "2026-01-01",
        "2026-01-01 10:00:00",
        "=",
        "<<",
        "a: b",
        "# x",
        "a #b",
        "- a",
        "*a",
        "&a b",
        "!x y",
        "@a",
        "%a",
        "!!python/object:os.system x",
        "[!!python/name:os.system ]",
        "[1",
        "{[a]: 1}",
        "'x",
        "9" * 5000,
        "gpu",
    ],
)
def test_what_yaml_would_read_otherwise_stays_the_text_that_was_typed(text):
    assert literal(text) == text


def test_leading_zeros_are_refused_where_a_number_belongs_and_kept_where_a_text_does():
    with pytest.raises(BadParameters, match="steps='0500': expected an integer"):
        PlaneConfig(steps=PlaneConfig.typed("steps", "0500"))
    with pytest.raises(BadParameters, match="decay='yes': expected True or False"):
        FullRunConfig(decay=FullRunConfig.typed("decay", "yes"))
    assert literal("0123") == "0123"  # an account of Slurm's


@pytest.mark.parametrize(
    ("name", "some", "others"),
    [
        ("kddgan/fig*", {"kddgan/fig1", "kddgan/fig3"}, {"kddgan/image", "adaptivemix/fig3"}),
        ("*/image", {"adaptivemix/image", "kddgan/image", "advlatgan/image"}, {"kddgan/fig1"}),
        (
            "advlatgan/*",
            {"advlatgan/fig9", "advlatgan/table4:cifar10/wgangp/bare"},
            {"kddgan/fig1"},
        ),
        ("[ak]*/fig1", {"kddgan/fig1"}, {"kddgan/fig3"}),
        ("kddgan/table*", {"kddgan/table1:hinge", "kddgan/table1-thin"}, {"kddgan/fig1"}),
        ("kddgan/table1", {"kddgan/table1:hinge"}, {"kddgan/table2:hinge", "kddgan/table1-thin"}),
        ("*/table1:hinge", {"kddgan/table1:hinge"}, {"kddgan/table1:hinge-uncond"}),
        (
            "advlatgan/table4:wgangp*",
            {"advlatgan/table4:cifar10/wgangp/qua"},
            {"advlatgan/table4:cifar10/sngan/qua"},
        ),
        ("kddgan", {"kddgan/fig1", "kddgan/table1:hinge"}, {"advlatgan/fig9"}),
    ],
)
def test_patterns_are_for_whole_names_of_targets(name, some, others):
    found = {t.name for t in choose([name])}
    assert some <= found and not others & found


def test_a_target_that_no_pattern_fits_is_named():
    with pytest.raises(
        ValueError, match=r"unknown target 'kddgan/figg\*': did you mean 'kddgan/fig"
    ):
        choose(["kddgan/figg*"])
    assert choose(["*"]) == list(ALL) == choose([])
