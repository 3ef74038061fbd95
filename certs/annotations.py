"""The annotations of an Ingress that ask for a certificate: one table of key, field, parser and sentence.

Translation (`certs.wanted`), did-you-mean (`certs.rules.ingress`) and the reference page read the
same table, so that a key cannot be known to one and unknown to another.  A parser turns the
annotation's text into the field's value or raises `ValueError` with a sentence that says what to
write instead; the limits are the API's (cert-manager, `pkg/controller/certificate-shim/helper.go`).

It does not look at more than one annotation at a time: what must fit together is `certs.wanted`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

import msgspec

from certs.api.certificate import KeyAlgorithm, KeyEncoding, KeyUsage, RotationPolicy, SecretTemplate
from certs.durations import parse_duration
from certs.emails import is_email_address
from certs.hosts import host_problem, is_ip_address
from certs.legacy.words import CERTIFICATE_NAME, CHALLENGE_TYPE, DNS01_PROVIDER, KEYS
from certs.problems import Path, Problems, show
from certs.rules.syntax import check_annotations, check_labels

ISSUER: Final = "cert-manager.io/issuer"
CLUSTER_ISSUER: Final = "cert-manager.io/cluster-issuer"
ISSUER_KIND: Final = "cert-manager.io/issuer-kind"
ISSUER_GROUP: Final = "cert-manager.io/issuer-group"
TLS_ACME: Final = "kubernetes.io/tls-acme"
TLS_MODE: Final = "certshim.io/tls"
FILLED: Final = "certshim.io/filled"  # written at admission: `certs.mark`
EDIT_IN_PLACE: Final = "acme.cert-manager.io/http01-edit-in-place"
INGRESS_CLASS: Final = "kubernetes.io/ingress.class"
HTTP01_CLASS: Final = "acme.cert-manager.io/http01-ingress-class"
HTTP01_CLASS_NAME: Final = "acme.cert-manager.io/http01-ingress-ingressclassname"

OVERRIDE_NAME: Final = "acme.cert-manager.io/http01-override-ingress-name"
OVERRIDE_CLASS: Final = "acme.cert-manager.io/http01-override-ingress-class"
OVERRIDE_CLASS_NAME: Final = "acme.cert-manager.io/http01-override-ingress-ingressclassname"
PARENT_KIND: Final = "acme.cert-manager.io/http01-parentrefkind"
PARENT_NAME: Final = "acme.cert-manager.io/http01-parentrefname"
PARENT_NAMESPACE: Final = "acme.cert-manager.io/http01-parentrefnamespace"
PROFILE: Final = "acme.certshim.io/profile"
TEMPORARY_CERTIFICATE: Final = "cert-manager.io/issue-temporary-certificate"
# What an Ingress has us write on its Certificate, beside what the admin has copied.
WRITTEN_ON_CERTIFICATES: Final = (OVERRIDE_NAME, OVERRIDE_CLASS, OVERRIDE_CLASS_NAME, TEMPORARY_CERTIFICATE, PROFILE)
ALLOW_DIRECT_INJECTION: Final = "cert-manager.io/allow-direct-injection"

MAX_COMMON_NAME: Final = 64  # bytes, ub-common-name of RFC 5280 appendix A.1
MIN_DURATION_HOURS: Final = 1
MIN_RENEW_BEFORE_MINUTES: Final = 5
INT32: Final = range(-(2**31), 2**31)

# RFC 4180 §2: fields are bare, or quoted with quotes doubled.  Go's reader finds no record in an empty text.
_FIELD = re.compile(r'(?:^|,)(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<bare>[^",\r\n]*))')
_RECORD = re.compile(r'(?!$)(?:"(?:[^"]|"")*"|[^",\r\n]*)(?:,(?:"(?:[^"]|"")*"|[^",\r\n]*))*')

_PROFILE = re.compile(r"[\x21-\x7e]{1,64}")

WordT = TypeVar("WordT", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Annotation:
    """A known key: the Certificate's field that it fills (struct fields from the spec down), how, and what for.

    No field: the key chooses the issuer, the CA's profile, or how a challenge is solved.
    """

    key: str
    sentence: str
    field: tuple[str, ...] = ()
    parse: Callable[[str], object] = str


def word(known: type[WordT]) -> Callable[[str], WordT]:
    """Return a parser of one of a closed set of words, exactly as spelled."""

    def parse(text: str) -> WordT:
        try:
            return known(text)
        except ValueError:
            raise ValueError(f"must be one of {', '.join(known)}") from None

    return parse


def parse_common_name(text: str) -> str:
    """Return the common name, at most 64 bytes."""
    if len(text.encode()) > MAX_COMMON_NAME:
        raise ValueError(f"may not be more than {MAX_COMMON_NAME} bytes; move it to cert-manager.io/alt-names")
    return text


def parse_names(text: str) -> tuple[str, ...]:
    """Return the comma-separated names, spaces around them removed.

    cert-manager keeps the spaces, with which no CA accepts a name; an empty part is an error, not a name.
    """
    names = tuple(part.strip() for part in text.split(","))
    for name in names:
        problem = host_problem(name)
        if problem:
            raise ValueError(f'"{name}" {problem}' if name else "has an empty name; write names separated by commas")
    return names


def parse_ip_addresses(text: str) -> tuple[str, ...]:
    """Return the comma-separated IP addresses."""
    return tuple(_ip_address(part.strip()) for part in text.split(","))


def _ip_address(text: str) -> str:
    if not is_ip_address(text):
        raise ValueError(f'"{text}" is no IP address; write addresses separated by commas')
    return text


def parse_email_addresses(text: str) -> tuple[str, ...]:
    """Return the comma-separated bare e-mail addresses."""
    addresses = tuple(part.strip() for part in text.split(","))
    for address in addresses:
        if not is_email_address(address):
            raise ValueError(f'"{address}" is no bare e-mail address; write for example admin@example.com')
        if not address.isascii():  # a certificate has no other letters in an rfc822Name, RFC 5280 §4.2.1.6
            raise ValueError(f'"{address}" is not in ASCII; write the domain in its A-label form (xn--…)')
    return addresses


def parse_record(text: str) -> tuple[str, ...]:
    """Return the fields of one CSV record (RFC 4180), so that a quoted value may hold commas.

    Stricter than the csv module: a quote within an unquoted field is an error, as it is in Go.
    """
    if not _RECORD.fullmatch(text):
        raise ValueError(
            'must be one line of values separated by commas; write a value with a comma as "Example, Inc."'
        )
    values = tuple(
        quoted.replace('""', '"') if bare is None else bare
        for quoted, bare in ((match["quoted"], match["bare"]) for match in _FIELD.finditer(text))
    )
    if "" in values:  # a request leaves it out, and then never has the subject that is asked for
        raise ValueError("has an empty value; remove the comma too many")
    return values


def parse_countries(text: str) -> tuple[str, ...]:
    """Return the countries of one CSV record, two letters each (X.520 §6.3.1: ISO 3166)."""
    values = parse_record(text)
    for value in values:
        if not re.fullmatch("[A-Za-z]{2}", value):
            raise ValueError(f'"{value}" is no country; write its two letters, for example DE')
    return values


def parse_certificate_duration(text: str) -> str:
    """Return the duration as written; at least one hour."""
    if parse_duration(text).timedelta.total_seconds() < MIN_DURATION_HOURS * 3600:
        raise ValueError("must be at least 1h; write for example 2160h")
    return text


def parse_renew_before(text: str) -> str:
    """Return the duration as written; at least five minutes."""
    if parse_duration(text).timedelta.total_seconds() < MIN_RENEW_BEFORE_MINUTES * 60:
        raise ValueError("must be at least 5m; write for example 360h")
    return text


def parse_int32(text: str) -> int:
    """Return the number; decimal digits with an optional sign, 32 bits."""
    if not re.fullmatch(r"[+-]?[0-9]{1,11}", text) or int(text) not in INT32:
        raise ValueError("must be a whole number, for example 30")
    return int(text)


def parse_history_limit(text: str) -> int:
    """Return the number of revisions; at least one."""
    limit = parse_int32(text)
    if limit < 1:
        raise ValueError("must not be less than 1")
    return limit


def parse_usages(text: str) -> tuple[KeyUsage, ...]:
    """Return the comma-separated key usages."""
    return tuple(_usage(part.strip()) for part in text.split(","))


def _usage(text: str) -> KeyUsage:
    try:
        return KeyUsage(text)
    except ValueError:
        raise ValueError(f'unknown key usage "{text}"; known are {", ".join(KeyUsage)}') from None


def parse_profile(text: str) -> str:
    """Return the name of a profile; what CAs name so are words (draft-ietf-acme-profiles §3)."""
    if not _PROFILE.fullmatch(text):
        raise ValueError(
            "is no profile's name; write one that the CA offers, for example tlsserver"
            if text
            else "names no profile; write one that the CA offers, or remove it"
        )
    return text


_WORD_REMEDY: Final = "write letters, digits, hyphens, dots and underscores, at most 63 of them"


class _StrictTemplate(msgspec.Struct, forbid_unknown_fields=True):
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}


def parse_secret_template(text: str) -> SecretTemplate:
    """Return the template from strict JSON; keys of cert-manager.io/ are refused, as in the Certificate itself."""
    try:
        template = msgspec.json.decode(text, type=_StrictTemplate)
    except msgspec.DecodeError as error:
        raise ValueError(f'is not {{"annotations": {{…}}, "labels": {{…}}}} in JSON: {error}') from None
    reserved = [key for key in template.annotations if key.startswith("cert-manager.io/")]
    if reserved:
        raise ValueError(f"cert-manager.io/* annotations are not allowed; remove {', '.join(reserved)}")
    problems = Problems()
    check_annotations(Path("annotations"), template.annotations, problems)
    check_labels(Path("labels"), template.labels, problems)
    for problem in problems:
        raise ValueError(f"has {show(problem.value)} among its {problem.path}; {_WORD_REMEDY}")
    return SecretTemplate(annotations=template.annotations, labels=template.labels)


def is_true(text: str) -> bool:
    """Is the text one of Go's words for true (`strconv.ParseBool`)?"""
    return text in {"1", "t", "T", "true", "TRUE", "True"}


