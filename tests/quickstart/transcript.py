"""What was done and what was answered, and the page that is made of it.

What differs from run to run (times, ages, ports, random words) is replaced by a word in brackets, so that two runs can
be compared.  The order of events of the same second is not the run's doing, so blocks are compared without order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Final

VARYING: Final = (
    (re.compile(r"(caBundle|Ca Bundle): +\S+"), r"\1: <base64>"),
    (re.compile(r"/(my-account|my-order|chalZ|authZ|finalize-order)/[\w-]+"), r"/\1/<id>"),
    (re.compile(r"^( *(?:Last Private Key Hash|Token|Certificate): +)\S{20,}"), r"\1<base64>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|[A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d \d{4} GMT"), "<time>"),
    (re.compile(r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d UTC"), "<time> UTC"),
    (re.compile(r"(?<=-)(\d+)-\d{6,}(?:-\d{6,})?"), r"\1-<hash>"),
    (re.compile(r"(?<=resource \"quickstart-example-tls-)[a-z0-9]{5}(?=\")"), "<random>"),
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uid>"),
    (re.compile(r"Pebble (Root|Intermediate) CA [0-9a-f]+"), r"Pebble \1 CA <id>"),
    (re.compile(r"(?<= )\d+(?:s|ms|m\d*s?)(?: \(x\d+ over \d+s\))?(?= |$)"), "<age>"),
    (re.compile(r"^(tls\.(?:crt|key)): +\d+ bytes"), r"\1:  <n> bytes"),
    (re.compile(r"\b(?:89|90)(?:\.\d+)?(?= days|d\b|;)"), "<n>"),
)
_GAP: Final = re.compile(r"(?<=\S) {2,}")


@dataclass(slots=True)
class Block:
    """A command and its answer."""

    command: str
    answer: list[str]


@dataclass(slots=True)
class Transcript:
    """The steps of one run in their order; `names` are addresses of this run and what they are called on the page."""

    names: Mapping[str, str]
    steps: list[str | Block] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """Begin a section."""
        self.steps.append(f"## {text}")

    def say(self, text: str) -> None:
        """Explain something."""
        self.steps.append(text)

    def file(self, name: str, text: str) -> None:
        """Show a file."""
        self.steps.append(Block(f"cat {name}", self._settled(text)))

    def did(self, command: str, answer: str) -> None:
        """Record a command and its answer."""
        self.steps.append(Block(self._settled(command)[0], self._settled(answer)))

    def page(self, title: str, introduction: str) -> str:
        """Return the page in Markdown."""
        parts = [f"# {title}", introduction]
        for step in self.steps:
            if isinstance(step, Block):
                answer = "\n".join(step.answer)
                parts.append(
                    f"```console\n$ {step.command}\n{answer}\n```" if answer else f"```console\n$ {step.command}\n```"
                )
            else:
                parts.append(step)
        return "\n\n".join(parts) + "\n"

    def _settled(self, text: str) -> list[str]:
        for own, shown in self.names.items():
            text = text.replace(own, shown)
        return _aligned([_steady(line) for line in text.rstrip().splitlines()])


def _steady(line: str) -> str:
    for pattern, word in VARYING:
        line = pattern.sub(word, line)
    return line.rstrip()


def _aligned(lines: list[str]) -> list[str]:
    """Return the lines with the columns of a table of events as wide as their cells are now."""
    start = next((i for i, line in enumerate(lines) if line.split()[:3] == ["Type", "Reason", "Age"]), len(lines))
    rows = [_GAP.split(line.strip()) for line in lines[start:]]
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    table = [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows
    ]
    return lines[:start] + table


def differing(page: str, other: str) -> list[str]:
    """Return the lines, by block, that only one of two pages has; the order within a block does not count."""
    ours, theirs = ([part.splitlines() for part in text.split("\n\n")] for text in (page, other))
    found = []
    nothing: list[str] = []
    for one, two in zip_longest(ours, theirs, fillvalue=nothing):
        found += [f"- {line}" for line in sorted(one) if line not in two]
        found += [f"+ {line}" for line in sorted(two) if line not in one]
    return found
