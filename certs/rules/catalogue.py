"""All rules of all kinds, by id: what the page of rules, settings, and `check --explain` are made from.

Three sorts of entries: rules about Ingresses (any action), lint of Certificates and Issuers (warnings only: the
decisions about our kinds are the API's), and the API's own decisions, one entry per kind, which nobody can change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from certs.rules.ingress import RULES as INGRESS_RULES
from certs.rules.lint import LINT_RULES
from certs.rules.rule import Action, Rule

API_PREFIX: Final = "api-"
SCHEMA: Final = "schema"


class Sort(StrEnum):
    """Who decides what a finding leads to."""

    INGRESS = "ingress"
    LINT = "lint"
    API = "api"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that can be wrong, as people read of it."""

    id: str
    sort: Sort
    kinds: tuple[str, ...]
    action: Action
    sentence: str
    why: str
    remedy: str
    needs_facts: bool = False

    @property
    def allowed(self) -> tuple[Action, ...]:
        """What a policy may make of it."""
        match self.sort:
            case Sort.INGRESS:
                return (Action.DENY, Action.WARN, Action.OFF)
            case Sort.LINT:
                return (Action.WARN, Action.OFF)
            case Sort.API:
                return ()


def api_rule(kind: str) -> str:
    """Return the id under which the API's decisions about a kind are told.

    >>> api_rule("CertificateRequest")
    'api-certificaterequest'
    """
    return API_PREFIX + kind.lower()


def _of_rule(rule: Rule[Any], sort: Sort) -> Entry:
    return Entry(rule.id, sort, rule.kinds, rule.action, rule.sentence, rule.why, rule.remedy, rule.needs_facts)


def _of_api(kind: str, what: str) -> Entry:
    return Entry(
        api_rule(kind),
        Sort.API,
        (kind,),
        Action.DENY,
        f"What the API itself refuses in {what}.",
        "cert-manager refuses the same, in the same words. No policy changes it.",
        "The warnings beside the refusal say what to write.",
    )


_ENTRIES: Final = (
    *(_of_rule(rule, Sort.INGRESS) for rule in INGRESS_RULES),
    *(_of_rule(rule, Sort.LINT) for rule in LINT_RULES),
    _of_api("Certificate", "a Certificate"),
    _of_api("CertificateRequest", "a CertificateRequest, and approvals by those who may not approve"),
    _of_api("Issuer", "an Issuer"),
    _of_api("ClusterIssuer", "a ClusterIssuer"),
    _of_api("Order", "an Order"),
    _of_api("Challenge", "a Challenge"),
    Entry(
        SCHEMA,
        Sort.API,
        ("Certificate", "CertificateRequest", "Issuer", "ClusterIssuer", "Order", "Challenge"),
        Action.DENY,
        "An object that does not have the form of its kind: unknown or missing fields, values of another type.",
        "The API server refuses it by the CustomResourceDefinition, before any webhook is asked.",
        "Compare with the reference page of the kind.",
    ),
)

CATALOGUE: Final[Mapping[str, Entry]] = {entry.id: entry for entry in _ENTRIES}
