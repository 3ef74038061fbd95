"""Keystores and further encodings on the real control plane: what an application that reads them finds.

Pebble gives no CA, so issuances have no truststore; where one is looked at, somebody signs by hand, as an
external issuer does.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key, pkcs12

from certs.pki.keys import decode_key, public_der
from tests.certs.decide.objects import sign
from tests.certs.pki.keystores import JKSReader, program
from tests.system.shop import Shop, eventually

pytestmark = pytest.mark.system

PASSWORD = "correct horse"
BY_REF = {"create": True, "passwordSecretRef": {"name": "keystore-password", "key": "password"}}
BOTH = {"jks": BY_REF | {"alias": "shop"}, "pkcs12": BY_REF}
FORMATS = [{"type": "DER"}, {"type": "CombinedPEM"}]
ISSUED = {"tls.crt", "tls.key"}


def ask(shop: Shop, issuer: str, host: str, name: str = "web-tls", **spec: Any) -> None:
    """Apply the Certificate, with further fields of its spec."""
    wanted = {"secretName": name, "dnsNames": [host], "issuerRef": {"name": issuer}, **spec}
    shop.apply({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": name}, "spec": wanted})


def put_password(shop: Shop) -> None:
    data = {"password": PASSWORD}
    shop.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keystore-password"}, "stringData": data})


def data_of(shop: Shop) -> dict[str, bytes]:
    """Return what is in the TLS Secret."""
    data = (shop.get("Secret", "web-tls") or {}).get("data", {})
    return {key: base64.b64decode(value) for key, value in data.items()}


def has_keys(shop: Shop, keys: set[str]) -> dict[str, bytes]:
    """Wait until the TLS Secret has exactly these keys, and return its data."""

    def look() -> dict[str, bytes] | None:
        data = data_of(shop)
        return data if data.keys() == keys else None

    return eventually(look, f"a Secret with {sorted(keys)}")


def test_applications_find_key_and_chain_in_every_form(shop: Shop, tmp_path: Path) -> None:
    """Java's own program opens both keystores, the default profile included."""
    put_password(shop)
    ask(shop, shop.issuer(), shop.host(), keystores=BOTH, additionalOutputFormats=FORMATS)

    shop.issued("web-tls")

    data = data_of(shop)
    assert data.keys() == ISSUED | {"key.der", "tls-combined.pem", "keystore.jks", "keystore.p12"}
    mine = public_der(decode_key(data["tls.key"]).public_key())
    assert public_der(load_der_private_key(data["key.der"], None).public_key()) == mine
    assert data["tls-combined.pem"] == data["tls.key"] + b"\n" + data["tls.crt"]
    (entry,) = JKSReader(data["keystore.jks"], PASSWORD).entries()
    assert entry.alias == "shop"
    assert public_der(load_der_private_key(entry.key, None).public_key()) == mine
    opened = pkcs12.load_pkcs12(data["keystore.p12"], PASSWORD.encode())
    assert opened.key is not None
    assert public_der(opened.key.public_key()) == mine
    for name in ("keystore.jks", "keystore.p12"):
        (tmp_path / name).write_bytes(data[name])
        listed = program("keytool", "-list", "-keystore", tmp_path / name, "-storepass", PASSWORD)
        assert listed.count("PrivateKeyEntry") == 1


def test_an_issuance_waits_for_the_password_and_goes_on_with_it(shop: Shop) -> None:
    """Signed once; said in an event and in the condition; written the moment the Secret is there."""
    ask(shop, shop.issuer(), shop.host(), keystores=BOTH)
    reason = "KeystorePasswordSecretNotFound"
    told = eventually(lambda: dict(shop.events("Certificate")).get(reason), f"an event {reason}")
    assert 'Secret "keystore-password" of passwordSecretRef does not exist' in told
    eventually(
        lambda: "keystore-password" in shop.condition("Certificate", "web-tls", "Issuing").get("message", ""),
        "the condition says so",
    )
    assert shop.get("Secret", "web-tls") is None

    put_password(shop)

    shop.ready("Certificate", "web-tls", seconds=5)
    assert data_of(shop).keys() == ISSUED | {"keystore.jks", "keystore.p12"}
    assert len(shop.all("CertificateRequest")) == 1
    assert shop.condition("Certificate", "web-tls", "Issuing") == {}


