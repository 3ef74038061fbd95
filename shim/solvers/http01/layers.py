"""A look at the way to a token, and which of its layers fails when it does.

    the responder answers ── the route is there ── the name resolves ── a GET by the name brings the key
    (asked directly)         (in the store, and     (and to where a
                              taken by its Gateway)  CA can go)

Only the last is what a CA does, so it is asked first, and alone while all is well.  When it fails, the others are asked
from the inside out, and the first that fails is told first: who mends it need not look any further.
Whether to ask the CA in spite of a failure is decided by the last alone.
"""

from __future__ import annotations

from collections.abc import Callable

from shim.solvers.http01.responders import Responders
from shim.solvers.selfcheck import NotReachable, SelfCheck


class Layers:
    """The self check, and where the responder is."""

    def __init__(self, check: SelfCheck, responders: Responders | None) -> None:
        self._check = check
        self._responders = responders

    def look(self, host: str, path: str, *, expected: str, obstacle: Callable[[], str]) -> None:
        """Fetch the path from the host; raises NotReachable with the sentence of the innermost layer that fails."""
        try:
            self._check.fetch(host, path, expected=expected)
        except NotReachable as outermost:
            inner = self._responder(host, path, expected) or obstacle()
            if not inner:
                raise
            raise NotReachable(f"{inner}; so {outermost}", from_here=outermost.from_here) from outermost

    def _responder(self, host: str, path: str, expected: str) -> str:
        """Return which responder does not answer as it should, and how; nothing where there is none of ours."""
        for address in self._responders.hosts if self._responders is not None else ():
            port = self._responders.port if self._responders is not None else 0
            try:
                self._check.ask(address, port, host, path, expected=expected)
            except NotReachable as failure:
                return f"the responder at {address}:{port} does not answer: {failure}"
        return ""
