"""An annotated Ingress to the Certificates that it asks for, or to what is wrong with it: one pure function.

Admission and the ingress controller call the same function, so that an Ingress which was accepted
is one that the controller can serve.  The rules are cert-manager's (`pkg/controller/certificate-shim`):
an annotation triggers, annotations choose the issuer and fill the spec, each entry of `spec.tls`
becomes one Certificate of the Secret's name.  A bad entry is skipped alone; bad annotations and a
Secret that two entries claim refuse the whole Ingress.

Differences: names in annotations lose surrounding spaces, host names are checked, names are written as
a CA wants them, old annotations are understood (`certs.annotations.understood`), entries are taken in
their order, and two annotations that do not fit together are refused here and not by the admission of
the Certificate.  It does not fill in what the developer left out (`certs.completion`), and does not ask
whether the issuer exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from certs import annotations as known
from certs.annotations import CLUSTER_ISSUER, ISSUER, ISSUER_GROUP, ISSUER_KIND
from certs.api.certificate import (
    DEFAULT_USAGES,
    Certificate,
    CertificateSpec,
    KeyAlgorithm,
    PrivateKey,
    X509Subject,
)
from certs.api.ingress import Ingress, IngressTLS
from certs.api.meta import IssuerReference, ObjectMeta, owner_reference
from certs.durations import parse_duration
from certs.hosts import host_problem, is_ip_address, without_covered
from certs.names import is_subdomain
from certs.problems import Path, Problem, Problems, ProblemType

# kubectl's mark of an ApplySet member: a copied one would have the Certificate pruned.
UNCOPIED_LABELS: Final = frozenset(("applyset.kubernetes.io/part-of",))
ANNOTATIONS: Final = Path("metadata") / "annotations"
TLS: Final = Path("spec") / "tls"
RSA_SIZES: Final = range(2048, 8193)
ECDSA_SIZES: Final = (256, 384, 521)
DEFAULT_HOURS: Final = 2160
SECRET_REMEDY: Final = "write small letters, digits, hyphens and dots, at most 253, for example shop-tls"  # noqa: S105
MAX_TOLD: Final = 100  # problems of one sort
OWN_GROUPS: Final = ("", "cert-manager.io")
OWN_KINDS: Final = ("", "Issuer", "ClusterIssuer")
_TRANSLATED_KEYS: Final = frozenset(annotation.key for annotation in known.TRANSLATED)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the cluster's admin chose: the issuer of those that name none, what triggers, what is copied.

    And where the Secrets of ClusterIssuers are.
    """

    default_issuer_name: str = ""
    default_issuer_kind: str = "Issuer"
    default_issuer_group: str = "cert-manager.io"
    auto_certificate_annotations: tuple[str, ...] = (known.TLS_ACME,)
    extra_certificate_annotations: tuple[str, ...] = ()
    cluster_resource_namespace: str = "cert-manager"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The Certificates, in the order of `spec.tls`, and why entries of it were left out."""

    certificates: tuple[Certificate, ...] = ()
    skipped: Problems = field(default_factory=Problems)


def is_wanted(ingress: Ingress, settings: Settings) -> bool:
    """Does the Ingress ask for certificates at all?  One that is being deleted does not."""
    metadata = ingress.metadata
    if metadata.deletion_timestamp is not None or "foregroundDeletion" in metadata.finalizers:
        return False
    return is_annotated(metadata.annotations, settings)


def is_annotated(annotations: Mapping[str, str], settings: Settings) -> bool:
    """Is there an annotation that triggers?  That an issuer's name is empty does not matter here."""
    if ISSUER in annotations or CLUSTER_ISSUER in annotations:
        return True
    if any(known.is_true(annotations.get(key, "")) for key in settings.auto_certificate_annotations):
        return True
    return not annotations.keys().isdisjoint((*known.LEGACY_ISSUERS, *known.LEGACY_TRIGGERS))


def issuer_of(ingress: Ingress, settings: Settings) -> IssuerReference | Problems:
    """Return the issuer by defaults and annotations, all three fields filled, or why there is none.

    The details of the problems are cert-manager's sentences; its event joins them with a comma.
    """
    annotations = known.understood(ingress.metadata.annotations)
    name, kind, group = settings.default_issuer_name, settings.default_issuer_kind, settings.default_issuer_group
    if ISSUER in annotations:
        name, kind = annotations[ISSUER], "Issuer"
    if CLUSTER_ISSUER in annotations:
        name, kind = annotations[CLUSTER_ISSUER], "ClusterIssuer"
    kind = annotations.get(ISSUER_KIND, kind)
    group = annotations.get(ISSUER_GROUP, group)
    problems = Problems()
    if not name:
        problems.add(_no_issuer(annotations))
    if CLUSTER_ISSUER in annotations:
        problems.extend(
            _contradiction(key, CLUSTER_ISSUER) for key in (ISSUER, ISSUER_GROUP, ISSUER_KIND) if key in annotations
        )
    elif ISSUER_KIND in annotations and group in OWN_GROUPS and kind not in OWN_KINDS:
        problems.add(_foreign_kind(kind, annotations))
    return problems or IssuerReference(name=name, kind=kind, group=group)


