"""gunicorn's settings, and the entry point: `main` runs the webhook until a signal ends it.

One worker per pod and more pods: a second worker costs 15 MB and its own informers.  HTTP/1.1 only,
since that is what the API server speaks to webhooks (kubernetes PR 82090), kept alive longer than its
90 s so that it is the client who closes.  The Python parser, until the C one of a version that
gunicorn asks for can be had.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from gunicorn.app.base import BaseApplication

from webhook import settings as flags
from webhook.asgi import Application
from webhook.connection import Worker
from webhook.log import configure
from webhook.settings import Settings
from webhook.tls import Serving

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - gunicorn's heartbeat file, not ours


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn with our settings and nobody else's: no file, no command line, no GUNICORN_CMD_ARGS."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._serving: Serving | None = None
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        worker = type("Worker", (Worker,), {"plain": self._settings.plain})
        for name, value in options(self._settings, worker, self._context).items():
            self.cfg.set(name, value)

    def load(self) -> Application:
        """Make the process's parts; called in the worker."""
        from webhook.process import Process  # noqa: PLC0415 - 40 MB that only the worker needs

        process = Process(self._settings)
        self._serving = process.serving
        return process.application

    def _context(self, _config: object, _default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        if self._serving is None:
            raise RuntimeError("gunicorn asked for TLS before it loaded the application")
        return self._serving.listening_context()


def options(settings: Settings, worker: type[Worker], context: Callable[..., ssl.SSLContext]) -> dict[str, Any]:
    """Return gunicorn's settings by name."""
    chosen = {
        "bind": [str(settings.bind)],
        "workers": 1,
        "worker_class": worker,
        "proc_name": "certshim-webhook",
        "keepalive": 120,
        "timeout": 30,
        "graceful_timeout": 10,
        "http_protocols": "h1",
        "http_parser": "python",
        "asgi_lifespan": "on",
        "accesslog": None,
        "loglevel": "warning",
        "control_socket_disable": True,
        "forwarded_allow_ips": "",
        "limit_request_field_size": 8190,
        "certfile": "/dev/null",  # gunicorn only wants to hear that there is TLS; the context is ours
        "ssl_context": context,
    }
    if SHARED_MEMORY.is_dir():
        chosen["worker_tmp_dir"] = str(SHARED_MEMORY)
    return chosen


def main(values: Mapping[str, Any]) -> None:
    """Run; does not return.  Raises ValueError, a line for each, when flags do not fit together."""
    settings = flags.read(values)
    configure(level=settings.log_level, form=settings.log_format)
    Server(settings).run()
