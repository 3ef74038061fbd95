"""Temporary certificates: what they have of the real one, by what they are known, and that `openssl` reads them."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certs.api.certificate import X509Subject
from certs.pki.csr import build_csr
from certs.pki.keys import matches
from certs.pki.signing import Unsignable, Wanted
from certs.pki.temporary import is_temporary, temporary_certificate
from certs.pki.x509 import Leaf, read_chain
from tests.certs.decide.objects import HOST, NOW, certificate, key, request, signed, spec


def wanted(lifetime: timedelta = timedelta(days=90), **fields: Any) -> Wanted:
    """Return what the request of a spec asks for."""
    return Wanted(build_csr(spec(**fields), key("one")), 8, NOW, lifetime)


def made(lifetime: timedelta = timedelta(days=90), **fields: Any) -> Leaf:
    """Return the temporary certificate of a spec."""
    (leaf,) = read_chain(temporary_certificate(wanted(lifetime, **fields), key("throw-away"), 7))
    return leaf


def test_it_is_for_the_names_and_the_key_and_nobody_trusts_it() -> None:
    """Signed by a CA that is made for it; alone, since its root is gone."""
    leaf = made(ip_addresses=("192.0.2.1",))

    assert leaf.dns_names == (HOST,)
    assert leaf.ip_addresses == ("192.0.2.1",)
    assert matches(key("one"), leaf)
    assert leaf.serial == 8
    assert leaf.issuer_common_name == "cert-manager.local"
    assert leaf.not_after - leaf.not_before == timedelta(days=90)
    assert is_temporary(leaf)


@pytest.mark.parametrize(
    "fields",
    [
        {"common_name": "shop", "subject": X509Subject(organizations=("Shop",), serial_number="1")},
        {"literal_subject": "CN=shop,O=Shop"},
    ],
    ids=["fields", "literal"],
)
def test_duration_and_subject_are_the_requests(fields: dict[str, Any]) -> None:
    leaf = made(timedelta(hours=2), **fields)

    assert leaf.not_after - leaf.not_before == timedelta(hours=2)
    assert leaf.subject == read_chain(signed(request(certificate(**fields))))[0].subject
    assert leaf.subject.common_name == "shop"


def test_the_real_one_is_none() -> None:
    assert not is_temporary(read_chain(signed(request()))[0])


def test_what_cannot_be_signed_cannot_be_had_temporarily() -> None:
    with pytest.raises(Unsignable, match="ends before it has begun"):
        made(timedelta())


def test_openssl_reads_it(tmp_path: Path) -> None:
    """As a server would that starts with it."""
    (tmp_path / "tls.crt").write_bytes(temporary_certificate(wanted(), key("throw-away"), 7))

    command = ["openssl", "x509", "-in", str(tmp_path / "tls.crt"), "-noout", "-checkhost", HOST, "-issuer"]
    read = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout  # noqa: S603  ours

    assert "does match certificate" in read
    assert "cert-manager.local" in read
