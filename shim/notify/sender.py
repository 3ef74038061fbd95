"""One thread for each receiver, so that one that is down delays nobody else; it has one message in hand, and no queue.

offer ──> in hand ──send──> delivered ──> done(…)
            │  └─ refused for good: dropped, and counts as told
            └──── not delivered: tried again after 5 s, doubling to 10 min; the notifier offers anew, as it stands then
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from certs.decide.incidents import Incident
from shim.kube.backoff import Backoff
from shim.notify.credentials import NoCredential
from shim.notify.delivery import Delivery, NotDelivered
from shim.notify.message import Message

log: structlog.stdlib.BoundLogger = structlog.get_logger()

SENT: Final = "sent"
FAILED: Final = "failed"
DROPPED: Final = "dropped"
OUTCOMES: Final = (SENT, FAILED, DROPPED)
# The first failure is logged, and then one in an hour.
LOGGED_EVERY: Final = 3600.0
STOPS_WITHIN: Final = 1.0

Done = Callable[[Incident], None]


def _nobody() -> None:
    """Tell nobody."""


class Sender:
    """Sends to one receiver; `done` (of what was delivered), then `free` are called from its thread."""

    def __init__(
        self,
        name: str,
        delivery: Delivery,
        done: Done,
        *,
        free: Callable[[], None] = _nobody,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._delivery = delivery
        self._done = done
        self._free = free
        self._clock = clock
        self._changed = threading.Condition()
        self._hand: tuple[Incident, Message] | None = None
        self._counts: Counter[str] = Counter()
        self._backoff = Backoff(5, 600)
        self._not_before = 0.0
        self._logged_at: float | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=f"notify {name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is being sent is not waited for longer than a second: it is sent again under the same id."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(STOPS_WITHIN)

    @property
    def is_free(self) -> bool:
        """May something be offered?"""
        with self._changed:
            return self._hand is None and not self._ended and self._clock() >= self._not_before

    def offer(self, incident: Incident, message: Message) -> None:
        """Have it sent; only when free."""
        with self._changed:
            self._hand = (incident, message)
            self._changed.notify_all()

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each outcome came."""
        with self._changed:
            return {outcome: self._counts[outcome] for outcome in OUTCOMES}

    def _run(self) -> None:
        while (hand := self._take()) is not None:
            incident, message = hand
            outcome = self._send(message)
            if outcome != FAILED:
                self._done(incident)  # before it may be offered again
            with self._changed:
                self._counts[outcome] += 1
                self._hand = None
            if outcome == SENT:
                self._free()

    def _take(self) -> tuple[Incident, Message] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._hand is not None or self._ended)
            return None if self._ended else self._hand

    def _send(self, message: Message) -> str:
        try:
            self._delivery.send(message)
        except (NotDelivered, NoCredential) as error:
            return self._failed(message, str(error), is_final=isinstance(error, NotDelivered) and error.final)
        except Exception:  # a mistake of ours must not end the thread
            log.exception("notification crashed", receiver=self._name, incident=message.incident)
            return self._failed(message, "internal error", is_final=True)
        self._backoff.reset()
        self._logged_at = None
        log.info("notified", receiver=self._name, notification=message.event, incident=message.incident)
        return SENT

    def _failed(self, message: Message, error: str, *, is_final: bool) -> str:
        pause = self._backoff.next()
        self._not_before = self._clock() + pause
        now = self._clock()
        if is_final or self._logged_at is None or now - self._logged_at >= LOGGED_EVERY:
            self._logged_at = now
            log.warning(
                "notification dropped" if is_final else "notification not delivered; tried again until it is",
                receiver=self._name,
                incident=message.incident,
                error=error,
            )
        return DROPPED if is_final else FAILED
