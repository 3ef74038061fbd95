"""Lint of Certificates and issuers: what the API takes and what will not work all the same, as warnings.

No rules yet: this is the place where they are asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from certs.api.certificate import Certificate
from certs.api.issuer import AnyIssuer
from certs.facts import Facts
from certs.rules.findings import Findings
from certs.rules.rule import Policy, Rule

LINT_RULES: Final[tuple[Rule[Any], ...]] = ()


def lint(
    obj: Certificate | AnyIssuer,
    old_of: Callable[[], Certificate | AnyIssuer | None],
    facts: Facts,
    policy: Policy,
) -> Findings:
    """Return what is wrong with the object and was not wrong before; `old_of` is asked only if anything is."""
    del obj, old_of, facts, policy
    return Findings()
