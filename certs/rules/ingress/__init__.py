"""Ingress: everything in `certs.wanted` that would fail later, told at once and with what to write instead.

One module per theme, each with its rules below its checks.  The rules look at the Ingress as it will be once
completed (`certs.completion`), and on update only at what the change brought: an object that broke
a rule before the rule existed can still get a label.  Rules that need facts are left out when the
cluster is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from certs.api.ingress import Ingress
from certs.facts import Facts
from certs.rules.findings import Findings
from certs.rules.ingress import blocking, issuer, keys, names, ownership, publicnames, solvers, terms, tls
from certs.rules.ingress.subject import IngressRule, Subject
from certs.rules.rule import Policy, examine
from certs.wanted import Settings

RULES: Final[tuple[IngressRule, ...]] = (
    *keys.RULES,
    *issuer.RULES,
    *tls.RULES,
    *names.RULES,
    *ownership.RULES,
    *solvers.RULES,
    *publicnames.RULES,
    *terms.RULES,
    *blocking.RULES,
)
ALWAYS: Final = tuple(rule for rule in RULES if rule.always)
WANTED: Final = tuple(rule for rule in RULES if rule.id != "secret-missing")  # which is about those that ask for none


def judge_ingress(
    ingress: Ingress, old_of: Callable[[], Ingress | None], facts: Facts, settings: Settings, policy: Policy
) -> Findings:
    """Return what is wrong with the Ingress and was not wrong before; `old_of` is asked only if anything is."""
    if not ingress.metadata.annotations and not ingress.spec.tls:
        return Findings()
    subject = Subject(ingress, settings, facts)

    def old_subject() -> Subject | None:
        old = old_of()
        return Subject(old, settings, facts) if old is not None else None

    rules = WANTED if subject.is_wanted else ALWAYS
    return examine(rules, subject, old_subject, policy, synced=facts.synced, applies=_applies)


def _applies(rule: IngressRule, subject: Subject) -> bool:
    return rule.always or subject.is_wanted
