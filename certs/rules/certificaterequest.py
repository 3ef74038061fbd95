"""CertificateRequest: who asks is written by us and never changes; the spec is settled on creation.

Identity (cert-manager, `internal/webhook/admission/certificaterequest/identity`): on create the
requester's name, uid, groups and extra are put into the spec, and compared again in the validating
step, since another webhook may have written in between.
What the CSR holds is looked at on creation alone (`certs.rules.signingrequest`); who may approve is
`certs.rules.approval`'s.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from certs.api.admission import AdmissionRequest, UserInfo
from certs.api.certificate import KeyUsage
from certs.api.certificaterequest import CertificateRequest, CertificateRequestSpec
from certs.api.meta import Condition, find_condition
from certs.patch import Operation, add, remove
from certs.problems import Path, Problem, Problems
from certs.rules.certificate import issuer_ref_problems
from certs.rules.durations import read_duration
from certs.rules.findings import Findings, Undecodable
from certs.rules.sameness import changed_fields
from certs.rules.signingrequest import csr_problem

SPEC: Final = Path("spec")
CONDITIONS: Final = Path("status") / "conditions"
ANNOTATIONS: Final = Path("metadata") / "annotations"
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
    if spec is msgspec.UNSET:
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


def judge_request(
    asked: AdmissionRequest, request: CertificateRequest, old: CertificateRequest | None, approval: Problem | None
) -> Findings:
    """Return everything that is wrong with it; `old` is None on create.

    `approval` is why whoever asks may not approve or deny it (`certs.rules.approval`), if that came up.
    """
    findings = Findings()
    problems = findings.problems
    read_duration(request.spec.duration)
    if old is None:
        _check_identity(request.spec, asked.user_info, problems)
        _check_spec(request.spec, problems)
        _check_conditions(request.status.conditions, problems)
        return findings
    read_duration(old.spec.duration)
    changed = changed_fields(asked.object, asked.old_object, CertificateRequestSpec)
    if changed:
        _check_same_identity(request.spec, old.spec, changed, problems)
    if approval is not None:
        problems.add(approval)
    _check_annotations(request.metadata.annotations, old.metadata.annotations, problems)
    _check_kept(request.status.conditions, old.status.conditions, problems)
    _check_conditions(request.status.conditions, problems)
    if changed:
        problems.forbidden(SPEC, "cannot change spec after creation", remedy="make a new CertificateRequest")
    return findings


def _check_identity(spec: CertificateRequestSpec, user: UserInfo, problems: Problems) -> None:
    differs = {
        "uid": spec.uid != user.uid,
        "username": spec.username != user.username,
        "groups": sorted(spec.groups) != sorted(user.groups),
        "extra": _sorted(spec.extra) != _sorted(user.extra),
    }
    for field, is_different in differs.items():
        if is_different:
            detail = f"{field} identity must be that of the requester"
            problems.forbidden(SPEC / field, detail, remedy="leave it out, it is filled in")


def _sorted(extra: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {key: sorted(values) for key, values in extra.items()}


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
        remedy = "make the signing request anew, from what spec says"
        problems.invalid(SPEC / "request", _shortened(spec.request), detail, remedy=remedy)


def _shortened(request: bytes) -> str:
    """Return the beginning of a signing request, which in a sentence is enough."""
    shown = request if len(request) <= MAX_SHOWN else request[: MAX_SHOWN - 3] + b"..."
    return shown.decode(errors="replace")


def _check_same_identity(
    spec: CertificateRequestSpec, old: CertificateRequestSpec, changed: Collection[str], problems: Problems
) -> None:
    differs = {field: field in changed for field in ("uid", "username", "groups", "extra")}
    differs["groups"] = sorted(spec.groups) != sorted(old.groups)
    for field, is_different in differs.items():
        if is_different:
            problems.forbidden(SPEC / field, f"{field} identity cannot be changed once set")


def _check_annotations(new: Mapping[str, str], old: Mapping[str, str], problems: Problems) -> None:
    if new == old:
        return
    for key in sorted(new.keys() | old.keys()):
        if key.startswith(FROZEN_PREFIXES) and new.get(key) != old.get(key):
            problems.forbidden(ANNOTATIONS / key, "cannot change cert-manager annotation after creation")


def _check_conditions(conditions: tuple[Condition, ...], problems: Problems) -> None:
    given = {kind: [condition for condition in conditions if condition.type == kind] for kind in APPROVAL}
    for kind, found in given.items():
        if len(found) > 1:
            problems.forbidden(CONDITIONS, f'multiple "{kind}" conditions present')
        elif found and found[0].status != "True":
            problems.invalid(CONDITIONS / kind, found[0].status, f'"{kind}" condition may only be set to True')
    if all(given.values()):
        problems.forbidden(CONDITIONS, "both 'Denied' and 'Approved' conditions cannot coexist")


def _check_kept(new: tuple[Condition, ...], old: tuple[Condition, ...], problems: Problems) -> None:
    for kind in APPROVAL:
        before, after = _known(find_condition(old, kind)), _known(find_condition(new, kind))
        if before is not None and after != before:
            problems.forbidden(CONDITIONS, f"'{kind}' condition may not be modified once set")


def _known(condition: Condition | None) -> Condition | None:
    """Return the condition without what cert-manager's has not got."""
    return condition and msgspec.structs.replace(condition, observed_generation=0)
