"""Whose Secret, whose host: the first to claim it has it.

A Secret belongs to the Certificate that writes it, and that to the Ingress that controls it.  An Ingress that asks
for a certificate into a Secret of somebody else would get none: the controller leaves alone what is not its own.
Naming the Secret without asking is fine, that is how two Ingresses share one.

An Ingress that is known already comes after those before it in the facts; one that is new comes after all.
On update this makes no difference, since what stood there before is forgiven.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from certs.api.certificate import Certificate
from certs.api.ingress import Ingress
from certs.api.meta import controller_of
from certs.facts import Claim
from certs.hosts import canonical_host
from certs.problems import Path, Problem, ProblemType
from certs.rules.ingress.subject import RULES as SPEC_RULES
from certs.rules.ingress.subject import IngressRule, Subject
from certs.rules.rule import Action, Rule
from certs.wanted import TLS


def check_secret_owner(subject: Subject) -> Iterator[Problem]:
    """Yield Secrets that belong to another Ingress, or to a Certificate that is not this Ingress's."""
    for i, entry in enumerate(subject.ingress.spec.tls):
        owner = _owner(subject, entry.secret_name) if entry.secret_name else ""
        if owner:
            key = subject.issuer_path.text.removeprefix("metadata.annotations[").removesuffix("]")
            remedy = f"name another Secret, or remove {key} here: the Secret serves both"
            path = TLS @ i / "secretName"
            yield Problem(path, ProblemType.INVALID, f"belongs to {owner}", entry.secret_name, remedy)


def _owner(subject: Subject, secret: str) -> str:
    """Return who has the Secret, or nothing when it is free or this Ingress's."""
    facts, namespace, own = subject.facts, subject.namespace, subject.raw.metadata.name
    claims = [claim for claim in facts.ingresses_of_secret(namespace, secret) if claim.is_wanted]
    claimants = {claim.name for claim in facts.ingresses_of_secret(namespace, secret)}
    writers = facts.certificates_of_secret(namespace, secret)
    namesake = facts.certificate(namespace, secret)
    for certificate in (*writers, namesake) if namesake is not None else writers:
        ingress = _controlling_ingress(certificate)
        if ingress == own:
            return ""
        # A Certificate whose Ingress names the Secret no more (or is gone) is about to be deleted.
        if ingress is None or ingress in claimants:
            return f"Ingress {ingress}" if ingress is not None else _named(certificate, secret)
    first = next((claim for claim in _before(claims, namespace, own)), None)
    return f"Ingress {first.name}" if first is not None else ""


def _named(certificate: Certificate, secret: str) -> str:
    """Return the Certificate's name, and what it writes when only its name stands in the way."""
    name, written = certificate.metadata.name, certificate.spec.secret_name
    return f"Certificate {name}" if written == secret else f"Certificate {name}, which writes Secret {written}"


def _controlling_ingress(certificate: Certificate) -> str | None:
    controller = controller_of(certificate.metadata)
    return controller.name if controller is not None and controller.kind == Ingress.resource.kind else None


def _before(claims: Sequence[Claim], namespace: str, name: str) -> Iterator[Claim]:
    """Yield the claims before that Ingress's own, or all when it has none."""
    for claim in claims:
        if (claim.namespace, claim.name) == (namespace, name):
            return
        yield claim


def check_host_claims(subject: Subject) -> Iterator[Problem]:
    """Yield hosts that an Ingress of another namespace has had first."""
    ingress = subject.ingress
    for host in dict.fromkeys(_hosts(ingress)):
        claims = subject.facts.ingresses_of_host(_canonical(host)) if host else ()
        if not claims:
            continue
        for claim in _before(claims, subject.namespace, subject.raw.metadata.name):
            if claim.namespace != subject.namespace:
                detail, remedy = f"{claim} has this host already", "use another host, or remove it there"
                yield Problem(_place(ingress, host), ProblemType.INVALID, detail, host, remedy)
                break


def _hosts(ingress: Ingress) -> Iterator[str]:
    for rule in ingress.spec.rules:
        yield rule.host
    for entry in ingress.spec.tls:
        yield from entry.hosts


def _canonical(host: str) -> str:
    """Return the form in which the facts know it; what has none, as another rule tells, is looked up as it stands."""
    if host.isascii() and host.islower() and host[-1] != ".":
        return host
    try:
        return canonical_host(host)
    except ValueError:
        return host


def _place(ingress: Ingress, host: str) -> Path:
    """Return where the host stands first."""
    for i, rule in enumerate(ingress.spec.rules):
        if rule.host == host:
            return SPEC_RULES @ i / "host"
    return next(
        TLS @ i / "hosts" @ entry.hosts.index(host) for i, entry in enumerate(ingress.spec.tls) if host in entry.hosts
    )


RULES: Final[tuple[IngressRule, ...]] = (
    Rule(
        "secret-owned",
        "A Secret that another Ingress, or a Certificate that is not this Ingress's, has filled already.",
        check_secret_owner,
        remedy="Name another Secret; or, if both shall use the same, remove the issuer annotation from one of them.",
        why="Two owners of one Secret would overwrite each other's certificate without end. The controller keeps the"
        " first and leaves the second without.",
        needs_facts=True,
    ),
    Rule(
        "host-claimed",
        "A host that an Ingress of another namespace has already.",
        check_host_claims,
        action=Action.WARN,
        remedy="Use another host, or agree with the other namespace.",
        why="Which of the two the proxy serves is left to chance, and so is who answers the CA's challenge. In a"
        " cluster with tenants, set this to deny.",
        needs_facts=True,
    ),
)
