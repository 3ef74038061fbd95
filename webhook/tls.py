"""The serving certificate: one current TLS context, replaced as a whole while connections go on.

gunicorn builds its context once per worker; that one carries an SNI callback, which runs on each
handshake (also without SNI) and hands over to the context of the moment.  A new one is complete
before it is swapped in by one assignment, so a broken pair never gets there, and no handshake sees
half of it.  Established connections keep what they have.

Keys reach OpenSSL through anonymous memory, never through a file.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A chain, leaf first, and its key, both PEM.  The key does not print."""

    chain: bytes
    key: bytes

    def __repr__(self) -> str:
        """Say nothing."""
        return "KeyPair(…)"


def context_for(pair: KeyPair) -> ssl.SSLContext:
    """Return a server context.  Raises ssl.SSLError when chain and key do not belong together."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.num_tickets = 0  # the API server keeps no sessions; each ticket would cost it and us
    descriptor = os.memfd_create("certshim-serving", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as memory:
            memory.write(pair.key + b"\n" + pair.chain)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    return context


class Serving:
    """Holds the context of the moment."""

    def __init__(self) -> None:
        self._current: ssl.SSLContext | None = None
        self._expires_at: datetime | None = None
        self.placeholder = True

    def use(self, pair: KeyPair, *, placeholder: bool = False) -> None:
        """Serve this from the next handshake on; raises ssl.SSLError, and keeps what it has, for a bad pair."""
        self._current = context_for(pair)
        self._expires_at = x509.load_pem_x509_certificate(pair.chain).not_valid_after_utc
        self.placeholder = placeholder

    @property
    def expires_at(self) -> datetime | None:
        """Until when what is served is valid; None while nobody could trust it."""
        return None if self.placeholder else self._expires_at

    @property
    def problem(self) -> str:
        """Why there is nothing to serve with that a client could trust; empty when there is."""
        return "there is no serving certificate yet" if self.placeholder else ""

    def listening_context(self) -> ssl.SSLContext:
        """Return the context to listen with, which hands each handshake over to the current one."""
        if self._current is None:
            raise RuntimeError("there is no serving certificate; `use` one, or a placeholder, before listening")
        listening = self._current

        def hand_over(connection: ssl.SSLObject, _name: str | None, _own: ssl.SSLContext) -> None:
            if self._current is not None:
                connection.context = self._current

        listening.sni_callback = hand_over
        return listening


class Files:
    """A static pair on disk, looked at from time to time."""

    def __init__(self, chain: Path, key: Path) -> None:
        self._chain, self._key = chain, key
        self._seen: tuple[int, int] | None = None

    def changed(self) -> KeyPair | None:
        """Return the pair when it is not the one of last time.  Raises OSError when a file cannot be read."""
        seen = (self._chain.stat().st_mtime_ns, self._key.stat().st_mtime_ns)
        if seen == self._seen:
            return None
        pair = KeyPair(self._chain.read_bytes(), self._key.read_bytes())
        self._seen = seen
        return pair
