"""A signal ends the wait whomever it wakes."""

from __future__ import annotations

import subprocess
import sys

# A signal that another thread takes does not wake the main one, just as one that comes before it sleeps.
PROGRAM = """
import signal, threading
from shim.ending import await_end
ending = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ending.set())
def strike():
    ending.wait(0.2)  # until the main thread sleeps for sure
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
threading.Thread(target=strike).start()
await_end(ending)
"""


def test_a_signal_that_did_not_wake_the_main_thread_is_heard() -> None:
    """Python runs the handler at the main thread's next step, so there must be one."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=False, timeout=20)  # noqa: S603  our own text

    assert done.returncode == 0
