"""The `ca` issuer: a key pair in a Secret signs."""

from __future__ import annotations

from datetime import datetime

from certs.api.certificaterequest import CertificateRequest
from certs.api.issuer import AnyIssuer, CAIssuer
from certs.outcomes import Permanent, WaitingForUser
from certs.pki.authority import Authority, UnusableAuthority, read_authority
from certs.pki.signing import Lookups, Unsignable, sign_by
from shim.issuers import FindSecret, Signed
from shim.issuers.requested import requested


class CASigner:
    """Signs with the Secret that the issuer names: of an Issuer in its namespace, else in the cluster's."""

    def __init__(self, secrets: FindSecret, cluster_resource_namespace: str) -> None:
        self._secrets = secrets
        self._cluster_namespace = cluster_resource_namespace

    def sign(self, request: CertificateRequest, issuer: AnyIssuer, now: datetime) -> Signed:
        """Return the leaf with the certificates between it and the root, and the topmost that is known."""
        ca = issuer.spec.ca
        assert ca is not None  # noqa: S101  the registry chose by it
        authority = self._authority(issuer.metadata.namespace or self._cluster_namespace, ca, now)
        try:
            issued = sign_by(authority, requested(request, _lookups(ca), now))
        except Unsignable as error:
            raise Permanent(f"Error signing certificate: {error}", reason="SigningError") from error
        return Signed(issued.chain, issued.ca)

    def _authority(self, namespace: str, ca: CAIssuer, now: datetime) -> Authority:
        place = f"{namespace}/{ca.secret_name}"
        secret = self._secrets(namespace, ca.secret_name)
        if secret is None:
            raise WaitingForUser(f"Referenced secret {place} not found: create it", reason="SecretMissing")
        try:
            return read_authority(secret.data, now)
        except UnusableAuthority as error:
            raise WaitingForUser(
                f"Failed to parse signing CA keypair from secret {place}: {error}", reason="SecretInvalidData"
            ) from None  # nothing of a key may stand in a traceback


def _lookups(ca: CAIssuer) -> Lookups:
    return Lookups(ca.crl_distribution_points, ca.ocsp_servers, ca.issuing_certificate_urls)
