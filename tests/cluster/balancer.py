"""A TCP balancer on loopback, as a Service with its EndpointSlice and kube-proxy are in a cluster.

    client ──TCP──> balancer ──TCP──> a replica whose /readyz answers 200

Each new connection goes to the next replica that is ready; one that nobody accepts is tried at the next, once each.
Connections that are open stay where they are until one side ends them, as kube-proxy leaves them.
A replica that ends is known by its next look, `LOOK_EVERY` later at most; a cluster takes a second or more for that.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import urllib.request
from dataclasses import dataclass
from typing import Final, Self

LOOPBACK: Final = "127.0.0.1"
LOOK_EVERY: Final = 0.2  # seconds
_CHUNK: Final = 65536


@dataclass(frozen=True, slots=True)
class Backend:
    """A replica: its port, and the URL that answers 200 while it is ready."""

    port: int
    ready_url: str


class Balancer:
    """Use it as a context; it listens at `port` from then on.

    With `unready`, all replicas are led to, as by a Service that publishes addresses which are not ready.
    """

    def __init__(self, port: int, backends: tuple[Backend, ...], *, unready: bool = False) -> None:
        self.port = port
        self._unready = unready
        self._backends = backends
        self._ready: tuple[Backend, ...] = ()
        self._turn = 0
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="balancer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    @property
    def ready(self) -> tuple[Backend, ...]:
        """The replicas that new connections go to."""
        return self._ready

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, LOOPBACK, self.port)
        self._listening.set()
        looking = asyncio.create_task(self._look())
        await self._end.wait()
        looking.cancel()
        server.close()
        # Again, since one that was accepted a moment ago has no task yet.
        while rest := [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]:
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
            await asyncio.sleep(0)

    async def _look(self) -> None:
        if self._unready:
            self._ready = self._backends
        while not self._unready:
            verdicts = await asyncio.gather(*(asyncio.to_thread(_is_ready, one) for one in self._backends))
            self._ready = tuple(one for one, ready in zip(self._backends, verdicts, strict=True) if ready)
            await asyncio.sleep(LOOK_EVERY)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await self._dial()
        if upstream is None:
            writer.transport.abort()  # refused, as by a Service without addresses
            return
        others, other = upstream
        try:
            await asyncio.gather(_pass(reader, other), _pass(others, writer))
        finally:
            writer.transport.abort()
            other.transport.abort()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in self._backends:
            ready = self._ready
            if not ready:
                return None
            self._turn += 1
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(LOOPBACK, ready[self._turn % len(ready)].port)
        return None


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Pass on what comes, and its end."""
    with contextlib.suppress(OSError):
        while chunk := await source.read(_CHUNK):
            sink.write(chunk)
            await sink.drain()
    with contextlib.suppress(OSError):
        if sink.can_write_eof():
            sink.write_eof()


def _is_ready(backend: Backend) -> bool:
    try:
        with urllib.request.urlopen(backend.ready_url, timeout=2) as answer:  # noqa: S310  our own, http
            return bool(answer.status == 200)
    except OSError:
        return False
