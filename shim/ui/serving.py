"""Serves the page: gunicorn with threads, one process, so that the cluster is followed once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Flask
from gunicorn.app.base import BaseApplication

from shim.flags import Address
from shim.listening import listening

THREADS: Final = 8
BACKLOG: Final = 128


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """One address.  `make` is called in the worker, since threads do not survive a fork; `ready` once it listens.

    Raises OSError, which says what to do, where it cannot be listened.
    """

    def __init__(self, listen: Address, make: Callable[[], Flask], ready: Callable[[str], None]) -> None:
        self._bind = f"fd://{listening(listen, 'page', backlog=BACKLOG).detach()}"  # gunicorn takes it over
        self._make = make
        self._ready = ready
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""

        def when_ready(server: Any) -> None:
            host, port = server.LISTENERS[0].sock.getsockname()[:2]
            self._ready(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

        for name, value in {
            "bind": self._bind,
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            "graceful_timeout": 3,
            "loglevel": "warning",
            "when_ready": when_ready,
            "proc_name": "certshim-ui",
            "control_socket_disable": True,
        }.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the application, in the worker."""
        return self._make()
