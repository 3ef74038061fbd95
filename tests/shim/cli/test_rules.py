"""The page of rules: complete, true and current."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from certs.rules.catalogue import CATALOGUE, Entry, Sort
from certs.rules.examples import EXAMPLES
from shim.cli import rulespage
from shim.cli.rules import command

PAGE = Path(__file__).parents[3] / "docs" / "rules.md"
CHANGEABLE = [entry.id for entry in CATALOGUE.values() if entry.sort is not Sort.API]


@pytest.mark.parametrize("rule", CHANGEABLE)
def test_each_rule_has_an_example_that_it_speaks_about(rule: str) -> None:
    """And its sentence says what to do."""
    told = rulespage.told(rule)

    assert told
    assert all(problem.remedy for problem in told)


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_each_rule_says_what_why_and_how(entry: Entry) -> None:
    for text in (entry.sentence, entry.why, entry.remedy):
        assert text.endswith(".")
    assert entry.kinds


def test_there_is_no_example_without_a_rule() -> None:
    assert set(EXAMPLES) <= set(CATALOGUE)


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == rulespage.page()


def test_a_page_that_is_not_current_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rules.md"
    path.write_text("old")

    before = CliRunner().invoke(command, [f"--check={path}"])
    written = CliRunner().invoke(command, [f"--write={path}"])
    after = CliRunner().invoke(command, [f"--check={path}"])

    assert (before.exit_code, written.exit_code, after.exit_code) == (1, 0, 0)
    assert f"certshim rules --write {path}" in before.output


def test_the_table_names_every_rule() -> None:
    result = CliRunner().invoke(command, [])

    assert [line.split()[0] for line in result.output.splitlines()] == list(CATALOGUE)
