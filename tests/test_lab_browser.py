"""Notebooks in a real JupyterLab, and notebook 12 in Voila, in a headless browser.

They are opened, run and used as a person would.
"""

import json
import os
import re
import socket
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import nbformat
import pytest
from group import running, told

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install 'gantutor[test]'"
)
pytest.importorskip("jupyterlab", reason="JupyterLab is not installed: pip install 'gantutor[lab]'")

SOURCES = Path(__file__).parent.parent / "notebooks"
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # every cell is on the page, whether it is seen or not
    "notebook-extension/tracker": {"windowingMode": "none"},
}
ARRIVED = "([e, old]) => e.src !== old && e.complete && e.naturalWidth > 100"
PROMPTS = """[...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputArea-prompt')]
    .map(e => e.textContent.trim())"""
CONNECTED = """() => {
    const context = globalThis.jupyterapp?.shell.currentWidget?.sessionContext;
    const kernel = context?.isReady && context.session?.kernel;
    return kernel?.connectionStatus === "connected" && kernel.status === "idle";
}"""
ERRORS = """["error", "stderr"].flatMap(kind => [...document.querySelectorAll(
    `.jp-Notebook [data-mime-type="application/vnd.jupyter.${kind}"]`)]).map(e => e.textContent)"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The notebooks with profile smoke, and settings for Jupyter."""
    folder = tmp_path_factory.mktemp("jupyter")
    for source in SOURCES.glob("*.ipynb"):
        nb = nbformat.read(source, as_version=4)
        for cell in nb.cells:
            if "parameters" in cell.metadata.get("tags", []):
                cell.source = cell.source.replace('profile = "class"', 'profile = "smoke"')
        nbformat.write(nb, folder / source.name)
    for name, values in SETTINGS.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    return folder


@contextmanager
def serving(folder: Path, *command: str):
    """Run a server until the block ends, and its kernels with it; yields its process."""
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        **{k: str(folder / v) for k, v in own.items()},
    }
    with running(
        [sys.executable, "-m", *command], folder / "server.log", cwd=folder, env=environment
    ) as server:
        yield server


