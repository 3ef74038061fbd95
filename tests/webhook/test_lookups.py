"""Answers that wait for a look-up: in turn on their own connection, in nobody's way on the others."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from certs.problems import Problem
from webhook.connection import Connection
from webhook.deadlines import Deadlines
from webhook.lookups import MOST_WAITING, THREADS, LookUps
from webhook.parser import parser_class
from webhook.review import LOOKED_UP_WITHIN, Deferred, Reply
from webhook.site import Request

SLOW = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
QUICK = b"POST /quick HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


class SlowSite:
    """Answers `/slow` when it is let go, `/broken` not at all, anything else at once."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.asked = 0

    def answer(self, request: Request) -> Reply | Deferred:
        if request.target == b"/broken":
            return Deferred(self._break, lambda problem: Reply(200, str(problem).encode()))
        if request.target != b"/slow":
            return Reply(200, b"quick")
        self.asked += 1
        return Deferred(self._look_up, lambda problem: Reply(200, str(problem or "slow").encode()))

    def _break(self, _deadline: float) -> Problem | None:
        raise LookupError("something nobody thought of")

    def refuse(self, status: int, message: str) -> Reply:
        return Reply(status, message.encode())

    def _look_up(self, deadline: float) -> Problem | None:
        assert 0 < deadline - time.monotonic() <= LOOKED_UP_WITHIN
        assert self.gate.wait(10)
        return None


@dataclass
class Host:
    """As much of a worker as connections ask for."""

    site: Any
    look_ups: LookUps
    loop: asyncio.AbstractEventLoop
    deadlines: Deadlines = field(default_factory=Deadlines)
    parser: Any = field(default_factory=parser_class)
    alive: bool = True
    nr_conns: int = 0
    connections: set[Connection] = field(default_factory=set)
    date: bytes = b"now"


Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[[], Awaitable[Client]]


def run(scenario: Callable[[SlowSite, Dial, Host], Awaitable[None]]) -> None:
    """Serve on loopback for the time of a scenario."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        site = SlowSite()
        host = Host(site, LookUps(loop), loop)
        connections: list[Connection] = []

        def connection() -> Connection:
            connections.append(Connection(host, secure=False))
            return connections[-1]

        server = await loop.create_server(connection, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        clients: list[Client] = []

        async def dial() -> Client:
            clients.append(await asyncio.open_connection("127.0.0.1", port))
            return clients[-1]

        try:
            await scenario(site, dial, host)
        finally:
            site.gate.set()
            host.look_ups.stop()
            server.close()
            for one in connections:
                one._transport.abort()
            for _, writer in clients:
                writer.transport.abort()
            await asyncio.sleep(0.1)  # the loop closes sockets in its next turns
            assert host.nr_conns == 0

    asyncio.run(main())


async def body_of(reader: asyncio.StreamReader) -> bytes:
    """Return the body of the next answer."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
    return await asyncio.wait_for(reader.readexactly(length), 5)


def test_requests_behind_one_that_waits_are_answered_after_it() -> None:
    async def scenario(site: SlowSite, dial: Dial, _host: Host) -> None:
        reader, writer = await dial()
        writer.write(SLOW + QUICK)
        await asyncio.sleep(0.05)
        writer.write(QUICK + SLOW)
        await asyncio.sleep(0.05)
        assert site.asked == 1
        site.gate.set()

        assert [await body_of(reader) for _ in range(4)] == [b"slow", b"quick", b"quick", b"slow"]

    run(scenario)


def test_other_connections_do_not_wait() -> None:
    async def scenario(site: SlowSite, dial: Dial, _host: Host) -> None:
        waiting, writer = await dial()
        writer.write(SLOW)
        reader, other = await dial()
        other.write(QUICK)

        assert await body_of(reader) == b"quick"
        assert not waiting.at_eof()
        site.gate.set()
        assert await body_of(waiting) == b"slow"

    run(scenario)


def test_client_that_does_not_wait_is_forgotten() -> None:
    async def scenario(site: SlowSite, dial: Dial, host: Host) -> None:
        _, writer = await dial()
        writer.write(SLOW)
        await asyncio.sleep(0.05)
        writer.transport.abort()
        await asyncio.sleep(0.05)
        site.gate.set()
        reader, other = await dial()
        other.write(QUICK)

        assert await body_of(reader) == b"quick"
        await asyncio.sleep(0.05)
        assert host.nr_conns == 1

    run(scenario)


def test_too_many_are_refused_at_once() -> None:
    async def scenario(site: SlowSite, dial: Dial, _host: Host) -> None:
        for _ in range(MOST_WAITING):
            _, writer = await dial()
            writer.write(SLOW)
        await asyncio.sleep(0.2)
        assert site.asked == MOST_WAITING
        reader, writer = await dial()
        writer.write(SLOW)

        assert b"too many such questions at once" in await body_of(reader)

    run(scenario)


@pytest.mark.parametrize("stops_serving", [True, False])
def test_one_that_waits_is_answered_while_the_server_stops(*, stops_serving: bool) -> None:
    """The answer comes, and the connection ends if no more will be."""

    async def scenario(site: SlowSite, dial: Dial, host: Host) -> None:
        reader, writer = await dial()
        writer.write(SLOW)
        await asyncio.sleep(0.05)
        host.alive = not stops_serving
        site.gate.set()

        assert await body_of(reader) == b"slow"
        await asyncio.sleep(0.05)
        assert reader.at_eof() == stops_serving

    run(scenario)


def test_a_look_up_that_breaks_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    """The connection goes on, and the log has what happened."""

    async def scenario(_site: SlowSite, dial: Dial, _host: Host) -> None:
        reader, writer = await dial()
        writer.write(SLOW.replace(b"/slow", b"/broken") + QUICK)

        assert b"Forbidden: cannot ask who may approve: the webhook failed" in await body_of(reader)
        assert await body_of(reader) == b"quick"

    run(scenario)
    assert "something nobody thought of" in caplog.text


def test_what_stands_in_line_is_answered_when_the_threads_end() -> None:
    """Nobody is left waiting by a webhook that stops."""

    async def scenario(site: SlowSite, dial: Dial, host: Host) -> None:
        readers = []
        for _ in range(THREADS + 1):
            reader, writer = await dial()
            writer.write(SLOW)
            await asyncio.sleep(0.02)
            readers.append(reader)
        host.look_ups.stop()

        assert b"the webhook is stopping" in await body_of(readers[-1])
        site.gate.set()
        assert await body_of(readers[0]) == b"slow"

    run(scenario)


def test_a_client_that_floods_while_it_waits_is_not_read() -> None:
    """What is on its way when reading stops is held, and no more than that."""

    async def scenario(site: SlowSite, dial: Dial, _host: Host) -> None:
        reader, writer = await dial()
        writer.write(SLOW)
        await asyncio.sleep(0.05)
        flood = QUICK * 200_000  # 10 MB, more than the kernel holds
        writer.write(flood)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.3)
        site.gate.set()

        assert await body_of(reader) == b"slow"
        assert await body_of(reader) == b"quick"
        writer.transport.abort()

    run(scenario)
