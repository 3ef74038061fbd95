"""What the product says when something fails, held against the rows by which `explain` advises.

Each sentence is made by the code that makes it for users.  A sentence that changes, or a row that no sentence meets any
more, fails here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from shim.chain.advice import symptom_of
from shim.chain.symptoms import TABLE
from shim.controllers.world import World
from tests.fakes.apiserver import FakeAPIServer
from tests.shim.chain import decided, heard
from tests.shim.chain.heard import Stage
from tests.shim.conftest import Put
from tests.shim.controllers.conftest import secrets, world

__all__ = ["secrets", "world"]

ROWS: Final = {row.id: row for row in TABLE if row.pattern is not None}
EXAMPLES: Final = {row: say for table in (decided.SAID, heard.SAID) for row, say in reversed(table)}


@pytest.fixture
def stage(api: FakeAPIServer, world: World, put: Put) -> Stage:
    return Stage(api, world, put)


@pytest.mark.parametrize(("row", "say"), decided.SAID, ids=[row for row, _ in decided.SAID])
def test_what_is_decided_is_known(row: str, say: Callable[[], str]) -> None:
    known(row, say(), is_first=EXAMPLES[row] is say)


@pytest.mark.parametrize(("row", "hear"), heard.SAID, ids=[row for row, _ in heard.SAID])
def test_what_is_heard_is_known(row: str, hear: Callable[[Stage], str], stage: Stage) -> None:
    known(row, hear(stage), is_first=EXAMPLES[row] is hear)


def known(row: str, sentence: str, *, is_first: bool) -> None:
    """Is the sentence met by its row, whoever repeats it, and what the page shows?"""
    for said in (sentence, f"The request has failed: {sentence} (tried again when something changes)"):
        found = symptom_of(said, ROWS[row].solver)
        assert (found.id if found is not None else None, said) == (row, said)
    if is_first:
        assert ROWS[row].example in sentence


def test_each_row_has_a_sentence() -> None:
    """Of the product, or of others whose words we only pass on."""
    assert ROWS.keys() - EXAMPLES.keys() == heard.OTHERS.keys()
