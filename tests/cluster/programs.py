"""The kit's Go programs, built once into a cache outside the checkout.

A part is one Go module (`controlplane/`, `pebble/`, `helm/`, `netpol/`) and becomes one directory `<part>-<key>` in
the cache (`$CERTSHIM_CACHE`, else `$XDG_CACHE_HOME/certshim`, else `~/.cache/certshim`).  The key is a hash of
everything that goes in: the module's files, the build's flags, the machine's architecture.  So a changed input builds
anew, an unchanged one costs a look at the disk, and two checkouts share.

The directory is built beside and renamed at the end; it is there entirely or not at all.  A file lock
lets the second of two runs wait for the first.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.progress import Progress
from tests.cluster.toolchain import find_go

_HERE = Path(__file__).parent
_VERSION = "k8s.io/component-base/version"


class BuildFailed(Exception):
    """Go could not build a part; the message ends with its last lines."""


@dataclass(frozen=True, slots=True)
class Part:
    """One Go module and what to build of it."""

    name: str
    packages: tuple[str, ...]
    programs: tuple[str, ...]  # files that the build leaves
    links: tuple[str, ...]  # names under which the first of them is also called
    packages_about: int  # compiled from a cold cache: for the progress line
    usually: str
    ldflags: str = "-s -w"

    @property
    def module(self) -> Path:
        """The folder of the module's files."""
        return _HERE / self.name

    @property
    def flags(self) -> tuple[str, ...]:
        """What `go build` is told, apart from the packages and where to put the result."""
        return ("-trimpath", "-ldflags", self.ldflags)


CONTROL_PLANE = Part(
    name="controlplane",
    packages=(".",),
    programs=("controlplane",),
    links=(
        *("etcd", "kube-apiserver", "kube-controller-manager", "kubectl"),
        *("kubelet", "kube-proxy", "kube-scheduler"),
    ),
    packages_about=3000,
    usually="ten minutes on two cores and 1 GB of modules the first time",
    # Without these the server calls itself v0.0.0 and kubectl complains of the skew.
    ldflags=f"-s -w -X {_VERSION}.gitVersion=v1.37.2 -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=37",
)
PEBBLE = Part(
    name="pebble",
    packages=(
        "github.com/letsencrypt/pebble/v2/cmd/pebble",
        "github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv",
    ),
    programs=("pebble", "pebble-challtestsrv"),
    links=(),
    packages_about=210,
    usually="half a minute",
)


HELM = Part(
    name="helm",
    packages=("helm.sh/helm/v3/cmd/helm",),
    programs=("helm",),
    links=(),
    packages_about=1300,
    usually="two minutes",
)
NETPOL = Part(
    name="netpol",
    packages=(".",),
    programs=("netpol",),
    links=(),
    packages_about=750,
    usually="half a minute after the control plane, most of whose packages it shares",
)


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the built programs are."""

    controlplane: Path
    pebble: Path
    helm: Path


def ensure_built() -> Programs:
    """Build what is missing and return where everything is; BuildFailed or NoToolchain with what to do."""
    return Programs(controlplane=_ensure(CONTROL_PLANE), pebble=_ensure(PEBBLE), helm=_ensure(HELM))


def ensure_netpol() -> Path:
    """Do the same for what enforces NetworkPolicies; only the tests on nodes have a use for it."""
    return _ensure(NETPOL) / "netpol"


def cache_directory() -> Path:
    """Return the cache's folder, which may not exist yet."""
    if own := os.environ.get("CERTSHIM_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "certshim"


def cache_key(part: Part) -> str:
    """Return the hash of everything that the built programs depend on."""
    digest = hashlib.sha256(" ".join((platform.machine(), *part.flags, *part.packages)).encode())
    for file in sorted(path for path in part.module.iterdir() if path.suffix in {".go", ".mod", ".sum"}):
        digest.update(f"\n{file.name}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _ensure(part: Part) -> Path:
    cache = cache_directory()
    built = cache / f"{part.name}-{cache_key(part)}"
    if built.is_dir():
        return built
    cache.mkdir(parents=True, exist_ok=True)
    with _lock(cache / f"{part.name}.lock", part):
        if not built.is_dir():
            _build(part, cache, built)
    return built


def _build(part: Part, cache: Path, built: Path) -> None:
    go = find_go(part.module, cache)
    print(f"Building {', '.join(part.links or part.programs)} with {go} (usually {part.usually})", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=cache, prefix=f"{part.name}-") as directory:
        fresh = Path(directory) / part.name
        fresh.mkdir(mode=0o755)
        _run_go([str(go), "build", "-v", *part.flags, "-o", f"{fresh}/", *part.packages], part)
        for link in part.links:
            (fresh / link).symlink_to(part.programs[0])
        fresh.rename(built)


def _run_go(command: list[str], part: Part) -> None:
    # The module's own versions and nothing of the user's Go settings; where modules come from (GOPROXY) stays theirs.
    env = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    last: deque[str] = deque(maxlen=25)
    with (
        Progress(part.name, part.packages_about) as progress,
        subprocess.Popen(command, cwd=part.module, env=env, stderr=subprocess.PIPE, text=True) as process,
    ):
        for line in process.stderr or ():
            last.append(line.rstrip())
            progress.saw(line)
    if process.returncode != 0:
        text = "\n".join(last)
        raise BuildFailed(f"go could not build {part.name} (in {part.module}); its last lines:\n{text}")


@contextmanager
def _lock(path: Path, part: Part) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another run is building {part.name}: waiting for it", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
