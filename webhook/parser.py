"""Which of gunicorn's two HTTP parsers: the compiled one from the version on that gunicorn itself asks for.

gunicorn takes any version that it can work with, but older ones have holes that newer ones mended;
the floor stands only in its metadata, as an extra.  Both parsers have one interface.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any, Final

from gunicorn.asgi.parser import PythonProtocol
from packaging.requirements import Requirement

COMPILED: Final = "gunicorn_h1c"


def parser_class() -> type[Any]:
    """Return the compiled parser if one is installed that gunicorn recommends, else the one in Python."""
    try:
        found = version(COMPILED)
    except PackageNotFoundError:
        return python_parser()
    if not is_recommended(found, requires("gunicorn") or []):
        return python_parser()
    compiled: type[Any] = import_module(COMPILED).H1CProtocol
    return compiled


def python_parser() -> type[Any]:
    """Return the parser that is always there."""
    parser: type[Any] = PythonProtocol
    return parser


def is_recommended(found: str, requirements: list[str]) -> bool:
    """Does a requirement on the compiled parser, of whatever extra, allow that version?"""
    parsed = [Requirement(line) for line in requirements]
    wanted = [requirement for requirement in parsed if requirement.name.replace("-", "_") == COMPILED]
    return bool(wanted) and all(requirement.specifier.contains(found) for requirement in wanted)
