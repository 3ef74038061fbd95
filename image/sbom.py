"""The software bill of materials of an image's file system, as CycloneDX 1.6 JSON.

Read from what is there, not from what was wished for: Debian's packages from `status.d`, the Python packages from
their metadata.  Versions, licences as their authors name them, package URLs, and for Python packages the hashes that
the lock allows.  It has neither a time nor a random number in it, so the same image has the same one.
"""

from __future__ import annotations

import email.parser
import importlib.metadata
import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

# Ours, so that equal contents get an equal serial number.
_NAMESPACE = uuid.UUID("7c1d1c5e-4c1a-4f0e-9d5c-2f5d2b7d7a11")
_PROJECT = "certshim"


def write(root: Path, site: Path, target: Path, lock: Path) -> None:
    """Write the bill of `root`, whose Python packages are in `site`, to `target`."""
    hashes = locked_hashes(lock.read_text())
    packages = sorted(importlib.metadata.distributions(path=[str(site)]), key=lambda one: _normal(one.name))
    components = [*debian_components(root / "var/lib/dpkg/status.d"), *python_components(packages, hashes)]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(JsonV1Dot6(bill(components)).output_as_string(indent=1) + "\n")


def bill(components: Iterable[Component]) -> Bom:
    """Return the bill of these components; the project itself is what it is about."""
    everything = list(components)
    subject = next((one for one in everything if one.name == _PROJECT), None)
    identity = "\n".join(sorted(str(one.purl) for one in everything))
    rest = [one for one in everything if one is not subject]
    bom = Bom(components=rest, serial_number=uuid.uuid5(_NAMESPACE, identity))
    bom.metadata.timestamp = datetime.fromtimestamp(0, UTC)  # no moment: the library would write that of the build
    if subject is not None:
        bom.metadata.component = subject
        bom.register_dependency(subject, rest)
    return bom


def debian_components(known: Path) -> Iterator[Component]:
    """Yield the Debian packages whose control files are in a folder."""
    for file in sorted(known.iterdir()):
        control: Message = email.parser.Parser().parsestr(file.read_text())
        name, version, machine = control["Package"], control["Version"], control["Architecture"]
        purl = PackageURL("deb", "debian", name, version, {"arch": machine})
        source = Property(name="debian:source", value=control.get("Source", name))
        yield Component(
            type=ComponentType.LIBRARY, name=name, version=version, purl=purl, bom_ref=str(purl), properties=[source]
        )


def python_components(
    packages: Iterable[importlib.metadata.Distribution], hashes: dict[str, list[str]]
) -> Iterator[Component]:
    """Yield the Python packages; `hashes` has those of the lock by normalised name."""
    for package in packages:
        name, purl = _normal(package.name), PackageURL("pypi", None, _normal(package.name), package.version)
        said = package.metadata.json
        licence = str(said.get("license_expression") or said.get("license") or "")
        # Some put the whole text there: the first line names it.
        title = licence.strip().partition("\n")[0]
        yield Component(
            type=ComponentType.APPLICATION if name == _PROJECT else ComponentType.LIBRARY,
            name=name,
            version=package.version,
            purl=purl,
            bom_ref=str(purl),
            licenses=[DisjunctiveLicense(name=title)] if title else [],
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in hashes.get(name, ())],
        )


def locked_hashes(lock: str) -> dict[str, list[str]]:
    """Return the SHA-256 hashes (hexadecimal) of each package of a requirements file, by normalised name."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in lock.splitlines():
        if started := re.match(r"([A-Za-z0-9._-]+)==", line):
            name = _normal(started[1])
            found[name] = []
        elif hashed := re.search(r"--hash=sha256:([0-9a-f]{64})", line):
            found[name].append(hashed[1])
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
