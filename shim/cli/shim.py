"""`certshim shim`: run the controllers and the HTTP-01 responder."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import click

from shim.loglibrary import import_plain

import_plain()
from shim import flags, settings  # noqa: E402 - see `shim.loglibrary`
from shim.app import Shim  # noqa: E402
from shim.kube.errors import KubeError  # noqa: E402
from shim.log import configure  # noqa: E402


@click.command("shim")
@flags.options(settings.FLAGS)
def command(**given: str) -> None:
    """Run the controllers and the HTTP-01 responder.

    Every flag is also an environment variable: --log-level is CERTSHIM_LOG_LEVEL.
    """
    chosen = settings.read(given)
    configure(level=chosen.log_level, form=chosen.logging_format)
    try:
        process = Shim(chosen)
        _stop_on_signals(process)
        code = process.run()
    except (KubeError, OSError) as error:
        raise click.ClickException(str(error)) from error
    sys.exit(code)


def _stop_on_signals(process: Shim) -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        process.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
