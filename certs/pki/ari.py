"""How a certificate is named where a CA is asked about its renewal, RFC 9773 §4.1."""

from __future__ import annotations

from base64 import urlsafe_b64encode

from certs.pki.x509 import Leaf


def certificate_id(leaf: Leaf) -> str:
    """Return the unique identifier of a certificate; empty for one that does not name its issuer's key.

    The key identifier of the issuer and the serial number, as the bytes of its DER INTEGER, both in base64url without
    padding, with a period between.
    """
    if not leaf.authority_key_id:
        return ""
    # A leading zero where the highest bit is set: DER integers are signed (X.690 §8.3).
    serial = leaf.serial.to_bytes(leaf.serial.bit_length() // 8 + 1, signed=True)
    return f"{_base64url(leaf.authority_key_id)}.{_base64url(serial)}"


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
