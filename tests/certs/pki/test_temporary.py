"""Temporary certificates: what they have of the real one, by what they are known, and that `openssl` reads them."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certs.api.certificate import X509Subject
from certs.pki.keys import matches
from certs.pki.signing import Unsignable
from certs.pki.temporary import is_temporary, temporary_certificate
from certs.pki.x509 import Leaf, read_chain
from tests.certs.decide.objects import HOST, NOW, key, request, signed, spec


def made(**fields: Any) -> Leaf:
    """Return the temporary certificate of a spec."""
    pem = temporary_certificate(spec(**fields), key("one"), key("throw-away"), serials=(7, 8), now=NOW)
    (leaf,) = read_chain(pem)
    return leaf


def test_it_is_for_the_names_and_the_key_and_nobody_trusts_it() -> None:
    """Signed by a CA that is made for it; alone, since its root is gone."""
    leaf = made(ip_addresses=("192.0.2.1",))

    assert leaf.dns_names == (HOST,)
    assert leaf.ip_addresses == ("192.0.2.1",)
    assert matches(key("one"), leaf)
    assert leaf.serial == 8
    assert leaf.issuer_common_name == "cert-manager.local"
    assert leaf.subject.attributes.serial_number == "1234567890"
    assert leaf.not_after - leaf.not_before == timedelta(days=90)
    assert is_temporary(leaf)


def test_duration_and_subject_are_the_specs() -> None:
    """All of the subject but its serial number."""
    leaf = made(duration="2h", common_name="shop", subject=X509Subject(organizations=("Shop",), serial_number="1"))

    assert leaf.not_after - leaf.not_before == timedelta(hours=2)
    assert leaf.common_name == "shop"
    assert leaf.subject.attributes.organizations == ("Shop",)
    assert leaf.subject.attributes.serial_number == "1234567890"


def test_a_literal_subject_stays_as_it_is() -> None:
    """The issuer's name is mark enough."""
    leaf = made(literal_subject="CN=shop,O=Shop")

    assert leaf.subject.attributes.serial_number == ""
    assert is_temporary(leaf)


def test_the_real_one_is_none() -> None:
    assert not is_temporary(read_chain(signed(request()))[0])


def test_what_cannot_be_requested_cannot_be_had_temporarily() -> None:
    """An object that was stored without admission."""
    with pytest.raises(Unsignable, match=r"spec\.duration"):
        made(duration="a while")


def test_openssl_reads_it(tmp_path: Path) -> None:
    """As a server would that starts with it."""
    pem = temporary_certificate(spec(), key("one"), key("throw-away"), serials=(7, 8), now=NOW)
    (tmp_path / "tls.crt").write_bytes(pem)

    command = ["openssl", "x509", "-in", str(tmp_path / "tls.crt"), "-noout", "-checkhost", HOST, "-issuer"]
    read = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout  # noqa: S603  ours

    assert "does match certificate" in read
    assert "cert-manager.local" in read
