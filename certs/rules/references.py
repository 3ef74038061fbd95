"""The issuer that an object names: is it there, and can it sign?  Asked alike of Ingresses and Certificates.

How another issuer is named differs between the two; `Words` brings that in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from certs.api.issuer import AnyIssuer, ClusterIssuer
from certs.api.meta import ConditionStatus, IssuerReference, find_condition
from certs.facts import Facts
from certs.rules.nearest import nearest

OTHER_KIND: Final = {"Issuer": "ClusterIssuer", "ClusterIssuer": "Issuer"}
ONE: Final = {"Issuer": "an Issuer", "ClusterIssuer": "a ClusterIssuer"}
MAX_LISTED: Final = 3


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


def unready_issuer(issuer: AnyIssuer, namespace: str) -> tuple[str, str] | None:
    """Return that the issuer cannot sign now, and what it says itself.  One that says nothing yet is left alone."""
    ready = find_condition(issuer.status.conditions, "Ready")
    if ready is None or ready.status == ConditionStatus.TRUE:
        return None
    kind, name = type(issuer).resource.kind, issuer.metadata.name
    detail = f"{kind} {name} is not Ready: {': '.join(filter(None, (ready.reason, ready.message))) or 'no reason'}"
    where = "" if kind == ClusterIssuer.resource.kind else f" -n {namespace}"
    return detail, f"see kubectl describe {type(issuer).resource.plural[:-1]} {name}{where}"
