"""What a node needs of the machine, asked before, and removed after: namespaces, cgroups, overlayfs.

The tests run in namespaces of their own for network, mounts and processes.  So whatever becomes of them, the
kernel ends every process, and takes network and mounts away.  Only cgroups and files stay, and those are removed here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")


def missing(user: int) -> str:
    """Return why that user can have no node on this machine; empty when it can."""
    if sys.platform != "linux" or user != 0:
        return "a node needs Linux and root"
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "the kernel has no overlayfs"
    try:
        tried = subprocess.run([*_NAMESPACES, "true"], capture_output=True, text=True, check=False)
    except OSError as error:
        return f"there is no unshare (Debian: util-linux): {error}"
    if tried.returncode != 0:
        return f"namespaces are not permitted here: {tried.stderr.strip()}"
    probe = f"certshim-probe-{os.getpid()}"
    try:
        make_cgroups(probe)
    except OSError as error:
        return f"cgroups cannot be made here: {error}"
    finally:
        remove_cgroups(probe)
    return ""


def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program in namespaces of its own and return its code; SIGINT and SIGTERM are passed on to it."""
    with subprocess.Popen([*_NAMESPACES, *command], env={**os.environ, **environment}) as process:

        def pass_on(number: int, _: object) -> None:
            # unshare ignores it and waits; its child is the program.
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            for child in children:
                os.kill(int(child), number)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, pass_on)
        return process.wait()


def make_cgroups(name: str) -> None:
    """Make a cgroup of that name in each hierarchy (version 1), or the one (version 2) with all its controllers."""
    if (_CGROUPS / "cgroup.controllers").exists():
        controllers = (_CGROUPS / "cgroup.controllers").read_text().split()
        (_CGROUPS / "cgroup.subtree_control").write_text(" ".join(f"+{one}" for one in controllers))
    for hierarchy in _hierarchies():
        (hierarchy / name).mkdir(parents=True)


def remove_cgroups(name: str) -> None:
    """Remove the cgroups of that name with everything below; no process may be left in them.

    Where both versions are mounted, runc makes them in the second, too.
    """
    for hierarchy in _hierarchies():
        for folder, _, _ in os.walk(hierarchy / name, topdown=False):
            Path(folder).rmdir()


def _hierarchies() -> list[Path]:
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    lines = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(line[1]) for line in lines if line[2] in {"cgroup", "cgroup2"}]
