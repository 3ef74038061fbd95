"""What a CertificateRequest asks to be signed, with what chance adds: the serial number."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final

from certs.api.certificaterequest import CertificateRequest
from certs.durations import parse_duration
from certs.pki.signing import DEFAULT_LIFETIME, Lookups, Unsignable, Wanted

# RFC 5280 §4.1.2.2 allows 20 octets; the CA/Browser Forum wants 64 random bits at least.
_SERIAL_BITS: Final = 128


def requested(request: CertificateRequest, lookups: Lookups, now: datetime) -> Wanted:
    """Return what to sign, valid from now on; raises `Unsignable` for a duration that cannot be read."""
    spec = request.spec
    try:
        lifetime = parse_duration(spec.duration).timedelta if spec.duration else DEFAULT_LIFETIME
    except ValueError as error:
        raise Unsignable(f"spec.duration: {error}") from error
    return Wanted(
        csr=spec.request,
        serial=secrets.randbits(_SERIAL_BITS) or 1,
        not_before=now,
        lifetime=lifetime,
        usages=spec.usages,
        is_ca=spec.is_ca,
        lookups=lookups,
    )
