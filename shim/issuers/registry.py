"""Which way of signing belongs to which type of issuer."""

from __future__ import annotations

from collections.abc import Mapping

from certs.api.issuer import IssuerType
from shim.issuers import FindSecret, Signer
from shim.issuers.ca import CASigner
from shim.issuers.selfsigned import SelfSigner


def signers(secrets: FindSecret, cluster_resource_namespace: str) -> Mapping[IssuerType, Signer]:
    """Return all that there are: those of `certs.decide.request.IN_PROCESS`."""
    return {
        IssuerType.CA: CASigner(secrets, cluster_resource_namespace),
        IssuerType.SELF_SIGNED: SelfSigner(secrets),
    }
