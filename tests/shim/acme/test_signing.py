from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from acme.jws import JWS
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from josepy.b64 import b64decode
from josepy.jwk import JWKOct

from certs.api.certificate import KeyAlgorithm
from certs.outcomes import WaitingForUser
from certs.pki.keys import encode_key
from shim.acme.signing import AccountKey, ExternalAccount, generate_account_key, key_hash
from shim.keys import generate_key

SECRET = bytes(range(0xD0, 0x100))  # its base64 has + and /


@pytest.mark.parametrize(
    ("algorithm", "size", "name"),
    [
        (KeyAlgorithm.RSA, 2048, "RS256"),
        (KeyAlgorithm.ECDSA, 256, "ES256"),
        (KeyAlgorithm.ECDSA, 384, "ES384"),
        (KeyAlgorithm.ECDSA, 521, "ES512"),
    ],
)
def test_every_kind_of_key_signs(algorithm: KeyAlgorithm, size: int, name: str) -> None:
    """The header names algorithm, nonce and URL (RFC 8555 §6.2), and the signature is by the key in it."""
    key = AccountKey(encode_key(generate_key(algorithm, size)))

    signed = JWS.json_loads(key.sign(b"{}", url="https://ca/x", nonce="bm9uY2U").decode())

    header = json.loads(signed.signature.protected)
    assert signed.verify()
    assert (header["alg"], header["nonce"], header["url"]) == (name, "bm9uY2U", "https://ca/x")


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"-----BEGIN RSA PRIVATE KEY-----\nMAA=\n-----END RSA PRIVATE KEY-----\n",
        encode_key(generate_key(KeyAlgorithm.ED25519)),
        rsa.generate_private_key(65537, 1024).private_bytes(  # noqa: S505 - it shall be refused
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ),
    ],
    ids=["empty", "broken", "ed25519", "rsa 1024"],
)
def test_what_is_no_account_key_waits_for_the_user(pem: bytes) -> None:
    """The sentence begins as people know it."""
    with pytest.raises(WaitingForUser, match="Account private key is invalid: "):
        AccountKey(pem)


def test_the_hash_is_of_the_pkcs1_der() -> None:
    """Standard base64 of SHA-256, whatever the encoding of the PEM."""
    pem = generate_account_key()
    body = b"".join(pem.split(b"\n")[1:-2])

    expected = base64.b64encode(hashlib.sha256(base64.b64decode(body)).digest()).decode()

    assert pem.startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert key_hash(pem) == expected


@pytest.mark.parametrize(
    "text",
    [
        base64.urlsafe_b64encode(SECRET).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET).decode(),
        base64.b64encode(SECRET).decode(),
        " " + base64.b64encode(SECRET).decode() + "\n",
    ],
    ids=["base64url", "padded", "standard", "with white space"],
)
def test_external_account_keys_are_taken_as_people_paste_them(text: str) -> None:
    """The binding is signed with the same key each time."""
    key = AccountKey(encode_key(generate_key(KeyAlgorithm.ECDSA)))

    signed = JWS.from_json(key.bind(ExternalAccount("kid-1", text), url="https://ca/new-account"))

    header = json.loads(signed.signature.protected)
    assert signed.verify(JWKOct(key=SECRET))
    assert header == {"alg": "HS256", "kid": "kid-1", "url": "https://ca/new-account"}
    assert json.loads(signed.payload)["kty"] == "EC"


@pytest.mark.parametrize(
    ("algorithm", "size", "digest"), [("HS256", 32, "sha256"), ("HS384", 48, "sha384"), ("HS512", 64, "sha512")]
)
def test_the_binding_has_the_mac_that_is_asked_for(algorithm: str, size: int, digest: str) -> None:
    """Computed anew here, over what is signed (RFC 7515 §5.1)."""
    key, mac_key = AccountKey(encode_key(generate_key(KeyAlgorithm.ECDSA))), bytes(range(size))
    external = ExternalAccount("kid-1", base64.urlsafe_b64encode(mac_key).decode(), algorithm)

    binding = key.bind(external, url="https://ca/new-account")

    protected, payload = str(binding["protected"]), str(binding["payload"])
    signature = hmac.digest(mac_key, f"{protected}.{payload}".encode(), digest)
    assert json.loads(b64decode(protected))["alg"] == algorithm
    assert b64decode(str(binding["signature"])) == signature


@pytest.mark.parametrize("text", ["", "!", "abc$"])
def test_a_broken_external_account_key_waits_for_the_user(text: str) -> None:
    """The sentence does not quote it."""
    key = AccountKey(encode_key(generate_key(KeyAlgorithm.ECDSA)))

    with pytest.raises(WaitingForUser, match="not base64url: copy it again"):
        key.bind(ExternalAccount("kid-1", text), url="https://ca/new-account")


def test_secrets_do_not_print() -> None:
    """Neither the MAC key nor the account key."""
    external = ExternalAccount("kid-1", "c2VjcmV0")
    key = AccountKey(generate_account_key())

    assert "c2VjcmV0" not in repr(external)
    assert b64decode("c2VjcmV0").decode() not in repr(external)
    assert "RSA" not in repr(key)
