"""Something to be served until the issuer has signed: `cert-manager.io/issue-temporary-certificate`."""

from __future__ import annotations

import pytest

from certs.pki.temporary import is_temporary
from tests.system.shop import Shop, eventually
from tests.system.test_ca import bootstrap, certificate

pytestmark = pytest.mark.system
TEMPORARY = {"cert-manager.io/issue-temporary-certificate": "true"}


def asked(shop: Shop, name: str, issuer: str, annotations: dict[str, str]) -> None:
    """Apply a Certificate with annotations."""
    one = certificate(name, issuer, dnsNames=[shop.host()])
    one["metadata"]["annotations"] = annotations
    shop.apply(one)


def test_it_stands_in_until_the_issuer_is_there_and_has_signed(shop: Shop) -> None:
    """A pair for the names, not ready, told once; replaced by the real one the moment that there is one."""
    asked(shop, "web", "ca", TEMPORARY)

    first = eventually(lambda: shop.stored("web"), "something is served")
    assert is_temporary(first.leaf)
    assert first.is_pair
    assert "cert-manager.io/issuer-name" not in first.metadata["annotations"]
    eventually(lambda: shop.condition("Certificate", "web").get("reason") == "TemporaryCertificate", "it is not ready")
    assert shop.condition("Certificate", "web", "Issuing")["status"] == "True"
    told = ("Issuing", "Issued temporary certificate")
    assert eventually(lambda: shop.events("Certificate").count(told) == 1, "it is told")

    bootstrap(shop)  # the issuer `ca`, and what it needs

    shop.ready("Certificate", "web")
    second = shop.stored("web")
    assert second is not None
    assert not is_temporary(second.leaf)
    assert second.is_pair
    assert second.key == first.key  # the one that the request was made with


def test_a_pair_that_is_served_is_not_replaced_by_it(shop: Shop) -> None:
    """While a renewal waits for its issuer, the old certificate is better."""
    name = bootstrap(shop)
    asked(shop, "web", name, TEMPORARY)
    first = shop.issued("web")
    assert not is_temporary(first.leaf)

    shop.delete("Issuer", name)
    asked(shop, "web", name, TEMPORARY)  # other names
    eventually(lambda: shop.condition("Certificate", "web", "Issuing").get("status") == "True", "it waits")

    again = shop.stored("web")
    assert again is not None
    assert again.chain == first.chain


def test_nobody_gets_one_unasked(shop: Shop) -> None:
    asked(shop, "web", "ca", {})

    eventually(lambda: shop.condition("Certificate", "web", "Issuing").get("status") == "True", "it waits")
    assert shop.stored("web") is None
