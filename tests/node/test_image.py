"""The image itself: built twice, looked into, and compared with the lock file.  Needs root and a network, no node."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.lacking import pass_over
from tests.node.archive import write_layer
from tests.node.containerfile import stages
from tests.node.image import IMAGE_VARIABLE, build

pytestmark = [pytest.mark.node, pytest.mark.timeout(600)]
REPOSITORY = Path(__file__).parents[2]
MEGABYTE = 1_000_000
# The interpreter of the image, for the markers of the lock.
INSIDE = {"python_version": "3.11", "python_full_version": "3.11.2"}


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer of the image that the nodes run."""
    if IMAGE_VARIABLE not in os.environ:
        pass_over("needs the image: `make test-node` makes it")
    folder = tmp_path_factory.mktemp("layer")
    with tarfile.open(os.environ[IMAGE_VARIABLE]) as archive:
        archive.extract("layer.tar", folder, filter="data")
    return folder / "layer.tar"


@pytest.fixture(scope="module")
def root(layer: Path) -> Path:
    """The image's file system, unpacked."""
    with tarfile.open(layer) as tar:
        tar.extractall(layer.with_name("root"), filter="tar")
    return layer.with_name("root")


def test_a_second_build_is_the_same_to_the_byte(layer: Path, tmp_path: Path) -> None:
    again = write_layer(build(tmp_path)[0], tmp_path / "layer.tar")

    with layer.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == again


def test_the_bill_of_materials_is_complete(root: Path) -> None:
    """Every package of the lock that is for this machine, in its version; nothing besides but certshim and Debian's."""
    bill = json.loads((root / "usr/share/sbom/certshim.cdx.json").read_text())
    stated = {one["purl"] for one in bill["components"] if one["purl"].startswith("pkg:pypi/")}

    lines = re.findall(r"^([A-Za-z0-9][^\\\n]*)", (REPOSITORY / "requirements.lock").read_text(), re.MULTILINE)
    required = [Requirement(line) for line in lines]
    here = [one for one in required if one.marker is None or one.marker.evaluate(INSIDE)]
    locked = {f"pkg:pypi/{canonicalize_name(one.name)}@{str(one.specifier).removeprefix('==')}" for one in here}

    assert stated == locked
    assert bill["metadata"]["component"]["name"] == "certshim"
    debian = {one["name"] for one in bill["components"] if one["purl"].startswith("pkg:deb/")}
    wanted = (REPOSITORY / "image/packages.txt").read_text().splitlines()
    assert debian == {line for line in wanted if not line.startswith("#")}


def test_there_is_nothing_to_work_with(root: Path) -> None:
    """No shell, no compiler, no package manager, no file with more rights than its user."""
    programs = {path.name for folder in ("usr/bin", "usr/sbin", "usr/local/bin") for path in (root / folder).iterdir()}

    assert (
        programs & {"sh", "bash", "dash", "busybox", "gcc", "cc", "ld", "apt", "dpkg", "pip", "pip3", "perl"} == set()
    )
    assert {"certshim", "kubectl-certshim", "python3"} <= programs
    assert [path for path in root.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o6000] == []
    assert not list((root / "usr/local/lib").rglob("pip"))


def test_it_is_small(layer: Path) -> None:
    """The layer as it lies on a node; a registry has about a third of it."""
    assert layer.stat().st_size < 250 * MEGABYTE


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(["/usr/local/bin/certshim", "--version"], id="the command"),
        pytest.param(
            ["/usr/bin/python3", "-c", "import boto3; boto3.client('route53', region_name='x')"], id="Route 53"
        ),
        pytest.param(["/usr/bin/python3", "-c", "import google.auth, lexicon.client, uvloop"], id="the other extras"),
        pytest.param(["/usr/bin/python3", "-c", "import webhook.server, shim.app"], id="both processes"),
        pytest.param(
            ["/usr/bin/python3", "-c", "import ssl; assert ssl.create_default_context().get_ca_certs()"], id="roots"
        ),
    ],
)
def test_what_it_is_for_works_in_it(root: Path, line: list[str]) -> None:
    environment = stages((REPOSITORY / "Containerfile").read_text())[-1].environment
    done = subprocess.run(
        ["/usr/sbin/chroot", "--userspec=65532:65532", root, *line],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_all_bytecode_is_compiled(root: Path) -> None:
    """A container cannot write it, so what is not there is compiled at every start."""
    package = root / "usr/local/lib/python3.11/dist-packages"
    names = [
        path for part in ("certs", "shim", "webhook", "kubernetes/client") for path in (package / part).rglob("*.py")
    ]

    missing = [path for path in names if not (path.parent / "__pycache__" / f"{path.stem}.cpython-311.pyc").exists()]

    assert missing == []
