"""The page about a CA's answers says of each type what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from certs.acmetypes import TYPES
from shim.acme.problems import BY_TYPE

PAGE = (Path(__file__).parents[3] / "docs" / "acme-errors.md").read_text()


@pytest.mark.parametrize("kind", sorted(BY_TYPE))
def test_each_type_is_there_with_what_to_do(kind: str) -> None:
    assert f"| `{kind}` | {BY_TYPE[kind][1]} |" in PAGE


def test_there_is_no_type_that_is_not_known() -> None:
    listed = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")}

    assert listed == set(BY_TYPE) == TYPES
