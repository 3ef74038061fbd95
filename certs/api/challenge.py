"""Challenge: the proof of control over one name for one authorization of an Order."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from certs.api.issuer import ACMESolver
from certs.api.meta import APIStruct, IssuerReference, ObjectMeta, Resource
from certs.api.order import ACMEState, ChallengeType


class ChallengeSpec(APIStruct, frozen=True, kw_only=True):
    """What is proven and how; immutable.  The field order is that of the name's hash (`certs.names`)."""

    url: str
    """URL of the challenge at the CA."""
    authorization_url: str
    """URL of the authorization at the CA."""
    dns_name: str
    """The name, without the star of a wildcard."""
    wildcard: bool = False
    """Whether the proof is for a wildcard name."""
    type: ChallengeType
    """HTTP-01 or DNS-01."""
    token: str
    """Token that the CA gave."""
    key: str
    """HTTP-01: the key authorization; DNS-01: its base64url SHA-256 digest, the TXT value."""
    solver: ACMESolver
    """The chosen solver."""
    issuer_ref: IssuerReference
    """Which ACME issuer; its account answers."""


class ChallengeStatus(APIStruct, frozen=True):
    """How far it is."""

    processing: bool = False
    """Whether it is being worked on."""
    presented: bool = False
    """Whether the proof can be seen from outside."""
    presented_at: datetime | None = None
    """Since when."""
    reason: str = ""
    """Why it is in that state."""
    state: ACMEState = ACMEState.UNKNOWN
    """State."""


class Challenge(APIStruct, frozen=True):
    """The proof of control over one name."""

    resource: ClassVar[Resource] = Resource("acme.cert-manager.io", "v1", "Challenge", "challenges")

    metadata: ObjectMeta
    spec: ChallengeSpec
    """What is proven and how; immutable."""
    status: ChallengeStatus = ChallengeStatus()
    """How far it is."""