def _subject(name: str, field: str, what: str, parse: Callable[[str], tuple[str, ...]] = parse_record) -> Annotation:
    return Annotation(f"cert-manager.io/subject-{name}", f"{what} of the subject.", ("subject", field), parse)


TRANSLATED: Final = (
    Annotation("cert-manager.io/common-name", "Common name.", ("common_name",), parse_common_name),
    Annotation("cert-manager.io/alt-names", "Further DNS names.", ("dns_names",), parse_names),
    Annotation("cert-manager.io/ip-sans", "Further IP addresses.", ("ip_addresses",), parse_ip_addresses),
    Annotation("cert-manager.io/email-sans", "E-mail addresses.", ("email_addresses",), parse_email_addresses),
    _subject("organizations", "organizations", "Organizations"),
    _subject("organizationalunits", "organizational_units", "Organizational units"),
    _subject("countries", "countries", "Countries", parse_countries),
    _subject("provinces", "provinces", "States or provinces"),
    _subject("localities", "localities", "Cities"),
    _subject("postalcodes", "postal_codes", "Postal codes"),
    _subject("streetaddresses", "street_addresses", "Street addresses"),
    Annotation(
        "cert-manager.io/subject-serialnumber",
        "Serial number of the subject.",
        ("subject", "serial_number"),
    ),
    Annotation("cert-manager.io/duration", "Lifetime to ask for.", ("duration",), parse_certificate_duration),
    Annotation(
        "cert-manager.io/renew-before", "How long before expiry to renew.", ("renew_before",), parse_renew_before
    ),
    Annotation(
        "cert-manager.io/renew-before-percentage",
        "Remaining lifetime in per cent at which to renew.",
        ("renew_before_percentage",),
        parse_int32,
    ),
    Annotation("cert-manager.io/usages", "Key usages, instead of the default.", ("usages",), parse_usages),
    Annotation(
        "cert-manager.io/revision-history-limit",
        "How many CertificateRequests to keep.",
        ("revision_history_limit",),
        parse_history_limit,
    ),
    Annotation(
        "cert-manager.io/private-key-algorithm",
        "Algorithm of the private key.",
        ("private_key", "algorithm"),
        word(KeyAlgorithm),
    ),
    Annotation(
        "cert-manager.io/private-key-encoding",
        "Encoding of the private key.",
        ("private_key", "encoding"),
        word(KeyEncoding),
    ),
    Annotation("cert-manager.io/private-key-size", "Bits of the private key.", ("private_key", "size"), parse_int32),
    Annotation(
        "cert-manager.io/private-key-rotation-policy",
        "Whether renewals bring a new private key.",
        ("private_key", "rotation_policy"),
        word(RotationPolicy),
    ),
    Annotation(
        "cert-manager.io/secret-template",
        "Annotations and labels for the Secret, in JSON.",
        ("secret_template",),
        parse_secret_template,
    ),
    Annotation(PROFILE, "Profile to ask an ACME CA for, instead of the issuer's.", parse=parse_profile),
)

