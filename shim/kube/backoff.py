"""How long to wait before trying again: twice as long each time, up to a limit, with jitter."""

from __future__ import annotations

import random


class Backoff:
    """Delays in seconds, from `first` to `most`; each between half of its value and the whole.

    Jitter keeps the clients of a restarted server from coming back together.
    """

    def __init__(self, first: float, most: float) -> None:
        self._first = first
        self._most = most
        self._whole = first

    def next(self) -> float:
        """Return the next delay."""
        whole = self._whole
        self._whole = min(whole * 2, self._most)
        return whole * random.uniform(0.5, 1)  # noqa: S311  # spreading, not secrecy

    def reset(self) -> None:
        """Begin again with the first."""
        self._whole = self._first
