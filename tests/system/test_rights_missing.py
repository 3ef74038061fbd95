"""What a user is told when a role of the shim lacks a right, as after an upgrade that left the roles as they were."""

from __future__ import annotations

import pytest

from tests.cluster import Cluster
from tests.system.commands import Run
from tests.system.roles import without_right
from tests.system.shop import Shop, eventually
from tests.system.test_ca import certificate, issuer

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def test_it_is_named_and_the_certificate_goes_on_once_it_is_given(shop: Shop, cluster: Cluster, run: Run) -> None:
    """By an Event and by `explain`; nothing has to be restarted or touched."""
    shop.apply(issuer("self-signed", selfSigned={}))
    shop.ready("Issuer", "self-signed")
    with without_right(cluster, "certificaterequests.cert-manager.io") as restore:
        shop.apply(certificate("web", "self-signed", dnsNames=[shop.host()]))

        said = eventually(lambda: dict(shop.events("Certificate")).get("KubernetesAPI"), "an Event says what failed")
        assert said.startswith(f"cannot create CertificateRequest {shop.namespace}/web-1: ")
        assert 'certshim-shim" cannot create resource "certificaterequests"' in said
        explained = run("explain", "certificate", "web")
        assert "certshim doctor" in explained.stdout, explained
        restore()

    assert shop.issued("web").is_pair
