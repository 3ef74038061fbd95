"""The examples in docstrings are what the functions return."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
WITH_EXAMPLES: Final = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for package in ("certs", "shim", "webhook")
    for path in (ROOT / package).rglob("*.py")
    if ">>> " in path.read_text()
)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_are_true(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name), verbose=False)

    assert results.attempted > 0
    assert results.failed == 0
