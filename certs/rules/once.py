"""What several rules ask of one object, made when the first of them asks, and once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

MadeT = TypeVar("MadeT")


class once(Generic[MadeT]):  # noqa: N801 - used as a decorator, as cached_property is
    """`functools.cached_property` without the lock that it has in Python 3.11, which costs more than what it guards."""

    def __init__(self, make: Callable[[Any], MadeT]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, subject: object, owner: type) -> MadeT:
        made = subject.__dict__[self._name] = self._make(subject)
        return made
