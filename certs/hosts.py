"""What may stand where a host name is expected: DNS names, wildcards, IP addresses.

The syntax is RFC 1123 §2.1 with RFC 1034 §3.1 lengths, plus the underscore that private CAs issue for;
a wildcard is a star as the whole first label (RFC 6125 §7.2).  Whether a public CA would take the
name is not asked here.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

import idna

from certs.names import is_subdomain

MAX_NAME: Final = 253
MAX_LABEL: Final = 63
MAX_WRITTEN: Final = 4 * MAX_NAME  # characters that may become a name; mapping takes time for each
_LABEL = rf"[a-z0-9_](?:[a-z0-9_-]{{0,{MAX_LABEL - 2}}}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE | re.ASCII)


def is_ip_address(text: str) -> bool:
    """Is it an IP address, of either version?"""
    if not (text[-1:].isdecimal() or ":" in text):  # most hosts are names, and the exception costs more than the rest
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # a zone is of no use beyond its machine


def is_cidr(text: str) -> bool:
    """Is it an IP network as `10.0.0.0/8`, host bits or not?"""
    address, slash, bits = text.partition("/")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return bool(slash) and bits.isdigit() and int(bits) <= network.max_prefixlen and is_ip_address(address)


def is_wildcard(host: str) -> bool:
    """Does it stand for every name one label below?"""
    return host.startswith("*.")


def is_covered_by(host: str, wildcard: str) -> bool:
    """Does the wildcard stand for the host: exactly one label more, RFC 6125 §6.4.3; case does not matter."""
    first, dot, rest = host.lower().partition(".")
    return (
        is_wildcard(wildcard) and bool(first and dot) and first != "*" and rest == wildcard.lower().removeprefix("*.")
    )


def canonical_host(host: str) -> str:
    """Return the one form in which hosts are compared: lower case, no final dot, A-labels (RFC 5891 §4.4).

    Umlauts and the like are mapped as browsers do (UTS #46).  A ValueError says why there is no such form;
    whether an ASCII name is well formed is for `host_problem`.
    """
    star, name = ("*.", host[2:]) if is_wildcard(host) else ("", host)
    if not name.isascii():
        if len(name) > MAX_WRITTEN:
            raise ValueError(f"has more than {MAX_WRITTEN} characters")
        name = idna.encode(name, uts46=True).decode()
    return star + name.lower().removesuffix(".")


def stored_host(host: str) -> str:
    """Return the host in the only form that an Ingress takes: lower case, A-labels, no final dot.

    The same object comes back when it is that already, or when it has no such form: then it is shown as it was written.
    """
    if host.isascii() and host[-1:] != "." and host == host.lower():
        return host
    try:
        stored = canonical_host(host)
    except ValueError:
        return host
    # What the API server takes there (IsDNS1123Subdomain, IsWildcardDNS1123Subdomain).
    return stored if is_subdomain(stored.removeprefix("*.")) and len(stored) <= MAX_NAME else host


def without_covered(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names without those for which a wildcard among them stands, too; a CA refuses such a name."""
    wildcards = {name[2:].lower() for name in names if is_wildcard(name)}
    if not wildcards:
        return names
    return tuple(name for name in names if is_wildcard(name) or name.lower().partition(".")[2] not in wildcards)


def host_problem(host: str) -> str:
    """Return why the host is no DNS name, wildcard or IP address, then `; ` and what to write; empty when it is one."""
    if _is_name(host.removeprefix("*.")) or is_ip_address(host):
        return ""
    if not host.isascii():
        return f"is not in ASCII form; {_ascii_remedy(host)}"
    if "*" in host.removeprefix("*."):
        return "has a star that is not its whole first label; write for example *.example.com"
    if host.strip().rstrip(".") != host:
        return f"has a space or a final dot; write {host.strip().rstrip('.') or 'a host name'}"
    if "/" in host or ":" in host:
        return "is not a host name but looks like a URL; write the host alone, for example www.example.com"
    return (
        f"is no DNS name; write labels of letters, digits and hyphens, at most {MAX_LABEL} characters each"
        f" and {MAX_NAME} in all, for example www.example.com"
    )


def _is_name(name: str) -> bool:
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None


def _ascii_remedy(host: str) -> str:
    if len(host) > MAX_NAME:  # mapping takes time for each character
        return f"write a name of at most {MAX_NAME} characters"
    stored = stored_host(host)
    return f"write {stored}" if stored is not host else "write its A-label form (xn--…)"
