"""An issuance under way: key, request, signature, Secret, status; whichever is missing is the next step.

There are two ways through it.  On the long one it is said first that and why something is issued (Issuing=True), since
the issuer takes its time and people look meanwhile.  Where the issuer signs in this process, all is over within
the moment, and only the end is told: the short way saves that write and the events that no reader could
have made use of.  An issuance that does not end within the moment after all turns onto the long way, as does
every attempt after a failure.

On both, each state is recognised from the objects alone, so any step may be repeated by another process.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from certs.annotations import TEMPORARY_CERTIFICATE
from certs.api.certificaterequest import CertificateRequest
from certs.api.core import Secret
from certs.api.meta import find_condition, is_true
from certs.decide.approval import is_judged
from certs.decide.certificatestatus import begun, finished, gave_up, held_up
from certs.decide.certificatesteps import (
    NEXT_KEY,
    CreateRequest,
    DeleteNextKey,
    DeleteRequest,
    NewKey,
    ObservedCertificate,
    OrderKey,
    SetCertificateStatus,
    Step,
    StoreNextKey,
    WriteSecret,
    WriteTemporary,
    revision_of,
)
from certs.decide.comparison import changed_fields
from certs.decide.effects import Tell
from certs.decide.policies import RENEWING, WINDOW_ERROR, Violation, has_pair, renewal_plan, stored_leaf
from certs.names import request_name
from certs.outcomes import DONE, Outcome, Wait
from certs.pki.csr import InvalidRequest, read_csr
from certs.pki.keys import InvalidKey, decode_key, fits, matches
from certs.pki.x509 import InvalidCertificate, read_chain

# A signature made in this process takes milliseconds, a thousand waiting ones a minute; who has seen none of it
# after this long is told what is being waited for.
MOMENT: Final = timedelta(seconds=2)
# The mill wakes us when the key is there; this is for the case that it has dropped the order.
KEY_RECHECK: Final = timedelta(minutes=5)


def begin(observed: ObservedCertificate, violation: Violation, now: datetime) -> Step | Outcome:
    """Have the key first, then say in one write that and why we are issuing, and with which key."""
    if observed.next_key is None:
        return _make_key(observed, now)
    status = begun(observed, violation, observed.next_key.metadata.name, now)
    return SetCertificateStatus(status, _reasons(observed, violation))


def issue(observed: ObservedCertificate, now: datetime) -> Step | Outcome:
    """Return the next step of an issuance that is said to be under way."""
    next_key = observed.next_key
    if next_key is None:
        return finished(observed, now) if is_stored(observed) else _make_key(observed, now)
    if unfit := _unfit_key(observed, next_key):
        return unfit
    if observed.certificate.status.next_private_key_secret_name != next_key.metadata.name:
        status = observed.certificate.status
        return SetCertificateStatus(
            msgspec.structs.replace(status, next_private_key_secret_name=next_key.metadata.name)
        )
    name = request_name(observed.certificate.metadata.name, observed.next_revision)
    requested = Tell("Requested", f'Created new CertificateRequest resource "{name}"')
    return _request(observed, next_key, now, (requested,)) or _say_waiting(observed, next_key, now)


def issue_at_once(observed: ObservedCertificate, violation: Violation, now: datetime) -> Step | Outcome:
    """Return the next step of an issuance that nobody needs to be told of before its end."""
    next_key = observed.next_key
    if next_key is None:
        return _make_key(observed, now, quietly=True)
    if unfit := _unfit_key(observed, next_key):
        return unfit
    step = _request(observed, next_key, now, _reasons(observed, violation))
    if step is not None:
        return step
    request = observed.next_request
    asked_at = request.metadata.creation_timestamp if request is not None else None
    fresh = request is not None and find_condition(request.status.conditions, "Ready") is None
    if asked_at is not None and fresh and abs(now - asked_at) < MOMENT:
        return Wait(now + MOMENT, "the issuer's signature")
    return begin(observed, violation, now)


def _reasons(observed: ObservedCertificate, violation: Violation) -> tuple[Tell, ...]:
    """Return what is told at the beginning: why, and that it happens outside of the windows if it does."""
    plan = renewal_plan(observed.subject) if violation.reason == RENEWING else None
    why = Tell("Issuing", violation.message)
    if plan is None or not plan.error:
        return (why,)
    missed = f"Renewing certificate without satisfying renewal windows due to {plan.error}"
    return (Tell(WINDOW_ERROR, missed, "Warning"), why)


def is_stored(observed: ObservedCertificate) -> bool:
    """Does the Secret hold what the request of this issuance brought?"""
    request = observed.next_request
    stored = observed.secret.data.get("tls.crt") if observed.secret is not None else None
    return request is not None and bool(stored) and stored == request.status.certificate


def _make_key(observed: ObservedCertificate, now: datetime, *, quietly: bool = False) -> Step | Outcome:
    match observed.new_key:
        case NewKey.AT_HAND:
            return StoreNextKey(observed.next_key_name, quietly=quietly)
        case NewKey.TO_BE_ORDERED:
            return OrderKey()
        case NewKey.UNDER_WAY:
            return Wait(now + KEY_RECHECK, "the private key is being made")


def _unfit_key(observed: ObservedCertificate, next_key: Secret) -> DeleteNextKey | None:
    """Return that a next key of no use is deleted; with an event where the spec is why."""
    name = next_key.metadata.name
    try:
        misfits = fits(decode_key(next_key.data.get(NEXT_KEY, b"")), observed.certificate.spec.private_key)
    except InvalidKey:
        return DeleteNextKey(name)
    if not misfits:
        return None
    why = f"Regenerating private key due to change in fields: [{' '.join(misfits)}]"
    return DeleteNextKey(name, (Tell("Deleted", why),))


def _request(observed: ObservedCertificate, next_key: Secret, now: datetime, tell: tuple[Tell, ...]) -> Step | None:
    """Have the request for the next key, and bring over what becomes of it; None while the issuer works."""
    request = observed.next_request
    if request is None:
        unnumbered = next((one for one in observed.requests if not revision_of(one)), None)
        if unnumbered is not None:  # it may have the name of the one that is wanted
            return DeleteRequest(unnumbered.metadata.name)
        name = request_name(observed.certificate.metadata.name, observed.next_revision)
        return CreateRequest(name, observed.next_revision, tell)
    if _is_stale(observed, request, next_key, now):
        return DeleteRequest(request.metadata.name)
    return _outcome(observed, request, next_key, now)


def _is_stale(observed: ObservedCertificate, request: CertificateRequest, next_key: Secret, now: datetime) -> bool:
    """Is it for another spec, another key, or what an earlier attempt has failed with?

    A certificate of no use counts as such a failure: its request would bring the same one at each attempt.
    """
    if changed_fields(observed.certificate, request) or observed.is_redirected:
        return True
    try:
        if not matches(decode_key(next_key.data[NEXT_KEY]), read_csr(request.spec.request)):
            return True
    except InvalidRequest:
        return True
    since = find_condition(observed.certificate.status.conditions, "Issuing")
    failed_at = _failed_at(request, next_key, now)
    if failed_at is not None and observed.issuer_changed:
        return True
    return (
        failed_at is not None
        and since is not None
        and since.last_transition_time is not None
        and failed_at < since.last_transition_time
    )


def _failed_at(request: CertificateRequest, next_key: Secret, now: datetime) -> datetime | None:
    """Return when the issuer gave up or signed what is of no use; None when neither."""
    ready = find_condition(request.status.conditions, "Ready")
    if ready is not None and ready.reason == "Failed":
        return request.status.failure_time
    if ready is not None and ready.reason == "Issued" and _unfit_certificate(request, next_key, now) is not None:
        return ready.last_transition_time
    return None


def _outcome(
    observed: ObservedCertificate, request: CertificateRequest, next_key: Secret, now: datetime
) -> Step | None:
    """Bring over what has become of the request; None when nothing has yet."""
    for kind in ("Denied", "InvalidRequest"):
        condition = find_condition(request.status.conditions, kind)
        if condition is not None and is_true(request.status.conditions, kind):
            return gave_up(observed, condition.reason, condition.message, now)
    ready = find_condition(request.status.conditions, "Ready")
    if ready is not None and ready.reason == "Failed":
        return gave_up(observed, ready.reason, ready.message, now)
    if ready is None or ready.reason != "Issued":
        return None
    problem = _unfit_certificate(request, next_key, now)
    if problem is not None:
        return gave_up(observed, "InvalidCertificate", problem, now)
    return finished(observed, now) if is_stored(observed) else WriteSecret(request)


def _say_waiting(observed: ObservedCertificate, next_key: Secret, now: datetime) -> Step | Outcome:
    """While the issuer works: Ready is kept true to the clock, and what holds things up is said in Issuing.

    The plain "waiting on the order" is not worth a write; a sentence that a failure put behind it is.
    """
    request = observed.next_request
    if request is not None and _wants_temporary(observed, next_key):
        return WriteTemporary(request)
    status = held_up(observed, _why_waiting(observed, request), now)
    if status != observed.certificate.status:
        return SetCertificateStatus(status)
    leaf = stored_leaf(observed.secret)
    return Wait(leaf.not_after, "expiry of the old certificate") if leaf and leaf.not_after > now else DONE


def _why_waiting(observed: ObservedCertificate, request: CertificateRequest | None) -> str:
    """Return what the issuer says; where it says nothing, that somebody has to approve if that is so."""
    ready = find_condition(request.status.conditions, "Ready") if request is not None else None
    if ready is not None:
        return ready.message if not ready.message.endswith('"pending"') else ""
    if request is None or observed.auto_approve or is_judged(request):
        return ""
    return f'Waiting for an approver to approve or deny CertificateRequest "{request.metadata.name}"'


def _wants_temporary(observed: ObservedCertificate, next_key: Secret) -> bool:
    """Is a temporary certificate asked for, and nothing there that could be served meanwhile?

    None of a CA: issuers would sign with it.
    """
    certificate = observed.certificate
    asked = certificate.metadata.annotations.get(TEMPORARY_CERTIFICATE) == "true" and not certificate.spec.is_ca
    return asked and not observed.no_temporary and bool(next_key.data) and not has_pair(observed.secret)


def _unfit_certificate(request: CertificateRequest, next_key: Secret, now: datetime) -> str | None:
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
