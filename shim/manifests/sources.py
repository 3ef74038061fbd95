"""From the arguments of the command line to files: folders are searched, `-` is standard input.

No more is read of a file than the limit; what goes beyond it is refused when it is decoded (`shim.manifests.streams`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from shim.manifests.streams import MAX_BYTES, Unreadable

STDIN: Final = "-"
SUFFIXES: Final = frozenset((".yaml", ".yml", ".json"))


class Source(NamedTuple):
    """A file by the name that the user knows it by, and what it holds, or why that is not known."""

    name: str
    content: bytes | Unreadable


def sources(arguments: Iterable[str], stdin: Callable[[], BinaryIO]) -> Iterator[Source]:
    """Yield the files that the arguments name, each once, those of a folder in the order of their names."""
    seen: set[str] = set()
    for argument in arguments:
        for name in _names(argument):
            if name in seen:
                continue
            seen.add(name)
            if name == STDIN:
                yield Source("<stdin>", _content(stdin))
            else:
                yield Source(os.fsencode(name).decode(errors="replace"), _content(Path(name).open, "rb"))


def _content(opening: Callable[..., BinaryIO], *mode: str) -> bytes | Unreadable:
    try:
        with opening(*mode) as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        return Unreadable(1, f"cannot be read: {error.strerror or error}")
    except ValueError as error:  # a NUL in the name
        return Unreadable(1, f"cannot be read: {error}")


def _names(argument: str) -> Iterator[str]:
    """Yield the argument itself, or what a folder holds: hidden folders (`.git`) hold no manifests."""
    if argument == STDIN or not Path(argument).is_dir():
        yield argument if argument == STDIN else os.path.normpath(argument)
        return
    for folder, folders, files in os.walk(argument):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if Path(name).suffix.lower() in SUFFIXES:
                yield os.path.normpath(Path(folder, name))
