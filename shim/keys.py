"""Make private keys and serial numbers: the one place where randomness becomes something of a certificate.

Reading, writing and comparing keys is `certs.pki.keys`.
"""

from __future__ import annotations

import secrets

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from certs.api.certificate import KeyAlgorithm
from certs.outcomes import Permanent
from certs.pki.keys import CURVES, DEFAULT_SIZE, Key

_PUBLIC_EXPONENT = 65537  # the only one that everybody accepts (FIPS 186-5 §A.1.1)


# RFC 5280 §4.1.2.2 allows 20 octets; the CA/Browser Forum wants 64 random bits at least.
_SERIAL_BITS = 128


def new_serial() -> int:
    """Return a serial number for a certificate: random, positive."""
    return secrets.randbits(_SERIAL_BITS) or 1


def generate_key(algorithm: KeyAlgorithm | None = None, size: int = 0) -> Key:
    """Return a new private key; RSA when no algorithm is named, the algorithm's default when no size is.

    RSA takes tens to hundreds of milliseconds, RSA 8192 many seconds; the others microseconds.
    Raises `Permanent` for a size that the algorithm does not have.
    """
    kind = algorithm or KeyAlgorithm.RSA
    bits = size or DEFAULT_SIZE[kind]
    match kind:
        case KeyAlgorithm.RSA if 2048 <= bits <= 8192:
            return rsa.generate_private_key(_PUBLIC_EXPONENT, bits)
        case KeyAlgorithm.ECDSA if bits in CURVES:
            return ec.generate_private_key(CURVES[bits]())
        case KeyAlgorithm.ED25519:
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            raise Permanent(
                f"cannot generate a private key: {kind} has no size {bits} "
                "(RSA 2048 to 8192, ECDSA 256, 384 or 521): change spec.privateKey.size",
                reason="InvalidKeySize",
            )
