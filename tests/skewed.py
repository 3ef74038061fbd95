"""Run the product with a wall clock that jumps when it is told to (SIGUSR1), as after a suspend or a hand on the clock.

    python -m tests.skewed SECONDS shim [flags]

Only what Python code reads jumps (`time.time`); timers, sockets and certificates' dates do not.
"""

from __future__ import annotations

import signal
import sys
import time

_real = time.time
_ahead = 0.0


def main(seconds: float) -> None:
    """Run the command that is left in `sys.argv`."""

    def jump(*_: object) -> None:
        global _ahead  # noqa: PLW0603  the one clock of this process
        _ahead = seconds

    time.time = lambda: _real() + _ahead
    signal.signal(signal.SIGUSR1, jump)
    from shim.cli import main as run  # noqa: PLC0415 - it takes the clock when it is imported

    run()


if __name__ == "__main__":
    jumps_by = float(sys.argv.pop(1))
    main(jumps_by)
