"""The head record: on what was measured, and what.

The load average is read before anything of ours starts: what it says is what others did to the machine, and figures
of a busy machine are worth less.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).parent.parent


class Machine(TypedDict):
    """Where it was measured."""

    cpu: str
    cores: int
    memory_gb: float
    python: str
    kernel: str
    load_before: float


class Head(TypedDict):
    """The first record of `build/bench.json`."""

    machine: Machine
    commit: str
    dirty: bool
    at: str
    quick: bool
    notes: list[str]


def head(*, quick: bool, notes: list[str]) -> Head:
    """Return the record for a run that begins now."""
    return Head(
        machine=machine(),
        commit=_git("rev-parse", "HEAD") or "unknown",
        dirty=bool(_git("status", "--porcelain")),
        at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        quick=quick,
        notes=notes,
    )


def machine() -> Machine:
    """Return this machine, and its load average of the last minute."""
    return Machine(
        cpu=cpu_model(Path("/proc/cpuinfo").read_text()) or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        python=platform.python_version(),
        kernel=platform.release(),
        load_before=round(os.getloadavg()[0], 2),
    )


def cpu_model(cpuinfo: str) -> str:
    """Return the model that `/proc/cpuinfo` names first, empty when it names none (as on some ARM machines)."""
    lines: Sequence[str] = cpuinfo.splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _git(*arguments: str) -> str:
    answer = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607  git is where PATH says
    return answer.stdout.strip() if answer.returncode == 0 else ""
