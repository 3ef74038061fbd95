"""Results as workflow commands of GitHub Actions: each becomes an annotation beside its line in the pull request.

Source: GitHub, "Workflow commands for GitHub Actions", "Setting an error message"; what has to be escaped stands in
the runner's own toolkit (`@actions/core`, command.ts).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shim.check.results import Finding, Result

MESSAGE: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
PROPERTY: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def lines(results: Sequence[Result]) -> Iterator[str]:
    """Yield a command for each finding."""
    for result in results:
        for found in result.errors:
            yield _command("error", result.place.file, found)
        for found in result.warnings:
            yield _command("warning", result.place.file, found)


def _command(level: str, file: str, found: Finding) -> str:
    properties = {"file": file, "line": str(found.line), "title": f"certshim {found.rule}"}
    written = ",".join(f"{key}={value.translate(PROPERTY)}" for key, value in properties.items())
    message = f"{found.path}: {found.sentence}" if found.path else found.sentence
    return f"::{level} {written}::{message.translate(MESSAGE)}"
