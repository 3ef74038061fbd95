from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from certs.api.certificate import CertificateSpec
from certs.api.meta import IssuerReference
from certs.pki.authority import Flaw, UnusableAuthority, read_authority
from certs.pki.csr import build_csr
from certs.pki.keys import Key, encode_key
from certs.pki.signing import Wanted, sign_by_itself
from certs.pki.x509 import read_chain

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def pair(key: Key, *, is_ca: bool = True, name: str = "Root") -> dict[str, bytes]:
    """Return the data of a Secret with a self-signed certificate of thirty days."""
    spec = CertificateSpec(secret_name="ca", issuer_ref=IssuerReference("self"), common_name=name)
    wanted = Wanted(build_csr(spec, key), serial=1, not_before=NOW, lifetime=30 * DAY, is_ca=is_ca)
    return {"tls.crt": sign_by_itself(key, wanted).chain, "tls.key": bytes(encode_key(key))}


@pytest.mark.parametrize(
    ("change", "flaw", "sentence"),
    [
        pytest.param({"tls.crt": b""}, Flaw.UNREADABLE, 'it has no "tls.crt"', id="no certificate"),
        pytest.param({"tls.key": b""}, Flaw.UNREADABLE, 'it has no "tls.key"', id="no key"),
        pytest.param(
            {"tls.crt": b"x"},
            Flaw.UNREADABLE,
            "cannot read certificate chain: no PEM block in its 1 bytes",
            id="certificate unreadable",
        ),
        pytest.param(
            {"tls.key": b"x"},
            Flaw.UNREADABLE,
            "cannot read private key: neither PKCS#1, SEC 1 nor PKCS#8 in PEM",
            id="key unreadable",
        ),
        pytest.param(
            {"ca.crt": b"x"},
            Flaw.UNREADABLE,
            "cannot read certificate chain: no PEM block in its 1 bytes",
            id="root unreadable",
        ),
    ],
)
def test_what_cannot_be_read(key: Key, change: dict[str, bytes], flaw: Flaw, sentence: str) -> None:
    with pytest.raises(UnusableAuthority) as raised:
        read_authority(pair(key) | change, NOW)

    assert (str(raised.value), raised.value.flaw) == (sentence, flaw)


def test_what_must_not_sign(keys: dict[str, Key]) -> None:
    """A leaf, a pair that is none, a CA past its last second."""
    one, other = keys["p-256"], keys["p-384"]

    with pytest.raises(UnusableAuthority, match=r"^certificate is not a CA$") as raised:
        read_authority(pair(one, is_ca=False), NOW)
    assert raised.value.flaw is Flaw.UNFIT
    with pytest.raises(UnusableAuthority, match="private key does not belong to the certificate"):
        read_authority(pair(one) | {"tls.key": bytes(encode_key(other))}, NOW)
    with pytest.raises(UnusableAuthority, match=r"expired .notAfter: 2026-03-31T12:00:00Z"):
        read_authority(pair(one), NOW + 30 * DAY)
    assert read_authority(pair(one), NOW + 30 * DAY - timedelta(seconds=1)).certificate.common_name == "Root"


def test_certificates_that_do_not_lead_up_are_skipped(keys: dict[str, Key]) -> None:
    """Neither one of another CA, nor one of the same name with another key."""
    stranger, impostor = pair(keys["p-384"], name="Other"), pair(keys["p-521"])
    data = pair(keys["p-256"])
    data["tls.crt"] += stranger["tls.crt"] + impostor["tls.crt"]
    authority = read_authority(data, NOW)

    assert authority.certificates == read_chain(data["tls.crt"])[:1]
    assert authority.above == ()


def test_its_key_is_not_printed(key: Key) -> None:
    assert "key" not in repr(read_authority(pair(key), NOW)).split("certificates=")[0]
