"""The kinds of `certmanager.k8s.io/v1alpha1` that are read: Issuer, ClusterIssuer and Certificate.

Their specs stay trees, since only `certs.legacy.modern` reads them, and what it makes of them is typed.  Nothing is
done for these objects themselves: each has a twin of today's kind, with its namespace and name, and shows that one's
status.  Orders, Challenges and CertificateRequests of that group are made by controllers only, so nobody applies any.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from msgspec import field

from certs.api.certificate import Certificate
from certs.api.issuer import ClusterIssuer, Issuer, IssuerStatus
from certs.api.meta import APIStruct, Condition, ObjectMeta, Resource
from certs.legacy.words import LEGACY_GROUP


class LegacyCertificateStatus(APIStruct, frozen=True):
    """How it stands."""

    conditions: tuple[Condition, ...] = ()
    """Ready, as the twin has it."""
    last_failure_time: datetime | None = None
    """When the last issuance failed; gone after a success."""
    not_after: datetime | None = None
    """End of validity of the certificate in the Secret."""


class LegacyIssuer(APIStruct, frozen=True):
    """An Issuer as it was until cert-manager v0.10."""

    resource: ClassVar[Resource] = Resource(LEGACY_GROUP, "v1alpha1", "Issuer", "issuers")

    metadata: ObjectMeta
    spec: dict[str, Any] = field(default_factory=dict)
    """Who signs."""
    status: IssuerStatus = IssuerStatus()
    """Whether the twin can sign."""


class LegacyClusterIssuer(APIStruct, frozen=True):
    """A ClusterIssuer as it was until cert-manager v0.10."""

    resource: ClassVar[Resource] = Resource(
        LEGACY_GROUP, "v1alpha1", "ClusterIssuer", "clusterissuers", namespaced=False
    )

    metadata: ObjectMeta
    spec: dict[str, Any] = field(default_factory=dict)
    """Who signs."""
    status: IssuerStatus = IssuerStatus()
    """Whether the twin can sign."""


class LegacyCertificate(APIStruct, frozen=True):
    """A Certificate as it was until cert-manager v0.10."""

    resource: ClassVar[Resource] = Resource(LEGACY_GROUP, "v1alpha1", "Certificate", "certificates")

    metadata: ObjectMeta
    spec: dict[str, Any] = field(default_factory=dict)
    """What is asked for."""
    status: LegacyCertificateStatus = LegacyCertificateStatus()
    """How the twin stands."""


AnyLegacy = LegacyIssuer | LegacyClusterIssuer | LegacyCertificate
Twin = Issuer | ClusterIssuer | Certificate

TWINS: Final[Mapping[type[AnyLegacy], type[Twin]]] = {
    LegacyIssuer: Issuer,
    LegacyClusterIssuer: ClusterIssuer,
    LegacyCertificate: Certificate,
}
