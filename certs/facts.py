"""What is known of the rest of the cluster when one object is judged.

The webhook answers from its informers, `check` from the files at hand, a process without cluster
knows nothing.  Rules that need a fact ask `synced` first: nothing is refused for lack of knowledge.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple, Protocol

from certs.api.certificate import Certificate
from certs.api.issuer import AnyIssuer
from certs.api.meta import IssuerReference

TLS_SECRET: Final = "kubernetes.io/tls"  # noqa: S105 - the type of a Secret
OTHER_SECRET: Final = "other"  # noqa: S105 - likewise
UNKNOWN_SECRET: Final = "unknown"  # noqa: S105 - likewise


class Claim(NamedTuple):
    """Who has a Secret or a host, and whether it asks for a certificate at all."""

    kind: str
    namespace: str
    name: str
    uid: str = ""
    is_wanted: bool = True

    def __str__(self) -> str:
        """The holder as people name it."""
        return f"{self.kind} {self.namespace}/{self.name}"


class Facts(Protocol):
    """Answers from memory; never blocks."""

    @property
    def synced(self) -> bool:
        """Is what is known complete?  If not, absence means nothing."""

    def issuer(self, namespace: str, ref: IssuerReference) -> AnyIssuer | None:
        """Return the issuer that an object of the namespace means, or None when there is none (or it is external)."""

    def issuer_names(self, namespace: str, kind: str) -> Collection[str]:
        """Return the names of the Issuers of the namespace, or of all ClusterIssuers."""

    def certificate(self, namespace: str, name: str) -> Certificate | None:
        """Return the Certificate of that name."""

    def certificates_of_secret(self, namespace: str, secret: str) -> Sequence[Certificate]:
        """Return the Certificates that write that Secret."""

    def ingresses_of_secret(self, namespace: str, secret: str) -> Sequence[Claim]:
        """Return the Ingresses that name that Secret in spec.tls, annotated or not."""

    def ingresses_of_host(self, host: str) -> Sequence[Claim]:
        """Return the Ingresses of all namespaces with that host (in its canonical form) in a rule or in spec.tls."""

    def secret_type(self, namespace: str, name: str) -> str | None:
        """Return `kubernetes.io/tls`, or `other`, or None when there is no such Secret.

        It is `unknown` where Secrets may not be looked at; then nothing can be said about it.
        """

    def admission_of(self, namespace: str) -> str:
        """Return the namespace's annotation `certshim.io/admission`; empty when it has none."""


class NothingKnown:
    """The facts of a process without a cluster."""

    @property
    def synced(self) -> bool:
        """Nothing is known, so absence means nothing."""
        return False

    def issuer(self, namespace: str, ref: IssuerReference) -> AnyIssuer | None:  # noqa: ARG002 - the Protocol's
        """Know no issuer."""
        return None

    def issuer_names(self, namespace: str, kind: str) -> Collection[str]:  # noqa: ARG002 - the Protocol's
        """Know no issuer."""
        return ()

    def certificate(self, namespace: str, name: str) -> Certificate | None:  # noqa: ARG002 - the Protocol's
        """Know no Certificate."""
        return None

    def certificates_of_secret(self, namespace: str, secret: str) -> Sequence[Certificate]:  # noqa: ARG002 - likewise
        """Know no Certificate."""
        return ()

    def ingresses_of_secret(self, namespace: str, secret: str) -> Sequence[Claim]:  # noqa: ARG002 - likewise
        """Know no Ingress."""
        return ()

    def ingresses_of_host(self, host: str) -> Sequence[Claim]:  # noqa: ARG002 - likewise
        """Know no Ingress."""
        return ()

    def secret_type(self, namespace: str, name: str) -> str | None:  # noqa: ARG002 - likewise
        """Know no Secret."""
        return None

    def admission_of(self, namespace: str) -> str:  # noqa: ARG002 - likewise
        """Know no namespace."""
        return ""
