"""Certificate signing requests (PKCS#10, RFC 2986): made from a spec and a key, and read.

Made: the subject (`certs.pki.subject`), a SAN extension with all names, critical when the subject
is empty (RFC 5280 §4.2.1.6); key usages unless `encodeUsagesInRequest` is false; name constraints.
No basic constraints: CAs that honour them take `isCA` from the CertificateRequest.

Read: the first PEM block counts, its label and the text around it do not.  The signature is
checked, because it proves that whoever asks holds the key.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from certs.api.certificate import (
    CertificateSpec,
    KeyAlgorithm,
    KeyUsage,
    NameConstraintItem,
    SignatureAlgorithm,
)
from certs.pki import pem
from certs.pki.keys import Key, algorithm_of, public_der
from certs.pki.names import Names, general_names, read_names
from certs.pki.pkcs10 import read_request
from certs.pki.possession import Unproven, read_key, require_possession
from certs.pki.subject import Subject, UnusableSpec, common_name, name_of, read_subject
from certs.pki.usages import expected_usages, extended_key_usage, key_usage, read_usages

Hash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512

_SIGNATURES: Final[dict[SignatureAlgorithm, tuple[KeyAlgorithm, Hash | None]]] = {
    SignatureAlgorithm.SHA256_WITH_RSA: (KeyAlgorithm.RSA, hashes.SHA256()),
    SignatureAlgorithm.SHA384_WITH_RSA: (KeyAlgorithm.RSA, hashes.SHA384()),
    SignatureAlgorithm.SHA512_WITH_RSA: (KeyAlgorithm.RSA, hashes.SHA512()),
    SignatureAlgorithm.ECDSA_WITH_SHA256: (KeyAlgorithm.ECDSA, hashes.SHA256()),
    SignatureAlgorithm.ECDSA_WITH_SHA384: (KeyAlgorithm.ECDSA, hashes.SHA384()),
    SignatureAlgorithm.ECDSA_WITH_SHA512: (KeyAlgorithm.ECDSA, hashes.SHA512()),
    SignatureAlgorithm.PURE_ED25519: (KeyAlgorithm.ED25519, None),
}


# What the library raises of requests that it cannot read, of which Go can read some and admission lets them pass.
_UNREADABLE: Final = (
    KeyError,
    TypeError,
    ValueError,
    UnsupportedAlgorithm,
    InvalidSignature,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


class InvalidRequest(pem.InvalidPEM):
    """The bytes are not a usable certificate signing request."""


@dataclass(frozen=True, slots=True)
class Request:
    """A certificate signing request as read; `is_ca` is None when it does not say."""

    der: bytes
    subject: Subject
    names: Names
    public_key: bytes
    usages: tuple[KeyUsage, ...]
    is_ca: bool | None

    @property
    def common_name(self) -> str:
        """The subject's common name, or an empty string."""
        return self.subject.common_name


def build_csr(spec: CertificateSpec, key: Key) -> bytes:
    """Return the request for a spec, signed with the key, as PEM.

    Raises `UnusableSpec` with the field that cannot be expressed.
    """
    subject = name_of(spec)
    builder = x509.CertificateSigningRequestBuilder(subject)
    names = general_names(spec)
    if not names and not common_name(subject):
        raise UnusableSpec(
            "cannot make a certificate request: nothing is named: write one of spec.commonName, dnsNames, ipAddresses, "
            "uris, emailAddresses, otherNames",
            reason="RequestFailed",
        )
    if names:
        is_subject_empty = not subject.rdns
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=is_subject_empty)
    if spec.encode_usages_in_request is not False:
        builder = _with_usages(builder, spec)
    constraints = _name_constraints(spec)
    if constraints is not None:
        critical = spec.name_constraints is not None and spec.name_constraints.critical
        builder = builder.add_extension(constraints, critical=critical)
    return builder.sign(key, signature_hash(spec.signature_algorithm, key)).public_bytes(Encoding.PEM)


