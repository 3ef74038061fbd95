"""A certificate that nobody trusts, so that whoever serves a Secret can start before the real one is there.

It is for the names and the key of the real one, signed by a CA that is made for it and forgotten, named
`cert-manager.local`.  By that name it is recognised: it must never be taken for the real one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from certs.api.certificate import CertificateSpec, X509Subject
from certs.api.meta import IssuerReference
from certs.durations import parse_duration
from certs.pki.authority import Authority, chain_pem
from certs.pki.csr import build_csr
from certs.pki.keys import Key
from certs.pki.signing import DEFAULT_LIFETIME, Unsignable, Wanted, sign_by, sign_by_itself
from certs.pki.x509 import Leaf, read_chain

CA_NAME: Final = "cert-manager.local"
# A mark in the subject, too, as cert-manager has it in its template; a subject that is given literally stays.
SERIAL_NUMBER: Final = "1234567890"


def temporary_certificate(
    spec: CertificateSpec, key: Key, ca_key: Key, *, serials: tuple[int, int], now: datetime
) -> bytes:
    """Return the certificate in PEM, alone: a root that is gone helps nobody.

    `ca_key` must be used for nothing else; `serials` are the CA's and the certificate's, random.
    Raises `Unsignable`, or `UnusableSpec` for what the real one could not be requested with either.
    """
    ca_serial, serial = serials
    authority = Authority(ca_key, read_chain(_authority(ca_key, ca_serial, now)))
    marked = spec
    if not spec.literal_subject:
        subject = msgspec.structs.replace(spec.subject or X509Subject(), serial_number=SERIAL_NUMBER)
        marked = msgspec.structs.replace(spec, subject=subject)
    try:
        lifetime = parse_duration(spec.duration).timedelta if spec.duration else DEFAULT_LIFETIME
    except ValueError as error:
        raise Unsignable(f"spec.duration: {error}") from error
    wanted = Wanted(
        csr=build_csr(marked, key),
        serial=serial,
        not_before=now,
        lifetime=lifetime,
        usages=spec.usages,
        is_ca=spec.is_ca,
    )
    return chain_pem(read_chain(sign_by(authority, wanted).chain)[:1])


def is_temporary(leaf: Leaf) -> bool:
    """Is it one, of ours or of cert-manager's?"""
    return leaf.issuer_common_name == CA_NAME


def _authority(key: Key, serial: int, now: datetime) -> bytes:
    spec = CertificateSpec(secret_name="", issuer_ref=IssuerReference(""), common_name=CA_NAME, is_ca=True)
    return sign_by_itself(key, Wanted(build_csr(spec, key), serial, now, is_ca=True)).chain
