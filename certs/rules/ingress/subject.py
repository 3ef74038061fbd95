"""What the rules look at: an Ingress as sent and as it will be, what it asks for, and what is known of the cluster.

Several rules need the same things; each is made when the first of them asks, and once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from certs.annotations import CLUSTER_ISSUER, ISSUER, PROFILE
from certs.api.certificate import Certificate
from certs.api.ingress import Ingress
from certs.api.issuer import ACMEIssuer, AnyIssuer, Issuer
from certs.api.meta import IssuerReference
from certs.completion import complete
from certs.facts import Facts
from certs.problems import Path, Problem, Problems
from certs.rules.once import once
from certs.rules.rule import Rule
from certs.wanted import ANNOTATIONS, TLS, Settings, certificates, is_wanted, issuer_of

ALT_NAMES: Final = "cert-manager.io/alt-names"
IP_SANS: Final = "cert-manager.io/ip-sans"
RULES: Final = Path("spec") / "rules"

Check = Callable[["Subject"], Iterable[Problem]]
IngressRule = Rule["Subject"]


class Named(NamedTuple):
    """A host that shall be in a certificate, and where it stands: in an entry of `spec.tls`, or in an annotation."""

    host: str
    entry: int = 0
    place: int = 0
    key: str = ""

    @property
    def path(self) -> Path:
        """The field that names the host."""
        return ANNOTATIONS @ self.key if self.key else TLS @ self.entry / "hosts" @ self.place


@dataclass(frozen=True)  # not slotted: what is made on demand is kept in __dict__
class Subject:
    """One Ingress under judgement."""

    raw: Ingress
    settings: Settings
    facts: Facts

    @once
    def ingress(self) -> Ingress:
        """The Ingress as it will be: completed, if it asks for certificates."""
        return complete(self.raw, self.settings).ingress

    @once
    def is_wanted(self) -> bool:
        """Does it ask for certificates?"""
        return is_wanted(self.ingress, self.settings)

    @property
    def namespace(self) -> str:
        """Where it lives."""
        return self.raw.metadata.namespace

    @once
    def named_issuer(self) -> IssuerReference | Problems:
        """The issuer by annotations and defaults, or why there is none."""
        return issuer_of(self.ingress, self.settings)

    @once
    def reference(self) -> IssuerReference | None:
        """The issuer that it names, if that is one of ours and not an external one."""
        ref = self.named_issuer
        if isinstance(ref, Problems) or ref.effective_group != Issuer.resource.group:
            return None
        return ref

    @once
    def issuer(self) -> AnyIssuer | None:
        """The issuer itself, if it is known."""
        ref = self.reference
        return self.facts.issuer(self.namespace, ref) if ref is not None else None

    @property
    def acme(self) -> ACMEIssuer | None:
        """How it speaks ACME, if it is known to."""
        return self.issuer.spec.acme if self.issuer is not None else None

    @property
    def profile(self) -> str:
        """The profile to ask an ACME CA for, by annotation or by the issuer; empty when neither names one."""
        return self.raw.metadata.annotations.get(PROFILE) or (self.acme.profile if self.acme is not None else "")

    @once
    def issuer_path(self) -> Path:
        """The annotation that chose the issuer: one of ours, or the one that asks for the default."""
        annotations = self.ingress.metadata.annotations
        keys = (CLUSTER_ISSUER, ISSUER, *self.settings.auto_certificate_annotations)
        return ANNOTATIONS @ next((key for key in keys if key in annotations), ISSUER)

    @once
    def names(self) -> tuple[Named, ...]:
        """All hosts that shall be in certificates, in their order."""
        ingress = self.ingress
        found = [
            Named(host, i, j) for i, entry in enumerate(ingress.spec.tls) for j, host in enumerate(entry.hosts) if host
        ]
        for key in (ALT_NAMES, IP_SANS):
            text = ingress.metadata.annotations.get(key)
            if text is not None:
                found += [Named(part.strip(), key=key) for part in text.split(",") if part.strip()]
        return tuple(found)

    @once
    def certificates(self) -> tuple[Certificate, ...]:
        """The Certificates that it asks for; none when it is refused as a whole, which other rules tell."""
        wanted = certificates(self.ingress, self.settings)
        return () if isinstance(wanted, Problems) else wanted.certificates
