"""Whether a kind is there that a cluster need not have: served by the API server, and readable by us."""

from __future__ import annotations

from collections.abc import Callable


class Presence:
    """What an informer has found out; nothing is known against it before the first list."""

    def __init__(self) -> None:
        self._why_absent = ""
        self._callbacks: tuple[Callable[[], None], ...] = ()

    @property
    def why_absent(self) -> str:
        """What the API server said, empty when the kind is there."""
        return self._why_absent

    def when_it_comes(self, callback: Callable[[], None]) -> None:
        """Have it called each time the kind is there after it was not."""
        self._callbacks = (*self._callbacks, callback)

    def miss(self, why: str) -> None:
        """Take that it is not there."""
        self._why_absent = why

    def find(self) -> None:
        """Take that it is there."""
        was_absent, self._why_absent = bool(self._why_absent), ""
        for callback in self._callbacks if was_absent else ():
            callback()
