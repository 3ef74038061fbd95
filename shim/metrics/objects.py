"""What Certificates, Challenges and issuers say, by cert-manager's names: computed from the stores at the scrape.

So no gauge can disagree with `kubectl get`, and there are as many series as there are objects.
A Challenge's reason has sentences of others in it (a CA's, a vendor's), another at each look: only the stage that it
begins with becomes a label.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from certs.api.certificate import Certificate
from certs.api.challenge import Challenge
from certs.api.issuer import ClusterIssuer, Issuer
from certs.api.meta import find_condition
from certs.api.order import ACMEState
from certs.decide.challengestatus import stage
from shim.stores import Stores

STATUSES: Final = ("True", "False", "Unknown")
CLOCK: Final = "certmanager_clock_time_seconds"


class Objects(Collector):
    """What the objects say."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def collect(self) -> Iterator[Metric]:
        """Yield what they say now."""
        yield from _certificates(self._stores.certificates.values())
        yield _challenges(self._stores.challenges.values())
        yield _readiness("certmanager_issuer_ready_status", ("name", "namespace"), self._stores.issuers.values())
        yield _readiness("certmanager_clusterissuer_ready_status", ("name",), self._stores.cluster_issuers.values())
        now = time.time()
        yield GaugeMetricFamily("certmanager_clock_time_seconds_gauge", "The clock of the process.", now)
        yield CounterMetricFamily(CLOCK, "Deprecated: the clock of the process.", now)


def _certificates(certificates: Iterable[Certificate]) -> Iterator[Metric]:
    names = ("name", "namespace", "issuer_name", "issuer_kind", "issuer_group")
    ready = GaugeMetricFamily(
        "certmanager_certificate_ready_status",
        "Whether a Certificate is ready.",
        labels=("name", "namespace", "condition", "issuer_name", "issuer_kind", "issuer_group"),
    )
    times = {
        field: GaugeMetricFamily(f"certmanager_certificate_{field}_timestamp_seconds", meaning, labels=names)
        for field, meaning in (
            ("expiration", "When the certificate expires; 0 when there is none."),
            ("not_after", "When the certificate expires; 0 when there is none."),
            ("not_before", "Since when the certificate is valid; 0 when there is none."),
            ("renewal", "When the certificate will be renewed; 0 when there is none."),
        )
    }
    for certificate in certificates:
        ref, status, meta = certificate.spec.issuer_ref, certificate.status, certificate.metadata
        issuer = (ref.name, ref.effective_kind, ref.effective_group)
        condition = find_condition(status.conditions, "Ready")
        is_ready = condition.status if condition is not None else "Unknown"
        for word in STATUSES:
            ready.add_metric((meta.name, meta.namespace, word, *issuer), float(word == is_ready))
        moments = {
            "expiration": status.not_after,
            "not_after": status.not_after,
            "not_before": status.not_before,
            "renewal": status.renewal_time,
        }
        for field, moment in moments.items():
            times[field].add_metric((meta.name, meta.namespace, *issuer), moment.timestamp() if moment else 0.0)
    yield ready
    yield from times.values()


def _challenges(challenges: Iterable[Challenge]) -> Metric:
    labels = ("status", "domain", "reason", "processing", "name", "namespace", "type")
    family = GaugeMetricFamily(
        "certmanager_certificate_challenge_status", "In which state a Challenge is.", labels=labels
    )
    for challenge in challenges:
        spec, status, meta = challenge.spec, challenge.status, challenge.metadata
        processing = str(status.processing).lower()
        for state in ACMEState:
            values = (state, spec.dns_name, stage(status.reason), processing, meta.name, meta.namespace, spec.type)
            family.add_metric(values, float(state is status.state))
    return family


def _readiness(name: str, labels: tuple[str, ...], issuers: Iterable[Issuer | ClusterIssuer]) -> Metric:
    family = GaugeMetricFamily(name, "Whether an issuer is ready.", labels=(*labels, "condition"))
    for issuer in issuers:
        condition = find_condition(issuer.status.conditions, "Ready")
        is_ready = condition.status if condition is not None else "Unknown"
        own = (issuer.metadata.name, issuer.metadata.namespace)[: len(labels)]
        for word in STATUSES:
            family.add_metric((*own, word), float(word == is_ready))
    return family
