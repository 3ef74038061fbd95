"""Public ACME CAs by their directory URL: what they issue for, and under which profile how many names.

Only what a CA has published is here; of a server that is not known nothing is said, since a private CA may take any
name.  Profiles come in the CA's order of preference: the first is the one that an order gets which names none.

A server is known by its host: paths differ by kind of certificate or by customer.  What is nearly the URL of a known
CA, and cannot work, is told by `lookalike`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList
from rapidfuzz.distance import OSA

from certs.hosts import is_ip_address

OWN_CA: Final = "use a public name, or an issuer of your own CA"
# RFC 6761, RFC 6762 §3, RFC 7686, RFC 8375, RFC 9476, and the one that ICANN set aside for private use in 2024.
# Not example.com and its like (RFC 2606 §3): every tutorial is written with them, and nobody deploys one by mistake.
SPECIAL: Final = frozenset(
    ("local", "internal", "localhost", "test", "example", "invalid", "onion", "alt", "home.arpa", "in-addr.arpa")
)
MAX_SERVER: Final = 200  # characters; a longer URL is nobody's typing error
MAX_HOURS: Final = 200 * 24  # that any public certificate lives, since March 2026; it will be less (CA/B Forum SC-081)
MISTAKES: Final = 10  # letters of a host for each of which one may be mistaken
LONG_HOST: Final = 15  # characters
ED25519: Final = "Ed25519"  # not among the keys of CA/B Forum, TLS Baseline Requirements §6.1.5
# letsencrypt.org/docs/integration-guide, "Supported Key Algorithms".
BOULDER_KEYS: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType({"RSA": (2048, 3072, 4096), "ECDSA": (256, 384)})


@dataclass(frozen=True, slots=True)
class Profile:
    """What one kind of certificate of a CA can hold, and for how many hours at most it is issued."""

    max_names: int
    takes_ip_addresses: bool = False
    has_common_name: bool = False
    hours: int = MAX_HOURS


@dataclass(frozen=True, slots=True)
class PublicCA:
    """A CA that the browsers know, or its rehearsal.

    `paths` says that its host serves other directories as well.  `runs_boulder` says what its software is, which
    refuses e-mail addresses, URIs, an address as common name, and orders with a date.  `needs_binding`: it registers
    only those who have an account with it (RFC 8555 §7.3.4).
    """

    name: str
    directory: str
    profiles: Mapping[str, Profile]
    paths: bool = False
    runs_boulder: bool = False
    needs_binding: bool = False

    @property
    def default_profile(self) -> str:
        """The profile of an order that names none; empty when the CA publishes no profiles."""
        return next(iter(self.profiles), "")

    def profile(self, name: str) -> Profile | None:
        """Return the profile of that name, of the default one when it is empty; None when nothing is known of it."""
        return self.profiles.get(name or self.default_profile)

    def refusal(self, name: str, profile: Profile | None) -> tuple[str, str] | None:
        """Return why it will not issue for a name under that profile, and what to do; None when it may."""
        problem = name_problem(name)
        if problem is not None or profile is None or profile.takes_ip_addresses or not is_ip_address(name):
            return problem
        fitting = next((name for name, other in self.profiles.items() if other.takes_ip_addresses), "")
        where = f"write profile: {fitting} into the issuer" if fitting else "use another CA"
        return "is an address, for which its profile does not issue", where

    def key_refusal(self, algorithm: str, bits: int) -> tuple[str, str] | None:
        """Return why it will not certify a key of that kind, and what to write instead; None when it may."""
        if algorithm == ED25519:
            return "no public CA certifies such keys", "write ECDSA"
        sizes = BOULDER_KEYS.get(algorithm, ()) if self.runs_boulder else ()
        if not sizes or bits in sizes:
            return None
        fitting = next((size for size in sizes if size >= bits), sizes[-1])
        return f"{self.name} takes keys of {', '.join(map(str, sizes))} bits", f"write {fitting}"


# letsencrypt.org/docs/profiles, July 2026.  Of classic certificates the lifetime will be less from February 2027.
_LETS_ENCRYPT: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        "classic": Profile(100, has_common_name=True, hours=90 * 24),
        "tlsserver": Profile(25, hours=45 * 24),
        "shortlived": Profile(25, takes_ip_addresses=True, hours=160),
    }
)
# Known of these is the number of names; whether they take addresses is not published, so nothing is said about it.
_HUNDRED: Final[Mapping[str, Profile]] = MappingProxyType({"": Profile(100, takes_ip_addresses=True)})
_UNKNOWN: Final[Mapping[str, Profile]] = MappingProxyType({})
KNOWN: Final = (
    PublicCA("Let's Encrypt", "https://acme-v02.api.letsencrypt.org/directory", _LETS_ENCRYPT, runs_boulder=True),
    PublicCA(
        "Let's Encrypt (staging)",
        "https://acme-staging-v02.api.letsencrypt.org/directory",
        _LETS_ENCRYPT,
        runs_boulder=True,
    ),
    PublicCA("ZeroSSL", "https://acme.zerossl.com/v2/DV90", _HUNDRED, needs_binding=True),
    PublicCA("Google Trust Services", "https://dv.acme-v02.api.pki.goog/directory", _HUNDRED, needs_binding=True),
    PublicCA(
        "Google Trust Services (test)", "https://dv.acme-v02.test-api.pki.goog/directory", _HUNDRED, needs_binding=True
    ),
    PublicCA("SSL.com", "https://acme.ssl.com/sslcom-dv-rsa", _UNKNOWN, paths=True, needs_binding=True),
    PublicCA("SSL.com", "https://acme.ssl.com/sslcom-dv-ecc", _UNKNOWN, paths=True, needs_binding=True),
    PublicCA("Actalis", "https://acme-api.actalis.com/acme/directory", _UNKNOWN, needs_binding=True),
    PublicCA("Sectigo", "https://acme.sectigo.com/v2/DV", _UNKNOWN, paths=True),
)
# Servers that are gone: ACME v1 was switched off in June 2021, Buypass issues nothing since October 2025.
GONE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "acme-v01.api.letsencrypt.org": KNOWN[0].directory,
        "acme-staging.api.letsencrypt.org": KNOWN[1].directory,
        "api.buypass.com": "",
        "api.test4.buypass.no": "",
    }
)
_BY_DIRECTORY: Final = {ca.directory: ca for ca in KNOWN}
_BY_HOST: Final = {urlsplit(ca.directory).netloc: ca for ca in reversed(KNOWN)}
_DOMAINS: Final = {"letsencrypt.org": KNOWN[0], "zerossl.com": KNOWN[2], "pki.goog": KNOWN[3]}


def public_ca(server: str) -> PublicCA | None:
    """Return the CA of that directory URL; None when its host is not known."""
    return _BY_DIRECTORY.get(server) or _BY_HOST.get(_host(server))


@lru_cache(maxsize=256)
def _host(server: str) -> str:
    try:
        return urlsplit(server).hostname or ""
    except ValueError:  # a bracket that does not close
        return ""


def is_gone(server: str) -> bool:
    """Was it the server of a public CA once, which answers no more?"""
    return _host(server) in GONE


@lru_cache(maxsize=256)
def lookalike(server: str) -> str | None:
    """Return the directory URL that was probably meant, when the given one is near a known CA's and cannot work.

    >>> lookalike("https://acme-v02.api.letsencrypt.org"), lookalike("https://acme.example.net/directory")
    ('https://acme-v02.api.letsencrypt.org/directory', None)
    """
    written = server.strip()
    if server.rstrip("/") in _BY_DIRECTORY or len(server) > MAX_SERVER:
        return None
    host = _host(written if "://" in written else f"https://{written}")
    if host in GONE:
        return GONE[host] or None
    known = _BY_HOST.get(host)
    if known is None:
        meant = _nearest(host) or next((ca for name, ca in _DOMAINS.items() if f".{host}".endswith(f".{name}")), None)
        return meant.directory if meant is not None else None
    of_host = [ca.directory for ca in KNOWN if _host(ca.directory) == host]
    is_path = bool(urlsplit(written).path.strip("/"))
    if known.paths and is_path and server.startswith("https://"):
        return None  # another kind of certificate, or a customer's own
    return min(of_host, key=lambda directory: OSA.distance(directory, written))


def _nearest(host: str) -> PublicCA | None:
    """Return the CA of whose host a few letters are mistaken; a private CA's host is never that near by chance.

    But to a short one: `acme.ssi.com` may be anybody's.
    """
    hosts = (known for known in (*_BY_HOST, *GONE) if len(known) >= LONG_HOST)
    near = {known: OSA.distance(known, host, score_cutoff=len(known) // MISTAKES) for known in hosts}
    known, mistakes = min(near.items(), key=lambda item: item[1])
    if mistakes > len(known) // MISTAKES:
        return None
    return _BY_HOST.get(known) or _BY_DIRECTORY.get(GONE[known])


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


@lru_cache(maxsize=4096)
def registered_domain(host: str) -> str:
    """Return the domain that somebody has registered, one label below its public suffix; empty when there is none.

    The private part of the list counts, too: who has `team.github.io` is not who has github.io.

    >>> registered_domain("a.shop.example.co.uk"), registered_domain("localhost")
    ('example.co.uk', '')
    """
    return _all_suffixes().privatesuffix(host) or ""


@lru_cache(maxsize=1)
def _all_suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    """Return the list; it takes some 100 ms to read, and holds 0.9 MB."""
    return PublicSuffixList(accept_unknown=False, only_icann=True)


def prepare() -> None:
    """Read what takes long to read, so that no review waits for it."""
    _suffixes()