def wait_for(what, seconds: float, folder: Path):
    """What `what()` returns as soon as it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.2)
    said = (folder / "server.log").read_text()[-1500:]
    pytest.fail(f"nothing within {seconds} s; the server said: {said}")


@pytest.fixture(scope="module")
def lab(folder):
    """A running JupyterLab: its url, token and log."""
    flags = ["--no-browser", "--allow-root", "--expose-app-in-browser"]
    options = ["--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", "--KernelManager.transport=ipc"]
    with serving(folder, "jupyterlab", *flags, *options) as server:
        file = folder / "runtime" / f"jpserver-{server.pid}.json"
        info = wait_for(lambda: told(file), 60, folder)
        yield {**info, "log": folder / "server.log"}


def start(lab, notebook: str) -> None:
    """Give a notebook its kernel, so that the page finds one and does not ask which."""
    asked = {"path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "python3"}}
    entry = {"Authorization": f"token {lab['token']}"}
    request = Request(f"{lab['url']}api/sessions", json.dumps(asked).encode(), entry)
    with urlopen(request, timeout=60) as answer:
        assert answer.status == 201


@pytest.fixture
def page(browser, request):
    """A page whose console and network errors fail the test at its end.

    Voila's own template asks public addresses, and does without them.
    """
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page, said = context.new_page(), []
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "console", lambda message: said.append(message.text) if message.type == "error" else None
    )
    yield page
    context.close()
    forgiven = r"favicon|responded with a status of 404" + (
        "|ERR_NAME_NOT_RESOLVED|ERR_INTERNET_DISCONNECTED" if "voila" in request.node.name else ""
    )
    said = [text for text in said if not re.search(forgiven, text)]
    assert not said, said


def run_all(page, lab, notebook: str, seconds: float = 240) -> None:
    """Open a notebook and run all its cells; none may end in an error or write to stderr."""
    start(lab, notebook)
    # a workspace for each notebook: JupyterLab would open the earlier ones next to it
    workspace = f"{lab['url']}lab/workspaces/{Path(notebook).stem}"
    page.goto(f"{workspace}/tree/{notebook}?token={lab['token']}")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    # the page shows "idle" before it has a kernel, and cells that run then start one each
    page.wait_for_function(CONNECTED)
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")
    end = time.monotonic() + seconds
    while not all(re.fullmatch(r"\[\d+\]:", p) for p in page.evaluate(PROMPTS)):
        assert page.evaluate(ERRORS) == []
        dialogs = page.locator(".jp-Dialog").all_inner_texts()
        said = page.evaluate(PROMPTS), dialogs, lab["log"].read_text()
        assert dialogs == [] and time.monotonic() < end, said
        time.sleep(0.5)
    assert page.evaluate(ERRORS) == []


def shot(page, name: str) -> None:
    """Keep a screenshot in the folder GANTUTOR_SHOTS, if there is one, for a person to look at."""
    if os.environ.get("GANTUTOR_SHOTS"):
        page.screenshot(path=Path(os.environ["GANTUTOR_SHOTS"]) / f"{name}.png")


@pytest.mark.slow  # half a minute each
@pytest.mark.parametrize("stem", ["02_adaptivemix", "03_kdd", "04_advlat"])
def test_a_slider_moves_its_picture(page, lab, stem):
    run_all(page, lab, f"{stem}.ipynb")
    image, handle = (
        page.locator(".widget-image").first,
        page.locator(".widget-slider .noUi-handle").first,
    )
    handle.scroll_into_view_if_needed()
    before = image.get_attribute("src")
    handle.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(ARRIVED, arg=[image.element_handle(), before])
    shot(page, stem)
    assert page.evaluate(ERRORS) == []


def clock(lab) -> int:
    """The step that a lab says it stands at."""
    return int(re.search(r"\d[\d,]*", lab.locator(".gt-clock").inner_text())[0].replace(",", ""))


def settled(lab) -> int | None:
    """That step, if it is the same a second later."""
    before = clock(lab)
    time.sleep(1)
    return before if clock(lab) == before else None


def soon(what, seconds: float = 30):
    """What `what()` returns as soon as it is true."""
    end = time.monotonic() + seconds
    while (found := what()) is None or found is False:
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.1)
    return found


def play_scrub_and_branch(page, name: str) -> None:
    """Play until the pictures have changed, pause, go back in time, and branch off."""
    lab = page.locator(".gt-lab").first
    lab.wait_for()
    lab.scroll_into_view_if_needed()
    planes = lab.locator(".gt-plane canvas")
    soon(
        lambda: (
            planes.count() == 4 and all(planes.nth(i).get_attribute("data-frame") for i in range(4))
        )
    )
    pixels = [planes.nth(i).evaluate("c => c.toDataURL()") for i in range(4)]
    began = clock(lab)
    lab.locator(".gt-play").click()
    soon(
        lambda: (
            clock(lab) > began
            and all(planes.nth(i).evaluate("c => c.toDataURL()") != pixels[i] for i in range(4))
        ),
        60,
    )
    lab.locator(".gt-play").click()
    stands = soon(lambda: settled(lab))
    handle = lab.locator(".gt-time .noUi-handle")
    handle.focus()
    page.keyboard.press("Home")
    soon(lambda: clock(lab) < stands)
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert soon(lambda: settled(lab)) < stands
    lab.locator(".gt-branch").last.click()
    soon(lambda: lab.locator(".gt-card").count() == 5)
    back = soon(lambda: settled(lab))
    lab.locator(".gt-step").click()
    soon(lambda: clock(lab) == back + 1)
    assert (
        lab.locator(".gt-message").inner_text().strip() == ""
        and lab.locator(".gt-failed").count() == 0
    )
    shot(page, name)


def test_the_lab_in_jupyterlab(page, lab):
    run_all(page, lab, "12_lab.ipynb")
    play_scrub_and_branch(page, "12_lab")
    assert page.evaluate(ERRORS) == []


@pytest.mark.slow
def test_the_lab_alone_by_voila(page, folder):
    pytest.importorskip("voila", reason="Voila is not installed: pip install 'gantutor[lab]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with serving(folder, "gantutor.cli", "lab", "--app", "--no-browser", "--port", str(port)):
        wait_for(lambda: "is running at" in (folder / "server.log").read_text(), 60, folder)
        address = re.search(rf"http://\S*:{port}/\S*", (folder / "server.log").read_text())[0]
        page.goto(address, timeout=240_000)
        page.wait_for_selector(".gt-lab .gt-play", timeout=240_000)
        play_scrub_and_branch(page, "voila")
        page.close()  # before its server, which it would call in vain
