"""CertificateRequest: who asks is written by us and never changes; the spec is settled on creation.

Identity (cert-manager, `internal/webhook/admission/certificaterequest/identity`): on create the
requester's name, uid, groups and extra are put into the spec, and compared again in the validating
step, since another webhook may have written in between.
What the CSR holds is looked at on creation alone (`certs.rules.signingrequest`); who may approve is
`certs.rules.approval`'s.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from certs.api.admission import UserInfo
from certs.api.certificate import KeyUsage
from certs.api.certificaterequest import CertificateRequest, CertificateRequestSpec
from certs.api.meta import Condition
from certs.patch import Operation, add, remove
from certs.problems import Path, Problems
from certs.rules.certificate import issuer_ref_problems
from certs.rules.findings import Findings, Undecodable
from certs.rules.signingrequest import csr_problem

SPEC: Final = Path("spec")
CONDITIONS: Final = Path("status") / "conditions"
KEY_USAGES: Final = frozenset(KeyUsage)
APPROVAL: Final = ("Approved", "Denied")
MAX_SHOWN: Final = 100  # characters of a signing request in a sentence about it
# As strings, not as domains: venafi.cert-manager.io/… may change.
FROZEN_PREFIXES: Final = ("cert-manager.io", "acme.cert-manager.io")


class _Spec(msgspec.Struct):
    """Just the spec, as it came: whether a field is absent or empty matters for the patch."""

    spec: Any = msgspec.UNSET


def identity_operations(raw: bytes, user: UserInfo) -> tuple[Operation, ...]:
    """Return how to write the requester into the raw object; nothing when it stands there already.

    Raises `Undecodable`, and `TypeError` when the spec is no object.
    """
    try:
        spec = msgspec.json.decode(raw, type=_Spec).spec
    except msgspec.DecodeError as error:
        raise Undecodable(str(error)) from error
    operations = []
    if spec is msgspec.UNSET or spec is None:
        operations.append(add("/spec", {}))
        spec = {}
    if not isinstance(spec, dict):
        raise TypeError("value cannot be set because .spec is not a map[string]interface{}")
    wanted: dict[str, object] = {"uid": user.uid, "username": user.username, "groups": list(user.groups)}
    if user.extra:
        wanted["extra"] = {key: list(values) for key, values in user.extra.items()}
    elif "extra" in spec:
        operations.append(remove("/spec/extra"))
    operations += [add(f"/spec/{field}", value) for field, value in wanted.items() if spec.get(field) != value]
    return tuple(operations)


def judge_request(request: CertificateRequest, old: CertificateRequest | None, user: UserInfo) -> Findings:
    """Return everything that is wrong with it; `old` is None on create."""
    findings = Findings()
    if old is None:
        _check_identity(request.spec, user, findings.problems)
        _check_spec(request.spec, findings.problems)
    else:
        _check_unchanged(request, old, findings.problems)
    _check_conditions(request.status.conditions, findings.problems)
    if old is not None:
        _check_kept(request.status.conditions, old.status.conditions, findings.problems)
    return findings


def _check_identity(spec: CertificateRequestSpec, user: UserInfo, problems: Problems) -> None:
    differs = {
        "uid": spec.uid != user.uid,
        "username": spec.username != user.username,
        "groups": sorted(spec.groups) != sorted(user.groups),
        "extra": spec.extra != user.extra,
    }
    for field, is_different in differs.items():
        if is_different:
            detail = f"{field} identity must be that of the requester"
            problems.forbidden(SPEC / field, detail, remedy="leave it out, it is filled in")


def _check_spec(spec: CertificateRequestSpec, problems: Problems) -> None:
    issuer_ref_problems(spec.issuer_ref, problems)
    if not spec.request:
        problems.required(SPEC / "request", "must be specified", remedy="put the PEM of the signing request there")
        return
    unknown = [usage for usage in spec.usages if usage not in KEY_USAGES]
    if unknown:
        problems.invalid(SPEC / "usages", list(spec.usages), f"unknown key usages: [{' '.join(unknown)}]")
        return
    detail = csr_problem(spec.request, spec.usages, is_ca=spec.is_ca)
    if detail:
        shown = spec.request[:MAX_SHOWN].decode(errors="replace")
        problems.invalid(SPEC / "request", shown, detail, remedy="make the signing request anew, from what spec says")


def _check_unchanged(request: CertificateRequest, old: CertificateRequest, problems: Problems) -> None:
    differs = {
        "uid": request.spec.uid != old.spec.uid,
        "username": request.spec.username != old.spec.username,
        "groups": sorted(request.spec.groups) != sorted(old.spec.groups),
        "extra": request.spec.extra != old.spec.extra,
    }
    for field, is_different in differs.items():
        if is_different:
            problems.forbidden(SPEC / field, f"{field} identity cannot be changed once set")
    new_annotations, old_annotations = request.metadata.annotations, old.metadata.annotations
    for key in sorted(new_annotations.keys() | old_annotations.keys()):
        if key.startswith(FROZEN_PREFIXES) and new_annotations.get(key) != old_annotations.get(key):
            path = Path("metadata") / "annotations" / key
            problems.forbidden(path, "cannot change cert-manager annotation after creation")
    if request.spec != old.spec:
        detail = "cannot change spec after creation"
        problems.forbidden(SPEC, detail, remedy="make a new CertificateRequest")


def _check_conditions(conditions: tuple[Condition, ...], problems: Problems) -> None:
    given = {kind: [condition for condition in conditions if condition.type == kind] for kind in APPROVAL}
    for kind, found in given.items():
        if len(found) > 1:
            problems.forbidden(CONDITIONS, f'multiple "{kind}" conditions present')
        if any(condition.status != "True" for condition in found):
            detail = f'"{kind}" condition may only be set to True'
            problems.invalid(CONDITIONS / kind, found[0].status, detail)
    if all(given.values()):
        problems.forbidden(CONDITIONS, "both 'Denied' and 'Approved' conditions cannot coexist")


def _check_kept(new: tuple[Condition, ...], old: tuple[Condition, ...], problems: Problems) -> None:
    for kind in reversed(APPROVAL):
        before = [condition for condition in old if condition.type == kind]
        if before and [condition for condition in new if condition.type == kind] != before:
            problems.forbidden(CONDITIONS, f"'{kind}' condition may not be modified once set")
