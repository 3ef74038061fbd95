"""The product's image, made by the Containerfile's own lines on a bare Debian root: no engine, but root is needed.

The bare root comes from debootstrap and stays in the cache, as does the image, by a hash of all that it is made of.
`python -m tests.node.image FILE` writes a docker archive.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.cluster import debian
from tests.cluster.programs import cache_directory
from tests.node.archive import write_archive, write_layer
from tests.node.containerfile import Copy, Run, Stage, stages

IMAGE_VARIABLE = "CERTSHIM_NODE_IMAGE"  # in the environment of the tests: the docker archive
REFERENCE = "docker.io/library/certshim:0.1.0"
_REPOSITORY = Path(__file__).parents[2]
_CONTAINERFILE = _REPOSITORY / "Containerfile"
_RELEASE = "bookworm"
# Where pip finds packages is the machine's business, inside as outside.
_PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_DEFAULT_TIMEOUT")
_OWN = "/run/build"  # inside: what is lent to a RUN and does not stay
_ENTER = f"""\
set -e
mount --rbind /dev "$ROOT/dev" && mount -t proc proc "$ROOT/proc" && mount -t tmpfs tmpfs "$ROOT/run"
mkdir -p "$ROOT{_OWN}/pip" && mount --bind "$PIP" "$ROOT{_OWN}/pip"
for file in "$CERTIFICATES" /etc/pip.conf; do [ ! -f "$file" ] || cp "$file" "$ROOT{_OWN}/$(basename "$file")"; done
[ ! -f /etc/resolv.conf ] || {{ rm -f "$ROOT/etc/resolv.conf" && cp /etc/resolv.conf "$ROOT/etc/resolv.conf"; }}
exec chroot "$ROOT" /usr/bin/env --chdir="$FOLDER" /bin/sh -e -c "$LINE"
"""


class BuildFailed(Exception):
    """An instruction of the Containerfile failed; the message names it and ends with its last lines."""


def ensure_image() -> Path:
    """Return the docker archive of the image that these sources make, built when it is not in the cache."""
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / f"image-{_key()}.tar"
    with (cache / "image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            for old in cache.glob("image-*.tar"):  # 100 MB each, and every edit makes another
                old.unlink()
            write_image(archive)
    return archive


def write_image(archive: Path) -> str:
    """Build the image and write its docker archive; return the SHA-256 of its layer in hexadecimal."""
    with tempfile.TemporaryDirectory(dir=cache_directory(), prefix="image-") as folder:
        work = Path(folder)
        root, stage = build(work)
        digest = write_layer(root, work / "layer.tar")
        moment = int(next(root.glob("etc/passwd")).stat().st_mtime)
        write_archive(work / "layer.tar", digest, stage, REFERENCE, work / "image.tar", moment)
        (work / "image.tar").rename(archive)
    return digest


def build(work: Path) -> tuple[Path, Stage]:
    """Do what the Containerfile says, in `work`; return the last stage's root and the stage."""
    roots: dict[str, Path] = {}
    root, stage = Path(), Stage("", "")
    for number, stage in enumerate(stages(_CONTAINERFILE.read_text())):
        root = work / f"stage-{number}"
        _begin(stage, root)
        for step in stage.steps:
            if isinstance(step, Run):
                _run(step, root)
            else:
                _copy(step, roots.get(step.stage, _REPOSITORY), root)
        roots[stage.name] = root
    return root, stage


def bare_root() -> Path:
    """Return a bare Debian in the cache, made by debootstrap when it is not there."""
    cache = cache_directory()
    root = cache / f"debian-root-{_RELEASE}"
    if root.is_dir():
        return root
    tools, sources = debian.unpacked("debootstrap"), debian.sources(_RELEASE)
    print(f"Making a bare Debian in {root} (usually a minute)", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=cache, prefix="debian-root-") as folder:
        fresh = Path(folder) / "root"
        command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        command += [str(tools / "usr/sbin/debootstrap"), "--variant=minbase", _RELEASE, str(fresh), sources[_RELEASE]]
        environment = {**os.environ, "DEBOOTSTRAP_DIR": str(tools / "usr/share/debootstrap")}
        _call(command, "debootstrap", environment)
        (fresh / "etc/apt/sources.list").write_text(
            "".join(f"deb {uri} {suite} main\n" for suite, uri in sources.items())
        )
        fresh.rename(root)
    return root


def _begin(stage: Stage, root: Path) -> None:
    match stage.base:
        case "scratch":
            root.mkdir()
        case "debian:bookworm-slim":
            subprocess.run(["cp", "-a", "--reflink=auto", bare_root(), root], check=True)
        case other:
            raise BuildFailed(f"FROM {other}: the tests know debian:bookworm-slim and scratch")


def _copy(step: Copy, origin: Path, root: Path) -> None:
    target = root / step.target.lstrip("/")
    for source in (origin / one.lstrip("/") for one in step.sources):
        if source.is_dir() and step.stage:
            target.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", f"{source}/.", target], check=True)
        elif source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / source.name)


def _run(step: Run, root: Path) -> None:
    print(f"  RUN {step.line}", file=sys.stderr)
    pip = cache_directory() / "pip"
    pip.mkdir(exist_ok=True)
    certificates = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or ""
    environment = {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "DEBIAN_FRONTEND": "noninteractive",
        "HOME": "/root",
        "PIP_CACHE_DIR": f"{_OWN}/pip",
        "PIP_ROOT_USER_ACTION": "ignore",
        **({"PIP_CERT": f"{_OWN}/{Path(certificates).name}"} if certificates else {}),
        **step.environment,
        "ROOT": str(root),
        "PIP": str(pip),
        "CERTIFICATES": certificates,
        "FOLDER": step.folder,
        "LINE": step.line,
    }
    _call(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", _ENTER],
        f"RUN {step.line}",
        environment,
    )


def _call(command: list[str], what: str, environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = "\n".join((done.stdout + done.stderr).splitlines()[-25:])
        raise BuildFailed(f"{what} failed with code {done.returncode}; its last lines:\n{lines}")


def _key() -> str:
    digest = hashlib.sha256()
    for file in sorted(_inputs()):
        digest.update(f"\n{file.relative_to(_REPOSITORY)}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _inputs() -> Iterator[Path]:
    yield _CONTAINERFILE
    yield from (Path(__file__).with_name(f"{name}.py") for name in ("archive", "containerfile", "image"))
    for stage in stages(_CONTAINERFILE.read_text()):
        for name in (one for step in stage.steps if isinstance(step, Copy) and not step.stage for one in step.sources):
            path = _REPOSITORY / name
            yield from (
                (one for one in path.rglob("*") if one.is_file() and "__pycache__" not in one.parts)
                if path.is_dir()
                else (path,)
            )


if __name__ == "__main__":
    print(write_image(Path(sys.argv[1])))