CHOOSING: Final = (
    Annotation(ISSUER, "Ask for certificates of this Issuer."),
    Annotation(CLUSTER_ISSUER, "Ask for certificates of this ClusterIssuer."),
    Annotation(ISSUER_KIND, "Kind of the issuer, for external issuers."),
    Annotation(ISSUER_GROUP, "API group of the issuer, for external issuers."),
    Annotation(TLS_ACME, "Ask for certificates of the default issuer."),
    Annotation(TLS_MODE, 'With "manual" spec.tls is never filled in.'),
    Annotation(EDIT_IN_PLACE, "Put the challenge path into this Ingress."),
    Annotation(HTTP01_CLASS, "Class annotation of the challenge route."),
    Annotation(HTTP01_CLASS_NAME, "ingressClassName of the challenge route."),
)

KNOWN: Final[Mapping[str, Annotation]] = {annotation.key: annotation for annotation in (*CHOOSING, *TRANSLATED)}

# Keys of before v0.11, which cert-manager has not recognised since; what each is called today.
LEGACY: Final[Mapping[str, str]] = {
    "certmanager.k8s.io/issuer": ISSUER,
    "certmanager.k8s.io/cluster-issuer": CLUSTER_ISSUER,
    "certmanager.k8s.io/acme-http01-edit-in-place": EDIT_IN_PLACE,
    "certmanager.k8s.io/acme-http01-ingress-class": HTTP01_CLASS,
}

