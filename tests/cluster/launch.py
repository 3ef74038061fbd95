"""Become another program that dies with its parent: `launch.py PARENT-PID PROGRAM ARGUMENT…`.

The kernel is asked to send SIGKILL when the parent goes away (prctl(2), PR_SET_PDEATHSIG), which
survives execve(2); so even `kill -9` of a test run leaves no process behind.  This runs as a
program of its own and not as `preexec_fn`, which must not be used in a process with threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Ask for the signal, make sure that the parent is still there, and become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it died before the request was made
        sys.exit(1)
    os.execv(program[0], program)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
