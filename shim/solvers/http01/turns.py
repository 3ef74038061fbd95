"""One after another for what belongs to the same name, so that two who miss the same object do not both write it.

A Certificate and its Challenge, or two Certificates of a namespace, may come at the same moment.  Whoever comes second
waits for one answer of the API server, and finds in the store what the first has written.
"""

from __future__ import annotations

import threading
from typing import Final

# Names that share one wait for each other: harmless, and no lock has to be cleared away.
_STRIPES: Final = 64


class Turns:
    """Locks by name."""

    def __init__(self) -> None:
        self._locks = tuple(threading.Lock() for _ in range(_STRIPES))

    def of(self, *name: str) -> threading.Lock:
        """Return the lock of a name."""
        return self._locks[hash(name) % _STRIPES]
