"""Make a certificate of a signing request, with the key of a CA or with the request's own.

From the request come subject, subject alternative names, name constraints and the public key; from whoever asks whether
it is a CA, the usages and the lifetime; from the issuer the places where revocation and issuer can be looked up.
Nothing else of the request is honoured.  Clock and randomness are arguments.  A lifetime beyond the CA's own is not cut
short: as with cert-manager, and the certificate is renewed by its own dates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID as Access

from certs.api.certificate import KeyUsage
from certs.pki.authority import Authority, chain_pem
from certs.pki.csr import InvalidRequest, read_csr, signature_hash
from certs.pki.keys import Key
from certs.pki.usages import expected_usages, extended_key_usage, key_usage
from certs.pki.x509 import Leaf, read_chain

_Builder = x509.CertificateBuilder

DEFAULT_LIFETIME: Final = timedelta(days=90)
_SHORTEST: Final = timedelta(seconds=1)  # the unit in which certificates tell time


class Unsignable(ValueError):
    """No certificate can be made of it; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Lookups:
    """Where revocation and issuer can be looked up: URLs."""

    crl_distribution_points: tuple[str, ...] = ()
    ocsp_servers: tuple[str, ...] = ()
    issuing_certificate_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to sign: a CSR in PEM or DER, what it is for, and from when to when; `serial` is random, 1 to 128 bits."""

    csr: bytes
    serial: int
    not_before: datetime
    lifetime: timedelta = DEFAULT_LIFETIME
    usages: tuple[KeyUsage, ...] = ()
    is_ca: bool = False
    lookups: Lookups = Lookups()


@dataclass(frozen=True, slots=True)
class Issued:
    """A chain in PEM, leaf first and without the root, and the topmost certificate that is known."""

    chain: bytes
    ca: bytes


def sign_by(authority: Authority, wanted: Wanted) -> Issued:
    """Return the certificate that a CA makes of it; raises `Unsignable`."""
    own = authority.certificate
    leaf = _sign(wanted, authority.key, issuer=x509.load_der_x509_certificate(own.der))
    if leaf.issuer_der != own.subject.der:
        raise Unsignable("the subject of the CA is encoded in a way that cannot be repeated; issue the CA anew")
    return Issued(chain_pem((leaf, *authority.above)), chain_pem((authority.top,)))


def sign_by_itself(key: Key, wanted: Wanted) -> Issued:
    """Return the certificate that the key of the request makes of it; raises `Unsignable`."""
    certificate = chain_pem((_sign(wanted, key, issuer=None),))
    return Issued(certificate, certificate)


def _sign(wanted: Wanted, key: Key, *, issuer: x509.Certificate | None) -> Leaf:
    if wanted.lifetime < _SHORTEST:
        raise Unsignable(f"a lifetime of {wanted.lifetime.total_seconds():g} s ends before it has begun")
    try:
        read = read_csr(wanted.csr)
        csr = x509.load_der_x509_csr(read.der)
        builder = _with_extensions(_names(wanted, csr, issuer), wanted, csr)
        builder = _with_key_ids(builder, csr, issuer)
        certificate = builder.sign(key, signature_hash(None, key))
        (leaf,) = read_chain(certificate.public_bytes(Encoding.PEM))
    except (InvalidRequest, ValueError, TypeError, OverflowError, UnsupportedAlgorithm) as error:
        raise Unsignable(str(error)) from error
    if leaf.subject.der != read.subject.der:
        raise Unsignable("the subject of the request is encoded in a way that cannot be repeated")
    return leaf


def _names(wanted: Wanted, csr: x509.CertificateSigningRequest, issuer: x509.Certificate | None) -> _Builder:
    not_before = wanted.not_before.replace(microsecond=0)
    return x509.CertificateBuilder(
        issuer_name=csr.subject if issuer is None else issuer.subject,
        subject_name=csr.subject,
        public_key=csr.public_key(),
        serial_number=wanted.serial,
        not_valid_before=not_before,
        not_valid_after=not_before + wanted.lifetime,
    )


def _with_extensions(builder: _Builder, wanted: Wanted, csr: x509.CertificateSigningRequest) -> _Builder:
    usages = expected_usages(wanted.usages, is_ca=wanted.is_ca)
    builder = builder.add_extension(x509.BasicConstraints(ca=wanted.is_ca, path_length=None), critical=True)
    bits, purposes = key_usage(usages), extended_key_usage(usages)
    if bits is not None:
        builder = builder.add_extension(bits, critical=True)
    if purposes is not None:
        builder = builder.add_extension(purposes, critical=False)
    for extension in csr.extensions:
        match extension.value:
            case x509.SubjectAlternativeName() as names:  # critical when it is all there is, RFC 5280 §4.2.1.6
                builder = builder.add_extension(names, critical=not csr.subject.rdns)
            case x509.NameConstraints() as constraints:
                builder = builder.add_extension(constraints, critical=extension.critical)
            case _:
                pass
    return _with_lookups(builder, wanted.lookups)


def _with_lookups(builder: _Builder, lookups: Lookups) -> _Builder:
    if lookups.crl_distribution_points:
        points = [x509.DistributionPoint([_url(one)], None, None, None) for one in lookups.crl_distribution_points]
        builder = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
    access = [
        *_access(Access.OCSP, lookups.ocsp_servers),
        *_access(Access.CA_ISSUERS, lookups.issuing_certificate_urls),
    ]
    return builder.add_extension(x509.AuthorityInformationAccess(access), critical=False) if access else builder


def _access(method: x509.ObjectIdentifier, urls: Iterable[str]) -> list[x509.AccessDescription]:
    return [x509.AccessDescription(method, _url(one)) for one in urls]


def _url(text: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(text)


def _with_key_ids(builder: _Builder, csr: x509.CertificateSigningRequest, issuer: x509.Certificate | None) -> _Builder:
    """Name the keys (RFC 5280 §4.2.1.1 and §4.2.1.2); of a self-signed certificate the issuer's is left out."""
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(csr.public_key()), critical=False)
    if issuer is None:
        return builder
    return builder.add_extension(_authority_key_id(issuer), critical=False)


def _authority_key_id(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        own = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