def _no_issuer(annotations: Mapping[str, str]) -> Problem:
    key = next((key for key in (CLUSTER_ISSUER, ISSUER) if key in annotations), ISSUER)
    return Problem(
        ANNOTATIONS @ key,
        ProblemType.REQUIRED,
        "failed to determine issuer name to be used for ingress resource",
        remedy=f"write the issuer's name into {key}",
    )


def _foreign_kind(kind: str, annotations: Mapping[str, str]) -> Problem:
    """Return that the kind is none of cert-manager's, which an admission of the Certificate would refuse."""
    remedy = "write Issuer or ClusterIssuer"
    if ISSUER_GROUP not in annotations:
        remedy = f"for an external issuer write {ISSUER_GROUP}, too, or else Issuer or ClusterIssuer"
    return Problem(ANNOTATIONS @ ISSUER_KIND, ProblemType.INVALID, "is no kind of cert-manager.io", kind, remedy)


def _contradiction(key: str, other: str) -> Problem:
    first, second = (key, other) if key == ISSUER else (other, key)
    return Problem(
        ANNOTATIONS @ key,
        ProblemType.FORBIDDEN,
        f'both "{first}" and "{second}" may not be set',
        remedy="remove one of the two",
    )


def certificates(ingress: Ingress, settings: Settings) -> Wanted | Problems:
    """Return what the Ingress asks for, or everything for which it is refused as a whole.

    It is the caller who asks `is_wanted` first.
    """
    issuer = issuer_of(ingress, settings)
    problems = Problems(issuer if isinstance(issuer, Problems) else ())
    values = translate(ingress.metadata.annotations, problems)
    problems.extend(shared_secrets(ingress.spec.tls))
    problems.extend(bad_secrets(ingress.spec.tls))
    for i, entry in enumerate(ingress.spec.tls):
        problems.extend(bad_hosts(i, entry.hosts))
    if isinstance(issuer, Problems) or problems:
        return problems
    metadata = _metadata(ingress, settings)
    complete = [entry for entry in ingress.spec.tls if entry.hosts and entry.secret_name]
    return Wanted(
        tuple(_certificate(metadata, entry, issuer, values) for entry in complete),
        skipped=Problems(incomplete_entries(ingress.spec.tls)),
    )


def translate(annotations: Mapping[str, str], problems: Problems) -> dict[str, Any]:
    """Return the spec's fields that annotations fill; every one that cannot be read becomes a problem."""
    values: dict[str, Any] = {}
    if annotations.keys().isdisjoint(_TRANSLATED_KEYS):
        return values
    for annotation in known.TRANSLATED:
        text = annotations.get(annotation.key)
        if text is None:
            continue
        try:
            value = annotation.parse(text)
        except ValueError as error:
            problems.add(invalid_annotation(annotation.key, text, str(error)))
            continue
        if not annotation.field:
            continue
        *parents, name = annotation.field
        into = values
        for parent in parents:
            into = into.setdefault(parent, {})
        into[name] = value
    for key, detail in _misfits(values):
        problems.add(invalid_annotation(key, annotations.get(key, ""), detail))
    return values


def invalid_annotation(key: str, text: str, detail: str) -> Problem:
    """Return the problem of a value; what stands after the semicolon is the remedy."""
    what, _, remedy = detail.partition("; ")
    return Problem(ANNOTATIONS @ key, ProblemType.INVALID, what, text, remedy)