def signature_hash(algorithm: SignatureAlgorithm | None, key: Key) -> Hash | None:
    """Return the hash to sign with: as named, otherwise of a strength that fits the key; None for Ed25519."""
    if algorithm is not None:
        kind, digest = _SIGNATURES[algorithm]
        if kind is not algorithm_of(key):
            raise UnusableSpec(
                f"cannot make a certificate request: spec.signatureAlgorithm {algorithm} does not fit the "
                f"{algorithm_of(key)} private key: change one of the two",
                reason="RequestFailed",
            )
        return digest
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    strong, stronger = (3072, 4096) if isinstance(key, rsa.RSAPrivateKey) else (384, 521)
    if key.key_size >= stronger:
        return hashes.SHA512()
    return hashes.SHA384() if key.key_size >= strong else hashes.SHA256()


@lru_cache(maxsize=pem.KEPT)
def read_csr(data: bytes) -> Request:
    """Return the request in PEM or DER; raises `InvalidRequest`.  What was read lately is remembered (`pem.KEPT`)."""
    der = data
    try:
        if not data.startswith(b"\x30"):
            der = pem.blocks(data, "certificate signing request", pem.MAX_CERTIFICATE)[0].der
        pem.require_size(der, "certificate signing request", pem.MAX_CERTIFICATE)
        csr = x509.load_der_x509_csr(der)
        asked = read_request(der)
        require_possession(asked, read_key(asked.key))
        request = _request(csr, der)
    except pem.InvalidPEM as error:
        raise InvalidRequest(str(error)) from error
    except Unproven as error:
        raise InvalidRequest(
            f"cannot use certificate signing request: its signature is not by its own key, or of no use: {error}"
        ) from error
    except _UNREADABLE as error:  # of which Malformed is one: a ValueError
        raise InvalidRequest(f"cannot read certificate signing request: {error}") from error
    return request


def _request(csr: x509.CertificateSigningRequest, der: bytes) -> Request:
    extensions = csr.extensions
    return Request(
        der=der,
        subject=read_subject(csr.subject),
        names=read_names(extensions),
        public_key=public_der(csr.public_key()),
        usages=read_usages(extensions),
        is_ca=is_ca(extensions),
    )


def is_ca(extensions: x509.Extensions) -> bool | None:
    """Return what the basic constraints say, None when there are none."""
    try:
        return extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return None


def _with_usages(
    builder: x509.CertificateSigningRequestBuilder, spec: CertificateSpec
) -> x509.CertificateSigningRequestBuilder:
    usages = expected_usages(spec.usages, is_ca=spec.is_ca)
    try:
        bits = key_usage(usages)
    except ValueError as error:
        raise UnusableSpec(
            f"cannot make a certificate request: spec.usages: {error}: add it", reason="RequestFailed"
        ) from error
    if bits is not None:
        builder = builder.add_extension(bits, critical=True)
    purposes = extended_key_usage(usages)
    return builder if purposes is None else builder.add_extension(purposes, critical=False)


def _name_constraints(spec: CertificateSpec) -> x509.NameConstraints | None:
    if spec.name_constraints is None:
        return None
    try:
        permitted = _trees(spec.name_constraints.permitted)
        excluded = _trees(spec.name_constraints.excluded)
        return x509.NameConstraints(permitted, excluded) if permitted or excluded else None
    except ValueError as error:
        raise UnusableSpec(
            f"cannot make a certificate request: spec.nameConstraints: {error}: change it", reason="RequestFailed"
        ) from error


def _trees(item: NameConstraintItem | None) -> list[x509.GeneralName] | None:
    if item is None:
        return None
    trees: Iterable[x509.GeneralName] = (
        *(x509.DNSName(domain) for domain in item.dns_domains),
        # As Go reads a range, what stands behind its mask does not count: 192.0.2.1/24 is 192.0.2.0/24.
        *(x509.IPAddress(ipaddress.ip_network(network, strict=False)) for network in item.ip_ranges),
        *(x509.RFC822Name(address) for address in item.email_addresses),
        *(x509.UniformResourceIdentifier(domain) for domain in item.uri_domains),
    )
    return list(trees) or None
