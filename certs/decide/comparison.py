"""What differs between a Certificate's spec and what was requested or issued before.

Lists are compared in any order.  Not compared, because a change of them needs no new certificate:
rotation policy, encoding, renewBefore, keystores, signature algorithm (the incumbent's list).

It never fails: an address, duration or subject that cannot be read (stored while no admission looked)
is compared as the text it is.  So it differs from whatever was requested, and the request that is to be made
of it says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable

from certs.api.certificate import DEFAULT_USAGES, Certificate, CertificateSpec, X509Subject
from certs.api.certificaterequest import CertificateRequest
from certs.api.meta import IssuerReference
from certs.durations import parse_duration
from certs.pki.csr import InvalidRequest, Request, read_csr
from certs.pki.names import canonical_dns_names, read_address
from certs.pki.subject import UnusableSpec, name_of, read_subject
from certs.pki.x509 import Leaf


def same_issuer(one: IssuerReference, other: IssuerReference) -> bool:
    """Do the two mean the same issuer, with defaults filled in?"""
    return one.name == other.name and same_kind(one, other)


def same_kind(one: IssuerReference, other: IssuerReference) -> bool:
    """Are the two of the same kind and group, with defaults filled in?"""
    return (one.effective_kind, one.effective_group) == (other.effective_kind, other.effective_group)


def changed_fields(certificate: Certificate, request: CertificateRequest) -> tuple[str, ...]:
    """Return the fields of the spec that differ from the request's, as `spec.dnsNames`."""
    spec, asked = certificate.spec, request.spec
    try:
        csr = read_csr(asked.request)
    except InvalidRequest:
        return ("spec.request",)
    pairs = (
        *_names(spec, csr),
        *_subject(spec, csr),
        ("spec.isCA", spec.is_ca, asked.is_ca),
        ("spec.usages", set(spec.usages or DEFAULT_USAGES), set(asked.usages or DEFAULT_USAGES)),
        ("spec.duration", *_durations(spec.duration, asked.duration)),
        ("spec.issuerRef", True, same_issuer(spec.issuer_ref, asked.issuer_ref)),
    )
    return tuple(field for field, wanted, was in pairs if wanted != was)


def _names(spec: CertificateSpec, csr: Request) -> tuple[tuple[str, object, object], ...]:
    names = csr.names
    pairs: tuple[tuple[str, object, object], ...] = (
        ("spec.ipAddresses", _addresses(spec.ip_addresses), _addresses(names.ip_addresses)),
        ("spec.uris", set(spec.uris), set(names.uris)),
        ("spec.emailAddresses", set(spec.email_addresses), set(names.emails)),
        ("spec.dnsNames", set(canonical_dns_names(spec.dns_names)), set(names.dns_names)),
    )
    if not spec.other_names:
        return pairs
    wanted = {(name.oid, name.utf8_value) for name in spec.other_names}
    return (*pairs, ("spec.otherNames", wanted, {(name.oid, name.utf8_value) for name in names.other_names}))


def _subject(spec: CertificateSpec, csr: Request) -> tuple[tuple[str, object, object], ...]:
    if spec.literal_subject:
        return (("spec.literalSubject", _literal(spec), csr.subject.der),)
    wanted, was = spec.subject or X509Subject(), csr.subject.attributes
    listed = (
        "organizations",
        "countries",
        "localities",
        "organizationalUnits",
        "postCodes",
        "provinces",
        "streetAddresses",
    )
    fields = (
        (wanted.organizations, was.organizations),
        (wanted.countries, was.countries),
        (wanted.localities, was.localities),
        (wanted.organizational_units, was.organizational_units),
        (wanted.postal_codes, was.postal_codes),
        (wanted.provinces, was.provinces),
        (wanted.street_addresses, was.street_addresses),
    )
    return (
        ("spec.commonName", spec.common_name, csr.common_name),
        ("spec.subject.serialNumber", wanted.serial_number, was.serial_number),
        # A request leaves empty values out, and so whoever writes one would be issued to for ever.
        *(
            (f"spec.subject.{name}", set(one) - {""}, set(other) - {""})
            for name, (one, other) in zip(listed, fields, strict=True)
        ),
    )


def _literal(spec: CertificateSpec) -> object:
    try:
        return read_subject(name_of(spec)).der
    except UnusableSpec:
        return spec.literal_subject


def _durations(wanted: str | None, asked: str | None) -> tuple[object, object]:
    """Compare only when both are set; 60m equals 1h."""
    if not wanted or not asked:
        return (None, None)
    try:
        return (parse_duration(wanted), parse_duration(asked))
    except ValueError:
        return (wanted, asked)


def _addresses(texts: Iterable[str]) -> set[object]:
    """Return the addresses as values, so that two spellings of one IPv6 address are equal."""
    return {_address(text) for text in texts}


def _address(text: str) -> object:
    try:
        return read_address(text)
    except ValueError:
        return text


def loosely_differing(certificate: Certificate, leaf: Leaf | None) -> tuple[str, ...]:
    """Return the differing fields when no request tells what was asked: names, the common name among the DNS names."""
    if leaf is None:
        return ()
    spec = certificate.spec
    wanted_names = {*canonical_dns_names(spec.dns_names), *([spec.common_name] if spec.common_name else [])}
    stored_names = {*leaf.dns_names, *([leaf.common_name] if leaf.common_name else [])}
    pairs = (
        ("spec.dnsNames", wanted_names, stored_names),
        ("spec.ipAddresses", _addresses(spec.ip_addresses), _addresses(leaf.ip_addresses)),
        ("spec.uris", set(spec.uris), set(leaf.uris)),
        ("spec.emailAddresses", set(spec.email_addresses), set(leaf.emails)),
    )
    return tuple(field for field, wanted, stored in pairs if wanted != stored)
