"""What a public CA issues for."""

from __future__ import annotations

import pytest

from certs.publicca import KNOWN, PublicCA, name_problem, public_ca


@pytest.mark.parametrize("ca", KNOWN, ids=lambda ca: ca.name)
def test_a_public_ca_is_known_by_its_directory(ca: PublicCA) -> None:
    found = public_ca(ca.directory)

    assert found is ca


def test_another_server_is_not_known() -> None:
    assert public_ca("https://acme.example.net/directory") is None


@pytest.mark.parametrize("name", ["shop.example.org", "*.example.org", "foo.github.io", "8.8.8.8", "xn--mnchen-3ya.de"])
def test_a_public_name_has_no_problem(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("db.local", "under .local"),
        ("shop.internal", "under .internal"),
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
