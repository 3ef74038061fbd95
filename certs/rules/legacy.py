"""Objects of `certmanager.k8s.io/v1alpha1`: what cannot be carried over, or what their twins would be refused for."""

from __future__ import annotations

import msgspec

from certs.api.certificate import Certificate
from certs.legacy.kinds import TWINS, AnyLegacy
from certs.legacy.modern import modern
from certs.lenient import lenient
from certs.problems import Problems
from certs.rules.certificate import judge_certificate
from certs.rules.findings import Findings, Undecodable
from certs.rules.issuer import judge_issuer


def judge_legacy(new: AnyLegacy, old: AnyLegacy | None) -> Findings:
    """Return everything that is wrong with the spec, each problem with what to write instead.

    A spec that stays as it was is not looked at: it may have been stored while nobody was asked, and its labels can be
    changed all the same.  Raises `Undecodable` for a field that today has another type.
    """
    if old is not None and old.spec == new.spec:
        return Findings()
    made = modern(new)
    if isinstance(made, Problems):
        return Findings(problems=made)
    kind = next(twin for legacy, twin in TWINS.items() if isinstance(new, legacy))
    try:
        twin = msgspec.convert({"metadata": {}, "spec": made.spec}, lenient(kind))
    except msgspec.ValidationError as error:
        raise Undecodable(f"cannot read the object as {kind.resource.api_version}: {error}") from error
    return judge_certificate(twin) if isinstance(twin, Certificate) else judge_issuer(twin)
