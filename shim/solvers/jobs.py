"""Work that may take longer than a worker may wait: it goes on in a thread of its own, and tells when it is over.

An address where nobody answers costs seconds, and a vendor's API may take several requests, each with its retries.  So
a worker starts the work, waits a moment, and turns to other keys; the end of the work brings the key back.  Without
that, a few dozen dead names would hold all workers, and the live ones would wait behind them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

ResultT = TypeVar("ResultT")

# Each is a thread that waits for the network; more than this only happens when all of them wait in vain.
MOST: Final = 256
# Of one tenant's, so that its thousand dead names leave room for the others' live ones.
MOST_EACH: Final = 64


class StillWorking(Exception):
    """It goes on; ask again, at the latest when told that it is over."""


def _nobody() -> None:
    """Tell nobody."""


@dataclass(eq=False, slots=True)
class _Going:
    """Work that goes on, or whose result nobody has come for yet; `left` once somebody asked and went away."""

    tenant: str
    ended: Callable[[], None]
    of: str
    future: Future[Any] = field(default_factory=Future)
    left: bool = False


class Jobs:
    """What goes on, by name.  Threads are daemons: nothing that they do must be finished for the process to end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._going: dict[str, _Going] = {}
        self._tenants: Counter[str] = Counter()

    def run(
        self,
        name: str,
        work: Callable[[], ResultT],
        *,
        patience: float,
        tenant: str = "",
        of: str = "",
        ended: Callable[[], None] = _nobody,
    ) -> ResultT:
        """Return what came of the work of that name, begun now or earlier, or raise what it raised.

        Raises StillWorking when what is begun now is not over within `patience` seconds, or what was begun earlier is
        not over now; `ended` is called then as soon as it is, in another thread.  Raises it, too, when so much goes on
        already that nothing is begun; nobody is told then.

        `of` says what the work is done with: a failure with something else, above all with a password that has been
        corrected meanwhile, is no result, and the work is begun anew.
        """
        with self._lock:
            going = self._going.get(name)
            if going is not None and going.of != of and going.future.done() and going.future.exception() is not None:
                self._drop(name)
                going = None
            if going is not None:
                patience = 0
            elif not self._is_room(tenant):
                raise StillWorking
            else:
                going = self._going[name] = _Going(tenant, ended, of)
                self._tenants[tenant] += 1
                threading.Thread(target=self._fulfil, args=(going, work), name=name, daemon=True).start()
        result: ResultT = self._result(name, going, patience)
        return result

    def join(self, name: str, *, patience: float) -> None:
        """Return when no work of that name goes on any more, however it ended; StillWorking when it does."""
        with self._lock:
            going = self._going.get(name)
        if going is not None:
            try:
                self._result(name, going, patience)
            except StillWorking:
                raise
            except Exception:  # noqa: BLE001, S110  whoever asked for the work is not interested any more
                pass

    def is_over(self, name: str) -> bool:
        """Is there a result of that name that nobody has come for?"""
        going = self._going.get(name)
        return going is not None and going.future.done()

    def _result(self, name: str, going: _Going, patience: float) -> Any:
        try:
            # The work may itself raise TimeoutError: ask by the future whether it is over.
            going.future.exception(patience)
        except FutureTimeout:
            with self._lock:
                going.left = True
                if not going.future.done():
                    raise StillWorking from None
        with self._lock:
            if self._going.get(name) is going:
                self._drop(name)
        return going.future.result()

    def _is_room(self, tenant: str) -> bool:
        if self._is_full(tenant):
            # Results that nobody came for: of Challenges that are gone, above all.
            for name in [name for name, going in self._going.items() if going.future.done()]:
                self._drop(name)
        return not self._is_full(tenant)

    def _is_full(self, tenant: str) -> bool:
        return len(self._going) >= MOST or self._tenants[tenant] >= MOST_EACH

    def _drop(self, name: str) -> None:
        tenant = self._going.pop(name).tenant
        self._tenants[tenant] -= 1
        if not self._tenants[tenant]:
            del self._tenants[tenant]

    def _fulfil(self, going: _Going, work: Callable[[], Any]) -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  it is raised where the result is asked for
            going.future.set_exception(error)
        else:
            going.future.set_result(result)
        with self._lock:
            is_awaited = not going.left
        if not is_awaited:
            going.ended()
