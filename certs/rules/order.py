"""Order: what the CA said first stays (cert-manager, `internal/apis/acme/validation/order.go`).

Creation is not judged.  On update the request and everything that identifies the order at the CA
can be set once.  A list of authorizations or challenges that got shorter is refused like a longer one, and what both
lists have is compared all the same.
"""

from __future__ import annotations

from typing import Final

from certs.api.order import ACMEAuthorization, ACMEChallenge, Order
from certs.problems import Path, Problems
from certs.rules.durations import read_duration
from certs.rules.findings import Findings

IMMUTABLE: Final = "field is immutable once set"
STATUS: Final = Path("status")


def judge_order(order: Order, old: Order | None) -> Findings:
    """Return what an update must not have changed."""
    findings = Findings()
    read_duration(order.spec.duration)
    if old is None:
        return findings
    read_duration(old.spec.duration)
    problems = findings.problems
    _once(Path("spec") / "request", order.spec.request, old.spec.request, problems)
    _once(STATUS / "url", order.status.url, old.status.url, problems)
    _once(STATUS / "finalizeURL", order.status.finalize_url, old.status.finalize_url, problems)
    _once(STATUS / "certificate", order.status.certificate, old.status.certificate, problems)
    if old.status.authorizations:
        _check_authorizations(order.status.authorizations, old.status.authorizations, problems)
    return findings


def _once(path: Path, new: object, old: object, problems: Problems) -> None:
    if old and new != old:
        problems.forbidden(path, IMMUTABLE)


def _check_authorizations(
    new: tuple[ACMEAuthorization, ...], old: tuple[ACMEAuthorization, ...], problems: Problems
) -> None:
    path = STATUS / "authorizations"
    if len(new) != len(old):
        problems.forbidden(path, IMMUTABLE)
    for i, (after, before) in enumerate(zip(new, old, strict=False)):
        _once(path @ i / "url", after.url, before.url, problems)
        _once(path @ i / "identifier", after.identifier, before.identifier, problems)
        if before.wildcard is not None and after.wildcard != before.wildcard:
            problems.forbidden(path @ i / "wildcard", IMMUTABLE)
        _once(path @ i / "initialState", after.initial_state, before.initial_state, problems)
        if before.challenges:
            _check_challenges(path @ i / "challenges", after.challenges, before.challenges, problems)


def _check_challenges(
    path: Path, new: tuple[ACMEChallenge, ...], old: tuple[ACMEChallenge, ...], problems: Problems
) -> None:
    if len(new) != len(old):
        problems.forbidden(path, IMMUTABLE)
    for i, (after, before) in enumerate(zip(new, old, strict=False)):
        _once(path @ i / "url", after.url, before.url, problems)
        _once(path @ i / "type", after.type, before.type, problems)
        _once(path @ i / "token", after.token, before.token, problems)
