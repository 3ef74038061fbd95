"""What a CertificateRequest asks to be signed, with what chance adds: the serial number."""

from __future__ import annotations

from datetime import datetime

from certs.api.certificaterequest import CertificateRequest
from certs.durations import parse_duration
from certs.pki.signing import DEFAULT_LIFETIME, Lookups, Unsignable, Wanted
from shim.keys import new_serial


def requested(request: CertificateRequest, lookups: Lookups, now: datetime) -> Wanted:
    """Return what to sign, valid from now on; raises `Unsignable` for a duration that cannot be read."""
    spec = request.spec
    try:
        lifetime = parse_duration(spec.duration).timedelta if spec.duration else DEFAULT_LIFETIME
    except ValueError as error:
        raise Unsignable(f"spec.duration: {error}") from error
    return Wanted(
        csr=spec.request,
        serial=new_serial(),
        not_before=now,
        lifetime=lifetime,
        usages=spec.usages,
        is_ca=spec.is_ca,
        lookups=lookups,
    )
