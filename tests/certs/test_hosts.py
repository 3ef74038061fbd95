"""The form in which hosts are compared, and what a wildcard stands for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.hosts import canonical_host, host_problem, is_covered_by, stored_host, without_covered


@pytest.mark.parametrize(
    ("host", "canonical"),
    [
        ("example.com", "example.com"),
        ("EXAMPLE.com.", "example.com"),
        ("*.Example.com", "*.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("*.BÜCHER.example", "*.xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("bücher。example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("_dmarc.example.com", "_dmarc.example.com"),
        ("10.0.0.1", "10.0.0.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("", ""),
    ],
)
def test_canonical_hosts(host: str, canonical: str) -> None:
    """One form for each name, however it was written."""
    assert canonical_host(host) == canonical


@pytest.mark.parametrize("host", ["☃️\u200d.example", "ü" * 64 + ".example", "ü..example"])
def test_what_has_no_ascii_form_is_a_value_error(host: str) -> None:
    """The caller can say so to whoever wrote it."""
    with pytest.raises(ValueError):
        canonical_host(host)


@given(st.text(max_size=40))
def test_a_canonical_host_stays_as_it_is(host: str) -> None:
    """Making it canonical twice changes nothing, and nothing but a ValueError is raised."""
    try:
        canonical = canonical_host(host)
    except ValueError:
        return

    if not host_problem(canonical):
        assert canonical_host(canonical) == canonical


@pytest.mark.parametrize(
    ("host", "stored"),
    [
        ("Shop.Example.COM.", "shop.example.com"),
        ("*.BÜCHER.example", "*.xn--bcher-kva.example"),
        ("_A.example", "_A.example"),
        ("2001:DB8::1", "2001:DB8::1"),
        (" A.example", " A.example"),
        ("A..example", "A..example"),
        ("ü..example", "ü..example"),
        ("*", "*"),
        ("", ""),
        (".", "."),
        ("ü" * 100_000, "ü" * 100_000),
    ],
)
def test_a_host_is_stored_in_the_form_that_an_ingress_takes(host: str, stored: str) -> None:
    """What has none stays as it was written."""
    assert stored_host(host) == stored
    assert stored_host(stored) is stored


LABEL = "x" * 63


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        ("WWW.example.com", ""),
        ("_dmarc.a_b.example.com", ""),
        ("*.example.com", ""),
        ("2001:db8::1", ""),
        (f"{LABEL}.{LABEL}.{LABEL}.{LABEL[:61]}", ""),
        (f"{LABEL}.{LABEL}.{LABEL}.{LABEL[:62]}", "is no DNS name"),
        (f"{LABEL}x.example.com", "is no DNS name"),
        ("-a.example.com", "is no DNS name"),
        ("a-.example.com", "is no DNS name"),
        ("a..example.com", "is no DNS name"),
        ("", "is no DNS name"),
        ("example.com.", "has a space or a final dot; write example.com"),
        ("*.*.example.com", "has a star that is not its whole first label"),
        ("https://example.com", "looks like a URL"),
        ("Bücher.example", "is not in ASCII form; write xn--bcher-kva.example"),
        ("\u212a.example", "is not in ASCII form; write k.example"),
        ("ü..example", "is not in ASCII form; write its A-label form"),
        ("ü" * 500_000, "is not in ASCII form; write a name of at most 253 characters"),
    ],
)
def test_what_is_no_host_is_told_with_what_to_write(host: str, problem: str) -> None:
    """The Kelvin sign is no k, though a comparison without case takes it for one."""
    assert problem in host_problem(host)
    assert bool(problem) == bool(host_problem(host))


@pytest.mark.parametrize(
    ("names", "left"),
    [
        (("a.example", "b.example"), ("a.example", "b.example")),
        (("a.example", "*.example", "a.b.example"), ("*.example", "a.b.example")),
        (("*.example", "*.a.example", "A.Example"), ("*.example", "*.a.example")),
        (("example.com", "*.example.com"), ("example.com", "*.example.com")),
    ],
)
def test_names_under_a_wildcard_are_left_out(names: tuple[str, ...], left: tuple[str, ...]) -> None:
    assert without_covered(names) == left


@pytest.mark.parametrize(
    ("host", "wildcard", "covered"),
    [
        ("www.example.com", "*.example.com", True),
        ("WWW.example.com", "*.Example.com", True),
        ("example.com", "*.example.com", False),
        ("a.www.example.com", "*.example.com", False),
        ("*.example.com", "*.example.com", False),
        ("www.example.com", "www.example.com", False),
        (".example.com", "*.example.com", False),
        ("wwwexample.com", "*.example.com", False),
    ],
)
def test_what_a_wildcard_stands_for(host: str, wildcard: str, covered: bool) -> None:  # noqa: FBT001  column of a table
    """Exactly one label more, RFC 6125 §6.4.3."""
    assert is_covered_by(host, wildcard) is covered
