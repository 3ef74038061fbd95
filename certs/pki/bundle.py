"""CA bundles, judged as leniently as Go's `CertPool.AppendCertsFromPEM`: one certificate that can be read is enough.

Everything else is skipped without a word there: text around blocks, blocks of other types (`TRUSTED CERTIFICATE`, too),
blocks with headers, blocks that are not base64, certificates that Go cannot read.  So that the decision is the
same, the search for blocks is that of Go's `pem.Decode` (`certs.pki.gopem`), and what `cryptography` reads but
Go refuses (`crypto/x509`, `parseCertificate`) is refused here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from warnings import catch_warnings, simplefilter

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.utils import CryptographyDeprecationWarning

from certs.pki.gopem import go_blocks

_CERTIFICATE: Final = b"CERTIFICATE"
_SEQUENCE: Final = b"\x30"
_VERSION: Final = b"\xa0"
_LONG_FORM: Final = 0x80

# The curves that Go knows; a key on another one makes it refuse the certificate.
_CURVES: Final = (ec.SECP224R1, ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)

# The algorithms of keys that Go reads; a key of another passes unread.
_KEYS: Final = frozenset(
    (
        x509.PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5,
        x509.PublicKeyAlgorithmOID.DSA,
        x509.PublicKeyAlgorithmOID.EC_PUBLIC_KEY,
        x509.PublicKeyAlgorithmOID.X25519,
        x509.PublicKeyAlgorithmOID.ED25519,
    )
)

# Extensions that RFC 5280 forbids to be critical (§4.2.1.1, §4.2.1.2, §4.2.2.1), where Go insists.
_NEVER_CRITICAL: Final = frozenset(
    (x509.AuthorityKeyIdentifier.oid, x509.SubjectKeyIdentifier.oid, x509.AuthorityInformationAccess.oid)
)

# What `cryptography` raises about a certificate that is broken somewhere, some of it only when that place is looked at.
_BROKEN: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


def has_certificate(pem: bytes) -> bool:
    """Is there at least one certificate that Go would take from it?"""
    with _quiet():
        return any(_is_read(der) for der in certificate_blocks(pem))


def is_certificate(der: bytes) -> bool:
    """Would Go read these bytes as a certificate?

    Exact but for certificates that are broken inside an extension, where each of the two looks into some that the other
    does not.
    """
    with _quiet():
        return _is_read(der)


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the warning of a serial number of 0, which Go takes; once for a bundle, as that costs most of it."""
    with catch_warnings():
        simplefilter("ignore", CryptographyDeprecationWarning)
        yield


def _is_read(der: bytes) -> bool:
    if not der.startswith(_SEQUENCE):
        return False
    try:
        certificate = x509.load_der_x509_certificate(der)
        return _is_whole(certificate, der) and _is_key_read(certificate)
    except _BROKEN:
        return False


def _is_whole(certificate: x509.Certificate, der: bytes) -> bool:
    """Is everything but the key as Go wants it?  Raises what `cryptography` raises where it looks only when asked."""
    if certificate.serial_number < 0:
        return False
    signed, algorithm, _ = _elements(der)
    first, second, third, *_ = _elements(signed)
    if algorithm != (third if first.startswith(_VERSION) else second):  # it stands there twice, RFC 5280 §4.1.1.2
        return False
    _ = certificate.subject, certificate.issuer
    return not any(extension.critical and extension.oid in _NEVER_CRITICAL for extension in certificate.extensions)


def _elements(sequence: bytes) -> list[bytes]:
    """Return the elements of a sequence whose DER is known to be valid."""
    _, place = _extent(sequence, 0)
    elements = []
    while place < len(sequence):
        following, _ = _extent(sequence, place)
        elements.append(sequence[place:following])
        place = following
    return elements


def _extent(der: bytes, place: int) -> tuple[int, int]:
    """Return where the element that starts there ends, and where its content starts."""
    length, content = der[place + 1], place + 2
    if length >= _LONG_FORM:
        octets = length - _LONG_FORM
        length, content = int.from_bytes(der[content : content + octets]), content + octets
    return content + length, content


def _is_key_read(certificate: x509.Certificate) -> bool:
    if certificate.public_key_algorithm_oid not in _KEYS:
        return True
    key = certificate.public_key()
    return not isinstance(key, ec.EllipticCurvePublicKey) or isinstance(key.curve, _CURVES)


def certificate_blocks(pem: bytes) -> Iterator[bytes]:
    """Yield the contents of the blocks of type CERTIFICATE that have no headers, in order."""
    return (block.der for block in go_blocks(pem) if block.label == _CERTIFICATE and not block.has_headers)
