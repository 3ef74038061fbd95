"""How a main thread waits for the signal that ends the process."""

from __future__ import annotations

import threading
from typing import Final

LOOK_EVERY: Final = 0.5  # seconds: the process has ten to end in


def await_end(ending: threading.Event) -> None:
    """Block until it is set, be it by a handler of signals.

    Python runs handlers between two steps of the main thread.  A signal that comes after the last of them and before
    the thread sleeps wakes nobody: without a limit the sleep would last until another signal, or SIGKILL.
    """
    while not ending.wait(LOOK_EVERY):
        pass
