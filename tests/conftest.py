"""What several tests need: a browser, and a final table of the minutes that notebooks took."""

import os
import shutil

import pytest

from gantutor.course.lessons import LESSONS

# before torch is imported: several workers with one thread per core each would be much slower
os.environ.setdefault("OMP_NUM_THREADS", "1")

# no sandbox, so that it runs as root in containers; no GPU; nothing that contacts a server
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window.

    Its scope is a module, because its event loop would interfere with those of other tests.
    """
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install 'gantutor[test]'"
    )
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        pytest.skip("no chromium here: apt-get install chromium")
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=QUIET)
        yield browser
        browser.close()


def pytest_xdist_auto_num_workers(config):
    """One worker more than cores: while a test waits for its processes, another one can run."""
    cores = getattr(os, "process_cpu_count", os.cpu_count)()
    return (cores or 1) + 1


def pytest_terminal_summary(terminalreporter):
    """Print one line for each notebook that ran; the times do not make a test fail."""
    calls = [r for r in terminalreporter.getreports("passed") if r.when == "call"]
    found = [dict(r.user_properties) for r in calls]
    told = sorted((p["notebook"], p["profile"], p["minutes"]) for p in found if "minutes" in p)
    if not told:
        return
    terminalreporter.section("minutes of the notebooks")
    terminalreporter.write_line(
        f"{'notebook':24s} {'profile':8s} {'measured':>8s} {'promised':>8s} {'ratio':>6s}"
    )
    for notebook, profile, minutes in told:
        promised = LESSONS[notebook].minutes[profile]
        terminalreporter.write_line(
            f"{notebook:24s} {profile:8s} {minutes:8.2f} {promised:8.2f} {minutes / promised:6.2f}"
        )
