"""Subject alternative names, RFC 5280 §4.2.1.6: between a spec's texts, a value, and the extension.

Canonical form: DNS names in lower case, IP addresses as `ipaddress` prints them, everything else
as it was written; no duplicates, order kept.  Lower case is what an ACME CA compares an order with
(RFC 8555 §7.1.4), and no duplicates is what some refuse a request for.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from cryptography import x509

from certs.api.certificate import CertificateSpec, OtherName
from certs.pki.subject import UnusableSpec

NameT = TypeVar("NameT", str, OtherName)

_UTF8_STRING: Final = 0x0C


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a request or certificate carries, canonical."""

    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    other_names: tuple[OtherName, ...] = ()


def canonical_dns_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return them in lower case, each once, in their order."""
    return tuple(dict.fromkeys(name.lower() for name in names))


def general_names(spec: CertificateSpec) -> list[x509.GeneralName]:
    """Return what a request names beside its subject, in Go's order; raises `UnusableSpec` naming field and value."""
    return [
        *_each("spec.dnsNames", canonical_dns_names(spec.dns_names), x509.DNSName),
        *_each("spec.emailAddresses", spec.email_addresses, x509.RFC822Name),
        *_each("spec.ipAddresses", spec.ip_addresses, _ip_address),
        *_each("spec.uris", spec.uris, x509.UniformResourceIdentifier),
        *_each("spec.otherNames", spec.other_names, _other_name),
    ]


def read_names(extensions: x509.Extensions) -> Names:
    """Return the names in the extension; none when there is no such extension."""
    try:
        found = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return Names()
    return Names(
        dns_names=canonical_dns_names(found.get_values_for_type(x509.DNSName)),
        ip_addresses=tuple(dict.fromkeys(str(ip) for ip in found.get_values_for_type(x509.IPAddress))),
        emails=tuple(dict.fromkeys(found.get_values_for_type(x509.RFC822Name))),
        uris=tuple(dict.fromkeys(found.get_values_for_type(x509.UniformResourceIdentifier))),
        other_names=tuple(_read_other_name(name) for name in found.get_values_for_type(x509.OtherName)),
    )


def read_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the address; one of IPv4 that is written as one of IPv6 is that of IPv4, as in Go.  ValueError if none.

    >>> read_address("::ffff:192.0.2.1")
    IPv4Address('192.0.2.1')
    """
    address = ipaddress.ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def utf8_der(text: str) -> bytes:
    """Return the DER of a UTF8String (X.690 §8.23, lengths §8.1.3).

    >>> utf8_der("né").hex()
    '0c036ec3a9'
    """
    content = text.encode()
    length = len(content)
    if length < 0x80:
        return bytes((_UTF8_STRING, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((_UTF8_STRING, 0x80 | len(octets))) + octets + content


def _each(path: str, values: Iterable[NameT], make: Callable[[NameT], x509.GeneralName]) -> Iterator[x509.GeneralName]:
    for index, value in enumerate(dict.fromkeys(values)):
        try:
            yield make(value)
        except ValueError as error:
            raise UnusableSpec(
                f"cannot make a certificate request: {path}[{index}]: {value}: {error}: change it",
                reason="RequestFailed",
            ) from error


def _ip_address(text: str) -> x509.GeneralName:
    return x509.IPAddress(read_address(text))


def _other_name(name: OtherName) -> x509.GeneralName:
    return x509.OtherName(x509.ObjectIdentifier(name.oid), utf8_der(name.utf8_value))


def _read_other_name(name: x509.OtherName) -> OtherName:
    return OtherName(oid=name.type_id.dotted_string, utf8_value=_read_utf8(name.value))


def _read_utf8(der: bytes) -> str:
    # Whatever is no UTF8String is told as empty: the API has no word for it.
    if len(der) < 2 or der[0] != _UTF8_STRING:
        return ""
    head = 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)
    return der[head:].decode(errors="replace")
