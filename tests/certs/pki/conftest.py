"""Keys for the tests of this folder: made once, since RSA is slow to make."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from certs.api.certificate import CertificateSpec, KeyAlgorithm
from certs.api.meta import IssuerReference
from certs.pki.keys import Key
from shim.keys import generate_key


@pytest.fixture(scope="session")
def keys() -> dict[str, Key]:
    return {
        "rsa-2048": generate_key(),
        "rsa-3072": generate_key(KeyAlgorithm.RSA, 3072),
        "rsa-4096": generate_key(KeyAlgorithm.RSA, 4096),
        "p-256": generate_key(KeyAlgorithm.ECDSA),
        "p-384": generate_key(KeyAlgorithm.ECDSA, 384),
        "p-521": generate_key(KeyAlgorithm.ECDSA, 521),
        "ed25519": generate_key(KeyAlgorithm.ED25519),
    }


@pytest.fixture(scope="session")
def key(keys: dict[str, Key]) -> Key:
    return keys["p-256"]


@pytest.fixture
def spec() -> Callable[..., CertificateSpec]:
    def make(**fields: object) -> CertificateSpec:
        required = {"secret_name": "shop-tls", "issuer_ref": IssuerReference("letsencrypt")}
        return CertificateSpec(**(required | fields))  # type: ignore[arg-type] # fields vary by test

    return make
