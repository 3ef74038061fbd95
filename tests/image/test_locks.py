"""The image's lock pins what the project asks for, as the developers' lock does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]


def pins(name: str) -> dict[str, str]:
    """Return the version of each package that a lock pins."""
    lines = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (REPOSITORY / name).read_text(), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in lines}


def test_each_dependency_is_pinned_within_its_bounds() -> None:
    """A new one in pyproject.toml without `make lock` would be missing in the image."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(line for extra in extras.values() for line in extra)]
    pinned = pins("requirements.lock")

    unmet = [
        line
        for line in wanted
        if not (one := Requirement(line)).specifier.contains(pinned.get(canonicalize_name(one.name), "0"))
    ]

    assert unmet == []


def test_the_image_has_the_versions_that_the_tests_run_with() -> None:
    developers = pins("requirements-dev.lock")

    for name in ("requirements.lock", "requirements-image.lock"):
        assert {one: developers.get(one) for one in pins(name)} == pins(name)


def test_no_lock_says_where_packages_come_from() -> None:
    for lock in REPOSITORY.glob("*.lock"):
        assert not re.search(r"https?://|--index|--find-links", lock.read_text()), lock.name
