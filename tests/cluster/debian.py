"""Programs from Debian's packages, unpacked into the cache: no root, and nothing of the system changes.

apt is asked with lists and archives of its own, so that it works as any user and on a machine whose lists are empty.
It says which packages are missing; what is on the machine already is used as it is.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.programs import cache_directory

_WITHIN = 180.0  # lists are some 14 MB, and mirrors can be slow


class NoPackage(Exception):
    """A program is neither on the machine nor to be had from Debian; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program, and the environment that it needs to find its libraries."""

    path: Path
    environment: dict[str, str]


def find(package: str, program: str) -> Program:
    """Return a program of the machine's, else the package's; NoPackage where neither can be had."""
    if on_path := shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/sbin"):
        return Program(Path(on_path), {})
    root = unpacked(package)
    found = next((path for path in root.glob(f"usr/*bin/{program}") if path.is_file()), None)
    if found is None:
        raise NoPackage(f"Debian's package {package} has no program {program}")
    return Program(found, {"LD_LIBRARY_PATH": libraries(root)})


def unpacked(*packages: str) -> Path:
    """Return the root of a tree with these packages and what they need beyond the machine's; NoPackage."""
    root = cache_directory() / f"debian-{'-'.join(packages)}-{_release()}-{platform.machine()}"
    if not root.is_dir():
        _unpack(packages, root)
    return root


def libraries(root: Path) -> str:
    """Return the LD_LIBRARY_PATH for the programs of a tree."""
    return ":".join(sorted({str(path.parent) for path in root.glob("usr/lib/**/*.so*")}))


def sources(release: str) -> dict[str, str]:
    """Return where this machine's apt has a release of Debian from: `bookworm`, `bookworm-security`, … to a URI."""
    wanted = (release, f"{release}-updates", f"{release}-security")
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = {suite: uri for uri, suite, component in map(str.split, listed.splitlines()) if component == "main"}
    if release not in found:
        raise NoPackage(f"apt of this machine has no source for main of Debian {release}: add one to its sources")
    return {suite: found[suite] for suite in wanted if suite in found}


def _release() -> str:
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME", "unknown")
    except OSError:
        return "unknown"


def _unpack(packages: tuple[str, ...], root: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NoPackage(f"this is no Debian: install what Debian calls {', '.join(packages)} by hand")
    print(f"Fetching Debian's {', '.join(packages)} into {root} (usually ten seconds)", file=sys.stderr)
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix="debian-") as directory:
        work, fresh = Path(directory), Path(directory) / "root"
        for folder in ("lists/partial", "cache/archives/partial", "packages", "root"):
            (work / folder).mkdir(parents=True)
        _run(work, "update", "-q")
        planned = _run(work, "install", "--print-uris", "-qq", "-y", "--no-install-recommends", *packages)
        # Each line: 'URI' file size hash.  Scripts are not run, so only files are of use to us.
        files = [line.split()[1] for line in planned.splitlines() if line.startswith("'")]
        _run(work, "download", *(name.partition("_")[0] for name in files), cwd=work / "packages")
        for archive in sorted((work / "packages").glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", archive, fresh], check=True)  # noqa: S607  Debian's, wherever it is
        try:
            fresh.rename(root)
        except OSError:  # another run was faster
            if not root.is_dir():
                raise


def _run(work: Path, *arguments: str, cwd: Path | None = None) -> str:
    options = {
        "Dir::State::lists": work / "lists",
        "Dir::Cache": work / "cache",
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "",
    }
    command = ["apt-get", *(f"-o{name}={value}" for name, value in options.items()), *arguments]
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, check=False, timeout=_WITHIN, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise NoPackage(f"apt-get {arguments[0]} took more than {_WITHIN:.0f} s") from error
    if done.returncode != 0:
        raise NoPackage(f"apt-get {' '.join(arguments)} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
