"""Certificate: what the developer wants to have in a Secret, and how it stands with that."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from certs.api.meta import (
    APIStruct,
    Condition,
    GoDuration,
    Int32,
    IssuerReference,
    NonEmpty,
    ObjectMeta,
    Resource,
    SecretKeySelector,
)

CONDITIONS: Final = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}

Conditions = Annotated[tuple[Condition, ...], Meta(extra_json_schema=CONDITIONS)]


class KeyUsage(StrEnum):
    """Key usages and extended key usages by the names of RFC 5280 §4.2.1.3 and §4.2.1.12 as the API spells them."""

    SIGNING = "signing"
    DIGITAL_SIGNATURE = "digital signature"
    CONTENT_COMMITMENT = "content commitment"
    KEY_ENCIPHERMENT = "key encipherment"
    KEY_AGREEMENT = "key agreement"
    DATA_ENCIPHERMENT = "data encipherment"
    CERT_SIGN = "cert sign"
    CRL_SIGN = "crl sign"
    ENCIPHER_ONLY = "encipher only"
    DECIPHER_ONLY = "decipher only"
    ANY = "any"
    SERVER_AUTH = "server auth"
    CLIENT_AUTH = "client auth"
    CODE_SIGNING = "code signing"
    EMAIL_PROTECTION = "email protection"
    SMIME = "s/mime"
    IPSEC_END_SYSTEM = "ipsec end system"
    IPSEC_TUNNEL = "ipsec tunnel"
    IPSEC_USER = "ipsec user"
    TIMESTAMPING = "timestamping"
    OCSP_SIGNING = "ocsp signing"
    MICROSOFT_SGC = "microsoft sgc"
    NETSCAPE_SGC = "netscape sgc"


DEFAULT_USAGES: Final = (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_ENCIPHERMENT)


class KeyAlgorithm(StrEnum):
    """Private key algorithms."""

    RSA = "RSA"
    ECDSA = "ECDSA"
    ED25519 = "Ed25519"


class KeyEncoding(StrEnum):
    """How `tls.key` is written: PKCS#1 (SEC 1 for ECDSA) or PKCS#8."""

    PKCS1 = "PKCS1"
    PKCS8 = "PKCS8"


class RotationPolicy(StrEnum):
    """Whether a renewal brings a new private key."""

    NEVER = "Never"
    ALWAYS = "Always"


class SignatureAlgorithm(StrEnum):
    """How the certificate signing request is signed."""

    SHA256_WITH_RSA = "SHA256WithRSA"
    SHA384_WITH_RSA = "SHA384WithRSA"
    SHA512_WITH_RSA = "SHA512WithRSA"
    ECDSA_WITH_SHA256 = "ECDSAWithSHA256"
    ECDSA_WITH_SHA384 = "ECDSAWithSHA384"
    ECDSA_WITH_SHA512 = "ECDSAWithSHA512"
    PURE_ED25519 = "PureEd25519"


class X509Subject(APIStruct, frozen=True):
    """Subject attributes beside the common name."""

    organizations: tuple[str, ...] = ()
    """Organizations (O)."""
    countries: tuple[str, ...] = ()
    """Countries (C), two letters each."""
    organizational_units: tuple[str, ...] = ()
    """Organizational units (OU)."""
    localities: tuple[str, ...] = ()
    """Cities (L)."""
    provinces: tuple[str, ...] = ()
    """States or provinces (ST)."""
    street_addresses: tuple[str, ...] = ()
    """Street addresses (STREET)."""
    postal_codes: tuple[str, ...] = ()
    """Postal codes."""
    serial_number: str = ""
    """The subject's serial number (not the certificate's)."""


class OtherName(APIStruct, frozen=True):
    """A SAN otherName with a UTF-8 value."""

    oid: str = ""
    """Object identifier of the name's type, for example 1.3.6.1.4.1.311.20.2.3 (userPrincipalName)."""
    utf8_value: str = ""
    """Its value."""


class SecretTemplate(APIStruct, frozen=True):
    """Annotations and labels that the Secret shall carry; kept in sync."""

    annotations: dict[str, str] = {}
    """Annotations; keys of cert-manager.io are not allowed, except allow-direct-injection."""
    labels: dict[str, str] = {}
    """Labels."""


