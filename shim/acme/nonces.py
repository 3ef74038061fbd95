"""A pool of anti-replay nonces (RFC 8555 §6.5): every answer brings one, every signed request spends one.

The newest goes first: servers forget old ones, and after a restart of the server the first rejected
request brings a good one that is then used next.  Threads may share a pool.
"""

from __future__ import annotations

import re
from collections import deque
from threading import Lock
from typing import Final

_KEPT: Final = 32  # more than workers that could spend them at once
_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9_-]{1,512}")  # RFC 8555 §6.5.1: others must be ignored


class Nonces:
    """Nonces of one server."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._fresh: deque[str] = deque(maxlen=_KEPT)

    def add(self, nonce: str | None) -> None:
        """Keep a nonce; what is none is ignored."""
        if nonce and _WELL_FORMED.fullmatch(nonce) and len(nonce) % 4 != 1:
            with self._lock:
                self._fresh.append(nonce)

    def take(self) -> str | None:
        """Return a nonce and forget it, None when the pool is empty."""
        with self._lock:
            return self._fresh.pop() if self._fresh else None
