"""A relay on loopback between a client and a server, whose connections can be reset.

TLS goes through untouched: the API server's certificate is valid for 127.0.0.1, whatever the port.  A cut is a RST, as
from a load balancer that was restarted; it hits watches and requests alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from types import TracebackType
from typing import Final, Self

LOOPBACK: Final = "127.0.0.1"
_CHUNK: Final = 65536
_WITHIN: Final = 5.0  # seconds for one of our own calls into the loop
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER of no time: close(2) sends RST


class Relay:
    """Use it as a context: within, what connects to `port` is connected to `target`."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self.cuts = 0  # connections that were reset
        self._target = target
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_WITHIN)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_WITHIN)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WITHIN)
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection that is open now; new ones are taken at once."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(_WITHIN)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port)

    async def _cut(self) -> None:
        for writer in list(self._open):
            _reset(writer)
        self.cuts += len(self._open) // 2  # two ends each

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._cut()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_WITHIN)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._relay(reader, writer)
        finally:
            self._tasks.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward_reader, onward = await asyncio.open_connection(LOOPBACK, self._target)
        except OSError:  # the server is down: so are we
            _reset(writer)
            return
        ends = {writer, onward}
        self._open |= ends
        ways = (asyncio.create_task(_pump(reader, onward)), asyncio.create_task(_pump(onward_reader, writer)))
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open -= ends
            for way in ways:
                way.cancel()
            for end in ends:
                end.close()
            await asyncio.wait(ways)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
