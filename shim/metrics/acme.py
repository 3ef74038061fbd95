"""Exchanges with ACME servers, what they refuse, and what is left of their limits.

Whoever may create an Issuer chooses the server, and the server chooses its answers: hosts, statuses and types of
problems are bounded here, and what is beyond is counted as `other`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from certs.acmetypes import TYPES, type_in
from certs.api.challenge import Challenge
from certs.api.order import ACMEState, Order
from shim.acme.ledgers import Ledgers
from shim.acme.transport import Exchange
from shim.engine.figures import OTHER, Ending

EXCHANGES: Final = "certmanager_http_acme_client_request_count"
EXCHANGE_LABELS: Final = ("scheme", "host", "action", "method", "status")
MOST_EXCHANGES: Final = 2000  # some sixty for a CA that is much used
MOST_ACCOUNTS: Final = 200  # with ledgers; each has three or four limits
FAILED_STATES: Final = (ACMEState.INVALID, ACMEState.ERRORED, ACMEState.EXPIRED)
_BY_REASON: Final = {kind[0].upper() + kind[1:]: kind for kind in TYPES}


class Exchanges(Collector):
    """Exchanges with ACME servers, counted and timed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: dict[tuple[str, ...], tuple[int, float]] = {}

    def count(self, exchange: Exchange) -> None:
        """Count one."""
        labels = (exchange.scheme, exchange.host, exchange.action, exchange.method, str(exchange.status))
        with self._lock:
            if labels not in self._totals and len(self._totals) >= MOST_EXCHANGES:
                labels = (exchange.scheme, OTHER, exchange.action, exchange.method, OTHER)
            number, seconds = self._totals.get(labels, (0, 0.0))
            self._totals[labels] = (number + 1, seconds + exchange.seconds)

    def collect(self) -> Iterator[Metric]:
        """Yield counts and durations."""
        numbers = CounterMetricFamily(
            EXCHANGES, "Requests to ACME servers; status 999 when there was no answer.", labels=EXCHANGE_LABELS
        )
        durations = SummaryMetricFamily(
            "certmanager_http_acme_client_request_duration_seconds",
            "How long requests to ACME servers took.",
            labels=EXCHANGE_LABELS,
        )
        with self._lock:
            totals = dict(self._totals)
        for labels, (number, seconds) in totals.items():
            numbers.add_metric(labels, number)
            durations.add_metric(labels, number, seconds)
        yield numbers
        yield durations


class Refusals(Collector):
    """Failures by the type of ACME's problem and the class that decides on the next attempt.

    Refusals that will be tried again are counted by the engine; those that end an Order or a Challenge are seen by
    the state that these are put into.
    """

    def __init__(self, failures: Callable[[], Mapping[tuple[Ending, str], int]]) -> None:
        self._failures = failures
        self._lock = threading.Lock()
        self._ended: Counter[str] = Counter()

    def changed(self, old: Order | Challenge | None, new: Order | Challenge | None) -> None:
        """See a change of an Order or a Challenge; one that is first seen when it has failed already is not counted."""
        if old is None or new is None or new.status.state not in FAILED_STATES or old.status.state in FAILED_STATES:
            return
        kind = type_in(new.status.reason)
        if kind:
            with self._lock:
                self._ended[kind] += 1

    def collect(self) -> Iterator[Metric]:
        """Yield one counter."""
        counts: Counter[tuple[str, str]] = Counter()
        for (ending, reason), count in self._failures().items():
            if reason in _BY_REASON:
                counts[_BY_REASON[reason], ending.value] += count
        with self._lock:
            for kind, count in self._ended.items():
                counts[kind, Ending.PERMANENT.value] += count
        family = CounterMetricFamily(
            "certshim_acme_problems",
            "Refusals of ACME CAs, by the type of the problem (RFC 8555 §6.7) and the class of failure.",
            labels=("type", "class"),
        )
        for labels, count in counts.items():
            family.add_metric(labels, float(count))
        yield family


class Limits(Collector):
    """What is left of the rate limits of CAs; of an account's many domains and names, of the emptiest."""

    def __init__(self, ledgers: Ledgers) -> None:
        self._ledgers = ledgers

    def collect(self) -> Iterator[Metric]:
        """Yield one gauge."""
        left = GaugeMetricFamily(
            "certshim_acme_rate_limit_left",
            "How many more the CA lets through now, as far as is known; of many domains or names, of the emptiest.",
            labels=("server", "account", "limit"),
        )
        told = sorted(self._ledgers.least_left(datetime.now(UTC)).items(), key=lambda one: one[1])
        for (account, kind), count in told[: 4 * MOST_ACCOUNTS]:  # the emptiest, should there be more
            left.add_metric((account.server, account.uri, kind), float(count))
        yield left
