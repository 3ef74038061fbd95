"""CertificateRequest: one signing request to one issuer, approved or denied, then signed or failed."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from certs.api.certificate import Conditions, KeyUsage
from certs.api.meta import APIStruct, GoDuration, IssuerReference, ObjectMeta, Resource


class CertificateRequestSpec(APIStruct, frozen=True):
    """What shall be signed; immutable."""

    request: bytes
    """The PEM encoded certificate signing request."""
    issuer_ref: IssuerReference
    """Which issuer signs."""
    duration: GoDuration | None = None
    """Lifetime to ask for."""
    is_ca: bool = False
    """Whether a CA certificate is asked for."""
    usages: tuple[KeyUsage, ...] = ()
    """Key usages asked for."""
    username: str = ""
    """Who made the request; written by the webhook."""
    uid: str = ""
    """The requester's UID; written by the webhook."""
    groups: tuple[str, ...] = ()
    """The requester's groups; written by the webhook."""
    extra: dict[str, tuple[str, ...]] = {}
    """What else the API server knows of the requester; written by the webhook."""


class CertificateRequestStatus(APIStruct, frozen=True):
    """What has become of it."""

    conditions: Conditions = ()
    """Approved, Denied, InvalidRequest, Ready."""
    certificate: bytes = b""
    """The signed chain in PEM, leaf first."""
    ca: bytes = b""
    """The signer's CA certificate in PEM, when the issuer knows it."""
    failure_time: datetime | None = None
    """When it failed or was denied."""


class CertificateRequest(APIStruct, frozen=True):
    """One request to one issuer for a signed certificate."""

    resource: ClassVar[Resource] = Resource("cert-manager.io", "v1", "CertificateRequest", "certificaterequests")

    metadata: ObjectMeta
    spec: CertificateRequestSpec
    """What shall be signed; immutable."""
    status: CertificateRequestStatus = CertificateRequestStatus()
    """What has become of it."""