# What decides the same thing: where one of today's keys stands, the old ones of its row say nothing.  Of two old ones
# the first counts, as it did in v0.9.
_CHOICES: Final = (
    ((ISSUER, CLUSTER_ISSUER), ("certmanager.k8s.io/cluster-issuer", "certmanager.k8s.io/issuer")),
    ((EDIT_IN_PLACE,), ("certmanager.k8s.io/acme-http01-edit-in-place",)),
    ((HTTP01_CLASS, HTTP01_CLASS_NAME), ("certmanager.k8s.io/acme-http01-ingress-class",)),
)
LEGACY_ISSUERS: Final = _CHOICES[0][1]


# These asked for a certificate by themselves, and chose among the means of the issuer; its solvers choose today.
LEGACY_TRIGGERS: Final = (CHALLENGE_TYPE, DNS01_PROVIDER)


def translations(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return what old keys say, under today's keys; nothing that today's keys decide themselves."""
    if annotations.keys().isdisjoint(LEGACY):
        return {}
    found = {}
    for new_keys, old_keys in _CHOICES:
        old = next((key for key in old_keys if key in annotations), None)
        if old is not None and annotations.keys().isdisjoint(new_keys):
            found[LEGACY[old]] = annotations[old]
    if found.get(EDIT_IN_PLACE, annotations.get(EDIT_IN_PLACE)) == "true":
        found.pop(HTTP01_CLASS, None)  # looked at until v0.10 only where no Ingress was edited; together none is solved
    return found


def understood(annotations: Mapping[str, str]) -> Mapping[str, str]:
    """Return the annotations with old keys under today's names, too: what is read is the same whoever translates."""
    found = {**_own_class(annotations), **translations(annotations)}
    return {**annotations, **found} if found else annotations


def _own_class(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return through which class challenges went, by the choice of http01, where no other annotation says it."""
    if annotations.get(CHALLENGE_TYPE) != "http01" or not annotations.get(INGRESS_CLASS):
        return {}
    others = (key for row in _CHOICES[1:] for keys in row for key in keys)
    return {HTTP01_CLASS: annotations[INGRESS_CLASS]} if annotations.keys().isdisjoint(others) else {}


def deciding(key: str) -> tuple[str, ...]:
    """Return today's keys that decide what that one of today's does: where one stands, no old key says anything.

    >>> deciding("cert-manager.io/cluster-issuer")
    ('cert-manager.io/issuer', 'cert-manager.io/cluster-issuer')
    """
    return next((new_keys for new_keys, _ in _CHOICES if key in new_keys), (key,))


def rivals(key: str) -> frozenset[str]:
    """Return the other keys, old and new, that decide the same thing as that one of today's; without its own old one.

    >>> sorted(rivals("cert-manager.io/issuer"))
    ['cert-manager.io/cluster-issuer', 'certmanager.k8s.io/cluster-issuer']
    """
    return _RIVALS[key]


_EXCLUDING: Final[Mapping[str, tuple[str, ...]]] = {HTTP01_CLASS: (EDIT_IN_PLACE, *_CHOICES[1][1])}
_RIVALS: Final[Mapping[str, frozenset[str]]] = {
    key: frozenset(
        other for other in (*new_keys, *old_keys, *_EXCLUDING.get(key, ())) if other != key and LEGACY.get(other) != key
    )
    for new_keys, old_keys in _CHOICES
    for key in new_keys
}

# Keys that the API knows on other kinds, or writes itself: of no effect on an Ingress, and no mistake worth a refusal.
ELSEWHERE: Final = frozenset(
    (
        OVERRIDE_NAME,
        OVERRIDE_CLASS,
        OVERRIDE_CLASS_NAME,
        TEMPORARY_CERTIFICATE,
        ALLOW_DIRECT_INJECTION,
        FILLED,
        PARENT_KIND,
        PARENT_NAME,
        PARENT_NAMESPACE,
        "acme.cert-manager.io/http01-parentreffallback",
        *LEGACY_TRIGGERS,
        *(key for key in KEYS if key not in LEGACY),
        CERTIFICATE_NAME,
        "cert-manager.io/certificate-name",
        "cert-manager.io/certificate-revision",
        "cert-manager.io/ignore-tls-listeners",
        "cert-manager.io/inject-apiserver-ca",
        "cert-manager.io/inject-ca-from",
        "cert-manager.io/inject-ca-from-secret",
        "cert-manager.io/issuer-name",
        "cert-manager.io/private-key-secret-name",
        "cert-manager.io/request-duration",
        "cert-manager.io/request-is-ca",
    )
)
