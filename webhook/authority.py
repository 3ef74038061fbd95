"""The webhook's own CA and the leaf that it serves: when they are due, what the bundle is, and making them.

    CA    1 year, new at two thirds of its life, or when the Secret does not hold a usable one
    leaf  7 days, new at two thirds, when its CA is not the current one, or when its names are not

`ca.crt` of the Secret is the bundle that the API server is told to trust: the current CA first, then
older ones until they expire.  So a leaf of the old CA, still served by some replica, stays trusted.
Numbers are cert-manager's (`pkg/server/tls/authority`).  Everything but the keys is a function of its arguments.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from webhook.settings import LEAF_LIFETIME
from webhook.tls import KeyPair

CA_LIFETIME: Final = timedelta(days=365)
BACKDATED: Final = timedelta(minutes=5)  # the API server's clock may be behind ours
COMMON_NAME: Final = "certshim-webhook-ca"
_BLOCK: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class InvalidAuthority(ValueError):
    """The Secret's data is no usable CA; a new one must be made."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA: its certificate, its key, and what to trust while it is current."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    bundle: bytes

    @property
    def renew_at(self) -> datetime:
        """Two thirds of its life."""
        return two_thirds(self.certificate)

    def data(self) -> dict[str, bytes]:
        """Return what the Secret holds."""
        return {"tls.crt": pem(self.certificate), "tls.key": key_pem(self.key), "ca.crt": self.bundle}


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is served, and which CA it is of."""

    certificate: x509.Certificate
    authority: x509.Certificate
    pair: KeyPair

    @property
    def renew_at(self) -> datetime:
        """Two thirds of its life."""
        return two_thirds(self.certificate)


def two_thirds(certificate: x509.Certificate) -> datetime:
    """Return the moment at which two thirds of the lifetime are over."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return begin + (end - begin) * 2 / 3


def read_authority(data: Mapping[str, bytes]) -> Authority:
    """Return the CA of the Secret's data, or raise InvalidAuthority with what is wrong."""
    try:
        certificate = x509.load_pem_x509_certificate(data["tls.crt"])
        own = certificate.public_key()
        key = serialization.load_pem_private_key(data["tls.key"], password=None)
        bundle = x509.load_pem_x509_certificates(data["ca.crt"])
    except KeyError as error:
        raise InvalidAuthority(f"key {error} is missing") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # the last of a curve that nobody uses
        raise InvalidAuthority("a key cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != own:
        raise InvalidAuthority("tls.key does not belong to tls.crt")
    if certificate not in bundle:
        raise InvalidAuthority("ca.crt does not hold tls.crt")
    return Authority(certificate, key, data["ca.crt"])


def authority_is_due(authority: Authority | None, now: datetime) -> bool:
    """Must a CA be made?"""
    return authority is None or now >= authority.renew_at


def leaf_is_due(leaf: Leaf | None, authority: Authority, names: Sequence[str], now: datetime) -> bool:
    """Must a leaf be made?"""
    if leaf is None or now >= leaf.renew_at:
        return True
    return leaf.authority != authority.certificate or leaf_names(leaf.certificate) != set(names)


def bundle_of(current: x509.Certificate, older: bytes, now: datetime) -> bytes:
    """Return the current CA and those of an older bundle that have not expired, each once, as PEM.

    What cannot be read cannot have been trusted; what stands before it stays.
    """
    kept = [ca for block in _BLOCK.findall(older) for ca in _readable(block)]
    kept = [ca for ca in kept if ca != current and ca.not_valid_after_utc > now]
    return b"".join(pem(ca) for ca in dict.fromkeys((current, *kept)))


def _readable(block: bytes) -> tuple[x509.Certificate, ...]:
    try:
        return (x509.load_pem_x509_certificate(block),)
    except ValueError:
        return ()


def make_authority(now: datetime, older_bundle: bytes = b"") -> Authority:
    """Make a CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME)])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(name, name, key.public_key(), now, now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key, bundle_of(certificate, older_bundle, now))


def make_leaf(authority: Authority, names: Sequence[str], now: datetime, lifetime: timedelta = LEAF_LIFETIME) -> Leaf:
    """Make a serving certificate for DNS names or addresses; it ends with its CA at the latest."""
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(now + lifetime, authority.certificate.not_valid_after_utc)
    subject_key = x509.SubjectKeyIdentifier.from_public_key(authority.key.public_key())
    certificate = (
        _builder(x509.Name([]), authority.certificate.subject, key.public_key(), now, end)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_key), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return Leaf(certificate, authority.certificate, KeyPair(pem(certificate), key_pem(key)))


def leaf_names(certificate: x509.Certificate) -> set[str]:
    """Return the names that a leaf is for, as they were given."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(end)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def pem(certificate: x509.Certificate) -> bytes:
    """Return the certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the key as unencrypted PKCS#8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
