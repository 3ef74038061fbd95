"""gunicorn's ASGI worker, serving our connections: its signals and heartbeat, our event loop and listeners.

The plain listeners for health and metrics run on the same loop.  uvloop is used when it is installed
(`certshim[fast]`): its loop and its TLS are compiled.  HTTP/1.1 only, since that is what the API server
speaks to webhooks (kubernetes PR 82090).
The worker's parts are imported when it starts: what is wrong with flags or addresses is told before.
"""

from __future__ import annotations

import asyncio
import gc
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, ClassVar, Final

from gunicorn.workers.gasgi import ASGIWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from webhook.connection import Connection
    from webhook.deadlines import Deadlines
    from webhook.lookups import LookUps
    from webhook.process import Process
    from webhook.settings import Listen
    from webhook.site import Site

# A connection that was idle for so long when the process stops is closed.  One that is in use is closed with its next
# answer: the API server does not send a request again whose connection ended before the answer.
IDLE_FOR: Final = 1.0
LOOK_EVERY: Final = 0.1
HEARTBEAT: Final = 1.0  # seconds; also how old the Date of an answer may be


class Worker(ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """The whole process.  `plain` and `deadlines` are set on a subclass before it starts."""

    plain: ClassVar[Sequence[Listen]] = ()
    deadlines: ClassVar[Deadlines]

    site: Site
    look_ups: LookUps
    connections: set[Connection]
    parser: Callable[..., Any]
    date: bytes

    async def _serve(self) -> None:
        """Serve until a signal says to stop."""
        from webhook.connection import Connection  # noqa: PLC0415 - see the module
        from webhook.listening import listening  # noqa: PLC0415
        from webhook.lookups import LookUps  # noqa: PLC0415
        from webhook.parser import parser_class  # noqa: PLC0415

        process: Process = self.asgi
        self.connections = set()
        self.site, self.parser, self.look_ups = process.site, parser_class(), LookUps(self.loop)
        self._beat()
        process.start()
        for sock in self.sockets:
            server = await self.loop.create_server(
                lambda: Connection(self, secure=True),
                sock=sock.sock,
                ssl=process.serving.listening_context(),
                ssl_handshake_timeout=self.deadlines.handshake,
                ssl_shutdown_timeout=self.deadlines.drain,
            )
            self.servers.append(server)
        for at in self.plain:
            sock = listening(at)
            where = {"host": at.host, "port": at.port} if sock is None else {"sock": sock}
            self.servers.append(await self.loop.create_server(lambda: Connection(self, secure=False), **where))
        gc.collect()
        gc.freeze()  # what lives until the end is not looked at again at each collection
        while self.alive:
            self._beat()
            await asyncio.sleep(HEARTBEAT)
        ending = asyncio.create_task(self._end_idle())
        await self._shutdown()
        ending.cancel()
        self.look_ups.stop()
        process.stop()

    async def _end_idle(self) -> None:
        """Close what is idle: the API server would keep it for a minute and a half."""
        while True:
            for connection in tuple(self.connections):
                connection.end_if_idle(self.loop.time() - IDLE_FOR)
            await asyncio.sleep(LOOK_EVERY)

    def _beat(self) -> None:
        self.notify()
        self.date = formatdate(usegmt=True).encode("ascii")
