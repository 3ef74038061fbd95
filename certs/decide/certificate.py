"""The next step for a Certificate: one decision for what the incumbent spends six controllers on.

                    violation of the policies, or renewal due
    settled ─────────────────────────────────────────────────────> StoreNextKey ─> Begin (Issuing=True)
       ^                                                                                │
       │  Finish (Ready=True, revision+1, next key gone)                        CreateRequest <name>-<revision>
       │        ^                                                                       │
       └────────┴── WriteSecret <── signed, for our key, not expired <──────────────────┤
       └─────────── Fail (Issuing=False, failed attempts+1, back-off) <── denied, invalid, failed

    settled ──> RewriteSecret: a format or keystore is missing, or is not asked for any more

Everything that must survive a crash is written before the act that depends on it: the next private key
before the request that is signed with it, the Secret before the status that claims it.  Each state is
recognised from the objects alone, so any step may be repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from certs.api.certificate import Certificate, CertificateStatus
from certs.api.certificaterequest import CertificateRequest
from certs.api.core import Secret
from certs.api.meta import ConditionStatus, find_condition, is_true, with_condition, without_condition
from certs.decide.backoff import BackoffLimits, next_attempt
from certs.decide.comparison import changed_fields
from certs.decide.contents import outdated
from certs.decide.effects import Tell
from certs.decide.policies import (
    REVISION,
    Subject,
    Violation,
    reason_not_ready,
    reason_to_issue,
    renewal_due,
    stored_leaf,
)
from certs.names import next_key_secret_name, request_name
from certs.outcomes import DONE, Outcome, Wait
from certs.pki.csr import InvalidRequest, read_csr
from certs.pki.keys import InvalidKey, decode_key, fits, matches
from certs.pki.x509 import InvalidCertificate, read_chain

UP_TO_DATE: Final = "Certificate is up to date and has not expired"
ISSUED: Final = "The certificate has been successfully issued"
# Somebody else's Certificate holds the Secret; nothing tells us when that ends, but its deletion wakes us.
SHARED_SECRET_RECHECK: Final = timedelta(minutes=3)
NEXT_KEY: Final = "tls.key"
NEXT_KEY_LABEL: Final = "cert-manager.io/next-private-key"
# A revision is a signed 64-bit number.
MOST_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class ObservedCertificate:
    """A Certificate and everything that belongs to it."""

    certificate: Certificate
    secret: Secret | None = None
    next_key: Secret | None = None
    requests: tuple[CertificateRequest, ...] = ()
    rivals: tuple[Certificate, ...] = ()
    leftover_keys: tuple[Secret, ...] = ()  # next private keys of earlier issuances, left by a crash
    limits: BackoffLimits = field(default_factory=BackoffLimits)
    is_rewritten: bool = False  # as it stands, the Secret is our answer to this spec: what else is in it is not ours

    @property
    def subject(self) -> Subject:
        """What the policies look at."""
        revision = self.certificate.status.revision
        return Subject(self.certificate, self.secret, self.request(revision) if revision else None)

    @property
    def next_revision(self) -> int:
        """The number of the issuance under way, or of the next one."""
        return (self.certificate.status.revision or 0) + 1

    @property
    def next_key_names(self) -> tuple[str, ...]:
        """Where the next private key may be: where the status says, and where this issuance puts it.

        Only a Secret that is marked as this Certificate's next private key counts as one: a status that
        names any other must not get that deleted.
        """
        named = self.certificate.status.next_private_key_secret_name
        return (*((named,) if named else ()), self.next_key_name)

    @property
    def next_key_name(self) -> str:
        """Name of the Secret in which this issuance puts its private key."""
        return next_key_secret_name(self.certificate.metadata, self.next_revision)

    def request(self, revision: int) -> CertificateRequest | None:
        """Return the request of that revision, or None."""
        return next((request for request in self.requests if revision_of(request) == revision), None)


@dataclass(frozen=True, slots=True)
class StoreNextKey:
    """Make a private key (or take the stored one, policy Never) and create its Secret."""

    name: str


@dataclass(frozen=True, slots=True)
class DeleteNextKey:
    """Delete the next private key: used, or of no use."""

    name: str


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """Create the CertificateRequest of that name and revision, for the next private key."""

    name: str
    revision: int


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """Delete a CertificateRequest that does not fit, or beyond the history limit."""

    name: str


@dataclass(frozen=True, slots=True)
class WriteSecret:
    """Write the next private key and the signed chain into the Secret."""

    request: CertificateRequest


@dataclass(frozen=True, slots=True)
class RewriteSecret:
    """Write the Secret's own key and chain again, with the formats and keystores that the spec asks for."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class SetCertificateStatus:
    """Write the status and tell."""

    status: CertificateStatus
    tell: Tell | None = None


