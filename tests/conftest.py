"""What several tests need: a browser, and a final table of the minutes that notebooks took."""

import itertools
import os
import shutil
import sys

import pytest

from gantutor.course.lessons import LESSONS

# before torch is imported: several workers with one thread per core each would be much slower
os.environ.setdefault("OMP_NUM_THREADS", "1")

# nbformat would import this module and build a grammar of web addresses in it, for two seconds
sys.modules.setdefault("rfc3987_syntax", None)

# files whose tests share what takes long to make: one worker gets all of a file
SHARED = (
    "test_grade",
    "test_processes",
    "test_norms",
    "test_site_browser",
    "test_report_browser",
    "test_report_status",
    "test_report_tables",
    "test_report",
    "test_site",
)
# the files with the longest tests, which start processes, kernels and browsers
LONG = (*SHARED, "test_notebooks", "test_grid", "test_cli", "test_lab_browser")

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


@pytest.hookimpl(optionalhook=True)  # without xdist, pytest would refuse an unknown hook
def pytest_xdist_auto_num_workers(config):
    """One worker more than cores: while a test waits for its processes, another one can run."""
    cores = getattr(os, "process_cpu_count", os.cpu_count)()
    return (cores or 1) + 1


@pytest.hookimpl(trylast=True)  # after the slow tests have been taken out
def pytest_collection_modifyitems(items):
    """Let every worker begin with its share of the long tests, so that none is left for the end.

    xdist gives each worker an equal run of consecutive items, and later moves items from the end
    of one worker's run to another worker.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    first = sorted((i for i in items if i.path.stem in LONG), key=lambda i: LONG.index(i.path.stem))
    units = [
        list(unit)
        for _, unit in itertools.groupby(
            first, lambda i: i.path.stem if i.path.stem in SHARED else i.nodeid
        )
    ]
    then = [i for i in items if i.path.stem not in LONG]
    ordered, size = [], len(items) / workers
    for worker in range(workers):
        share = [i for unit in units[worker::workers] for i in unit]
        rest = max(0, round((worker + 1) * size) - len(ordered) - len(share))
        ordered += share + then[:rest]
        then = then[rest:]
    items[:] = ordered + then


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
