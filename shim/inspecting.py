"""What a TLS Secret holds: its certificate, do key and chain fit, who trusts it, is it revoked."""

from __future__ import annotations

import ipaddress
import ssl
import warnings
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from certs.pki.keys import InvalidKey, decode_key, matches
from certs.pki.x509 import InvalidCertificate, Leaf, read_chain
from shim.chain.explaining import moment
from shim.revocation import Fetch, by_crl, by_ocsp, fetch

NONE: Final = "<none>"
NO_ROOT: Final = "none of its roots has issued the last certificate under tls.crt, nor is that one of them"


class Name(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A distinguished name, as far as people read it; each part may be there more than once."""

    common_name: tuple[str, ...]
    organization: tuple[str, ...]
    organizational_unit: tuple[str, ...]
    country: tuple[str, ...]


class Inspection(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a TLS Secret holds; as a document its members are an interface, as those of `shim.chain.records`.

    `serial` is in hexadecimal digits, `fingerprint` SHA-256 in such with colons.  `key`, `chain` and `trust` are empty
    where all is well, else what is wrong.
    """

    dns_names: tuple[str, ...]
    uris: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    emails: tuple[str, ...]
    usages: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    issuer: Name
    subject: Name
    signing_algorithm: str
    public_key: str
    serial: str
    fingerprint: str
    is_ca: bool = msgspec.field(name="isCA")
    crl: tuple[str, ...]
    ocsp: tuple[str, ...]
    certificates: int
    """How many there are under tls.crt."""
    root: str
    """The common name of who issued the last of them."""
    key: str
    chain: str
    trust: str
    crl_status: str
    """What the CA's CRL says: a sentence that begins with "not revoked", "REVOKED" or "not known"."""
    ocsp_status: str
    """The same of its OCSP responder."""


NAMES: Final = (
    ("Common Name", "common_name", NameOID.COMMON_NAME),
    ("Organization", "organization", NameOID.ORGANIZATION_NAME),
    ("Organizational Unit", "organizational_unit", NameOID.ORGANIZATIONAL_UNIT_NAME),
    ("Country", "country", NameOID.COUNTRY_NAME),
)


def examine(
    data: Mapping[str, bytes],
    now: datetime,
    trusted: Iterable[x509.Certificate] | None = None,
    ask: Fetch = fetch,
) -> Inspection:
    """Return what there is; `trusted` are the roots of this computer unless others are given.

    `ask` fetches what the CA says of revocation; it may block for seconds.
    Raises `InvalidCertificate` when there is no certificate that can be read under tls.crt.
    """
    chain = read_chain(data.get("tls.crt", b""))
    certificates = x509.load_pem_x509_certificates(data["tls.crt"])
    leaf, first = chain[0], certificates[0]
    algorithm = first.signature_hash_algorithm
    signed = f"{first.signature_algorithm_oid._name}" if algorithm is None else algorithm.name.upper()  # noqa: SLF001
    issuer = next((one for one in (*certificates, *_authorities(data)) if _is_issuer(one, first)), None)
    crls, responders = tuple(_crls(first)), tuple(_ocsp(first))
    return Inspection(
        dns_names=leaf.dns_names,
        uris=leaf.uris,
        ip_addresses=leaf.ip_addresses,
        emails=leaf.emails,
        usages=tuple(leaf.usages),
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        issuer=_name(first.issuer),
        subject=_name(first.subject),
        signing_algorithm=signed,
        public_key=_public_key(first),
        serial=f"{leaf.serial:x}",
        fingerprint=first.fingerprint(hashes.SHA256()).hex(":").upper(),
        is_ca=leaf.is_ca,
        crl=crls,
        ocsp=responders,
        certificates=len(chain),
        root=chain[-1].issuer_common_name,
        key=_key(data, leaf),
        chain=_order(chain),
        trust=_trust(certificates, leaf, now, trusted),
        crl_status=by_crl(first, issuer, crls, now, ask),
        ocsp_status=by_ocsp(first, issuer, responders, now, ask),
    )


def describe(found: Inspection, now: datetime) -> Iterator[str]:
    """Give it as lines, the sections of `cmctl inspect secret`."""
    yield "Valid for:"
    for title, values in (
        ("DNS Names", found.dns_names),
        ("URIs", found.uris),
        ("IP Addresses", found.ip_addresses),
        ("Email Addresses", found.emails),
        ("Usages", found.usages),
    ):
        yield f"  {title}:{'' if values else f' {NONE}'}"
        yield from (f"  - {value}" for value in values)
    yield ""
    yield "Validity period:"
    yield f"  Not Before: {moment(found.not_before, now)}"
    yield f"  Not After: {moment(found.not_after, now)}"
    for section, name in (("Issued By:", found.issuer), ("Issued For:", found.subject)):
        yield ""
        yield section
        yield from (f"  {label}: {', '.join(getattr(name, member)) or NONE}" for label, member, _ in NAMES)
    yield ""
    yield "Certificate:"
    yield f"  Signing Algorithm: {found.signing_algorithm}"
    yield f"  Public Key: {found.public_key}"
    yield f"  Serial Number: {found.serial}"
    yield f"  Fingerprint (SHA-256): {found.fingerprint}"
    yield f"  Is a CA certificate: {'yes' if found.is_ca else 'no'}"
    yield f"  CRL: {', '.join(found.crl) or NONE}"
    yield f"  OCSP: {', '.join(found.ocsp) or NONE}"
    yield ""
    count = f"{found.certificates} certificate{'s' if found.certificates > 1 else ''}"
    in_order = f"{count}, issued in the end by {found.root or 'a CA without a common name'}"
    yield "Debugging:"
    yield f"  Private key: {found.key or 'fits the certificate'}"
    yield f"  Chain: {found.chain or in_order}"
    yield f"  Trusted by this computer: {f'no: {found.trust}' if found.trust else 'yes'}"
    yield f"  CRL status: {found.crl_status}"
    yield f"  OCSP status: {found.ocsp_status}"


def _name(name: x509.Name) -> Name:
    parts = {
        member: tuple(str(attribute.value) for attribute in name.get_attributes_for_oid(oid))
        for _, member, oid in NAMES
    }
    return Name(**parts)


def _public_key(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "of a kind that is not known"
    match key:
        case rsa.RSAPublicKey():
            return f"RSA, {key.key_size} bits"
        case ec.EllipticCurvePublicKey():
            return f"ECDSA, {key.curve.name}"
        case _:
            return type(key).__name__.removesuffix("PublicKey")


def _authorities(data: Mapping[str, bytes]) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(data.get("ca.crt", b""))
    except ValueError:
        return []


def _is_issuer(one: x509.Certificate, of: x509.Certificate) -> bool:
    try:
        of.verify_directly_issued_by(one)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _crls(certificate: x509.Certificate) -> Iterator[str]:
    try:
        points = certificate.extensions.get_extension_for_oid(ExtensionOID.CRL_DISTRIBUTION_POINTS).value
    except (x509.ExtensionNotFound, ValueError):
        return
    assert isinstance(points, x509.CRLDistributionPoints)  # noqa: S101  of that identifier
    for point in points:
        yield from (str(name.value) for name in point.full_name or ())


def _ocsp(certificate: x509.Certificate) -> Iterator[str]:
    try:
        access = certificate.extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_INFORMATION_ACCESS).value
    except (x509.ExtensionNotFound, ValueError):
        return
    assert isinstance(access, x509.AuthorityInformationAccess)  # noqa: S101  of that identifier
    for description in access:
        if description.access_method == AuthorityInformationAccessOID.OCSP:
            yield str(description.access_location.value)


def _key(data: Mapping[str, bytes], leaf: Leaf) -> str:
    if not data.get("tls.key"):
        return "there is none under tls.key"
    try:
        fits = matches(decode_key(data["tls.key"]), leaf)
    except InvalidKey as error:
        return f"cannot be read: {error}"
    return "" if fits else "is another's: no server can use the pair; delete the Secret"


def _order(chain: tuple[Leaf, ...]) -> str:
    """Return where a certificate was not issued by the next, nothing when each was."""
    for number, (one, following) in enumerate(pairwise(chain), 1):
        if one.issuer_der != following.subject.der:
            return f"certificate {number} was not issued by the next one, so clients cannot follow it"
    return ""


def _trust(
    certificates: list[x509.Certificate], leaf: Leaf, now: datetime, trusted: Iterable[x509.Certificate] | None
) -> str:
    names = (*leaf.dns_names, *leaf.ip_addresses)
    roots = list(trusted) if trusted is not None else _system_roots()
    if not roots:
        return "it has no roots to trust"
    if not names:
        return "it names no server"
    subject: x509.DNSName | x509.IPAddress
    if leaf.dns_names:
        subject = x509.DNSName(leaf.dns_names[0].replace("*.", "any.", 1))
    else:
        subject = x509.IPAddress(ipaddress.ip_address(leaf.ip_addresses[0]))
    try:
        verifier = PolicyBuilder().store(Store(roots)).time(now).build_server_verifier(subject)
        verifier.verify(certificates[0], certificates[1:])
    except (VerificationError, ValueError, UnsupportedAlgorithm) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        return NO_ROOT if said.endswith("candidates exhausted with no interior errors") else said
    return ""


def _system_roots() -> list[x509.Certificate]:
    """Return the roots in the file where OpenSSL looks for them."""
    paths = ssl.get_default_verify_paths()
    found = next((path for path in (paths.cafile, paths.openssl_cafile) if path and Path(path).is_file()), None)
    try:
        with warnings.catch_warnings():  # of roots with serial numbers as they were once given, which are here to stay
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return x509.load_pem_x509_certificates(Path(found).read_bytes()) if found is not None else []
    except ValueError:
        return []


__all__ = ["InvalidCertificate", "describe", "examine"]
