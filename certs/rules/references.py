"""The issuer that an object names: is it there, and can it sign?  Asked alike of Ingresses and Certificates.

How another issuer is named differs between the two; `Words` brings that in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA

from certs.api.issuer import AnyIssuer, ClusterIssuer, Issuer
from certs.api.meta import ConditionStatus, IssuerReference, find_condition
from certs.facts import Facts
from certs.rules.nearest import nearest

OTHER_KIND: Final = {"Issuer": "ClusterIssuer", "ClusterIssuer": "Issuer"}
ONE: Final = {"Issuer": "an Issuer", "ClusterIssuer": "a ClusterIssuer"}
MAX_LISTED: Final = 3
# The group before v0.11, mixtures of it with today's, and that of Orders, in which there are no issuers.
FORMER: Final = frozenset(("certmanager.k8s.io", "cert-manager.k8s.io", "acme.cert-manager.io"))
MAX_EDITS: Final = 2  # letters of the group that may be mistaken


@dataclass(frozen=True, slots=True)
class Words:
    """How an issuer is named: `kind` tells of which kind it is, `whole` names one (with braces for its name)."""

    kind: Mapping[str, str]
    whole: Mapping[str, str]


def missing_issuer(facts: Facts, namespace: str, ref: IssuerReference, words: Words) -> tuple[str, str]:
    """Return that the issuer does not exist, and the one that was probably meant."""
    kind, other = ref.effective_kind, OTHER_KIND[ref.effective_kind]
    names, others = facts.issuer_names(namespace, kind), facts.issuer_names(namespace, other)
    detail = f"there is no {kind} {ref.name}"
    if ref.name in others:
        return f"{detail}, but {ONE[other]}", f"write {words.kind[other]}"
    if (meant := nearest(ref.name, names)) is not None:
        return detail, f"did you mean {meant}?"
    if (meant := nearest(ref.name, others)) is not None:
        return detail, f"did you mean {words.whole[other].format(meant)}?"
    return detail, _instead(ref.name, names)


def _instead(name: str, names: Iterable[str]) -> str:
    listed = sorted(names)
    return f"create {name}, or name one of {', '.join(listed)}" if 0 < len(listed) <= MAX_LISTED else f"create {name}"


@lru_cache(maxsize=64)
def mistaken_group(group: str) -> bool:
    """Is the group nearly cert-manager.io, so that no controller looks at what names it?

    Groups of other issuers are far from it, also those below it.

    >>> [mistaken_group(group) for group in ("certmanager.k8s.io", "cert-manager.io/v1", "awspca.cert-manager.io")]
    [True, True, False]
    """
    name = group.partition("/")[0].strip().lower()
    own = Issuer.resource.group
    if group == own or len(name) > len(own) + MAX_EDITS:
        return group in FORMER
    return name in FORMER or OSA.distance(name, own, score_cutoff=MAX_EDITS) <= MAX_EDITS


def unready_issuer(issuer: AnyIssuer, namespace: str) -> tuple[str, str] | None:
    """Return that the issuer cannot sign now, and what it says itself.  One that says nothing yet is left alone."""
    ready = find_condition(issuer.status.conditions, "Ready")
    if ready is None or ready.status == ConditionStatus.TRUE:
        return None
    kind, name = type(issuer).resource.kind, issuer.metadata.name
    detail = f"{kind} {name} is not Ready: {': '.join(filter(None, (ready.reason, ready.message))) or 'no reason'}"
    where = "" if kind == ClusterIssuer.resource.kind else f" -n {namespace}"
    return detail, f"see kubectl describe {type(issuer).resource.plural[:-1]} {name}{where}"
