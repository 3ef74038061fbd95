"""The serving certificate changes under load, its CA too, and no request fails.

The webhook's certificate is so short that it is due at each look of the keeper.  The CA is due when its Secret says
so: that of the test is replaced by one that is older than two thirds of its life, and that is trusted together with
the one before, as a rotation leaves it.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from tests.cluster import Cluster, Process
from tests.product import LOOPBACK, NAMESPACE, Product
from tests.system.admissions import RATE, Load
from tests.system.shop import eventually
from webhook.authority import make_authority

pytestmark = pytest.mark.system

SECRET: Final = f"/api/v1/namespaces/{NAMESPACE}/secrets/certshim-webhook-ca"
CONFIGURATION: Final = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/cert-manager-webhook"


@pytest.fixture
def webhook(product: Product) -> Iterator[Process]:
    """The webhook under the shipped configurations, its certificate due all the time."""
    process = product.start_webhook("--dynamic-serving-leaf-duration=1m")
    yield process
    process.stop()
    product.withdraw_admission()


def served(port: int, trusted: bytes = b"") -> x509.Certificate:
    """Return the certificate that a new connection is shown; ssl.SSLError when it is not trusted by the bundle."""
    context = ssl.create_default_context(cadata=trusted.decode()) if trusted else ssl._create_unverified_context()  # noqa: S323
    with (
        socket.create_connection((LOOPBACK, port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=LOOPBACK) as secure,
    ):
        shown = secure.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown)


def trusted(cluster: Cluster) -> bytes:
    """Return the bundle of the configuration of our kinds."""
    return base64.b64decode(cluster.api.get(CONFIGURATION)["webhooks"][0]["clientConfig"]["caBundle"])


def age_the_ca(cluster: Cluster) -> None:
    """Put a CA that is due in the place of the one in the Secret, trusted beside it."""
    bundle = base64.b64decode(cluster.api.get(SECRET)["data"]["ca.crt"])
    aged = make_authority(datetime.now(UTC) - timedelta(days=300), bundle)
    data = {key: base64.b64encode(value).decode() for key, value in aged.data().items()}
    patch = json.dumps({"data": data})
    cluster.kubectl("patch", "secret", "certshim-webhook-ca", "-n", NAMESPACE, "--type=merge", f"--patch={patch}")


def test_no_request_fails_while_certificates_change(
    cluster: Cluster, product: Product, webhook: Process, namespace: str
) -> None:
    """Fifty requests a second; whoever connects anew at any moment trusts what it is shown."""
    first = served(product.webhook_port)
    serials = {first.serial_number}
    age_the_ca(cluster)
    authorities = set(x509.load_pem_x509_certificates(trusted(cluster)))

    def new_authority() -> bool:
        shown = served(product.webhook_port, trusted=trusted(cluster))
        serials.add(shown.serial_number)
        return not any(signed_by(shown, one) for one in authorities)

    began = time.monotonic()
    with Load(cluster, namespace) as load:
        eventually(new_authority, "a leaf of the new CA is served", seconds=50)
        time.sleep(2)
    seconds = time.monotonic() - began

    assert load.failures == []
    assert load.answers > 0.8 * RATE * seconds
    assert len(serials) > 1


def signed_by(leaf: x509.Certificate, authority: x509.Certificate) -> bool:
    """Did that CA sign it?"""
    try:
        leaf.verify_directly_issued_by(authority)
    except InvalidSignature:
        return False
    return True
