"""Certificate: the API's decisions, on create and update alike (cert-manager, `internal/apis/certmanager/validation`).

Paths, types and texts are the API's, since people and scripts match on them; what to write instead
stands beside them as the remedy.  DNS names, URIs and closed sets of words are not checked here:
the API leaves them to the CRD's schema, and so do we.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from certs.annotations import ALLOW_DIRECT_INJECTION, MAX_COMMON_NAME
from certs.api.certificate import (
    Certificate,
    CertificateSpec,
    JKSKeystore,
    KeyAlgorithm,
    KeyUsage,
    NameConstraints,
    PKCS12Keystore,
)
from certs.api.meta import IssuerReference
from certs.emails import email_problem
from certs.goprint import in_go
from certs.hosts import is_cidr, is_ip_address
from certs.names import is_subdomain, subdomain_problems
from certs.pki.literal import NAMES, InvalidLiteralSubject, common_name_of, parse_literal
from certs.pki.oid import parse_oid
from certs.problems import Path, Problems, Word
from certs.rules.findings import Findings
from certs.rules.lifetime import check_lifetime, check_renewal
from certs.rules.syntax import check_annotations, check_labels
from certs.wanted import ECDSA_SIZES, RSA_SIZES

SPEC: Final = Path("spec")
SECRET_NAME: Final = SPEC / "secretName"
ISSUER_REF: Final = SPEC / "issuerRef"
PRIVATE_KEY: Final = SPEC / "privateKey"
LABELS: Final = SPEC / "secretTemplate" / "labels"
ANNOTATIONS: Final = SPEC / "secretTemplate" / "annotations"
SUBJECT_IN_GO: Final = {
    "Organizations": "organizations",
    "Countries": "countries",
    "OrganizationalUnits": "organizational_units",
    "Localities": "localities",
    "Provinces": "provinces",
    "StreetAddresses": "street_addresses",
    "PostalCodes": "postal_codes",
    "SerialNumber": "serial_number",
}
CONSTRAINTS_IN_GO: Final = {
    "DNSDomains": "dns_domains",
    "IPRanges": "ip_ranges",
    "EmailAddresses": "email_addresses",
    "URIDomains": "uri_domains",
}
KEY_USAGES: Final = frozenset(KeyUsage)
SIGNATURES: Final = {
    KeyAlgorithm.RSA: ("SHA256WithRSA", "SHA384WithRSA", "SHA512WithRSA"),
    KeyAlgorithm.ECDSA: ("ECDSAWithSHA256", "ECDSAWithSHA384", "ECDSAWithSHA512"),
    KeyAlgorithm.ED25519: ("PureEd25519",),
}
NO_NAME: Final = (
    "at least one of commonName (from the commonName field or from a literalSubject),"
    " dnsNames, emailSANs, ipAddresses, otherNames, or uriSANs must be set"
)

Check = Callable[[CertificateSpec, Problems], None]


def judge_certificate(certificate: Certificate) -> Findings:
    """Return everything that is wrong with it.  Raises `Undecodable` for a duration that Go cannot read."""
    findings = Findings()
    spec, problems = certificate.spec, findings.problems
    for check in CHECKS:
        check(spec, problems)
    return findings


def check_secret_name(spec: CertificateSpec, problems: Problems) -> None:
    """A name, and one that a Secret can have."""
    if not spec.secret_name:
        problems.required(
            SECRET_NAME, "must be specified", remedy="name the Secret that shall receive key and certificate"
        )
        return
    if not is_subdomain(spec.secret_name):
        for text in subdomain_problems(spec.secret_name):
            problems.invalid(SECRET_NAME, spec.secret_name, text)


def check_issuer_ref(spec: CertificateSpec, problems: Problems) -> None:
    """A name, and one of our kinds unless the group is another's."""
    issuer_ref_problems(spec.issuer_ref, problems)


def issuer_ref_problems(ref: IssuerReference, problems: Problems) -> None:
    """Add what is wrong with `spec.issuerRef`; a CertificateRequest's is judged alike."""
    if not ref.name:
        problems.required(
            ISSUER_REF / "name", "must be specified", remedy="name the Issuer or ClusterIssuer that shall sign"
        )
    if ref.group in {"", "cert-manager.io"} and ref.kind not in {"", "Issuer", "ClusterIssuer"}:
        detail = "must be one of Issuer or ClusterIssuer"
        if not ref.group:
            detail += " (did you forget to set spec.issuerRef.kind.group?)"  # sic
        problems.invalid(
            ISSUER_REF / "kind", ref.kind, detail, remedy="for an external issuer set spec.issuerRef.group too"
        )


