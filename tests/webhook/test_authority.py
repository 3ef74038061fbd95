"""When CA and leaf are due, what the bundle holds, and what is made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from webhook.authority import (
    CA_LIFETIME,
    InvalidAuthority,
    authority_is_due,
    bundle_of,
    leaf_is_due,
    leaf_names,
    make_authority,
    make_leaf,
    read_authority,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
AUTHORITY = make_authority(NOW)
OTHER = make_authority(NOW)
NAMES = ("webhook.cert-manager.svc", "127.0.0.1")
LEAF = make_leaf(AUTHORITY, NAMES, NOW)
# Of the curve secp112r1: `openssl req -x509 -new -key …`.
UNSUPPORTED = b"""-----BEGIN CERTIFICATE-----
MIIBIDCB7KADAgECAhQZYGlGBNq5g7Z9QItFZm2cJhWG7DAKBggqhkjOPQQDAjAM
MQowCAYDVQQDDAF4MB4XDTI2MTEyNzE1MTg0NFoXDTI2MTEzMDE1MTg0NFowDDEK
MAgGA1UEAwwBeDAyMBAGByqGSM49AgEGBSuBBAAGAx4ABLmVgQeAEW/HXuX7hl+D
yvLB6js6ku3p4x5ylCajUzBRMB0GA1UdDgQWBBT0fbb/YBvqcOKcLo/Tmu+JGAdE
mTAfBgNVHSMEGDAWgBT0fbb/YBvqcOKcLo/Tmu+JGAdEmTAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCAyMAMCACDkNA0q+1jgkxoohhG+MVAg4lHiGBa2MSFey4
KRWH5Q==
-----END CERTIFICATE-----
"""


@pytest.mark.parametrize(
    ("after", "due"), [(timedelta(0), False), (243 * DAY, False), (244 * DAY, True), (400 * DAY, True)], ids=str
)
def test_authority_is_due_at_two_thirds(after: timedelta, due: bool) -> None:  # noqa: FBT001 - a table's column
    assert authority_is_due(AUTHORITY, NOW + after) is due


def test_no_authority_is_due() -> None:
    assert authority_is_due(None, NOW)


@pytest.mark.parametrize(
    ("after", "authority", "names", "due"),
    [
        pytest.param(timedelta(0), AUTHORITY, NAMES, False, id="new"),
        pytest.param(4.6 * DAY, AUTHORITY, NAMES, False, id="before two thirds"),
        pytest.param(4.7 * DAY, AUTHORITY, NAMES, True, id="at two thirds"),
        pytest.param(timedelta(0), OTHER, NAMES, True, id="of another CA"),
        pytest.param(timedelta(0), AUTHORITY, ("other.svc",), True, id="for other names"),
        pytest.param(timedelta(0), AUTHORITY, NAMES[::-1], False, id="names in another order"),
    ],
)
def test_leaf_is_due(after: timedelta, authority: object, names: tuple[str, ...], due: bool) -> None:  # noqa: FBT001 - a table's column
    assert isinstance(authority, type(AUTHORITY))
    assert leaf_is_due(LEAF, authority, names, NOW + after) is due


def test_bundle_holds_the_old_ca_until_it_expires() -> None:
    """So that a leaf of the old CA, which another replica still serves, stays trusted."""
    later = make_authority(NOW + 300 * DAY, AUTHORITY.bundle)

    assert x509.load_pem_x509_certificates(later.bundle) == [later.certificate, AUTHORITY.certificate]
    assert x509.load_pem_x509_certificates(bundle_of(later.certificate, later.bundle, NOW + CA_LIFETIME)) == [
        later.certificate
    ]


def test_bundle_survives_rubbish() -> None:
    assert bundle_of(AUTHORITY.certificate, b"-----BEGIN CERTIFICATE-----\nx", NOW) == AUTHORITY.bundle


def test_authority_reads_what_it_wrote() -> None:
    read = read_authority(AUTHORITY.data())

    assert (read.certificate, read.bundle) == (AUTHORITY.certificate, AUTHORITY.bundle)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tls.crt": b""}, "cannot be read"),
        ({"tls.key": b"x"}, "cannot be read"),
        ({"tls.key": OTHER.data()["tls.key"]}, "does not belong"),
        ({"ca.crt": OTHER.bundle}, "does not hold"),
    ],
    ids=["no certificate", "no key", "another key", "another bundle"],
)
def test_unusable_secret_is_told(changes: dict[str, bytes], reason: str) -> None:
    with pytest.raises(InvalidAuthority, match=reason):
        read_authority({**AUTHORITY.data(), **changes})


@pytest.mark.parametrize("missing", ["tls.crt", "tls.key", "ca.crt"])
def test_missing_key_is_told(missing: str) -> None:
    data = {key: value for key, value in AUTHORITY.data().items() if key != missing}

    with pytest.raises(InvalidAuthority, match=missing):
        read_authority(data)


def test_a_curve_that_nobody_uses_is_told() -> None:
    """It is no ValueError to the library."""
    with pytest.raises(InvalidAuthority, match="a key cannot be read"):
        read_authority(AUTHORITY.data() | {"tls.crt": UNSUPPORTED})


def test_leaf_is_what_an_api_server_accepts() -> None:
    """Verified as Go does: chain, name in the SAN, server auth."""
    store = x509.verification.Store([AUTHORITY.certificate])
    verifier = x509.verification.PolicyBuilder().store(store).time(NOW).build_server_verifier(x509.DNSName(NAMES[0]))

    assert verifier.verify(LEAF.certificate, [])[0] == LEAF.certificate
    assert leaf_names(LEAF.certificate) == set(NAMES)


def test_leaf_ends_with_its_ca() -> None:
    end = AUTHORITY.certificate.not_valid_after_utc

    assert make_leaf(AUTHORITY, NAMES, end - DAY).certificate.not_valid_after_utc == end


def test_keys_do_not_print() -> None:
    assert "PRIVATE" not in repr(LEAF)
