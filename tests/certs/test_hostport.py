"""Addresses as Go reads them: the texts and the odd cases that admission is known by."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.hostport import has_host, require_url, split_host_port, url_host


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("8.8.8.8:53", "8.8.8.8", "53"),
        ("ns.example:", "ns.example", ""),
        (":53", "", "53"),
        ("a:b", "a", "b"),
        ("[2001:db8::1]:53", "2001:db8::1", "53"),
        ("[]:53", "", "53"),
        ("https://x", "https", "//x"),
    ],
)
def test_splits(address: str, host: str, port: str) -> None:
    """The last colon splits; brackets go."""
    assert split_host_port(address) == (host, port)


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("", "missing port in address"),
        ("8.8.8.8", "address 8.8.8.8: missing port in address"),
        ("[::1]", "address [::1]: missing port in address"),
        ("[::1]53", "address [::1]53: missing port in address"),
        ("::1", "address ::1: too many colons in address"),
        ("[::1]:5:3", "address [::1]:5:3: too many colons in address"),
        ("[::1", "address [::1: missing ']' in address"),
        ("a[:53", "address a[:53: unexpected '[' in address"),
        ("[a[]:53", "address [a[]:53: unexpected '[' in address"),
        ("a]:53", "address a]:53: unexpected ']' in address"),
        ("[a]:5]", "address [a]:5]: unexpected ']' in address"),
    ],
)
def test_says_as_go_why_it_cannot_split(address: str, problem: str) -> None:
    """The texts of package net."""
    with pytest.raises(ValueError, match=r".*") as refused:
        split_host_port(address)

    assert str(refused.value) == problem


@pytest.mark.parametrize(
    ("nameserver", "expected"),
    [
        ("ns.example", True),
        ("ns.example:", True),
        ("ns.example:no-port", True),
        (" 8.8.8.8 ", True),
        ("[2001:db8::1]", True),
        ("[::1]53", True),
        ("[[::1]]", True),
        ("[]a:1", True),
        ("https://x", True),
        ("a b", True),
        ("missing port::1", True),  # the words that Go looks for, in the address itself
        ("\x1c", True),  # no white space to Go
        ("", False),
        ("\u2003", False),
        (":53", False),
        ("[]", False),
        ("[]:53", False),
        ("::1", False),
        ("[::1", False),
    ],
)
def test_has_a_host(nameserver: str, *, expected: bool) -> None:
    """What counts as a name server, and what does not."""
    assert has_host(nameserver) is expected


@pytest.mark.parametrize(
    "url",
    [
        "https://dns.example/dns-query",
        "https://dns.example:443/dns-query?a=%zz",
        "https://[2001:db8::1]:443",
        "https://[fe80::1%25en0]/",
        "https://user:pass@dns.example/",
        "https://dns.example:/",
        "https://d%C3%A9/",
    ],
)
def test_takes_url(url: str) -> None:
    """Whatever Go's `url.ParseRequestURI` takes, if it has a host."""
    require_url(url)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://", "no host in URL"),
        ("https:///dns-query", "no host in URL"),
        ("https://a b/", "invalid host"),
        ("https://dns.example:port/", "invalid port ':port' after host"),
        ("https://::1/", "invalid port '::1' after host"),
        ("https://[::1", "missing ']' in host"),
        ("https://[1.2.3.4]/", "invalid host"),
        ("https://[::1%en0]/", "invalid host"),
        ("https://a[b]/", "invalid IP-literal"),
        ("https://%41/", "invalid host"),
        ("https://x#y", "invalid host"),  # a request URI has no fragment
        ("https://a/%zz", "invalid URL escape in path"),
        ("https://us er@a/", "invalid userinfo"),
        ("https://a/\n", "invalid control character in URL"),
    ],
)
def test_says_what_is_wrong_with_a_url(url: str, problem: str) -> None:
    """Refused, with the URL and the reason."""
    with pytest.raises(ValueError, match=r".*") as refused:
        require_url(url)

    assert str(refused.value) == f"parse {url!r}: {problem}"


@given(st.text(alphabet=":[]%/?@.ab1 \x00é"))
def test_what_is_split_can_be_joined_again(text: str) -> None:
    """Any text is split or refused; what was split is all of it."""
    try:
        host, port = split_host_port(text)
    except ValueError:
        return

    assert text in {f"{host}:{port}", f"[{host}]:{port}"}


@given(st.text(alphabet=":[]%/?@.ab1 \x00é"))
def test_any_url_gets_an_answer(text: str) -> None:
    """It is taken, or refused with a reason; nothing else is raised."""
    with suppress(ValueError):
        require_url(f"https://{text}")

        assert text.strip("/")


@given(st.text(alphabet=":[] ab1"))
def test_what_can_be_split_and_has_a_host_has_one(text: str) -> None:
    """The two agree where both can tell."""
    with suppress(ValueError):
        host, _ = split_host_port(text.strip())

        assert has_host(text) is bool(host)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("", ""),
        ("*", ""),
        ("x", ""),
        ("/x", ""),
        ("mailto:a@b", ""),
        ("urn:x:y#z", ""),
        ("//a/b", "a"),
        ("///a", ""),
        ("HTTP://a:80/b?c:%zz#d", "a:80"),
        ("spiffe://a:1,b:2/c", "a:1,b:2"),
        ("https://u:p@a", "a"),
        ("https://%c3%a4", "\u00c3\u00a4"),
        ("https://[::1%25e%20n]:1", "[::1%e n]:1"),
        ("https://[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]"),
    ],
)
def test_host_of_a_url(url: str, host: str) -> None:
    """Relative and opaque ones have none; escapes are undone."""
    assert url_host(url) == host


@pytest.mark.parametrize(
    "url",
    [
        "a b:c",
        "::",
        "1:2",
        "/%",
        "x:/%zz",
        "x#%zz",
        "https://a:1:2",
        "https://a:b",
        "spiffe://a:1,b:x",
        "https://a b",
        "https://%41",
        "https://u^@a",
        "https://[::1",
        "https://a[::1]",
        "https://[1.2.3.4]",
        "https://[::1%25]",
        "https://[::1%25%zz]",
        "https://[::1%25%80]",
        "x\ty",
    ],
)
def test_what_is_no_url_has_no_host(url: str) -> None:
    """Neither is it taken for one without a host."""
    with pytest.raises(ValueError, match=r"\w"):
        url_host(url)


@given(st.text(alphabet=":[]%/?@.ab1 #"))
def test_any_ascii_has_a_host_or_none(text: str) -> None:
    """Nothing else is raised."""
    with suppress(ValueError):
        assert isinstance(url_host(text), str)
