"""Whether a Secret holds the further encodings and keystores that its Certificate asks for, no less and no more.

Asked between issuances; what is found is mended from the Secret's own key and chain, without a new certificate.
Encodings are compared, for they follow from key and chain.  Of keystores only the presence counts (the API's rule):
a change of password, alias or profile comes with the next issuance.
"""

from __future__ import annotations

from certs.api.certificate import Certificate
from certs.api.core import Secret
from certs.decide.policies import CERTIFICATE_NAME, Violation
from certs.pki.keystore import FORMAT_KEYS, KEYSTORE_KEYS, keystore_keys, output_formats, read_material
from certs.pki.pem import InvalidPEM


def outdated(certificate: Certificate, secret: Secret | None) -> Violation | None:
    """Return what is missing or too much; None when nothing is, or when there is nothing to make it of.

    The Secret of another Certificate is not looked at.
    """
    if secret is None or secret.metadata.annotations.get(CERTIFICATE_NAME) != certificate.metadata.name:
        return None
    if not _concerns(certificate, secret):
        return None
    try:
        has_ca = bool(read_material(secret.data).ca)
        formats = output_formats(certificate.spec, secret.data)
    except InvalidPEM:
        return None
    return _formats(formats, secret) or _keystores(certificate, secret, has_ca=has_ca)


def _concerns(certificate: Certificate, secret: Secret) -> bool:
    """Most Certificates ask for none of it, and reading their keys would be for nothing."""
    spec = certificate.spec
    asked = bool(spec.additional_output_formats) or spec.keystores is not None
    return asked or not secret.data.keys().isdisjoint((*FORMAT_KEYS, *KEYSTORE_KEYS))


def _formats(wanted: dict[str, bytes], secret: Secret) -> Violation | None:
    differing = [key for key in FORMAT_KEYS if wanted.get(key) != secret.data.get(key)]
    if not differing:
        return None
    return Violation("AdditionalOutputFormatsMismatch", f"not as the spec says: {', '.join(differing)}")


def _keystores(certificate: Certificate, secret: Secret, *, has_ca: bool) -> Violation | None:
    wanted = keystore_keys(certificate.spec.keystores, has_ca=has_ca)
    differing = [key for key in KEYSTORE_KEYS if (key in wanted) != bool(secret.data.get(key))]
    return Violation("SecretMismatch", f"not as the spec says: {', '.join(differing)}") if differing else None
