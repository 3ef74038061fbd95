"""What counts as arrived."""

from __future__ import annotations

import pytest

from bench.arrivals import Arrival, arrival_of
from certs.api.certificate import Certificate, CertificateSpec, CertificateStatus
from certs.api.core import Secret, SecretMeta
from certs.api.meta import Condition, ConditionStatus, IssuerReference, KubeObject, ObjectMeta

META = ObjectMeta(name="web-tls", namespace="shop")
SECRET = SecretMeta(name="web-tls", namespace="shop")


def certificate(status: ConditionStatus, revision: int | None = None) -> Certificate:
    spec = CertificateSpec(secret_name="web-tls", issuer_ref=IssuerReference(name="pebble"))
    ready = Condition(type="Ready", status=status)
    return Certificate(metadata=META, spec=spec, status=CertificateStatus(conditions=(ready,), revision=revision))


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        pytest.param(Secret(metadata=SECRET, data={"tls.crt": b"x"}), Arrival("shop", "web-tls"), id="a certificate"),
        pytest.param(Secret(metadata=SECRET, data={"tls.key": b"x"}), None, id="a key alone"),
        pytest.param(Secret(metadata=SECRET, data={"tls.crt": b""}), None, id="an empty certificate"),
        pytest.param(certificate(ConditionStatus.TRUE, 2), Arrival("shop", "web-tls", 2), id="ready at revision 2"),
        pytest.param(certificate(ConditionStatus.FALSE, 2), None, id="not ready"),
        pytest.param(None, None, id="a deletion"),
    ],
)
def test_arrived_is_a_stored_certificate_or_a_ready_one(obj: KubeObject | None, expected: Arrival | None) -> None:
    assert arrival_of(obj) == expected
