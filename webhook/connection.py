"""gunicorn's ASGI worker with deadlines: no connection may begin a request and not end it.

The stock worker gives a client that sends half a request all the time in the world, and its TLS
handshake a minute.  Here a request has to arrive whole within `REQUEST_WITHIN` of its first byte, or
is answered 408 and closed; a connection that never sends anything is closed like one that is idle
between requests.  Ordinary requests come in one piece and never start the clock.

Also served here: the plain listeners for health and metrics, on the same event loop.
Written against gunicorn 27's `ASGIProtocol`, whose internals it has to read; the tests with raw
sockets tell when an upgrade changes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers.gasgi import ASGIWorker

REQUEST_WITHIN: Final = 5.0  # seconds: the longest that the API server waits for us
HANDSHAKE_WITHIN: Final = 5.0


class Connection(ASGIProtocol):  # type: ignore[misc]  # gunicorn has no types
    """One connection with a clock on each request."""

    _clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin, idle."""
        super().connection_made(transport)
        self._arm_keepalive_timer()

    def data_received(self, data: bytes) -> None:
        """Take bytes; start the clock when they are not the end of a request, stop it when they are."""
        super().data_received(data)
        receiver = self._body_receiver
        if receiver is not None and receiver._complete:  # noqa: SLF001 - see the module
            self._stop_clock()
        elif self._clock is None and not self._closed:
            self._clock = self.worker.loop.call_later(REQUEST_WITHIN, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_clock()
        super().connection_lost(exc)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_late(self) -> None:
        self._send_error_response(408, f"the request did not arrive within {REQUEST_WITHIN:.0f} s")
        self._close_transport()
        self._request_ready.set()
        if self._body_receiver is not None:
            self._body_receiver.signal_disconnect()


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose servers use our connections, since the worker names its class itself."""

    def __init__(self, make: Callable[[], Connection]) -> None:
        super().__init__()
        self._make = make

    async def create_server(self, _factory: Any, *args: Any, **options: Any) -> asyncio.Server:  # type: ignore[override]
        """Listen."""
        if options.get("ssl") is not None:
            options["ssl_handshake_timeout"] = HANDSHAKE_WITHIN
        return await super().create_server(self._make, *args, **options)


class Worker(ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """The worker process.  `plain` is set before it starts: where to listen without TLS."""

    plain: ClassVar[Sequence[tuple[str, int]]] = ()

    def _setup_event_loop(self) -> None:
        self.loop = _Loop(lambda: Connection(self))
        asyncio.set_event_loop(self.loop)

    async def _serve(self) -> None:
        for host, port in self.plain:
            self.servers.append(await self.loop.create_server(None, host, port))
        await super()._serve()