def test_what_is_asked_for_later_comes_and_goes_without_a_new_certificate(shop: Shop) -> None:
    issuer, host = shop.issuer(), shop.host()
    literal = {"jks": {"create": True, "password": PASSWORD}}
    ask(shop, issuer, host)
    first = shop.issued("web-tls")

    ask(shop, issuer, host, keystores=literal, additionalOutputFormats=FORMATS)
    has_keys(shop, ISSUED | {"key.der", "tls-combined.pem", "keystore.jks"})
    ask(shop, issuer, host, keystores=literal, additionalOutputFormats=FORMATS[:1])
    has_keys(shop, ISSUED | {"key.der", "keystore.jks"})
    ask(shop, issuer, host, keystores={"jks": literal["jks"] | {"create": False}})
    has_keys(shop, ISSUED)

    last = shop.issued("web-tls")
    assert (last.chain, last.key) == (first.chain, first.key)
    assert last.metadata["annotations"] == first.metadata["annotations"]
    assert (shop.get("Certificate", "web-tls") or {})["status"]["revision"] == 1


def test_a_keystore_that_somebody_takes_away_comes_back(shop: Shop) -> None:
    ask(shop, shop.issuer(), shop.host(), keystores={"pkcs12": {"create": True, "password": PASSWORD}})
    shop.issued("web-tls")

    shop.cluster.kubectl(
        "patch", "secret", "web-tls", "-n", shop.namespace, "--type=json",
        "-p", '[{"op": "remove", "path": "/data/keystore.p12"}]',
    )  # fmt: skip

    data = has_keys(shop, ISSUED | {"keystore.p12"})
    assert pkcs12.load_pkcs12(data["keystore.p12"], PASSWORD.encode()).key is not None


def test_a_key_of_another_owner_is_left_to_it(shop: Shop) -> None:
    """And not asked about again and again: the Secret is not written for it."""
    ask(shop, shop.issuer(), shop.host())
    shop.issued("web-tls")
    theirs = {"key.der": base64.b64encode(b"theirs").decode()}
    shop.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web-tls"}, "data": theirs})
    version = (shop.get("Secret", "web-tls") or {})["metadata"]["resourceVersion"]

    ask(shop, "pebble", shop.host(), "other-tls")  # something to wait for, which comes after it
    eventually(lambda: shop.stored("other-tls"), "the other Secret")

    found = shop.get("Secret", "web-tls") or {}
    assert found["data"]["key.der"] == theirs["key.der"]
    assert found["metadata"]["resourceVersion"] == version


def test_a_ca_that_the_issuer_gives_makes_truststores(shop: Shop, tmp_path: Path) -> None:
    """An external issuer signs by hand; the CA is its own certificate."""
    put_password(shop)
    external = {"name": "by-hand", "kind": "Hand", "group": "issuers.example.test"}
    ask(shop, "", shop.host(), issuerRef=external, keystores=BOTH)
    eventually(
        lambda: shop.condition("CertificateRequest", "web-tls-1", "Approved").get("status") == "True", "it is approved"
    )
    sign_by_hand(shop, shop.get("CertificateRequest", "web-tls-1") or {})

    shop.issued("web-tls")

    data = data_of(shop)
    stores = {"keystore.jks", "truststore.jks", "keystore.p12", "truststore.p12"}
    assert data.keys() == ISSUED | {"ca.crt"} | stores
    for name in ("truststore.jks", "truststore.p12"):
        (tmp_path / name).write_bytes(data[name])
        listed = program("keytool", "-list", "-keystore", tmp_path / name, "-storepass", PASSWORD)
        assert listed.count("trustedCertEntry") == 1


def sign_by_hand(shop: Shop, asked: dict[str, Any]) -> None:
    """Write chain and CA into the status of a request, as the controller of an external issuer does."""
    chain = base64.b64encode(sign(base64.b64decode(asked["spec"]["request"]), not_before=datetime.now(UTC))).decode()
    issued = {"type": "Ready", "status": "True", "reason": "Issued", "message": "signed by hand"}
    status = {"certificate": chain, "ca": chain, "conditions": [*asked["status"]["conditions"], issued]}
    shop.cluster.kubectl(
        "patch", "certificaterequest", asked["metadata"]["name"], "-n", shop.namespace,
        "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}),
    )  # fmt: skip