def check_names(spec: CertificateSpec, problems: Problems) -> None:
    """A literal subject stands alone; at least one name, and each of its kind."""
    common_name = spec.common_name
    if spec.literal_subject:
        literal = _check_literal_subject(spec, problems)
        common_name = common_name if literal is None else literal
    sans = (spec.dns_names, spec.uris, spec.email_addresses, spec.ip_addresses, spec.other_names)
    if not common_name and not any(sans):
        problems.invalid(SPEC, "", NO_NAME, remedy="list the host names under spec.dnsNames")
    if len(common_name) > MAX_COMMON_NAME // 4 and len(common_name.encode(errors="surrogateescape")) > MAX_COMMON_NAME:
        problems.too_long(SPEC / "commonName", MAX_COMMON_NAME)
    for i, address in enumerate(spec.ip_addresses):
        if not is_ip_address(address):
            problems.invalid(SPEC / "ipAddresses" @ i, address, "invalid IP address")
    for i, address in enumerate(spec.email_addresses):
        problem = email_problem(address)
        if problem:
            problems.invalid(SPEC / "emailAddresses" @ i, address, f"invalid email address: {problem}")
    check_other_names(spec, problems)


def _check_literal_subject(spec: CertificateSpec, problems: Problems) -> str | None:
    """Return its common name, None when it has none."""
    if spec.common_name:
        problems.invalid(
            SPEC / "commonName", spec.common_name, "When providing a `LiteralSubject` no `commonName` may be provided."
        )
    if spec.subject is not None and any(msgspec.structs.astuple(spec.subject)):
        shown = in_go(spec.subject, SUBJECT_IN_GO)
        problems.invalid(
            SPEC / "subject", shown, "When providing a `LiteralSubject` no `Subject` properties may be provided."
        )
    path, text = SPEC / "literalSubject", spec.literal_subject
    try:
        rdns = parse_literal(text)
    except InvalidLiteralSubject as error:
        problems.invalid(path, text, str(error), remedy="write it as in RFC 4514, for example CN=www,O=Example,C=DE")
        return None
    for attribute in (attribute for rdn in rdns for attribute in rdn if not attribute.oid):
        detail = f"Literal subject contains unrecognized key with value [{attribute.shown}]"
        problems.invalid(path, text, detail, remedy=f"known are {', '.join(NAMES)}, and OIDs")
    return common_name_of(rdns)


def check_other_names(spec: CertificateSpec, problems: Problems) -> None:
    """An OID of 64-bit integers and a value; an empty OID is both missing and malformed."""
    for i, other in enumerate(spec.other_names):
        path = SPEC / "otherNames" @ i
        if not other.oid:
            problems.required(path / "oid", "must be specified")
        if parse_oid(other.oid) is None:
            problems.invalid(path / "oid", other.oid, "invalid oid syntax")
        if not other.utf8_value:
            problems.required(path / "utf8Value", "must be set to a valid non-empty UTF8 string")


def check_private_key(spec: CertificateSpec, problems: Problems) -> None:
    """A known algorithm, a size and a signature that fit it; a size of zero is no size."""
    key = spec.private_key
    algorithm, size = (key.algorithm or KeyAlgorithm.RSA, key.size) if key else (KeyAlgorithm.RSA, 0)
    if algorithm not in SIGNATURES:
        detail = "must be either empty or one of rsa, ecdsa or ed25519"
        problems.invalid(PRIVATE_KEY / "algorithm", Word(algorithm), detail, remedy="write RSA, ECDSA or Ed25519")
        return
    if size > 0 and algorithm == KeyAlgorithm.RSA and size not in RSA_SIZES:
        problems.invalid(PRIVATE_KEY / "size", size, "must be between 2048 and 8192 for rsa keyAlgorithm")
    if size > 0 and algorithm == KeyAlgorithm.ECDSA and size not in ECDSA_SIZES:
        problems.unsupported(PRIVATE_KEY / "size", size, map(str, ECDSA_SIZES))
    allowed = SIGNATURES[algorithm]
    if spec.signature_algorithm and spec.signature_algorithm not in allowed:
        detail = f"for key algorithm {algorithm} the allowed signature algorithms are [{' '.join(allowed)}]"
        problems.invalid(SPEC / "signatureAlgorithm", Word(spec.signature_algorithm), detail)


