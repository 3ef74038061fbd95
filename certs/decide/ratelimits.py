"""What a CA lets an account do in which time, and which of that an order or a failed proof uses up.

Published limits are of Let's Encrypt (https://letsencrypt.org/docs/rate-limits, August 2026).  Who has been granted
others, or has a CA of one's own that limits, writes them into an annotation of the issuer:

    acme.certshim.io/rate-limits: orders=1500/3h, domain=500/168h        off: no ledger is kept

Renewals that name what they replace (RFC 9773 §5) are exempt from all of them, other renewals of the same names from
those of orders and of the registered domain.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from certs.durations import Duration, parse_duration
from certs.hosts import is_ip_address
from certs.publicca import registered_domain

ANNOTATION: Final = "acme.certshim.io/rate-limits"
OFF: Final = "off"
Kind = Literal["orders", "domain", "set", "failures"]
KINDS: Final[tuple[Kind, ...]] = ("orders", "domain", "set", "failures")
# Written by people: `50/168h`.
_LIMIT: Final = re.compile(r"([1-9][0-9]{0,6})\s*/\s*([0-9hms.]{2,20})")


@dataclass(frozen=True, slots=True)
class Limit:
    """So many at once, and one more after each `within / most`: a token bucket."""

    most: int
    within: timedelta

    @property
    def refill(self) -> timedelta:
        """Return how long one token takes to come back."""
        return self.within / self.most


Limits = Mapping[Kind, Limit]
NONE: Final[Limits] = MappingProxyType({})

_HOUR: Final = timedelta(hours=1)
_WEEK: Final = timedelta(days=7)
_PUBLISHED: Final[Mapping[str, Limits]] = MappingProxyType(
    {
        "acme-v02.api.letsencrypt.org": MappingProxyType(
            {
                "orders": Limit(300, 3 * _HOUR),
                "domain": Limit(50, _WEEK),
                "set": Limit(5, _WEEK),
                "failures": Limit(5, _HOUR),
            }
        ),
        # Those of the other kinds are so large that nobody meets them.
        "acme-staging-v02.api.letsencrypt.org": MappingProxyType(
            {"orders": Limit(1500, 3 * _HOUR), "failures": Limit(200, _HOUR)}
        ),
    }
)


class Charge(NamedTuple):
    """One token of one bucket: of the account (`key` empty), of a registered domain, of a set of names, of a name."""

    kind: Kind
    key: str


class InvalidLimits(ValueError):
    """The annotation is not what it should be; `str()` says what, and how it is written."""


def limits_of(server: str, said: str = "") -> Limits:
    """Return the limits of the CA at that directory URL, with those of the annotation in place of the published.

    Raises `InvalidLimits`.
    """
    if said.strip() == OFF:
        return NONE
    return MappingProxyType(dict(_PUBLISHED.get(_host(server), NONE)) | dict(_read(said)))


def _host(server: str) -> str:
    try:
        return urlsplit(server).hostname or ""
    except ValueError:  # a bracket that does not close
        return ""


def _read(said: str) -> Iterable[tuple[Kind, Limit]]:
    for part in (part.strip() for part in said.split(",")):
        if not part:
            continue
        name, _, text = (piece.strip() for piece in part.partition("="))
        kind = next((kind for kind in KINDS if kind == name), None)
        found = _LIMIT.fullmatch(text)
        if kind is None or found is None:
            raise InvalidLimits(_how_to_write(part))
        try:
            within = parse_duration(found[2]).timedelta
        except (ValueError, OverflowError) as error:
            raise InvalidLimits(_how_to_write(part)) from error
        if within < timedelta(seconds=1) or within > 10 * 52 * _WEEK:
            raise InvalidLimits(_how_to_write(part))
        yield kind, Limit(int(found[1]), within)


def _how_to_write(part: str) -> str:
    return (
        f'"{part}" is no limit: write {OFF}, or {", ".join(KINDS)} with a number in a time, as '
        "orders=300/3h, domain=50/168h"
    )


def of_order(names: Iterable[str], *, replaces: bool = False, is_renewal: bool = False) -> tuple[Charge, ...]:
    """Return what an order of these names uses up; `is_renewal` when a certificate of exactly these is there."""
    listed = sorted({name.lower().rstrip(".") for name in names})
    if replaces:
        return ()
    exact = Charge("set", hashlib.sha256(",".join(listed).encode()).hexdigest()[:16])
    if is_renewal:
        return (exact,)
    domains = dict.fromkeys(group_of(name) for name in listed)
    return (Charge("orders", ""), *(Charge("domain", domain) for domain in domains), exact)


def of_failures(names: Iterable[str]) -> tuple[Charge, ...]:
    """Return what failed proofs of these names use up."""
    return tuple(Charge("failures", name.lower().removeprefix("*.").rstrip(".")) for name in names)


def group_of(name: str) -> str:
    """Return what is counted together with a name: its registered domain, an IPv4 address, the /64 of an IPv6 one.

    >>> group_of("*.shop.example.co.uk"), group_of("192.0.2.1"), group_of("2001:db8::1")
    ('example.co.uk', '192.0.2.1', '2001:db8::/64')
    """
    if not is_ip_address(name):
        host = name.lower().removeprefix("*.").rstrip(".")
        return registered_domain(host) or host
    address = ipaddress.ip_address(name)
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))


def sentence(charge: Charge, limit: Limit) -> str:
    """Return which limit it is, for people."""
    allowed = f"{limit.most} in {Duration.of(limit.within)}"
    match charge.kind:
        case "orders":
            return f"the CA limits the new orders of this account to {allowed}"
        case "domain":
            return f'the CA limits new certificates under "{charge.key}" to {allowed}'
        case "set":
            return f"the CA limits certificates for exactly these names to {allowed}"
        case "failures":
            return f'the CA limits failed proofs of "{charge.key}" to {allowed}'


_REFUSED: Final = (
    ("domain", re.compile(r'too many certificates \(\d+\) already issued for "([^"]{1,253})"')),
    ("set", re.compile(r"too many certificates \(\d+\) already issued for this exact set of identifiers()")),
    ("failures", re.compile(r'too many failed authorizations \(\d+\) for "([^"]{1,253})"')),
)


def refused_by(told: str, charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """Return which of the charges a CA's refusal is about, by the words that Boulder uses; empty when by none."""
    for kind, pattern in _REFUSED:
        found = pattern.search(told)
        if found is not None:
            return tuple(one for one in charges if one.kind == kind and found[1].lower() in {"", one.key})
    return ()
