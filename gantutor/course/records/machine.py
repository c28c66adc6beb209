"""Where a run ran: hardware, versions, commit."""

import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gantutor import __version__


def hardware() -> dict[str, Any]:
    """CPU model, usable cores, GPU; torch is only asked if it is loaded already."""
    try:
        cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())[1]
    except (OSError, TypeError):  # no such file, or no such line
        cpu = platform.processor() or platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch = sys.modules.get("torch")
    gpu = torch.cuda.get_device_name() if torch is not None and torch.cuda.is_available() else None
    return {"cpu": cpu, "cores": cores, "gpu": gpu}


def versions() -> dict[str, str | None]:
    """The versions of gantutor, Python and the packages that compute; None: not installed."""
    found: dict[str, str | None] = {"gantutor": __version__, "python": platform.python_version()}
    for package in ("torch", "torchvision", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def commit() -> str | None:
    """The checkout's commit, with "+" where files differ from it; None outside git."""
    try:
        found = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return found + ("+" if changed else "")


def _git(*arguments: str) -> str:
    here = Path(__file__).parent
    done = subprocess.run(
        ["git", *arguments], cwd=here, capture_output=True, text=True, timeout=5, check=True
    )
    return done.stdout.strip()
