"""Public ACME CAs by their directory URL: what they issue for, and under which profile how many names.

Only what a CA has published is here; of a server that is not known nothing is said, since a private CA may take any
name.  Profiles come in the CA's order of preference: the first is the one that an order gets which names none.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from publicsuffixlist import PublicSuffixList

from certs.hosts import is_ip_address

OWN_CA: Final = "use a public name, or an issuer of your own CA"
# RFC 6761, RFC 6762 §3, RFC 7686, RFC 8375, and the one that ICANN set aside for private use in 2024.
SPECIAL: Final = frozenset(("local", "internal", "localhost", "test", "example", "invalid", "onion", "home.arpa"))


@dataclass(frozen=True, slots=True)
class Profile:
    """What one kind of certificate of a CA can hold."""

    max_names: int
    takes_ip_addresses: bool = False
    has_common_name: bool = False


@dataclass(frozen=True, slots=True)
class PublicCA:
    """A CA that the browsers know, or its rehearsal."""

    name: str
    directory: str
    profiles: Mapping[str, Profile]


# letsencrypt.org/docs/profiles, July 2026.
_LETS_ENCRYPT: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        "classic": Profile(100, has_common_name=True),
        "tlsserver": Profile(25),
        "shortlived": Profile(25, takes_ip_addresses=True),
    }
)
KNOWN: Final = (
    PublicCA("Let's Encrypt", "https://acme-v02.api.letsencrypt.org/directory", _LETS_ENCRYPT),
    PublicCA("Let's Encrypt (staging)", "https://acme-staging-v02.api.letsencrypt.org/directory", _LETS_ENCRYPT),
)
_BY_DIRECTORY: Final = {ca.directory: ca for ca in KNOWN}


def public_ca(server: str) -> PublicCA | None:
    """Return the CA of that directory URL; None when it is not known."""
    return _BY_DIRECTORY.get(server.rstrip("/"))


@lru_cache(maxsize=4096)  # 6 µs a name, and the same names come again and again
def name_problem(name: str) -> tuple[str, str] | None:
    """Return why no public CA issues for a name (a wildcard, an IP address), and what to do; None when one may."""
    if is_ip_address(name):
        public = ipaddress.ip_address(name).is_global
        return None if public else ("is no public address, so no public CA issues for it", OWN_CA)
    host = name.lower().removeprefix("*.").removesuffix(".")
    if "_" in host:
        return "has an underscore, which no public CA takes", "rename it, or use an issuer of your own CA"
    special = next((suffix for suffix in SPECIAL if host == suffix or host.endswith(f".{suffix}")), None)
    if special is not None:
        return f"is under .{special}, for which no public CA issues", OWN_CA
    suffixes = _suffixes()
    suffix = suffixes.publicsuffix(host)
    if suffix is None:
        return "has no public suffix, so no public CA issues for it", OWN_CA
    if suffix == host:
        return f"is {suffix}, under which others register names", "write a name below it"
    return None


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    """Return the list; it takes some 100 ms to read."""
    return PublicSuffixList(accept_unknown=False, only_icann=True)


def prepare() -> None:
    """Read what takes long to read, so that no review waits for it."""
    _suffixes()
