"""The `selfSigned` issuer: each certificate is signed with its own key.

Which key that is says an annotation of the request, as the Certificate controller writes it; the Secret is
in the request's namespace, for a ClusterIssuer too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from certs.api.certificaterequest import CertificateRequest
from certs.api.issuer import AnyIssuer
from certs.decide.effects import Tell
from certs.decide.policies import PRIVATE_KEY_SECRET
from certs.outcomes import Permanent, WaitingForUser
from certs.pki.csr import InvalidRequest, Request, read_csr
from certs.pki.keys import InvalidKey, Key, decode_key, matches
from certs.pki.signing import Lookups, Unsignable, sign_by_itself
from shim.issuers import FindSecret, Signed
from shim.issuers.requested import requested

EMPTY_DN: Final = (
    "Certificate will be issued with an empty Issuer DN, which contravenes RFC 5280 and could break some strict clients"
)


class SelfSigner:
    """Signs with the key of the request itself."""

    def __init__(self, secrets: FindSecret) -> None:
        self._secrets = secrets

    def sign(self, request: CertificateRequest, issuer: AnyIssuer, now: datetime) -> Signed:
        """Return the certificate, which is its own CA."""
        own = issuer.spec.self_signed
        assert own is not None  # noqa: S101  the registry chose by it
        key = self._key(request)
        csr = _read(request)
        if not matches(key, csr):
            raise Permanent(
                "Error generating certificate: the key in the referenced secret is not that of the CSR",
                reason="ErrorKeyMatch",
            )
        try:
            issued = sign_by_itself(key, requested(request, Lookups(own.crl_distribution_points), now))
        except Unsignable as error:
            raise Permanent(f"Error signing certificate: {error}", reason="ErrorSigning") from error
        warnings = (Tell("BadConfig", EMPTY_DN, "Warning"),) if csr.subject.is_empty else ()
        return Signed(issued.chain, issued.ca, warnings)

    def _key(self, request: CertificateRequest) -> Key:
        namespace, name = request.metadata.namespace, request.metadata.annotations.get(PRIVATE_KEY_SECRET, "")
        if not name:
            raise Permanent(
                f'Annotation "{PRIVATE_KEY_SECRET}" missing or reference empty: secret name missing',
                reason="MissingAnnotation",
            )
        secret = self._secrets(namespace, name)
        if secret is None:
            raise WaitingForUser(f"Referenced secret {namespace}/{name} not found", reason="MissingSecret")
        try:
            return decode_key(secret.data.get("tls.key", b""))
        except InvalidKey as error:
            raise WaitingForUser(
                f'Failed to get key "{name}" referenced in annotation "{PRIVATE_KEY_SECRET}": {error}',
                reason="ErrorParsingKey",
            ) from None  # nothing of a key may stand in a traceback


def _read(request: CertificateRequest) -> Request:
    try:
        return read_csr(request.spec.request)
    except InvalidRequest as error:
        raise Permanent(f"Error generating certificate template: {error}", reason="ErrorGenerating") from error
