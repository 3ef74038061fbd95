"""The descriptions of a struct: its docstring, and the string literal after each field.

Python drops a bare string after an assignment, so that it costs nothing at run time; it is read
back from the source with `ast` when CRDs or reference pages are generated, and only then.
Where the source is not at hand (a zipped or compiled installation), there is nothing to read and
`inspect` raises OSError: generating is a developer's task, done in a checkout.
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise


def summary(cls: type) -> str:
    """Return the class's docstring as one paragraph."""
    return _flow(inspect.cleandoc(cls.__doc__ or ""))


def field_descriptions(cls: type) -> dict[str, str]:
    """Return what the source says of each field that has a description, inherited fields included."""
    found: dict[str, str] = {}
    for ancestor in reversed(cls.__mro__):
        if ancestor is not object and "__annotations__" in vars(ancestor):
            found |= _own_descriptions(ancestor)
    return found


def _own_descriptions(cls: type) -> dict[str, str]:
    return {
        field.target.id: _flow(inspect.cleandoc(literal.value.value))
        for field, literal in pairwise(_classes(cls.__module__)[cls.__name__].body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(literal, ast.Expr)
        and isinstance(literal.value, ast.Constant)
        and isinstance(literal.value.value, str)
    }


@cache  # a module is asked for each of its structs, and `inspect.getsource(cls)` would parse it each time
def _classes(module: str) -> dict[str, ast.ClassDef]:
    """Return the statements of the module's classes by name."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {statement.name: statement for statement in tree.body if isinstance(statement, ast.ClassDef)}


def _flow(text: str) -> str:
    """Line breaks within a paragraph are the source's, not the reader's."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
