"""What a public CA issues for, and which URLs are nearly a public CA's."""

from __future__ import annotations

import subprocess
import sys

import pytest

from certs.publicca import KNOWN, MAX_HOURS, PublicCA, is_gone, lookalike, name_problem, public_ca

PRODUCTION = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"


@pytest.mark.parametrize("ca", KNOWN, ids=lambda ca: ca.directory)
def test_a_public_ca_is_known_by_its_directory(ca: PublicCA) -> None:
    found = public_ca(ca.directory)

    assert found is ca
    assert lookalike(ca.directory) is None


@pytest.mark.parametrize("server", [PRODUCTION.removesuffix("directory"), f"{PRODUCTION}/", PRODUCTION.upper()])
def test_a_public_ca_is_known_by_its_host(server: str) -> None:
    found = public_ca(server)

    assert found is not None
    assert found.name == "Let's Encrypt"


@pytest.mark.parametrize("server", ["", "https://acme.example.net/directory", "https://[", "letsencrypt"])
def test_another_server_is_not_known(server: str) -> None:
    assert public_ca(server) is None
    assert lookalike(server) is None


def test_an_order_without_profile_gets_the_first() -> None:
    ca = public_ca(PRODUCTION)

    assert ca is not None
    assert ca.default_profile == "classic"
    assert ca.profile("") is ca.profiles["classic"]
    assert ca.profile("shortlived") is ca.profiles["shortlived"]
    assert ca.profile("one of tomorrow") is None


@pytest.mark.parametrize("ca", KNOWN, ids=lambda ca: ca.directory)
def test_no_public_certificate_lives_longer_than_allowed(ca: PublicCA) -> None:
    assert all(profile.hours <= MAX_HOURS for profile in ca.profiles.values())


@pytest.mark.parametrize(
    ("server", "algorithm", "bits", "remedy"),
    [
        (PRODUCTION, "RSA", 2048, None),
        (PRODUCTION, "ECDSA", 384, None),
        (PRODUCTION, "RSA", 2049, "write 3072"),
        (PRODUCTION, "RSA", 8192, "write 4096"),
        (STAGING, "ECDSA", 521, "write 384"),
        (PRODUCTION, "Ed25519", 0, "write ECDSA"),
        ("https://acme.zerossl.com/v2/DV90", "Ed25519", 0, "write ECDSA"),
        ("https://acme.zerossl.com/v2/DV90", "RSA", 8192, None),
    ],
)
def test_which_keys_a_public_ca_certifies(server: str, algorithm: str, bits: int, remedy: str | None) -> None:
    ca = public_ca(server)

    assert ca is not None
    refusal = ca.key_refusal(algorithm, bits)
    assert (refusal[1] if refusal is not None else None) == remedy


@pytest.mark.parametrize(
    ("server", "meant"),
    [
        ("https://acme-v02.api.letsencrypt.org", PRODUCTION),
        ("https://acme-v02.api.letsencrypt.org/dir", PRODUCTION),
        ("http://acme-v02.api.letsencrypt.org/directory", PRODUCTION),
        ("acme-v02.api.letsencrypt.org/directory", PRODUCTION),
        (" https://acme-v02.api.letsencrypt.org/directory", PRODUCTION),
        ("https://acme-v02.api.letsencript.org/directory", PRODUCTION),
        ("https://acme-v2.api.letsencrypt.org/directory", PRODUCTION),
        ("https://acme-v01.api.letsencrypt.org/directory", PRODUCTION),
        ("https://acme-v01.api.letsencript.org/directory", PRODUCTION),
        ("https://letsencrypt.org", PRODUCTION),
        ("https://acme-staging.api.letsencrypt.org/directory", STAGING),
        ("https://acme-staging-v2.api.letsencrypt.org/directory", STAGING),
        ("https://acme-stagging-v02.api.letsencrypt.org/directory", STAGING),
        ("https://acme.zerossl.com/v2/DV9", "https://acme.zerossl.com/v2/DV90"),
        ("https://acme.ssl.com", "https://acme.ssl.com/sslcom-dv-rsa"),
        ("https://acme.sectigo.com", "https://acme.sectigo.com/v2/DV"),
    ],
)
def test_what_is_nearly_the_url_of_a_public_ca(server: str, meant: str) -> None:
    assert lookalike(server) == meant


@pytest.mark.parametrize(
    "server",
    [
        "https://acme.sectigo.com/v2/InCommonRSAOV",
        "https://acme.ssl.com/sslcom-ev-rsa",
        "https://acme.internal/directory",
        "https://acme.shop.com/directory",
        "https://acme.ssi.com/directory",
        "https://ca.letsencrypt.example/directory",
        "https://acme-v02.api." + "letsencrypt" * 20,
    ],
)
def test_what_may_be_meant_as_it_stands(server: str) -> None:
    assert lookalike(server) is None


def test_a_ca_that_has_ended_is_remembered_as_one() -> None:
    server = "https://api.buypass.com/acme/directory"

    assert is_gone(server)
    assert lookalike(server) is None
    assert public_ca(server) is None


@pytest.mark.parametrize(
    "name", ["shop.example.org", "*.example.com", "foo.github.io", "8.8.8.8", "xn--mnchen-3ya.de", "Shop.Example.org."]
)
def test_a_public_name_has_no_problem(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("db.local", "under .local"),
        ("shop.internal", "under .internal"),
        ("nas.home.arpa", "under .home.arpa"),
        ("localhost", "under .localhost"),
        ("intranet", "no public suffix"),
        ("shop.acme.corp", "no public suffix"),
        ("a_b.example.org", "an underscore"),
        ("co.uk", "others register names"),
        ("*.co.uk", "others register names"),
        ("10.0.0.1", "no public address"),
        ("fe80::1", "no public address"),
    ],
)
def test_what_no_public_ca_issues_for(name: str, text: str) -> None:
    problem = name_problem(name)

    assert problem is not None
    assert text in problem[0]


def test_the_list_of_suffixes_is_not_read_at_import() -> None:
    """Nor by a process that never asks."""
    code = "from certs import publicca; print(publicca._suffixes.cache_info().currsize)"

    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603 - our own code

    assert found.stdout == "0\n"
