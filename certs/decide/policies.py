"""Why a Secret does not (or no longer) satisfy its Certificate: an ordered chain of pure checks.

The first violation names the reason to issue, and is what Ready=False says meanwhile.  The same chain
serves both questions; they differ in the last row only (due for renewal, or expired).
Order, reasons and messages are the API's, since dashboards and people match on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.core import Secret
from certs.api.meta import ConditionStatus, IssuerReference, find_condition
from certs.decide import ari
from certs.decide.comparison import changed_fields, loosely_differing, same_issuer, same_kind
from certs.decide.direction import profile_changed
from certs.decide.renewal import RenewalPlan, moment_text, plan_renewal
from certs.pki.csr import InvalidRequest, read_csr
from certs.pki.keys import InvalidKey, decode_key, fits, matches
from certs.pki.temporary import is_temporary
from certs.pki.x509 import InvalidCertificate, Leaf, read_chain

CERTIFICATE_NAME: Final = "cert-manager.io/certificate-name"
ISSUER_NAME: Final = "cert-manager.io/issuer-name"
ISSUER_KIND: Final = "cert-manager.io/issuer-kind"
ISSUER_GROUP: Final = "cert-manager.io/issuer-group"
REVISION: Final = "cert-manager.io/certificate-revision"
PRIVATE_KEY_SECRET: Final = "cert-manager.io/private-key-secret-name"  # noqa: S105  an annotation's key


RENEWING: Final = "Renewing"
WINDOW_ERROR: Final = "WindowError"


@dataclass(frozen=True, slots=True)
class Violation:
    """A reason for machines and a message for people."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What the checks look at: the Certificate, its Secret, and the request whose certificate is stored.

    `by_acme`: its issuer is an ACME CA; `heeds_ari`: whose renewal information counts.
    """

    certificate: Certificate
    secret: Secret | None
    current: CertificateRequest | None
    by_acme: bool = False
    heeds_ari: bool = False


Check = Callable[[Subject], Violation | None]


def stored_leaf(secret: Secret | None) -> Leaf | None:
    """Return the leaf of the stored chain, or None when there is none that can be read."""
    try:
        return read_chain(secret.data["tls.crt"])[0] if secret is not None else None
    except (KeyError, InvalidCertificate):
        return None


def has_pair(secret: Secret | None) -> bool:
    """Does the Secret hold a key and a certificate that belong together, whatever they are for?"""
    if secret is None:
        return False
    leaf = stored_leaf(secret)
    try:
        return leaf is not None and matches(decode_key(secret.data.get("tls.key", b"")), leaf)
    except InvalidKey:
        return False


def _exists(subject: Subject) -> Violation | None:
    if subject.secret is None:
        return Violation("DoesNotExist", "Issuing certificate as Secret does not exist")
    return None


def _has_data(subject: Subject) -> Violation | None:
    data = subject.secret.data if subject.secret is not None else {}
    missing = "any data" if not data else None
    if missing is None and not data.get("tls.key"):
        missing = "a private key"
    if missing is None and not data.get("tls.crt"):
        missing = "a certificate"
    if missing is None:
        return None
    return Violation("MissingData", f"Issuing certificate as Secret does not contain {missing}")


def _is_a_pair(subject: Subject) -> Violation | None:
    data = subject.secret.data if subject.secret is not None else {}
    try:
        key = decode_key(data["tls.key"])
    except InvalidKey as error:
        message = f"Issuing certificate as Secret contains invalid private key data: {error}"
        return Violation("InvalidKeyPair", message)
    try:
        leaf = read_chain(data["tls.crt"])[0]
    except InvalidCertificate as error:
        return Violation(
            "InvalidCertificate", f"Issuing certificate as Secret contains an invalid certificate: {error}"
        )
    if not matches(key, leaf):
        message = "Issuing certificate as Secret contains a private key that does not match the certificate"
        return Violation("InvalidKeyPair", message)
    return None


def _is_the_real_one(subject: Subject) -> Violation | None:
    """Is it from the issuer?  One that stands in for it has no issuer's annotations, and would pass for right.

    With such annotations it is from a CA that somebody has named as ours, and issuing it anew would never end.
    """
    leaf = stored_leaf(subject.secret)
    if leaf is None or not is_temporary(leaf) or _names_issuer(subject):
        return None
    return Violation("TemporaryCertificate", "Issuing certificate as Secret contains a temporary certificate")


def _from_this_issuer(subject: Subject) -> Violation | None:
    annotations = subject.secret.metadata.annotations if subject.secret is not None else {}
    stored = IssuerReference(
        name=annotations.get(ISSUER_NAME, ""),
        kind=annotations.get(ISSUER_KIND, ""),
        group=annotations.get(ISSUER_GROUP, ""),
    )
    wanted = subject.certificate.spec.issuer_ref
    same = same_issuer(stored, wanted) if _names_issuer(subject) else same_kind(stored, wanted)
    if same:
        return None
    was = f"{stored.effective_kind}.{stored.effective_group}/{stored.name}"
    return Violation("IncorrectIssuer", f'Issuing certificate as Secret was previously issued by "{was}"')


def _names_issuer(subject: Subject) -> bool:
    annotations = subject.secret.metadata.annotations if subject.secret is not None else {}
    return any(key in annotations for key in (ISSUER_NAME, ISSUER_KIND, ISSUER_GROUP))


def _for_this_certificate(subject: Subject) -> Violation | None:
    annotations = subject.secret.metadata.annotations if subject.secret is not None else {}
    name = annotations.get(CERTIFICATE_NAME)
    if name is None or name == subject.certificate.metadata.name:
        return None
    return Violation(
        "IncorrectCertificate",
        f'Secret was issued for "{name}". If this message is not transient, you might have two conflicting '
        "Certificates pointing to the same secret.",
    )


def _key_fits(subject: Subject) -> Violation | None:
    data = subject.secret.data if subject.secret is not None else {}
    mismatched = fits(decode_key(data["tls.key"]), subject.certificate.spec.private_key)
    if not mismatched:
        return None
    return Violation("SecretMismatch", f"Existing private key is not up to date for spec: [{' '.join(mismatched)}]")


def _key_is_the_requests(subject: Subject) -> Violation | None:
    if subject.current is None or subject.secret is None:
        return None
    try:
        request = read_csr(subject.current.spec.request)
    except InvalidRequest as error:
        return Violation(
            "InvalidCertificateRequest", f"Issuing certificate as its CertificateRequest is invalid: {error}"
        )
    if matches(decode_key(subject.secret.data["tls.key"]), request):
        return None
    message = "Secret contains a private key that does not match the current CertificateRequest"
    return Violation("SecretMismatch", message)


def _request_is_current(subject: Subject) -> Violation | None:
    if subject.current is not None:
        profile = profile_changed(subject.certificate, subject.current) if subject.by_acme else ()
        changed = (*changed_fields(subject.certificate, subject.current), *profile)
        if not changed:
            return None
        message = f"Fields on existing CertificateRequest resource not up to date: [{' '.join(changed)}]"
        return Violation("RequestChanged", message)
    differing = loosely_differing(subject.certificate, stored_leaf(subject.secret))
    if not differing:
        return None
    message = f"Issuing certificate as Existing issued Secret is not up to date for spec: [{' '.join(differing)}]"
    return Violation("SecretMismatch", message)


CHAIN: Final[tuple[Check, ...]] = (
    _exists,
    _has_data,
    _is_a_pair,
    _is_the_real_one,
    _from_this_issuer,
    _for_this_certificate,
    _key_fits,
    _key_is_the_requests,
    _request_is_current,
)


def first_violation(subject: Subject) -> Violation | None:
    """Return the first violation that does not depend on the time, or None."""
    return next(filter(None, (check(subject) for check in CHAIN)), None)


def reason_to_issue(subject: Subject, now: datetime) -> Violation | None:
    """Return why a new certificate is needed now, or None."""
    violation = first_violation(subject)
    if violation is not None:
        return violation
    plan = renewal_plan(subject)
    if plan is None or plan.at is None or now < plan.at:
        return None
    if plan.error:
        message = f"Renewing certificate without satisfying renewal windows at: {moment_text(plan.at)}"
    else:
        message = f"Renewing certificate as renewal was scheduled at {moment_text(plan.at)}"
    return Violation(RENEWING, message)


def reason_not_ready(subject: Subject, now: datetime) -> Violation | None:
    """Return why the Secret cannot be used now, or that its renewal will miss all windows, or None."""
    violation = first_violation(subject)
    leaf = stored_leaf(subject.secret)
    if violation is not None or leaf is None:
        return violation
    if now >= leaf.not_after:
        return Violation("Expired", f"Certificate expired on {leaf.not_after:%a, %d %b %Y %H:%M:%S} UTC")
    plan = renewal_plan(subject)
    if plan is not None and plan.error:
        return Violation(WINDOW_ERROR, f"Could not calculate renewal time: {plan.error}")
    return None


def renewal_plan(subject: Subject) -> RenewalPlan | None:
    """Return how the stored certificate is to be renewed, or None when there is none."""
    leaf = stored_leaf(subject.secret)
    if leaf is None:
        return None
    certificate = subject.certificate
    return plan_renewal(
        leaf.not_before,
        leaf.not_after,
        certificate.spec,
        _issued_at(subject.current),
        suggested=ari.moment(leaf, certificate.status) if subject.heeds_ari else None,
        by_acme=subject.by_acme,
    )


def renewal_due(subject: Subject) -> datetime | None:
    """Return when the stored certificate is to be renewed, or None when never or when there is none."""
    plan = renewal_plan(subject)
    return plan.at if plan is not None else None


def _issued_at(request: CertificateRequest | None) -> datetime | None:
    """Return when the request was answered with the certificate, as far as that is known."""
    ready = find_condition(request.status.conditions, "Ready") if request is not None else None
    if ready is None or ready.status is not ConditionStatus.TRUE:
        return None
    return ready.last_transition_time
