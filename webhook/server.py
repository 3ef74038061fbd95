"""gunicorn's settings, and the entry point: `main` runs the webhook until a signal ends it.

One process: gunicorn's worker without the master in front.  A master costs 33 MB, and what it does for
one worker the kubelet does anyway: it starts it, asks `/livez`, and replaces it.  For more, there are more pods.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gunicorn import sock
from gunicorn.app.base import BaseApplication

from webhook import settings as flags
from webhook.deadlines import Deadlines
from webhook.listening import everywhere
from webhook.log import configure
from webhook.settings import Settings
from webhook.worker import Worker

if TYPE_CHECKING:
    from webhook.process import Process

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - gunicorn's heartbeat file, not ours


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn with our settings and nobody else's: no file, no command line, no GUNICORN_CMD_ARGS."""

    def __init__(self, settings: Settings, deadlines: Deadlines | None = None) -> None:
        self._settings = settings
        self._deadlines = deadlines or Deadlines()
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        worker = type("Worker", (Worker,), {"plain": self._settings.plain, "deadlines": self._deadlines})
        for name, value in options(self._settings, worker).items():
            self.cfg.set(name, value)

    def load(self) -> Process:
        """Make the process's parts."""
        from webhook.process import Process  # noqa: PLC0415 - flags that do not fit are told before 40 MB are read

        return Process(self._settings)

    def run(self) -> None:
        """Serve until a signal says to stop, with the address bound before anything else is made."""
        log = self.cfg.logger_class(self.cfg)
        sockets = sock.create_sockets(self.cfg, log)
        worker = self.cfg.worker_class(1, os.getppid(), sockets, self, self.cfg.timeout, self.cfg, log)
        worker.pid = os.getpid()
        try:
            worker.init_process()
        finally:
            worker.tmp.close()


def options(settings: Settings, worker: type[Worker]) -> dict[str, Any]:
    """Return gunicorn's settings by name."""
    chosen = {
        "bind": [str(everywhere(settings.bind))],
        "worker_class": worker,
        "graceful_timeout": 7,  # a request has 5 s; the process ends within 10
        "accesslog": None,
        "loglevel": "warning",
    }
    if SHARED_MEMORY.is_dir():
        chosen["worker_tmp_dir"] = str(SHARED_MEMORY)
    return chosen


def main(values: Mapping[str, Any]) -> None:
    """Run; does not return.  Raises ValueError, a line for each, when flags do not fit together."""
    settings = flags.read(values)
    configure(level=settings.log_level, form=settings.log_format)
    Server(settings).run()
