"""gunicorn's settings, and the entry point: `main` runs the webhook until a signal ends it.

One worker per pod and more pods: a second worker costs 15 MB and its own informers.
The master process only starts, watches and replaces the worker: it imports gunicorn and the settings,
and nothing that a review needs.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gunicorn.app.base import BaseApplication

from webhook import settings as flags
from webhook.deadlines import Deadlines
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
        """Make the process's parts; called in the worker."""
        from webhook.process import Process  # noqa: PLC0415 - 40 MB that only the worker needs

        return Process(self._settings)


def options(settings: Settings, worker: type[Worker]) -> dict[str, Any]:
    """Return gunicorn's settings by name."""
    chosen = {
        "bind": [str(settings.bind)],
        "workers": 1,
        "worker_class": worker,
        "proc_name": "certshim-webhook",
        "timeout": 30,
        "graceful_timeout": 10,
        "accesslog": None,
        "loglevel": "warning",
        "control_socket_disable": True,
        "pre_fork": freeze,
    }
    if SHARED_MEMORY.is_dir():
        chosen["worker_tmp_dir"] = str(SHARED_MEMORY)
    return chosen


def freeze(_arbiter: object, _worker: object) -> None:
    """Leave what is there to both processes: a collection in the worker would write into each shared page."""
    gc.collect()
    gc.freeze()


def main(values: Mapping[str, Any]) -> None:
    """Run; does not return.  Raises ValueError, a line for each, when flags do not fit together."""
    settings = flags.read(values)
    configure(level=settings.log_level, form=settings.log_format)
    Server(settings).run()