class JKSKeystore(APIStruct, frozen=True):
    """A Java keystore in the Secret."""

    create: bool
    """Whether to write keystore.jks (and truststore.jks when the CA is known)."""
    alias: str | None = None
    """Alias of the entry; certificate when absent."""
    password_secret_ref: SecretKeySelector | None = None
    """Where the password stands; exclusive with password."""
    password: str | None = None
    """The password itself; exclusive with passwordSecretRef."""


class PKCS12Keystore(APIStruct, frozen=True):
    """A PKCS#12 keystore in the Secret."""

    create: bool
    """Whether to write keystore.p12 (and truststore.p12 when the CA is known)."""
    profile: Literal["LegacyRC2", "LegacyDES", "Modern2023", "Modern2026"] | None = None
    """Encryption and MAC algorithms; LegacyRC2 when absent."""
    password_secret_ref: SecretKeySelector | None = None
    """Where the password stands; exclusive with password."""
    password: str | None = None
    """The password itself; exclusive with passwordSecretRef."""


class Keystores(APIStruct, frozen=True):
    """Further containers for key and chain."""

    jks: JKSKeystore | None = None
    """Java keystore."""
    pkcs12: PKCS12Keystore | None = None
    """PKCS#12 keystore."""


class PrivateKey(APIStruct, frozen=True):
    """What kind of private key, and whether renewals change it."""

    rotation_policy: RotationPolicy | None = None
    """Always when absent: every issuance makes a new key."""
    encoding: KeyEncoding | None = None
    """PKCS1 when absent; Ed25519 is always PKCS8."""
    algorithm: KeyAlgorithm | None = None
    """RSA when absent."""
    size: int = 0
    """Bits: RSA 2048 to 8192 (2048 when absent), ECDSA 256, 384 or 521 (256 when absent); ignored for Ed25519."""


class RenewalWindow(APIStruct, frozen=True):
    """A recurring span of time in which renewals may happen."""

    cron: NonEmpty
    """Start of the window, five cron fields."""
    window_duration: Annotated[str, Meta(extra_json_schema={"pattern": r"^([0-9]+(\.[0-9]+)?(s|m|h))+$"})]
    """Length of the window as a Go duration in hours, minutes, seconds."""
    timezone: NonEmpty = ""
    """IANA time zone of the cron fields; UTC when absent."""


class Renewal(APIStruct, frozen=True):
    """When to renew, beyond renewBefore."""

    policy: Literal["RenewBefore", "Disabled"] | None = None
    """Disabled stops renewals by time; everything else still re-issues."""
    windows: tuple[RenewalWindow, ...] = ()
    """Renew only within one of these."""


class AdditionalOutputFormat(APIStruct, frozen=True):
    """One more encoding of key and chain in the Secret."""

    type: Literal["DER", "CombinedPEM"]
    """DER writes key.der; CombinedPEM writes tls-combined.pem (key, then chain)."""


class NameConstraintItem(APIStruct, frozen=True):
    """Names of one kind each, RFC 5280 §4.2.1.10."""

    dns_domains: tuple[str, ...] = ()
    """DNS domains; a leading dot is not needed."""
    ip_ranges: tuple[str, ...] = ()
    """IP ranges in CIDR form."""
    email_addresses: tuple[str, ...] = ()
    """Addresses, hosts or domains."""
    uri_domains: tuple[str, ...] = ()
    """Hosts or domains of URIs."""


class NameConstraints(APIStruct, frozen=True):
    """Which names a CA certificate may sign for; needs isCA."""

    critical: bool = False
    """Whether the extension is marked critical."""
    permitted: NameConstraintItem | None = None
    """Only these."""
    excluded: NameConstraintItem | None = None
    """None of these, whatever permitted says."""


