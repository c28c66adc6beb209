"""What several tests need: a browser, and at the end the minutes that notebooks took, beside those that they promise."""

import os
import shutil

import pytest

from gantutor.course.lessons import LESSONS

# two workers with a thread for each core each are several times slower; before torch is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")

# a browser that asks nobody for anything: it runs as root in containers too, and without a screen
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
    """Chromium without a window. A module's, not a session's: its event loop is in the way of other tests' own."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install 'gantutor[test]'"
    )
    chromium = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if chromium is None:
        pytest.skip("no chromium here: apt-get install chromium")
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=QUIET)
        yield browser
        browser.close()


def pytest_terminal_summary(terminalreporter):
    """One line for each notebook that ran, none where no notebook did. The times are told and decide nothing."""
    found = [
        dict(r.user_properties) for r in terminalreporter.getreports("passed") if r.when == "call"
    ]
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
