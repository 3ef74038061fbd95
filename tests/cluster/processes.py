"""The kit's processes: started to die with us, watched until ready, stopped by their pid.

A `Launcher` starts every process from one thread of its own that lives as long as the kit.
That is not for order but for safety: the kernel's parent-death signal (see `launch.py`) is tied
to the *thread* that forked, so a process started from a pool's worker would die with the worker.

Output goes to one log file per process.  When a process ends early or is not ready in time,
the error carries the last lines of that file.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

_LAUNCH = Path(__file__).with_name("launch.py")
KIT_VARIABLE = "CERTSHIM_KIT"  # in the environment of every process of a kit: the kit's directory
_POLL = 0.03  # seconds between two looks at readiness: short against the 0.3 s of the fastest part


class PartFailed(Exception):
    """A part of the kit ended or was not ready in time; the message ends with its last log lines."""


class Process:
    """One running program with its log file."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._popen = popen

    @property
    def pid(self) -> int:
        """Its process id (the launcher became the program, so it is the program's own)."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._popen.poll() is None

    def tail(self, lines: int = 25) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_until(self, ready: Callable[[], bool], *, seconds: float = 60) -> None:
        """Block until `ready()` is true; PartFailed when the process ends or the deadline passes first.

        `ready` may raise OSError (requests' and urllib3's network errors are): that is not ready yet.
        """
        deadline = time.monotonic() + seconds
        while not _holds(ready):
            if not self.running:
                raise PartFailed(
                    f"{self.name} ended with code {self._popen.returncode}; its last lines:\n{self.tail()}"
                )
            if time.monotonic() > deadline:
                raise PartFailed(f"{self.name} is not ready after {seconds:.0f} s; its last lines:\n{self.tail()}")
            time.sleep(_POLL)

    def terminate(self) -> None:
        """Ask it to end (SIGTERM); does not wait."""
        if self.running:
            self._popen.terminate()

    def kill(self) -> None:
        """End it at once (SIGKILL) and wait until it is gone."""
        if self.running:
            self._popen.kill()
        self._popen.wait()

    def freeze(self) -> None:
        """Stop it where it is (SIGSTOP), until `thaw`; no error when it has ended."""
        self._popen.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT); no error when it runs or has ended."""
        self._popen.send_signal(signal.SIGCONT)

    def stop(self, *, grace: float = 3.0) -> None:
        """Ask it to end, and end it when it has not after `grace` seconds; safe to repeat."""
        self.terminate()
        try:
            self._popen.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()


class Launcher:
    """Starts processes from one thread that outlives them; see the module's text for why."""

    def __init__(self, directory: Path) -> None:
        self._logs = directory / "logs"
        self._logs.mkdir()
        self._mark = {KIT_VARIABLE: str(directory)}
        self._wanted: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        # A daemon: the interpreter must be able to end without `close`; the kernel then ends the processes.
        threading.Thread(target=self._run, name="launcher", daemon=True).start()

    def start(self, name: str, argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> Process:
        """Start a program (absolute path first) with its output in `<name>.log`, appended when restarted."""
        log = self._logs / f"{name}.log"
        future: Future[subprocess.Popen[bytes]] = Future()

        def start() -> None:
            try:
                future.set_result(_popen(argv, log, {**os.environ, **(env or {}), **self._mark}))
            except OSError as error:
                future.set_exception(error)

        with self._lock:
            if self._closed:
                raise PartFailed(f"{name} is not started, because the kit is stopping")
            self._wanted.put(start)
        return Process(name, future.result(), log)

    def close(self) -> None:
        """End the thread, and with it every process that is still there."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._wanted.put(None)

    def _run(self) -> None:
        while (start := self._wanted.get()) is not None:
            start()


def _popen(argv: Sequence[str | Path], log: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # -I and -S: the launcher needs nothing of site-packages, and starts in 20 ms without.
    launcher = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid())]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*launcher, *map(str, argv)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            # A Ctrl-C in the terminal goes to our process group; the kit decides itself what stops when.
            start_new_session=True,
        )


def _holds(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except OSError:
        return False
