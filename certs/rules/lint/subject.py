"""What the rules look at: a Certificate or an issuer, and what is known of the cluster."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from certs.annotations import PROFILE
from certs.api.certificate import Certificate, CertificateSpec
from certs.api.issuer import ACMEIssuer, AnyIssuer, Issuer
from certs.facts import Facts
from certs.hosts import MAX_NAME, host_problem, is_ip_address
from certs.problems import Path
from certs.publicca import Profile, PublicCA, public_ca
from certs.rules.once import once
from certs.rules.rule import Rule

SPEC: Final = Path("spec")
DNS_NAMES: Final = SPEC / "dnsNames"
IP_ADDRESSES: Final = SPEC / "ipAddresses"
# Nearly every name: small letters and digits, the last label with a letter in front, so that it is no address.
_PLAIN: Final = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
CLUSTER_NAMESPACE: Final = "cert-manager"  # unless --cluster-resource-namespace says another


@dataclass(frozen=True)  # not slotted: what is made on demand is kept in __dict__
class CertificateSubject:
    """One Certificate under judgement."""

    certificate: Certificate
    facts: Facts

    @property
    def spec(self) -> CertificateSpec:
        """What it asks for."""
        return self.certificate.spec

    @property
    def namespace(self) -> str:
        """Where it lives."""
        return self.certificate.metadata.namespace

    @once
    def issuer(self) -> AnyIssuer | None:
        """The issuer itself, if it is known."""
        return self.facts.issuer(self.namespace, self.spec.issuer_ref)

    @once
    def acme(self) -> ACMEIssuer | None:
        """How the issuer speaks ACME, if it is known to."""
        return self.issuer.spec.acme if self.issuer is not None else None

    @property
    def may_be_acme(self) -> bool:
        """Is the issuer an ACME CA, or not known to be another?"""
        if self.spec.issuer_ref.effective_group != Issuer.resource.group:
            return False
        return self.issuer is None or self.acme is not None

    @once
    def ca(self) -> PublicCA | None:
        """The public CA of the issuer, if it is one."""
        return public_ca(self.acme.server) if self.acme is not None else None

    @once
    def profile(self) -> Profile | None:
        """The profile under which that CA would issue, as far as it is known."""
        if self.ca is None or self.acme is None:
            return None
        return self.ca.profile(self.certificate.metadata.annotations.get(PROFILE) or self.acme.profile)

    @once
    def odd_names(self) -> tuple[tuple[int, str], ...]:
        """The DNS names that are not written as a CA wants them, with their places; mostly none."""
        return tuple((i, name) for i, name in enumerate(self.spec.dns_names) if _is_odd(name))


def _is_odd(name: str) -> bool:
    if len(name) <= MAX_NAME and _PLAIN.fullmatch(name):
        return False
    return name != name.lower() or bool(host_problem(name)) or is_ip_address(name)


@dataclass(frozen=True)
class IssuerSubject:
    """One Issuer or ClusterIssuer under judgement."""

    issuer: AnyIssuer
    facts: Facts
    cluster_namespace: str = CLUSTER_NAMESPACE

    @property
    def acme(self) -> ACMEIssuer | None:
        """How it speaks ACME, if it does."""
        return self.issuer.spec.acme

    @property
    def secret_namespace(self) -> str:
        """Where its Secrets are looked for."""
        is_namespaced = type(self.issuer).resource.kind == Issuer.resource.kind
        return self.issuer.metadata.namespace if is_namespaced else self.cluster_namespace


CertificateRule = Rule[CertificateSubject]
IssuerRule = Rule[IssuerSubject]
