"""How far a Go build is, from the lines that `go build -v` writes to stderr.

Go names each module when it fetches it (`go: downloading …`) and each package when it is compiled.
On a terminal one line is rewritten; elsewhere (CI) a line every half minute shows that it lives.
"""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Self

_TICK_TERMINAL = 0.5
_TICK_LOG = 30.0


class Progress:
    """A context in which progress is shown from a thread of its own, so a silent compiler looks alive."""

    def __init__(self, name: str, packages_about: int) -> None:
        self._name = name
        self._packages_about = packages_about
        self._modules = 0
        self._packages = 0
        self._started = time.monotonic()
        self._done = threading.Event()
        self._terminal = sys.stderr.isatty()
        self._thread = threading.Thread(target=self._show, name="progress", daemon=True)

    def saw(self, line: str) -> None:
        """Count one line of Go's output."""
        if line.startswith("go: downloading"):
            self._modules += 1
        elif line and not line.startswith(("go:", "#", " ", "\t")):
            self._packages += 1

    @property
    def text(self) -> str:
        """The progress as one line."""
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        share = f"{self._packages} of about {max(self._packages_about, self._packages)} packages compiled"
        return f"  {self._name}: {minutes}:{seconds:02d}  {self._modules} modules fetched, {share}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()
        self._write(last=True)

    def _show(self) -> None:
        while not self._done.wait(_TICK_TERMINAL if self._terminal else _TICK_LOG):
            self._write(last=False)

    def _write(self, *, last: bool) -> None:
        start, end = ("\r\x1b[K", "\n" if last else "") if self._terminal else ("", "\n")
        print(f"{start}{self.text}", end=end, file=sys.stderr, flush=True)
