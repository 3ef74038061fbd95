"""Which solver of an issuer proves control over a name, and with which of the challenges that the CA offers.

A solver fits when its type is offered, and every part of its selector matches: the name (with
its star, for a wildcard), the longest zone it lies in, the labels of the Order.  Of several that fit:
an exact name wins over zones, a longer zone over a shorter, more labels over fewer, and then the
earlier in the list.  A solver without selector fits every name, with the lowest weight.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from certs.api.issuer import ACMESolver
from certs.api.order import ACMEChallenge
from certs.hosts import is_ip_address, is_wildcard

HTTP_01: Final = "http-01"
DNS_01: Final = "dns-01"
MOST_TOLD: Final = 10  # solvers, or values of a selector, in one sentence
NO_LABELS: Final[Mapping[str, str]] = MappingProxyType({})


_HTTP: Final = ACMEChallenge(url="", token="", type=HTTP_01)
_DNS: Final = ACMEChallenge(url="", token="", type=DNS_01)


def offered_for(name: str) -> tuple[ACMEChallenge, ...]:
    """Return which challenges a CA can offer for a name, of those that we can answer, before it is asked.

    RFC 8555 §7.1.3 (wildcards), RFC 8738 §4 (addresses).
    """
    if is_wildcard(name):
        return (_DNS,)
    return (_HTTP,) if is_ip_address(name) else (_HTTP, _DNS)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A solver and the challenge it answers."""

    solver: ACMESolver
    challenge: ACMEChallenge


def challenge_type(solver: ACMESolver) -> str:
    """Return the ACME name of the challenge that a solver answers; empty when it has no type."""
    if solver.http01 is not None:
        return HTTP_01
    return DNS_01 if solver.dns01 is not None else ""


def choose(
    solvers: Sequence[ACMESolver],
    name: str,
    labels: Mapping[str, str],
    offered: Sequence[ACMEChallenge],
) -> Chosen | None:
    """Return the best solver for the name (`*.` in front for a wildcard), or None when none fits."""
    by_type = {challenge.type: challenge for challenge in offered}
    best: tuple[tuple[int, int, int], Chosen] | None = None
    for solver in solvers:
        challenge = by_type.get(challenge_type(solver))
        weight = _weight(solver, name, labels)
        if challenge is not None and weight is not None and (best is None or weight > best[0]):
            best = (weight, Chosen(solver, challenge))
    return best[1] if best is not None else None


def is_chosen_from(
    solvers: Sequence[ACMESolver], solver: ACMESolver, name: str, labels: Mapping[str, str] = NO_LABELS
) -> bool:
    """Is it, word for word, one of these solvers, and does its selector fit the name?

    A Challenge carries a copy of its solver, which whoever may create Challenges can write; credentials are given
    only to what the issuer itself says.
    """
    return solver in solvers and _weight(solver, name, labels) is not None


def _weight(solver: ACMESolver, name: str, labels: Mapping[str, str]) -> tuple[int, int, int] | None:
    """Return (exact name, labels of the longest zone, matched labels), or None when the selector does not match."""
    selector = solver.selector
    if selector is None:
        return (0, 0, 0)
    exact = name in selector.dns_names
    zone = max((len(zone.split(".")) for zone in selector.dns_zones if _lies_in(name, zone)), default=0)
    if selector.dns_names and not exact:
        return None
    if selector.dns_zones and not zone:
        return None
    if any(labels.get(key) != value for key, value in selector.match_labels.items()):
        return None
    return (int(exact), zone, len(selector.match_labels))


def _lies_in(name: str, zone: str) -> bool:
    return name == zone or name.endswith("." + zone)


def why_none(solvers: Sequence[ACMESolver], name: str, offered: Sequence[ACMEChallenge]) -> str:
    """Return a sentence that says why no solver fits and what to add."""
    types = sorted(challenge.type for challenge in offered)
    remedy = (
        "add a dns01 solver for it, since a wildcard can be proven over DNS only"
        if name.startswith("*.")
        else "add a solver whose selector matches it"
    )
    reasons = [f"solvers[{i}] {why_not(solver, name, types)}" for i, solver in enumerate(solvers[:MOST_TOLD])]
    more = len(solvers) - MOST_TOLD
    tried = ", ".join(reasons) if solvers else "the issuer has no solvers at all"
    return (
        f"no configured challenge solvers can be used for {name}: {tried}{f' and {more} more' if more > 0 else ''}; "
        f"the CA offers {', '.join(types) or 'nothing'}; {remedy}"
    )


def why_not(solver: ACMESolver, name: str, types: Collection[str]) -> str:
    """Return why the solver does not fit the name, of which the CA lets control be proven in these ways."""
    kind = challenge_type(solver)
    if kind not in types:
        what = "a wildcard" if is_wildcard(name) else "an IP address" if is_ip_address(name) else "this name"
        return f"({kind or 'no type'}) cannot prove {what}"
    selector = solver.selector
    parts = [
        f"{field} {', '.join(values[:MOST_TOLD])}"
        for field, values in (
            ("dnsNames", selector.dns_names if selector else ()),
            ("dnsZones", selector.dns_zones if selector else ()),
            ("matchLabels", tuple(f"{k}={v}" for k, v in selector.match_labels.items()) if selector else ()),
        )
        if values
    ]
    return f"({kind}) is for {' and '.join(parts)}"