class CertificateSpec(APIStruct, frozen=True, kw_only=True):
    """What is asked for."""

    secret_name: str
    """Name of the Secret, in the same namespace, that receives key and chain."""
    issuer_ref: IssuerReference
    """Which issuer signs."""
    subject: X509Subject | None = None
    """Subject attributes; exclusive with literalSubject."""
    literal_subject: str = ""
    """The whole subject as an RFC 4514 string, in order; exclusive with subject and commonName."""
    common_name: str = ""
    """Subject common name, at most 64 bytes; for ACME it must be one of the other names too."""
    duration: GoDuration | None = None
    """Lifetime to ask for, at least 1h; 2160h (90 days) when absent; an issuer may grant another."""
    renew_before: GoDuration | None = None
    """How long before expiry to renew, at least 5m; a third of the lifetime when absent."""
    renew_before_percentage: Int32 | None = None
    """Remaining lifetime in per cent at which to renew; exclusive with renewBefore."""
    renewal: Renewal | None = None
    """Whether and in which windows to renew."""
    dns_names: tuple[str, ...] = ()
    """DNS names."""
    ip_addresses: tuple[str, ...] = ()
    """IP addresses."""
    uris: tuple[str, ...] = ()
    """URIs."""
    email_addresses: tuple[str, ...] = ()
    """E-mail addresses."""
    other_names: tuple[OtherName, ...] = ()
    """Other names with a UTF-8 value."""
    secret_template: SecretTemplate | None = None
    """Annotations and labels for the Secret."""
    keystores: Keystores | None = None
    """Java and PKCS#12 keystores for the Secret."""
    is_ca: bool = False
    """Whether to ask for a CA certificate."""
    usages: tuple[KeyUsage, ...] = ()
    """Key usages; digital signature and key encipherment when absent."""
    private_key: PrivateKey | None = None
    """Kind and rotation of the private key."""
    signature_algorithm: SignatureAlgorithm | None = None
    """Signature of the request; follows from the key when absent."""
    encode_usages_in_request: bool | None = None
    """Whether the request names the usages; true when absent."""
    revision_history_limit: Int32 | None = None
    """How many CertificateRequests to keep, at least 1; 1 when absent."""
    additional_output_formats: tuple[AdditionalOutputFormat, ...] = ()
    """Further encodings in the Secret."""
    name_constraints: NameConstraints | None = None
    """Which names the CA certificate may sign for; needs isCA."""


class ARIWindow(APIStruct, frozen=True):
    """When the CA suggests to renew, RFC 9773 §4.2."""

    start: datetime
    """Earliest moment."""
    end: datetime
    """Latest moment."""


class ARIStatus(APIStruct, frozen=True):
    """What the CA last said about renewal."""

    suggested_window: ARIWindow | None = None
    """The suggested window."""
    explanation_url: str = ""
    """A page about why."""
    last_checked: datetime | None = None
    """When the CA was last asked."""
    next_check: datetime | None = None
    """When it will be asked again."""
    last_error: str = ""
    """Why the last question failed."""


class CertificateACMEStatus(APIStruct, frozen=True):
    """Standing with an ACME CA."""

    ari: ARIStatus | None = None
    """Renewal information."""


class CertificateStatus(APIStruct, frozen=True):
    """How it stands."""

    conditions: Conditions = ()
    """Ready and Issuing."""
    last_failure_time: datetime | None = None
    """When the last issuance failed; gone after a success."""
    not_before: datetime | None = None
    """Start of validity of the certificate in the Secret."""
    not_after: datetime | None = None
    """End of validity of the certificate in the Secret."""
    renewal_time: datetime | None = None
    """When it will be renewed."""
    revision: int | None = None
    """Number of the issuance whose certificate is stored; the first is 1."""
    next_private_key_secret_name: str | None = None
    """Secret that holds the key of the issuance under way."""
    failed_issuance_attempts: int | None = None
    """Failures since the last success; the exponent of the back-off."""
    acme: CertificateACMEStatus | None = None
    """Standing with an ACME CA."""


class Certificate(APIStruct, frozen=True):
    """A certificate that shall be in a Secret, valid and up to date, for as long as this object exists."""

    resource: ClassVar[Resource] = Resource("cert-manager.io", "v1", "Certificate", "certificates")

    metadata: ObjectMeta
    spec: CertificateSpec
    """What is asked for."""
    status: CertificateStatus = CertificateStatus()
    """How it stands."""