Step = StoreNextKey | DeleteNextKey | CreateRequest | DeleteRequest | WriteSecret | RewriteSecret | SetCertificateStatus


def decide(observed: ObservedCertificate, now: datetime) -> Step | Outcome:
    """Return the next step."""
    certificate = observed.certificate
    if certificate.metadata.deletion_timestamp is not None:
        return DONE
    if not _owns_secret(observed):
        return Wait(now + SHARED_SECRET_RECHECK, "another Certificate holds the Secret")
    if is_true(certificate.status.conditions, "Issuing"):
        return _issue(observed, now)
    violation = reason_to_issue(observed.subject, now)
    if violation is None:
        return _settle(observed, now)
    retry_at = _backed_off_until(observed)
    if retry_at is not None and now < retry_at:
        return _sit_out(observed, retry_at, violation, now)
    return _begin(observed, violation, now)


def _owns_secret(observed: ObservedCertificate) -> bool:
    """Of several Certificates with one Secret, the one it was issued for is the owner, else the oldest."""
    if not observed.rivals:
        return True
    everyone = {rival.metadata.name: rival for rival in (*observed.rivals, observed.certificate)}
    annotations = observed.secret.metadata.annotations if observed.secret is not None else {}
    named = everyone.get(annotations.get("cert-manager.io/certificate-name", ""))
    owner = named or min(everyone.values(), key=lambda one: (str(one.metadata.creation_timestamp), one.metadata.name))
    return owner.metadata.name == observed.certificate.metadata.name


def _backed_off_until(observed: ObservedCertificate) -> datetime | None:
    """Return the end of the back-off; a spec that has changed since the failed request ends it at once."""
    failed = observed.request(observed.next_revision)
    if failed is not None and changed_fields(observed.certificate, failed):
        return None
    return next_attempt(observed.certificate.status, observed.limits)


def _sit_out(observed: ObservedCertificate, retry_at: datetime, violation: Violation, now: datetime) -> Step | Outcome:
    """Wait for the end of the back-off; should the stored certificate expire meanwhile, say so at that moment."""
    leaf = stored_leaf(observed.secret)
    until = min(retry_at, leaf.not_after) if leaf is not None and now < leaf.not_after else retry_at
    step = _say_readiness(observed, now) or _bring_up_to_date(observed)
    return step or Wait(until, f"next attempt after a failure: {violation.message}")


# --- settled -----------------------------------------------------------------------------------


def _settle(observed: ObservedCertificate, now: datetime) -> Step | Outcome:
    """All is well: say so, tidy up, wait for the renewal."""
    step = _say_readiness(observed, now) or _tidy(observed) or _bring_up_to_date(observed)
    if step is not None:
        return step
    leaf = stored_leaf(observed.secret)
    moments = [moment for moment in (renewal_due(observed.subject), leaf and leaf.not_after) if moment and moment > now]
    return Wait(min(moments), "renewal") if moments else DONE


def _say_readiness(observed: ObservedCertificate, now: datetime) -> SetCertificateStatus | None:
    status = with_readiness(observed, observed.certificate.status, now)
    return SetCertificateStatus(status) if status != observed.certificate.status else None


def _tidy(observed: ObservedCertificate) -> Step | None:
    """Delete used keys, then requests beyond the history limit, oldest first."""
    keys = (*((observed.next_key,) if observed.next_key is not None else ()), *observed.leftover_keys)
    if keys:
        return DeleteNextKey(keys[0].metadata.name)
    limit = max(observed.certificate.spec.revision_history_limit or 1, 1)
    surplus = sorted(observed.requests, key=revision_of)[:-limit]
    return DeleteRequest(surplus[0].metadata.name) if surplus else None


def _bring_up_to_date(observed: ObservedCertificate) -> RewriteSecret | None:
    """Have formats and keystores as the spec says; what does not go away by that is somebody else's."""
    violation = None if observed.is_rewritten else outdated(observed.certificate, observed.secret)
    return RewriteSecret(violation.reason, violation.message) if violation is not None else None


