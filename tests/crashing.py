"""Run the shim so that it kills itself (SIGKILL) at a step boundary, or inside a step, for the crash tests.

    python -m tests.crashing [freeze:]STAGE NUMBER [shim flags]

STAGE is `before` or `after` an act, and NUMBER counts the acts of this process: 1 is its first.  `before:WriteSecret`
counts only the acts that take that step.  Or STAGE is the name of an ACME exchange (`authorize_order`,
`create_order_cert`, …): the process dies when the answer of the NUMBERth is there and before anything is done with it.
With `freeze:` it stops where it is (SIGSTOP) until it is told to go on, as a machine that hangs.
Nothing is flushed and no handler runs, as in a real crash.  The product has no such switch: this builds it with its
hooks.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Sequence

from shim import settings
from shim.acme.transport import Exchange
from shim.app import Shim
from shim.engine.loop import Stage
from shim.engine.reconciler import Key
from shim.log import configure


def main(stage: str, number: int, flags: Sequence[str]) -> None:
    """Run until the crash."""
    given = {flag.key: flag.default for flag in settings.FLAGS}
    for flag in flags:
        name, _, value = flag.removeprefix("--").partition("=")
        given[name.replace("-", "_")] = value
    configure(level="debug", form="text")
    acts = itertools.count(1)
    strike = signal.SIGSTOP if stage.startswith("freeze:") else signal.SIGKILL
    stage = stage.removeprefix("freeze:")

    def crash(at: Stage, _key: Key, step: object) -> None:
        if stage in {at, f"{at}:{type(step).__name__}"} and next(acts) == number:
            os.kill(os.getpid(), strike)

    def crash_after(exchange: Exchange) -> None:
        if exchange.action == stage and exchange.status < 400 and next(acts) == number:
            os.kill(os.getpid(), strike)

    sys.exit(Shim(settings.read(given), hook=crash, exchanged=crash_after).run())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
