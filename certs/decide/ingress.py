"""The next step for an Ingress: have the Certificates that it asks for, and no others of its own.

What is asked for is `certs.wanted`'s business, at admission and here alike.  A Certificate of that name that
belongs to nobody or to somebody else is left alone, and that is said on the Ingress, where its author looks.
Removing the trigger annotation leaves the Certificates in place (the API's rule); removing a TLS
entry deletes the Certificate of its Secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from certs.api.certificate import Certificate
from certs.api.ingress import Ingress, IngressTLS
from certs.api.meta import controller_of
from certs.completion import complete
from certs.decide.effects import Tell
from certs.outcomes import DONE, Outcome, Permanent
from certs.problems import Problems
from certs.wanted import Settings, certificates, is_wanted


@dataclass(frozen=True, slots=True)
class ObservedIngress:
    """An Ingress, the Certificates that it controls, and those that have the names it asks for."""

    ingress: Ingress
    owned: tuple[Certificate, ...] = ()
    named: tuple[Certificate, ...] = ()
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True, slots=True)
class FillTLS:
    """Write `spec.tls` as completed; admission does it first where the webhook runs."""

    entries: tuple[IngressTLS, ...]


@dataclass(frozen=True, slots=True)
class ApplyCertificate:
    """Create or update a Certificate."""

    certificate: Certificate
    is_new: bool


@dataclass(frozen=True, slots=True)
class DeleteCertificate:
    """Delete a Certificate that is asked for no more."""

    name: str


Step = FillTLS | ApplyCertificate | DeleteCertificate


def decide(observed: ObservedIngress, _now: datetime) -> Step | Outcome:
    """Return the next step.  Raises Permanent with all problems when the Ingress cannot be served as it is."""
    ingress, settings = observed.ingress, observed.settings
    if not is_wanted(ingress, settings):
        return DONE
    completed = complete(ingress, settings)
    if completed.operations:
        return FillTLS(completed.ingress.spec.tls)
    wanted = certificates(ingress, settings)
    if isinstance(wanted, Problems):
        raise Permanent(f"cannot ask for certificates: {wanted}", reason="BadConfig")
    existing = {certificate.metadata.name: certificate for certificate in observed.named}
    for certificate in wanted.certificates:
        old = existing.get(certificate.metadata.name)
        if old is None:
            return ApplyCertificate(certificate, is_new=True)
        if is_controlled_by(old, ingress) and differs(old, certificate):
            return ApplyCertificate(certificate, is_new=False)
    surplus = _surplus(observed)
    return DeleteCertificate(surplus[0].metadata.name) if surplus else DONE


def is_controlled_by(certificate: Certificate, ingress: Ingress) -> bool:
    """Is this Ingress its controller owner?"""
    owner = controller_of(certificate.metadata)
    return owner is not None and owner.uid == ingress.metadata.uid


def differs(old: Certificate, wanted: Certificate) -> bool:
    """Is there anything to change?  Annotations of others are none of our business."""
    annotations = wanted.metadata.annotations
    return (
        old.spec != wanted.spec
        or old.metadata.labels != wanted.metadata.labels
        or any(old.metadata.annotations.get(key) != value for key, value in annotations.items())
    )


def replacement(old: Certificate, wanted: Certificate) -> Mapping[str, object]:
    """Return the JSON merge patch (RFC 7396) that makes spec and labels equal to what is wanted, whoever wrote them.

    An apply would leave alone what another manager owns (labels of a tool, fields of the incumbent's own
    update), so the difference would stay, and the next turn would find it again.
    """
    return {
        "metadata": {
            "resourceVersion": old.metadata.resource_version,
            "labels": _replacing(old.metadata.labels, wanted.metadata.labels),
            "annotations": wanted.metadata.annotations,
        },
        "spec": _replacing(msgspec.to_builtins(old.spec), msgspec.to_builtins(wanted.spec)),
    }


def _replacing(old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, object]:
    patch: dict[str, object] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        patch[key] = _replacing(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return patch


def _surplus(observed: ObservedIngress) -> tuple[Certificate, ...]:
    """Return the Certificates of this Ingress whose Secret no TLS entry names any more."""
    named = {entry.secret_name for entry in observed.ingress.spec.tls}
    return tuple(certificate for certificate in observed.owned if certificate.spec.secret_name not in named)


def remarks(observed: ObservedIngress) -> tuple[Tell, ...]:
    """Return what the author of the Ingress should know though nothing is to be done about it here."""
    if not is_wanted(observed.ingress, observed.settings):
        return ()
    wanted = certificates(observed.ingress, observed.settings)
    if isinstance(wanted, Problems):
        return ()
    skipped = tuple(Tell("BadConfig", f"Skipped a TLS block: {problem}", "Warning") for problem in wanted.skipped)
    foreign = tuple(
        Tell(
            "BadConfig",
            f'Certificate "{certificate.metadata.name}" exists and is not controlled by this Ingress, so it is left '
            "alone; delete it, or name another Secret in spec.tls",
            "Warning",
        )
        for certificate in observed.named
        if not is_controlled_by(certificate, observed.ingress)
    )
    return skipped + foreign
