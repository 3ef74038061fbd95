"""Which changes of which objects the demo speaks of."""

from __future__ import annotations

import pytest

from certs.api.certificate import Certificate, CertificateSpec, CertificateStatus
from certs.api.core import Event, ObjectReference, SecretMetadata
from certs.api.ingress import Ingress, IngressSpec, IngressTLS
from certs.api.meta import Condition, ConditionStatus, IssuerReference, KubeObject, ObjectMeta
from tests.demo.timeline import READY, remark

NAMED = ObjectMeta(name="shop-tls", namespace="shop")
SPEC = CertificateSpec(secret_name="shop-tls", issuer_ref=IssuerReference(name="pebble"))
NEW = Certificate(metadata=NAMED, spec=SPEC)
ISSUED = Certificate(
    metadata=NAMED,
    spec=SPEC,
    status=CertificateStatus(conditions=(Condition(type="Ready", status=ConditionStatus.TRUE),)),
)
BARE = Ingress(metadata=ObjectMeta(name="shop"))
COMPLETED = Ingress(
    metadata=ObjectMeta(name="shop"), spec=IngressSpec(tls=(IngressTLS(hosts=("a.test",), secret_name="shop-tls"),))
)


def event(kind: str, reason: str, severity: str = "Normal") -> Event:
    """Return an event about an object of the kind."""
    return Event(
        metadata=ObjectMeta(name="e"),
        involved_object=ObjectReference(kind=kind),
        reason=reason,
        message="sentence",
        type=severity,
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (None, NEW, "shop-tls created, owned by the Ingress"),
        (NEW, NEW, None),
        (NEW, ISSUED, READY),
        (None, BARE, None),
        (BARE, COMPLETED, "shop stored; spec.tls was filled in: Secret shop-tls"),
        (COMPLETED, COMPLETED, None),
        (None, SecretMetadata(metadata=ObjectMeta(name="else")), None),
        (None, event("Challenge", "Presented"), "sentence"),
        (None, event("Certificate", "Issuing"), None),
        (None, event("Certificate", "Failed", "Warning"), "Failed: sentence"),
    ],
    ids=[
        "certificate-created",
        "certificate-still-pending",
        "certificate-ready",
        "ingress-without-tls",
        "ingress-completed",
        "ingress-unchanged",
        "secret-of-somebody-else",
        "event-that-the-object-does-not-show",
        "event-that-the-object-shows",
        "warning",
    ],
)
def test_remark(old: KubeObject | None, new: KubeObject, expected: str | None) -> None:
    """A step is told once, by the object where it shows; a warning is always told."""
    found = remark(old, new)

    assert (found and found[1]) == expected
