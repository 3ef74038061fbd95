"""What the documentation points to is there: files and folders of the repository, headings, targets of make."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FOLDERS: Final = "bench|certs|docs|image|manifests|shim|tests|webhook"
PATH: Final = re.compile(rf"(?<![\w/.-])(?:{FOLDERS})/[\w./-]*\w")
LINK: Final = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
TARGET: Final = re.compile(r"`make ([a-z-]+)")
FENCED: Final = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return what can stand behind `#`: headings as GitHub writes them, and ids that were set."""
    text = page.read_text()
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.MULTILINE)
    made = (re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings)
    return frozenset((*made, *re.findall(r'id="([^"]+)"', text)))


@pages
def test_files_that_are_named_are_there(page: Path) -> None:
    """A module may be named without its suffix."""
    named = set(PATH.findall(page.read_text()))

    assert [path for path in sorted(named) if not ((ROOT / path).exists() or (ROOT / f"{path}.py").exists())] == []


@pages
def test_links_lead_somewhere(page: Path) -> None:
    """To files of the repository, and to headings of its pages; what is elsewhere is not asked for."""
    dead = []
    for target, anchor in LINK.findall(page.read_text()):
        if "://" in target:
            continue
        file = Path(os.path.normpath(page.parent / target)) if target else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            dead.append(f"{target}#{anchor}")

    assert dead == []


@pages
def test_targets_of_make_that_are_named_are_there(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(TARGET.findall(page.read_text())) <= targets