def _misfits(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return which annotations do not fit the others, as key and sentence."""
    found = []
    key = values.get("private_key", {})
    size, algorithm = key.get("size"), key.get("algorithm", KeyAlgorithm.RSA)
    if size is not None and algorithm is KeyAlgorithm.RSA and size not in RSA_SIZES:
        found.append(
            ("cert-manager.io/private-key-size", "must be between 2048 and 8192 for RSA; write for example 2048")
        )
    if size is not None and algorithm is KeyAlgorithm.ECDSA and size not in ECDSA_SIZES:
        found.append(("cert-manager.io/private-key-size", "must be 256, 384 or 521 for ECDSA"))
    found.extend(_renewal_misfits(values))
    return found


def _renewal_misfits(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    before, percentage = values.get("renew_before"), values.get("renew_before_percentage")
    duration = values.get("duration", f"{DEFAULT_HOURS}h")
    lifetime = parse_duration(duration).timedelta
    if before is not None and percentage is not None:
        detail = "excludes cert-manager.io/renew-before-percentage; remove one of the two"
        return [("cert-manager.io/renew-before", detail)]
    if before is not None and parse_duration(before).timedelta >= lifetime:
        return [("cert-manager.io/renew-before", f"must be shorter than the certificate's duration, {duration}")]
    if percentage is not None and "duration" in values:
        left = lifetime * (100 - percentage) / 100
        if not known.MIN_RENEW_BEFORE_MINUTES * 60 <= left.total_seconds() < lifetime.total_seconds():
            detail = "must leave at least 5m and less than the duration; write a number from 1 to 99"
            return [("cert-manager.io/renew-before-percentage", detail)]
    return []


def shared_secrets(entries: tuple[IngressTLS, ...]) -> list[Problem]:
    """Return a problem for each entry whose Secret an earlier one names too; two that name none count as the same."""
    if len(entries) < 2:
        return []
    first: dict[str, int] = {}
    found = []
    for i, entry in enumerate(entries):
        j = first.setdefault(entry.secret_name, i)
        if j == i:
            continue
        detail = f"this secret name must only appear in a single TLS entry but is also used in spec.tls[{j}].secretName"
        remedy = f"move its hosts into spec.tls[{j}].hosts, or name another Secret"
        found.append(Problem(TLS @ i / "secretName", ProblemType.INVALID, detail, entry.secret_name, remedy))
    return found


def bad_secrets(entries: tuple[IngressTLS, ...]) -> list[Problem]:
    """Return a problem for each entry whose Secret has a name that no Secret can have."""
    return [
        Problem(TLS @ i / "secretName", ProblemType.INVALID, "is no name of a Secret", entry.secret_name, SECRET_REMEDY)
        for i, entry in enumerate(entries)
        if entry.secret_name and not is_subdomain(entry.secret_name)
    ]


def incomplete_entries(entries: tuple[IngressTLS, ...]) -> list[Problem]:
    """Return what entries lack: hosts, Secret, or both."""
    found = []
    for i, entry in enumerate(entries):
        if not entry.hosts:
            remedy = "list the hosts that the certificate is for"
            found.append(Problem(TLS @ i / "hosts", ProblemType.REQUIRED, remedy=remedy))
        if not entry.secret_name:
            remedy = "name the Secret that shall receive the certificate"
            found.append(Problem(TLS @ i / "secretName", ProblemType.REQUIRED, remedy=remedy))
    return found


def bad_hosts(entry: int, hosts: tuple[str, ...]) -> list[Problem]:
    """Return a problem for each host of that entry of `spec.tls` that is no DNS name, wildcard or IP address.

    Of very many the first are told: nobody mends a hundred at once.
    """
    found: list[Problem] = []
    for i, host in enumerate(hosts):
        detail = host_problem(host)
        if not detail:
            continue
        what, _, remedy = detail.partition("; ")
        found.append(Problem(TLS @ entry / "hosts" @ i, ProblemType.INVALID, what, host, remedy))
        if len(found) == MAX_TOLD:
            break
    return found


def _metadata(ingress: Ingress, settings: Settings) -> ObjectMeta:
    own = ingress.metadata
    return ObjectMeta(
        namespace=own.namespace,
        labels={key: value for key, value in own.labels.items() if key not in UNCOPIED_LABELS},
        annotations={
            **{key: own.annotations[key] for key in settings.extra_certificate_annotations if key in own.annotations},
            **written_annotations(ingress),
        },
        owner_references=(owner_reference(ingress),),
    )


def written_annotations(ingress: Ingress) -> dict[str, str]:
    """Return the Certificate's annotations that bend its ACME solver to this Ingress, and choose the CA's profile."""
    annotations = known.understood(ingress.metadata.annotations)
    overrides = {}
    if annotations.get(known.EDIT_IN_PLACE) == "true":
        overrides[known.OVERRIDE_NAME] = ingress.metadata.name
        overrides[known.TEMPORARY_CERTIFICATE] = "true"
    if annotations.get(known.HTTP01_CLASS):
        overrides[known.OVERRIDE_CLASS] = annotations[known.HTTP01_CLASS]
    if annotations.get(known.HTTP01_CLASS_NAME):
        overrides[known.OVERRIDE_CLASS_NAME] = annotations[known.HTTP01_CLASS_NAME]
    if known.PROFILE in annotations:
        overrides[known.PROFILE] = annotations[known.PROFILE]
    return overrides


def certificate_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names as a CA wants them: lower case, each once, none that a wildcard among them stands for.

    A CA refuses an order with a name twice or under a wildcard of the same order (Let's Encrypt: "redundant").

    >>> certificate_names(["WWW.example.com", "*.example.com", "example.com", "example.com"])
    ('*.example.com', 'example.com')
    """
    return without_covered(tuple(dict.fromkeys(name.lower() for name in names)))


def _certificate(
    metadata: ObjectMeta, entry: IngressTLS, issuer: IssuerReference, values: Mapping[str, Any]
) -> Certificate:
    """Build the Certificate of one entry from what all entries share."""
    fields = dict(values)
    if "subject" in fields:
        fields["subject"] = X509Subject(**fields["subject"])
    if "private_key" in fields:
        fields["private_key"] = PrivateKey(**fields["private_key"])
    fields.setdefault("usages", DEFAULT_USAGES)
    addresses = tuple(host for host in entry.hosts if is_ip_address(host))
    names = tuple(host for host in entry.hosts if host not in addresses)
    fields["dns_names"] = certificate_names(names + fields.get("dns_names", ()))
    fields["ip_addresses"] = tuple(dict.fromkeys(addresses + fields.get("ip_addresses", ())))
    return Certificate(
        metadata=msgspec.structs.replace(metadata, name=entry.secret_name),
        spec=CertificateSpec(secret_name=entry.secret_name, issuer_ref=issuer, **fields),
    )
