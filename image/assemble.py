"""Put the image's file system together: `python -m image.assemble ROOT`, run by the Containerfile in its build stage.

Debian's packages are unpacked and not installed, so neither shell nor package manager comes along; the Python packages
are what `requirements.lock` pins, checked by their hashes.  Everything that depends on the moment is taken out: caches
are left, times are set to SOURCE_DATE_EPOCH, and bytecode is compiled in one order and bound to no time.  So the same
inputs give the same bytes.

    ROOT/usr/lib/python3.11                       Python, from Debian
    ROOT/usr/local/lib/python3.11/dist-packages   certshim and what it needs
    ROOT/usr/local/bin/certshim                   the one command
    ROOT/usr/share/sbom/certshim.cdx.json         what is in it (sbom.py)
    ROOT/var/lib/dpkg/status.d                    the same for scanners that know Debian's images
"""

from __future__ import annotations

import compileall
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from image import sbom

HERE = Path(__file__).parent
SOURCE = HERE.parent
PYTHON = "python3.11"
SITE = f"usr/local/lib/{PYTHON}/dist-packages"
USER = 65532
# Of Debian's packages: what nobody reads in an image.  Licences stay.
LEFT_OUT = (
    *("./usr/share/man/*", "./usr/share/lintian/*", "./usr/share/locale/*", "./usr/share/bug/*", "./usr/games"),
    *("./usr/lib/*/gconv", "./usr/lib/python3.11/pydoc_data"),
)
# Modules of Python's whose C libraries are not here: what asks for one is told so, as on any small Python.
NO_LIBRARY = ("_crypt", "_curses", "_curses_panel", "_dbm", "_sqlite3", "nis", "readline")
# Of the Python packages, what is large and never imported: tests, and the other client of the kubernetes package.
UNUSED = ("**/tests", "kubernetes/aio")
# Of the 400 services that botocore describes (25 MB): DNS, and the ways to credentials.
AWS = ("route53", "signin", "sso", "sso-oidc", "sts")


def main() -> None:
    """Make ROOT, which must not be there yet."""
    root = Path(sys.argv[1])
    root.mkdir()
    debian = [line for line in (HERE / "packages.txt").read_text().split("\n") if line and not line.startswith("#")]
    unpack(debian, root)
    write_files(root)
    install(root)
    compile_all(root)
    sbom.write(root, root / SITE, root / "usr/share/sbom/certshim.cdx.json", SOURCE / "requirements.lock")
    set_times(root, int(os.environ["SOURCE_DATE_EPOCH"]))


def unpack(packages: Sequence[str], root: Path) -> None:
    """Unpack Debian's packages as they are in the archive now, and note their names for scanners."""
    for folder in ("bin", "lib", "lib64", "sbin"):  # as Debian has it: what a package puts into /lib goes to /usr/lib
        (root / "usr" / folder).mkdir(parents=True)
        (root / folder).symlink_to(f"usr/{folder}")
    known = root / "var/lib/dpkg/status.d"
    known.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        run("apt-get", "-o", "APT::Sandbox::User=", "-qq", "download", *packages, cwd=Path(folder))
        for archive in sorted(Path(folder).glob("*.deb")):
            name = archive.name.partition("_")[0]
            (known / name).write_bytes(run("dpkg-deb", "--field", str(archive)))
            files = run("dpkg-deb", "--fsys-tarfile", str(archive))
            excluded = [f"--exclude={pattern}" for pattern in LEFT_OUT]
            run("tar", "-x", "--keep-directory-symlink", *excluded, "-C", str(root), stdin=files)


def write_files(root: Path) -> None:
    """Write what the packages' scripts would have written, and what a process without a shell needs."""
    (root / "usr/bin/python3").symlink_to(PYTHON)
    for module in (one for name in NO_LIBRARY for one in (root / "usr/lib" / PYTHON / "lib-dynload").glob(f"{name}.*")):
        module.unlink()
    certificates = sorted((root / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_bytes(b"".join(one.read_bytes() for one in certificates))
    nobody = f"certshim:x:{USER}:{USER}:certshim:/tmp:/sbin/nologin"
    (root / "etc/passwd").write_text(f"root:x:0:0:root:/root:/sbin/nologin\n{nobody}\n")
    (root / "etc/group").write_text(f"root:x:0:\ncertshim:x:{USER}:\n")
    (root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)


def install(root: Path) -> None:
    """Install the locked packages and certshim; of their programs only ours stay."""
    site = root / SITE
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(site)]
    locked = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(SOURCE / "requirements.lock")]
    run(*pip, *locked)
    # With the setuptools of requirements-image.lock, which runs this program.
    run(*pip, "--no-deps", "--no-build-isolation", str(SOURCE))
    programs = root / "usr/local/bin"
    programs.mkdir(parents=True, exist_ok=True)
    launcher = f"#!/usr/bin/{PYTHON}\nimport sys\n\nfrom shim.cli import main\n\nsys.exit(main())\n"
    for name in ("certshim", "kubectl-certshim"):
        (programs / name).write_text(launcher)
        (programs / name).chmod(0o755)
    shutil.rmtree(site / "bin")
    services = [one for one in (site / "botocore/data").iterdir() if one.is_dir() and one.name not in AWS]
    for folder in [*services, *(path for pattern in UNUSED for path in site.glob(pattern) if path.is_dir())]:
        shutil.rmtree(folder)


def compile_all(root: Path) -> None:
    """Compile all Python once: the root of a container is read-only, so it cannot do that itself."""
    folders = (root / "usr/lib" / PYTHON, root / SITE)
    for file in sorted(path for folder in folders for path in folder.glob("**/*.py")):
        compileall.compile_file(
            file,
            quiet=2,  # templates of code generators are no Python
            stripdir=str(root),
            prependdir="/",
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


def set_times(root: Path, moment: int) -> None:
    """Give every file the same time (seconds since 1970)."""
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            os.utime(Path(folder, name), (moment, moment), follow_symlinks=False)
    os.utime(root, (moment, moment))


def run(*command: str, cwd: Path | None = None, stdin: bytes | None = None) -> bytes:
    """Run a program and return what it wrote; its errors go to the build's output."""
    return subprocess.run(command, cwd=cwd, input=stdin, check=True, stdout=subprocess.PIPE).stdout


if __name__ == "__main__":
    main()