def with_readiness(observed: ObservedCertificate, status: CertificateStatus, now: datetime) -> CertificateStatus:
    """Return the status with Ready and the times computed from the Secret and the clock."""
    certificate = observed.certificate
    violation = reason_not_ready(observed.subject, now)
    leaf = stored_leaf(observed.secret)
    conditions = with_condition(
        status.conditions,
        "Ready",
        ConditionStatus.TRUE if violation is None else ConditionStatus.FALSE,
        reason="Ready" if violation is None else violation.reason,
        message=UP_TO_DATE if violation is None else violation.message,
        now=now,
        generation=certificate.metadata.generation,
    )
    return msgspec.structs.replace(
        status,
        conditions=conditions,
        not_before=leaf.not_before if leaf else None,
        not_after=leaf.not_after if leaf else None,
        renewal_time=renewal_due(observed.subject),
    )


# --- issuing -----------------------------------------------------------------------------------


def _begin(observed: ObservedCertificate, violation: Violation, now: datetime) -> Step:
    """Have the key first, then say in one write that and why we are issuing, and with which key."""
    if observed.next_key is None:
        return StoreNextKey(observed.next_key_name)
    status = with_readiness(observed, observed.certificate.status, now)
    conditions = with_condition(
        status.conditions,
        "Issuing",
        ConditionStatus.TRUE,
        reason=violation.reason,
        message=violation.message,
        now=now,
        generation=observed.certificate.metadata.generation,
    )
    status = msgspec.structs.replace(
        status, conditions=conditions, next_private_key_secret_name=observed.next_key.metadata.name
    )
    return SetCertificateStatus(status, Tell("Issuing", violation.message))


def _issue(observed: ObservedCertificate, now: datetime) -> Step | Outcome:
    """Key, request, signature, Secret, status: whichever is missing."""
    next_key = observed.next_key
    if next_key is None:
        if _stored_already(observed):
            return _finish(observed, now)
        return StoreNextKey(observed.next_key_name)
    if not _usable(observed, next_key):
        return DeleteNextKey(next_key.metadata.name)
    if observed.certificate.status.next_private_key_secret_name != next_key.metadata.name:
        named = msgspec.structs.replace(
            observed.certificate.status, next_private_key_secret_name=next_key.metadata.name
        )
        return SetCertificateStatus(named)
    return _request(observed, next_key, now)


def _request(observed: ObservedCertificate, next_key: Secret, now: datetime) -> Step | Outcome:
    """Have the request for the next key, and bring over what becomes of it."""
    request = observed.request(observed.next_revision)
    if request is None:
        unnumbered = next((one for one in observed.requests if not revision_of(one)), None)
        if unnumbered is not None:  # it may have the name of the one that is wanted
            return DeleteRequest(unnumbered.metadata.name)
        name = request_name(observed.certificate.metadata.name, observed.next_revision)
        return CreateRequest(name, observed.next_revision)
    if _is_stale(observed, request, next_key):
        return DeleteRequest(request.metadata.name)
    return _follow(observed, request, next_key, now)


def _usable(observed: ObservedCertificate, next_key: Secret) -> bool:
    try:
        return not fits(decode_key(next_key.data.get(NEXT_KEY, b"")), observed.certificate.spec.private_key)
    except InvalidKey:
        return False


def _is_stale(observed: ObservedCertificate, request: CertificateRequest, next_key: Secret) -> bool:
    """Is it for another spec, another key, or the failure of an earlier attempt?"""
    if changed_fields(observed.certificate, request):
        return True
    try:
        if not matches(decode_key(next_key.data[NEXT_KEY]), read_csr(request.spec.request)):
            return True
    except InvalidRequest:
        return True
    ready = find_condition(request.status.conditions, "Ready")
    since = find_condition(observed.certificate.status.conditions, "Issuing")
    return (
        ready is not None
        and ready.reason == "Failed"
        and request.status.failure_time is not None
        and since is not None
        and since.last_transition_time is not None
        and request.status.failure_time < since.last_transition_time
    )


