from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from certs.api.certificate import Certificate, CertificateStatus
from certs.api.meta import Condition, ConditionStatus, ObjectMeta
from certs.api.order import ACMEState, Order, OrderSpec, OrderStatus
from shim.metrics.issuance import Issuances
from tests.certs.decide.objects import ISSUER, certificate, with_status

BEGIN = 1_700_000_000.0


class Clock:
    """Time as the test wants it."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> float:
        return self.now


def created(seconds: float = BEGIN) -> Certificate:
    made = certificate()
    metadata = msgspec.structs.replace(made.metadata, creation_timestamp=datetime.fromtimestamp(seconds, UTC))
    return msgspec.structs.replace(made, metadata=metadata)


def issuing(revision: int | None) -> CertificateStatus:
    condition = Condition(
        type="Issuing", status=ConditionStatus.TRUE, last_transition_time=datetime.fromtimestamp(BEGIN, UTC)
    )
    return CertificateStatus(conditions=(condition,), revision=revision)


def order(state: ACMEState = ACMEState.UNKNOWN, url: str = "", revision: str = "1") -> Order:
    annotations = {"cert-manager.io/certificate-revision": revision}
    return Order(
        metadata=ObjectMeta(name="shop-1", namespace="web", uid="o-1", annotations=annotations),
        spec=OrderSpec(request=b"", issuer_ref=ISSUER),
        status=OrderStatus(state=state, url=url),
    )


def told(issuances: Issuances) -> dict[tuple[str, str], tuple[float, float]]:
    """Return number and sum of seconds by kind and phase."""
    (family,) = issuances.collect()
    found: dict[tuple[str, str], dict[str, float]] = {}
    for sample in family.samples:
        if "le" not in sample.labels:
            labels = sample.labels["kind"], sample.labels["phase"]
            found.setdefault(labels, {})[sample.name.rpartition("_")[2]] = sample.value
    return {labels: (values["count"], values["sum"]) for labels, values in found.items()}


def test_a_first_certificate_is_timed_from_its_creation() -> None:
    """Failures on the way do not end it: the user waits for the certificate."""
    clock = Clock()
    issuances, new = Issuances(clock), created()
    issuances.certificate(None, new)
    clock.now += 2.5
    done = with_status(new, CertificateStatus(revision=1))
    issuances.certificate(new, done)
    issuances.certificate(done, done)

    assert told(issuances) == {("issue", "total"): (1.0, 2.5)}


def test_a_renewal_is_timed_from_issuing() -> None:
    """And what is well costs nothing."""
    clock = Clock()
    issuances = Issuances(clock)
    well = with_status(created(BEGIN - 9e6), CertificateStatus(revision=4))
    issuances.certificate(None, well)
    clock.now += 0.25
    renewing = with_status(well, issuing(4))
    issuances.certificate(well, renewing)
    clock.now += 4
    issuances.certificate(renewing, with_status(well, CertificateStatus(revision=5)))

    assert told(issuances) == {("renew", "total"): (1.0, 4.0)}


def test_after_a_restart_it_is_timed_from_what_the_object_says() -> None:
    """The process that began it is gone."""
    clock = Clock()
    issuances, new = Issuances(clock), created(BEGIN - 60)
    issuances.certificate(None, new)
    clock.now += 1
    issuances.certificate(new, with_status(new, CertificateStatus(revision=1)))

    assert told(issuances) == {("issue", "total"): (1.0, 61.0)}


def test_what_is_deleted_is_forgotten() -> None:
    """Nothing is kept of it, and nothing is counted."""
    issuances, new = Issuances(Clock()), created()
    issuances.certificate(None, new)
    issuances.certificate(new, None)
    issuances.certificate(None, with_status(new, CertificateStatus(revision=1)))

    assert told(issuances) == {}


def test_an_order_is_timed_by_phases() -> None:
    """Making it, proving the names, signing."""
    clock = Clock()
    issuances = Issuances(clock)
    states = [
        (order(revision="2"), 0.5),
        (order(ACMEState.PENDING, "https://ca.test/o/1", "2"), 3.0),
        (order(ACMEState.READY, "https://ca.test/o/1", "2"), 1.0),
        (order(ACMEState.PROCESSING, "https://ca.test/o/1", "2"), 1.0),
        (order(ACMEState.VALID, "https://ca.test/o/1", "2"), 0.0),
    ]
    before = None
    for state, seconds in states:
        issuances.order(before, state)
        clock.now += seconds
        before = state

    assert told(issuances) == {
        ("renew", "order"): (1.0, 0.5),
        ("renew", "proof"): (1.0, 3.0),
        ("renew", "finalize"): (1.0, 2.0),
    }


def test_an_order_that_fails_has_no_time() -> None:
    """How long a failure took says nothing about certificates."""
    issuances, new = Issuances(Clock()), order(ACMEState.PENDING, "https://ca.test/o/1")
    issuances.order(None, new)
    issuances.order(new, order(ACMEState.INVALID, "https://ca.test/o/1"))

    assert told(issuances) == {}
