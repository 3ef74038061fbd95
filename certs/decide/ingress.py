"""The next step for an Ingress: have the Certificates that it asks for, and no others of its own.

What is asked for is `certs.wanted`'s business, at admission and here alike.  A Certificate of that name that
belongs to nobody or to somebody else is left alone, and that is said on the Ingress, where its author looks.
Where admission was not asked, `spec.tls` is filled in here, the same way, unless somebody's manifest writes it: then
what is missing is said, and hosts that are missing are taken from the rules without being written down.
Removing the trigger annotation leaves the Certificates in place (the API's rule); removing a TLS
entry deletes the Certificate of its Secret.  Removing any other annotation takes its field away; where it is an
annotation of the Certificate that it made, that one goes unless somebody else wrote it as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Final

import msgspec

from certs.annotations import WRITTEN_ON_CERTIFICATES
from certs.api.certificate import Certificate
from certs.api.ingress import Ingress, IngressTLS
from certs.api.meta import controller_of, is_true
from certs.completion import Completion, complete
from certs.decide.effects import Tell
from certs.decide.precedence import TELL_AFTER, LookAhead, Prospect, before_beginning, is_told
from certs.manifests import last_applied
from certs.mark import is_annotation, read_mark, written
from certs.outcomes import DONE, Outcome, Permanent
from certs.patch import merging
from certs.problems import Problems
from certs.wanted import Settings, certificate_names, certificates, is_wanted

READY: Final = "Ready"


@dataclass(frozen=True)  # not slotted: what is made on demand is kept in __dict__
class ObservedIngress:
    """An Ingress, the Certificates that it controls, and those that have the names it asks for."""

    ingress: Ingress
    owned: tuple[Certificate, ...] = ()
    named: tuple[Certificate, ...] = ()
    settings: Settings = field(default_factory=Settings)
    is_taken: bool = False  # somebody else writes spec.tls, and would undo what we fill in
    # Annotations of Certificates, by the Certificate's name, that turned out to be somebody else's.
    foreign: frozenset[tuple[str, str]] = frozenset()

    @cached_property
    def completion(self) -> Completion:
        """The Ingress as admission would have it."""
        return complete(self.ingress, self.settings)

    @property
    def is_fillable(self) -> bool:
        """Is anything missing in `spec.tls` that we may write?"""
        return self.completion.ingress.spec.tls is not self.ingress.spec.tls and not self._is_written

    @property
    def _is_written(self) -> bool:
        manifest = last_applied(self.ingress.metadata.annotations)
        return self.is_taken or (manifest is not None and manifest.has_tls)

    @cached_property
    def served(self) -> Ingress:
        """The Ingress that Certificates are made for: hosts filled in, but no Secrets that it does not name itself."""
        ingress, completed = self.ingress, self.completion.ingress
        if completed.spec.tls is ingress.spec.tls or not ingress.spec.tls:
            return ingress
        pairs = zip(ingress.spec.tls, completed.spec.tls, strict=True)
        tls = tuple(msgspec.structs.replace(new, secret_name=old.secret_name) for old, new in pairs)
        return msgspec.structs.replace(ingress, spec=msgspec.structs.replace(ingress.spec, tls=tls))


@dataclass(frozen=True, slots=True)
class FillTLS:
    """Write `spec.tls` as completed, with the mark of what is ours; admission does it first where the webhook runs."""

    entries: tuple[IngressTLS, ...]
    mark: str = ""


@dataclass(frozen=True, slots=True)
class ApplyCertificate:
    """Create or update a Certificate."""

    certificate: Certificate
    is_new: bool


@dataclass(frozen=True, slots=True)
class DeleteCertificate:
    """Delete a Certificate that is asked for no more, and no other that has got its name meanwhile."""

    name: str
    uid: str = ""


@dataclass(frozen=True, slots=True)
class DropAnnotations:
    """Take annotations of a Certificate away that the Ingress asks for no more, as far as we alone wrote them."""

    name: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LookAtHosts:
    """Have it looked at whether anybody answers at the hosts of a Certificate that is to be made."""

    certificate: Certificate


Step = FillTLS | ApplyCertificate | DropAnnotations | DeleteCertificate | LookAtHosts


def in_turn(step: ApplyCertificate, prospect: Prospect | None, now: datetime) -> Step | Outcome:
    """Put off making a new Certificate while others go first (`certs.decide.precedence`), for some seconds at most."""
    if not step.is_new or prospect is None or is_told(prospect, now):
        return step
    first = before_beginning(prospect, now)
    if first is None:
        return step
    if isinstance(first, LookAhead):
        return LookAtHosts(step.certificate)
    return replace(first, until=min(first.until, (prospect.since or now) + TELL_AFTER))


def decide(observed: ObservedIngress, _now: datetime) -> Step | Outcome:
    """Return the next step.  Raises Permanent with all problems when the Ingress cannot be served as it is."""
    ingress, settings = observed.ingress, observed.settings
    if not is_wanted(ingress, settings):
        return DONE
    if observed.is_fillable:
        return FillTLS(observed.completion.ingress.spec.tls, _mark_of_tls(observed))
    wanted = certificates(observed.served, settings)
    if isinstance(wanted, Problems):
        raise Permanent(f"cannot ask for certificates: {wanted}", reason="BadConfig")
    existing = {certificate.metadata.name: certificate for certificate in observed.named}
    for certificate in wanted.certificates:
        old = existing.get(certificate.metadata.name)
        if old is None:
            return ApplyCertificate(certificate, is_new=True)
        if not is_controlled_by(old, ingress):
            continue
        if differs(old, certificate):
            return ApplyCertificate(certificate, is_new=False)
        leftovers = _leftovers(observed, old, certificate)
        if leftovers:
            return DropAnnotations(old.metadata.name, leftovers)
    surplus = _surplus(observed)
    return DeleteCertificate(surplus[0].metadata.name, surplus[0].metadata.uid) if surplus else DONE


def _mark_of_tls(observed: ObservedIngress) -> str:
    """Return the mark with what is ours of `spec.tls` from now on; annotations are translated at admission only."""
    before, after = (
        read_mark(ingress.metadata.annotations) for ingress in (observed.ingress, observed.completion.ingress)
    )
    kept = {name: digits for name, digits in before.items() if is_annotation(name)}
    return written(kept | {name: digits for name, digits in after.items() if not is_annotation(name)})


def _leftovers(observed: ObservedIngress, old: Certificate, wanted: Certificate) -> tuple[str, ...]:
    """Return the annotations that may be left of what the Ingress once asked for."""
    name, has, wants = old.metadata.name, old.metadata.annotations, wanted.metadata.annotations
    ours = dict.fromkeys((*observed.settings.extra_certificate_annotations, *WRITTEN_ON_CERTIFICATES))
    return tuple(key for key in ours if key in has and key not in wants and (name, key) not in observed.foreign)


def is_controlled_by(certificate: Certificate, ingress: Ingress) -> bool:
    """Is this Ingress its controller owner?"""
    owner = controller_of(certificate.metadata)
    return owner is not None and owner.uid == ingress.metadata.uid


def differs(old: Certificate, wanted: Certificate) -> bool:
    """Is there anything to change?  Annotations of others are none of our business.

    Names that differ in case only, stand there twice or under a wildcard are no difference in a Certificate that is
    issued: cert-manager leaves them in, and to take them out would have each of those issued anew.
    """
    annotations = wanted.metadata.annotations
    spec = old.spec
    if spec.dns_names != wanted.spec.dns_names and is_true(old.status.conditions, READY):
        spec = msgspec.structs.replace(spec, dns_names=certificate_names(spec.dns_names))
    return (
        spec != wanted.spec
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
            "labels": merging(old.metadata.labels, wanted.metadata.labels),
            "annotations": wanted.metadata.annotations,
        },
        "spec": merging(msgspec.to_builtins(old.spec), msgspec.to_builtins(wanted.spec)),
    }


def _surplus(observed: ObservedIngress) -> tuple[Certificate, ...]:
    """Return the Certificates of this Ingress whose Secret no TLS entry names any more."""
    named = {entry.secret_name for entry in observed.ingress.spec.tls}
    return tuple(certificate for certificate in observed.owned if certificate.spec.secret_name not in named)


def remarks(observed: ObservedIngress) -> tuple[Tell, ...]:
    """Return what the author of the Ingress should know though nothing is to be done about it here."""
    if not is_wanted(observed.ingress, observed.settings):
        return ()
    wanted = certificates(observed.served, observed.settings)
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