def check_usages(spec: CertificateSpec, problems: Problems) -> None:
    """Only known words."""
    for i, usage in enumerate(spec.usages):
        if usage not in KEY_USAGES:
            problems.invalid(SPEC / "usages" @ i, Word(usage), "unknown keyusage")


def check_revision_history(spec: CertificateSpec, problems: Problems) -> None:
    """At least one revision is kept."""
    limit = spec.revision_history_limit
    if limit is not None and limit < 1:
        problems.invalid(SPEC / "revisionHistoryLimit", limit, "must not be less than 1")


def check_secret_template(spec: CertificateSpec, problems: Problems) -> None:
    """Labels and annotations that a Secret can carry, and none of ours."""
    template = spec.secret_template
    if template is None:
        return
    check_labels(LABELS, template.labels, problems)
    for key in template.annotations:
        if key.startswith("cert-manager.io/") and key != ALLOW_DIRECT_INJECTION:
            problems.invalid(ANNOTATIONS, key, "cert-manager.io/* annotations are not allowed")
    check_annotations(ANNOTATIONS, template.annotations, problems)


def check_name_constraints(spec: CertificateSpec, problems: Problems) -> None:
    """Only for a CA, and constraining something."""
    constraints = spec.name_constraints
    if constraints is None:
        return
    path = SPEC / "nameConstraints"
    if not spec.is_ca:
        problems.invalid(path, _constraints_in_go(constraints), "isCA should be true when nameConstraints is set")
    if constraints.permitted is None and constraints.excluded is None:
        problems.invalid(path, _constraints_in_go(constraints), "either permitted or excluded must be set")
    for name, item in (("permitted", constraints.permitted), ("excluded", constraints.excluded)):
        for i, network in enumerate(item.ip_ranges if item is not None else ()):
            if not is_cidr(network):
                remedy = "write for example 10.0.0.0/8"
                problems.invalid(path / name / "ipRanges" @ i, network, "invalid CIDR address", remedy=remedy)


def _constraints_in_go(constraints: NameConstraints) -> dict[str, object]:
    items = {
        name: None if item is None else in_go(item, CONSTRAINTS_IN_GO)
        for name, item in (("Permitted", constraints.permitted), ("Excluded", constraints.excluded))
    }
    return {"Critical": constraints.critical, **items}


def check_output_formats(spec: CertificateSpec, problems: Problems) -> None:
    """Each format once."""
    if len(spec.additional_output_formats) < 2:
        return
    seen = set()
    for output in spec.additional_output_formats:
        if output.type in seen:
            problems.duplicate(SPEC / "additionalOutputFormats" @ "type", output.type)
        seen.add(output.type)


def check_keystores(spec: CertificateSpec, problems: Problems) -> None:
    """Exactly one source of the password each, even when `create` is false."""
    keystores = spec.keystores
    if keystores is None:
        return
    for field, name, keystore in (("jks", "JKS", keystores.jks), ("pkcs12", "PKCS#12", keystores.pkcs12)):
        if keystore is not None:
            _check_keystore(SPEC / "keystores" / field, name, keystore, problems)


def _check_keystore(path: Path, name: str, keystore: JKSKeystore | PKCS12Keystore, problems: Problems) -> None:
    has_ref = keystore.password_secret_ref is not None and bool(keystore.password_secret_ref.name)
    has_literal = keystore.password is not None
    if has_ref and has_literal:
        detail = f"exactly one of passwordSecretRef and password must be provided for {name} keystores; cannot set both"
        problems.forbidden(path, detail, remedy="remove password, and keep it in the Secret")
    if not has_ref and not has_literal:
        detail = f"must set exactly one of passwordSecretRef and password must for {name} keystores"  # sic
        problems.forbidden(path, detail, remedy="name the Secret of the password in passwordSecretRef")
    if keystore.password == "":
        problems.forbidden(path / "password", f"literal password cannot be empty if set on {name} keystores")


CHECKS: Final[tuple[Check, ...]] = (
    check_secret_name,
    check_issuer_ref,
    check_names,
    check_private_key,
    check_lifetime,
    check_usages,
    check_revision_history,
    check_secret_template,
    check_name_constraints,
    check_output_formats,
    check_keystores,
    check_renewal,
)