def _follow(
    observed: ObservedCertificate, request: CertificateRequest, next_key: Secret, now: datetime
) -> Step | Outcome:
    """Bring over what has become of the request."""
    for kind in ("Denied", "InvalidRequest"):
        condition = find_condition(request.status.conditions, kind)
        if condition is not None and condition.status is ConditionStatus.TRUE:
            return _fail(observed, condition.reason, condition.message, now)
    ready = find_condition(request.status.conditions, "Ready")
    if ready is not None and ready.reason == "Failed":
        return _fail(observed, ready.reason, ready.message, now)
    if ready is None or ready.reason != "Issued":
        return _say_waiting(observed, ready.message if ready is not None else "", now)
    problem = _unfit(request, next_key, now)
    if problem is not None:
        return _fail(observed, "InvalidCertificate", problem, now)
    return _finish(observed, now) if _stored_already(observed) else WriteSecret(request)


def _say_waiting(observed: ObservedCertificate, why: str, now: datetime) -> Step | Outcome:
    """While the issuer works: Ready is kept true to the clock, and what holds things up is said in Issuing.

    The plain "waiting on the order" is not worth a write; a sentence that a failure put behind it is.
    """
    status = with_readiness(observed, observed.certificate.status, now)
    issuing = find_condition(status.conditions, "Issuing")
    held_up = why if why and not why.endswith('"pending"') else ""
    if issuing is not None and held_up and issuing.message != held_up:
        conditions = with_condition(
            status.conditions,
            "Issuing",
            ConditionStatus.TRUE,
            reason=issuing.reason,
            message=held_up,
            now=now,
            generation=observed.certificate.metadata.generation,
        )
        status = msgspec.structs.replace(status, conditions=conditions)
    if status != observed.certificate.status:
        return SetCertificateStatus(status)
    leaf = stored_leaf(observed.secret)
    return Wait(leaf.not_after, "expiry of the old certificate") if leaf and leaf.not_after > now else DONE


def _unfit(request: CertificateRequest, next_key: Secret, now: datetime) -> str | None:
    """Return what is wrong with the signed certificate, or None."""
    try:
        leaf = read_chain(request.status.certificate)[0]
    except InvalidCertificate as error:
        return f"Issuer returned an invalid certificate: failed to decode: {error}"
    if not matches(decode_key(next_key.data[NEXT_KEY]), leaf):
        return (
            "Issuer returned a certificate with a public key that does not match the CSR. "
            "This usually indicates a misconfigured issuer."
        )
    if leaf.not_after <= now:
        return (
            f"Issuer returned an already expired certificate (notAfter: {leaf.not_after:%Y-%m-%dT%H:%M:%SZ}). "
            "This usually indicates an expired CA certificate in the issuer."
        )
    return None


def _stored_already(observed: ObservedCertificate) -> bool:
    """Does the Secret hold what the request of this issuance brought?"""
    request = observed.request(observed.next_revision)
    stored = observed.secret.data.get("tls.crt") if observed.secret is not None else None
    return request is not None and bool(stored) and stored == request.status.certificate


def _finish(observed: ObservedCertificate, now: datetime) -> Step:
    """One write for the end of an issuance: revision, Ready, times, and everything of the attempt gone."""
    status = msgspec.structs.replace(
        observed.certificate.status,
        conditions=without_condition(observed.certificate.status.conditions, "Issuing"),
        revision=observed.next_revision,
        next_private_key_secret_name=None,
        last_failure_time=None,
        failed_issuance_attempts=None,
    )
    # The policies must see the new revision.
    settled = replace(observed, certificate=msgspec.structs.replace(observed.certificate, status=status))
    return SetCertificateStatus(with_readiness(settled, status, now), Tell("Issuing", ISSUED))


def _fail(observed: ObservedCertificate, reason: str, message: str, now: datetime) -> Step:
    """Give this attempt up; the back-off begins."""
    sentence = f"The certificate request has failed to complete and will be retried: {message}"
    status = with_readiness(observed, observed.certificate.status, now)
    conditions = with_condition(
        status.conditions,
        "Issuing",
        ConditionStatus.FALSE,
        reason=reason,
        message=sentence,
        now=now,
        generation=observed.certificate.metadata.generation,
    )
    status = msgspec.structs.replace(
        status,
        conditions=conditions,
        last_failure_time=now.replace(microsecond=0),
        failed_issuance_attempts=(observed.certificate.status.failed_issuance_attempts or 0) + 1,
    )
    return SetCertificateStatus(status, Tell(reason, sentence, "Warning"))


def revision_of(request: CertificateRequest) -> int:
    """Return the revision that a request is annotated with; 0 when there is none that can be read."""
    text = request.metadata.annotations.get(REVISION, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else 0
