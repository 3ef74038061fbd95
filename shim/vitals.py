"""What is well and what is not with a shim, as findings: what its pages /livez and /readyz show.

Only what a restart would mend makes it ill.  A standby is ready (its responder answers), and so is a process that
cannot reach the API server just now: its stores answer, and none of its replicas would be better off.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from certs.health import Finding, found

CLOCKS_APART: Final = 300.0  # seconds, as in cert-manager: more is a machine that was suspended, or a wrong clock
LEASE_GRACE: Final = 20.0  # seconds after the end of the lease, as in cert-manager


class Clocks:
    """Whether wall clock and monotonic clock still go alike; dates of renewals come from one, pauses from the other."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._apart = wall() - monotonic()

    def look(self) -> Finding:
        """Return by how much they have drifted if it is too much."""
        jumped = self._wall() - self._monotonic() - self._apart
        problem = (
            f"the wall clock has jumped by {jumped:+.0f} s since the start; a restart takes the new time over"
            if abs(jumped) > CLOCKS_APART
            else ""
        )
        return found("clock", problem)


def loops(ended: Sequence[str]) -> Finding:
    """Return that threads have ended that should not."""
    return found("loops", f"these have ended, only a restart brings them back: {', '.join(ended)}" if ended else "")


def lease(overdue: float | None) -> Finding:
    """Return whether a leader has failed to give up; `overdue`: seconds since its lease ended, None for a standby."""
    stuck = overdue is not None and overdue > LEASE_GRACE
    problem = f"the lease ended {overdue:.0f} s ago, and this process has not stopped working" if stuck else ""
    return found("lease", problem)


def shutdown(*, ending: bool, lost: bool) -> Finding:
    """Return whether the process is at its end, and why."""
    why = "the lease was lost, another replica goes on" if lost else "the process was told to stop"
    return found("shutdown", why if ending else "")


def stores(unsynced: Sequence[str], failing: Sequence[str]) -> Finding:
    """Return which stores are not complete yet, and whether that is because the API server does not answer."""
    if not unsynced:
        return found("stores", "")
    away = "; the API server cannot be reached or refuses: look at the log"
    return found("stores", f"not complete yet: {', '.join(unsynced)}{away if set(unsynced) & set(failing) else ''}")


def api_server(failing: Sequence[str]) -> Finding:
    """Return what is not followed at the moment: told, and no reason to be unready."""
    remark = f"not followed at the moment, the stores answer with what they had: {', '.join(failing)}"
    return found("api-server", "", otherwise=remark if failing else "")


def leader(*, elected: bool) -> Finding:
    """Return which of the replicas this is: told, and no reason to be unready."""
    return found("leader", "", otherwise="this replica works" if elected else "standing by, another replica works")
