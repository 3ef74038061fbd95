"""The instructions of a Containerfile, as far as ours uses them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


class NotUnderstood(Exception):
    """An instruction that this reader does not know; the message names it and its line."""


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY: from the context, or from the stage that `stage` names."""

    sources: tuple[str, ...]
    target: str  # absolute
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """RUN: a line for /bin/sh, where and with what environment."""

    line: str
    folder: str
    environment: Mapping[str, str]


@dataclass(slots=True)
class Stage:
    """FROM: what it starts with, what is done to it, and with what configuration it ends."""

    base: str
    name: str
    steps: list[Copy | Run] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = ""
    entrypoint: tuple[str, ...] = ()


def stages(text: str) -> list[Stage]:
    """Return the stages of a Containerfile in their order; NotUnderstood."""
    found: list[Stage] = []
    for number, line in _instructions(text):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, *named = rest.split()
            found.append(Stage(base, named[-1] if named else ""))
        else:
            _add(found[-1], word, rest.strip(), number)
    return found


def _add(stage: Stage, word: str, rest: str, number: int) -> None:
    match word:
        case "ENV":
            stage.environment |= dict(entry.split("=", 1) for entry in shlex.split(rest))
        case "WORKDIR":
            stage.folder = rest
        case "RUN":
            stage.steps.append(Run(rest, stage.folder, dict(stage.environment)))
        case "COPY":
            options, words = _split(rest.split())
            *sources, target = words
            absolute = target if target.startswith("/") else f"{stage.folder.rstrip('/')}/{target.removeprefix('./')}"
            stage.steps.append(Copy(tuple(sources), absolute, options.get("--from", "")))
        case "USER":
            stage.user = rest
        case "ENTRYPOINT":
            stage.entrypoint = tuple(json.loads(rest))
        case _:
            raise NotUnderstood(
                f"line {number} of the Containerfile: {word} is not known to tests/node/containerfile.py"
            )


def _split(words: list[str]) -> tuple[dict[str, str], list[str]]:
    options = dict(word.split("=", 1) for word in words if word.startswith("--"))
    return options, [word for word in words if not word.startswith("--")]


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    whole, began = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#") or not (whole or line.strip()):
            continue
        began = began if whole else number
        whole += line.removesuffix("\\")
        if not line.endswith("\\"):
            yield began, whole.strip()
            whole = ""
