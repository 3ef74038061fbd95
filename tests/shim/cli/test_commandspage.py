"""The page of all commands: complete and current, and the same on every terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from shim.cli import COMMANDS, commandspage

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "commands.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == commandspage.page()


@pytest.mark.parametrize("name", [*COMMANDS, "check api", "wait certificate", "completion bash"])
def test_each_command_has_its_section(name: str) -> None:
    assert f"\n## certshim {name}\n\n```text\ncertshim {name} [OPTIONS]" in commandspage.page()


def test_the_width_of_the_terminal_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    before = commandspage.page()
    monkeypatch.setenv("COLUMNS", "40")

    assert commandspage.page() == before
