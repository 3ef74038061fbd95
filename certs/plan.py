"""What a dry run would lead to: the Certificates, their names, who signs and how each name is proven, in few words.

`kubectl apply --dry-run=server` (and so `kubectl diff`) shows the lines as warnings.  What the cluster does not tell
yet is left out.  A Certificate is re-issued when a field that its certificate depends on changes; which
those are is the controller's list (`certs.decide.comparison`), compared here between two specs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import msgspec

from certs.annotations import CLUSTER_ISSUER
from certs.api.certificate import DEFAULT_USAGES, Certificate, CertificateSpec, KeyAlgorithm
from certs.api.ingress import Ingress
from certs.api.issuer import AnyIssuer, issuer_types
from certs.api.meta import controller_of, wire_name
from certs.completion import complete
from certs.decide.solver import challenge_type
from certs.durations import parse_duration
from certs.facts import Facts
from certs.pki.names import canonical_dns_names
from certs.problems import Problems
from certs.rules.proving import solver_for
from certs.verdict import MAX_WARNING
from certs.wanted import Settings, certificates, is_wanted

MAX_TOLD: Final = 6  # Certificates: leaves two of eight warnings for what is wrong with them
ROOM: Final = 3  # so many may have two lines each

Lines = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """One Certificate, and what would become of it."""

    certificate: Certificate
    state: str


def plan_of_ingress(ingress: Ingress, old: Ingress | None, facts: Facts, settings: Settings) -> list[Lines]:
    """Return the plan for an Ingress that was accepted, a group of lines for each Certificate."""
    if not is_wanted(ingress, settings):
        return [(f"plan: asks for no certificate; to have one, annotate it with {CLUSTER_ISSUER}",)]
    wanted = certificates(complete(ingress, settings).ingress, settings)
    made = () if isinstance(wanted, Problems) else wanted.certificates
    planned = [Planned(certificate, _state_under(ingress, certificate, facts)) for certificate in made]
    names = {certificate.metadata.name for certificate in made}
    gone = [name for name in _secrets(old) if name not in names and _is_its(facts, ingress, name)]
    plan = [*_told(planned, facts), *((f"plan: Certificate {name} is deleted; its Secret stays",) for name in gone)]
    return plan or [("plan: no certificate, since there is no host to make one for",)]


def plan_of_certificate(certificate: Certificate, old: Certificate | None, facts: Facts) -> list[Lines]:
    """Return the plan for a Certificate that was accepted."""
    state = "new" if old is None else _state(old.spec, certificate.spec)
    return list(_told([Planned(certificate, state)], facts))


def _told(planned: Sequence[Planned], facts: Facts) -> Iterator[Lines]:
    for each in planned[:MAX_TOLD]:
        lines = _lines(each, facts)
        yield lines if len(planned) <= ROOM else lines[:1]
    if len(planned) > MAX_TOLD:
        rest = [each.certificate.metadata.name for each in planned[MAX_TOLD:]]
        yield (f"plan: and {len(rest)} more: {_some(rest, 80)}",)


def _secrets(ingress: Ingress | None) -> list[str]:
    return [entry.secret_name for entry in ingress.spec.tls if entry.secret_name] if ingress is not None else []


def _is_its(facts: Facts, ingress: Ingress, name: str) -> bool:
    existing = facts.certificate(ingress.metadata.namespace, name)
    return existing is not None and _is_controlled(existing, ingress)


def _is_controlled(certificate: Certificate, ingress: Ingress) -> bool:
    owner = controller_of(certificate.metadata)
    return owner is not None and (owner.kind, owner.name) == (Ingress.resource.kind, ingress.metadata.name)


def _state_under(ingress: Ingress, wanted: Certificate, facts: Facts) -> str:
    """Return what would become of a Certificate that an Ingress asks for; nothing when that is not known."""
    if not facts.synced:
        return ""
    existing = facts.certificate(ingress.metadata.namespace, wanted.metadata.name)
    if existing is None:
        return "new"
    if not _is_controlled(existing, ingress):
        return "left as it is: not this Ingress's"
    return _state(existing.spec, wanted.spec)


def _state(old: CertificateSpec, new: CertificateSpec) -> str:
    before, after = _plain(old), _plain(new)
    changed = [field for field in new.__struct_fields__ if before.get(wire_name(field)) != after.get(wire_name(field))]
    reissuing = [wire_name(field) for field in changed if _needs_issue(field, old, new)]
    if reissuing:
        return f"re-issued: {', '.join(reissuing)}"
    return f"not re-issued: {', '.join(map(wire_name, changed))}" if changed else "unchanged"


def _plain(spec: CertificateSpec) -> dict[str, object]:
    """Return the spec as it is written: one may be strict and the other lenient, and such are never equal."""
    plain: dict[str, object] = msgspec.to_builtins(spec)
    return plain


def _needs_issue(field: str, old: CertificateSpec, new: CertificateSpec) -> bool:
    compared = _COMPARED.get(field)
    return compared is not None and compared(old) != compared(new)


def _key(spec: CertificateSpec) -> object:
    key = spec.private_key
    return (key.algorithm or KeyAlgorithm.RSA, key.size or None) if key is not None else (KeyAlgorithm.RSA, None)


def _duration(spec: CertificateSpec) -> object:
    try:
        return parse_duration(spec.duration) if spec.duration else None
    except ValueError:
        return spec.duration


# What a certificate depends on, in a form in which equal means the same certificate.
_COMPARED: Final[Mapping[str, Callable[[CertificateSpec], object]]] = {
    "secret_name": lambda spec: spec.secret_name,
    "issuer_ref": lambda spec: (spec.issuer_ref.name, spec.issuer_ref.effective_kind, spec.issuer_ref.effective_group),
    "dns_names": lambda spec: set(canonical_dns_names(spec.dns_names)),
    "ip_addresses": lambda spec: set(spec.ip_addresses),
    "uris": lambda spec: set(spec.uris),
    "email_addresses": lambda spec: set(spec.email_addresses),
    "other_names": lambda spec: {(name.oid, name.utf8_value) for name in spec.other_names},
    "common_name": lambda spec: spec.common_name,
    "subject": lambda spec: msgspec.to_builtins(spec.subject),
    "literal_subject": lambda spec: spec.literal_subject,
    "is_ca": lambda spec: spec.is_ca,
    "usages": lambda spec: set(spec.usages or DEFAULT_USAGES),
    "duration": _duration,
    "private_key": _key,
}


def _lines(planned: Planned, facts: Facts) -> Lines:
    """Return the Certificate in one line if it fits, else who signs in one and how names are proven in another."""
    certificate, spec = planned.certificate, planned.certificate.spec
    issuer = facts.issuer(certificate.metadata.namespace, spec.issuer_ref)
    name, secret = certificate.metadata.name, spec.secret_name
    what = f"Certificate and Secret {name}" if name == secret else f"Certificate {name}, Secret {secret}"
    head = f"plan: {what} ({planned.state})" if planned.state else f"plan: {what}"
    signer = f"from {_signer(certificate, issuer, facts)}"
    names = _names(spec)
    proofs = _proofs(certificate, issuer, names)
    shown = "; ".join(f"{', '.join(proven)}{by}" for by, proven in proofs.items())
    whole = f"{head}: {shown} {signer}"
    if len(whole) <= MAX_WARNING:
        return (whole,)
    listed = _some(names, MAX_WARNING - len(head) - len(signer) - 3)
    first = f"{head}: {listed} {signer}"
    how = "; ".join(
        f"{len(proven)} names{by}" if len(proven) > 1 else f"{proven[0]}{by}" for by, proven in proofs.items()
    )
    return (first, f"plan: {name}: {how}") if any(proofs) else (first,)


def _names(spec: CertificateSpec) -> list[str]:
    every = (spec.common_name, *spec.dns_names, *spec.ip_addresses, *spec.uris, *spec.email_addresses)
    return list(dict.fromkeys(filter(None, every)))


def _proofs(certificate: Certificate, issuer: AnyIssuer | None, names: Iterable[str]) -> dict[str, list[str]]:
    """Return the names by how they are proven; all under nothing when no proof is asked for."""
    acme = issuer.spec.acme if issuer is not None else None
    proofs: dict[str, list[str]] = {}
    for name in names:
        by = ""
        if acme is not None and acme.solvers:
            solver = solver_for(acme.solvers, name, certificate.metadata.labels)
            by = f" by {challenge_type(solver)}" if solver is not None else " by no solver"
        proofs.setdefault(by, []).append(name)
    return proofs


def _signer(certificate: Certificate, issuer: AnyIssuer | None, facts: Facts) -> str:
    ref = certificate.spec.issuer_ref
    named = f"{ref.effective_kind} {ref.name}"
    if issuer is None:
        ours = ref.effective_group == "cert-manager.io"
        return f"{named} (not there yet)" if ours and facts.synced else named
    if issuer.spec.acme is not None:
        return f"{named} at {urlsplit(issuer.spec.acme.server).hostname or issuer.spec.acme.server}"
    return f"{named} ({', '.join(issuer_types(issuer.spec)) or 'no type'})"


def _some(names: Sequence[str], room: int) -> str:
    """Return as many names as there is room for, and how many there are besides."""
    for shown in range(len(names), 0, -1):
        rest = len(names) - shown
        text = ", ".join(names[:shown]) + (f" and {rest} more" if rest else "")
        if len(text) <= room:
            return text
    return f"{len(names)} names"
