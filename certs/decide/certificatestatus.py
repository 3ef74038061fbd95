"""The status of a Certificate at each turn of its life, built from what is observed and from the clock.

Each is one write: Ready and the times are always brought along, so that they are true whenever anything is written.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

import msgspec

from certs.api.certificate import Certificate, CertificateStatus
from certs.api.meta import Condition, ConditionStatus, find_condition, with_condition, without_condition
from certs.decide.backoff import Setback, next_attempt
from certs.decide.certificatesteps import ObservedCertificate, SetCertificateStatus
from certs.decide.effects import Tell
from certs.decide.policies import WINDOW_ERROR, Violation, reason_not_ready, renewal_due, renewal_plan, stored_leaf

UP_TO_DATE: Final = "Certificate is up to date and has not expired"
ISSUED: Final = "The certificate has been successfully issued"


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


def news_of_renewal(
    observed: ObservedCertificate, before: CertificateStatus, after: CertificateStatus
) -> tuple[Tell, ...]:
    """Return what is worth an event when a status that says something new of the renewal is written.

    That no window fits, when it becomes so; that another moment counts than `renewBefore` says, for each spec
    and certificate of which that holds.
    """
    told: list[Tell] = []
    ready, was = (find_condition(status.conditions, "Ready") for status in (after, before))
    if ready is not None and ready.reason == WINDOW_ERROR and (was is None or was.message != ready.message):
        told.append(Tell(WINDOW_ERROR, ready.message, "Warning"))
    plan = renewal_plan(observed.subject)
    is_new = after.renewal_time != before.renewal_time or _generation(ready) != _generation(was)
    if plan is not None and plan.remark is not None and is_new:
        told.append(plan.remark)
    return tuple(told)


def news_of_issuance(certificate: Certificate, after: CertificateStatus) -> tuple[Tell, ...]:
    """Return what the author of an Ingress is told of an issuance that has ended well: not the first, if it was smooth.

    That one is seen by itself, and a new cluster has thousands of them.
    """
    before = certificate.status
    is_smooth = before.revision is None and before.last_failure_time is None
    if after.revision is None or after.revision == before.revision or is_smooth:
        return ()
    what, until = ("renewed" if before.revision is not None else "issued"), after.not_after
    valid = f"; it is valid until {until:%Y-%m-%d %H:%M:%S} UTC" if until is not None else ""
    return (Tell(f"Certificate{what.capitalize()}", f'Certificate "{certificate.metadata.name}" was {what}{valid}'),)


def _generation(condition: Condition | None) -> int:
    return condition.observed_generation if condition is not None else 0


def begun(observed: ObservedCertificate, violation: Violation, next_key: str, now: datetime) -> CertificateStatus:
    """Return that and why we are issuing, and with which key."""
    status = with_issuing(
        observed, with_readiness(observed, observed.certificate.status, now), now, violation.reason, violation.message
    )
    return msgspec.structs.replace(status, next_private_key_secret_name=next_key)


def finished(observed: ObservedCertificate, now: datetime) -> SetCertificateStatus:
    """Return the one write for the end of an issuance: revision, Ready, times, and everything of the attempt gone."""
    before = observed.certificate.status
    status = msgspec.structs.replace(
        before,
        conditions=without_condition(before.conditions, "Issuing"),
        revision=observed.next_revision,
        next_private_key_secret_name=None,
        last_failure_time=None,
        failed_issuance_attempts=None,
        acme=None,  # what the CA has said was about the certificate before
    )
    # The policies must see the new revision.
    settled = replace(observed, certificate=msgspec.structs.replace(observed.certificate, status=status))
    status = with_readiness(settled, status, now)
    return SetCertificateStatus(status, (Tell("Issuing", ISSUED), *news_of_renewal(settled, before, status)))


def gave_up(observed: ObservedCertificate, reason: str, message: str, now: datetime) -> SetCertificateStatus:
    """Return the end of an attempt that failed; the back-off begins, and the sentence says when it ends."""
    before = observed.certificate.status
    status = msgspec.structs.replace(
        with_readiness(observed, before, now),
        last_failure_time=now.replace(microsecond=0),
        failed_issuance_attempts=(before.failed_issuance_attempts or 0) + 1,
    )
    sentence = f"The certificate request has failed to complete and will be retried: {message}"
    sentence = f"{sentence} ({_when_again(observed, status)})"
    status = with_issuing(observed, status, now, reason, sentence, status=ConditionStatus.FALSE)
    return SetCertificateStatus(status, (Tell(reason, sentence, "Warning"),))


def _when_again(observed: ObservedCertificate, failed: CertificateStatus) -> str:
    again = next_attempt(failed, observed.limits, observed.setback)
    assert again is not None  # noqa: S101  it has just failed
    sooner = ", or as soon as the spec changes" if observed.setback is Setback.REFUSAL else ""
    return f"next attempt at {again:%Y-%m-%d %H:%M:%S} UTC{sooner}"


def held_up(observed: ObservedCertificate, why: str, now: datetime) -> CertificateStatus:
    """Return the status while the issuer works, with what holds things up in Issuing if that is known."""
    status = with_readiness(observed, observed.certificate.status, now)
    issuing = find_condition(status.conditions, "Issuing")
    if issuing is None or not why or issuing.message == why:
        return status
    return with_issuing(observed, status, now, issuing.reason, why)


def cannot_go_on(
    observed: ObservedCertificate, reason: str, sentence: str, now: datetime, *, is_held_up: bool
) -> CertificateStatus:
    """Return that an act has failed: in Issuing, if an issuance is under way, or (`is_held_up`) cannot begin."""
    issuing = find_condition(observed.certificate.status.conditions, "Issuing")
    if issuing is None or issuing.status is not ConditionStatus.TRUE:
        if not is_held_up:
            return observed.certificate.status
        issuing = Condition("Issuing", ConditionStatus.FALSE, reason=reason)
    status = with_readiness(observed, observed.certificate.status, now)
    return with_issuing(observed, status, now, issuing.reason, sentence, status=issuing.status)


def displaced(observed: ObservedCertificate, owner: Certificate, now: datetime) -> SetCertificateStatus | None:
    """Return that another Certificate has the Secret; None when that is said already.

    The times are left out: they would be of the other's certificate.
    """
    reason, before = "DuplicateSecretName", observed.certificate.status
    sentence = (
        f'Secret "{observed.certificate.spec.secret_name}" belongs to Certificate "{owner.metadata.name}", '
        "which asks for it, too; set another secretName here or there, or delete one of the two"
    )
    conditions = with_condition(
        before.conditions,
        "Ready",
        ConditionStatus.FALSE,
        reason=reason,
        message=sentence,
        now=now,
        generation=observed.certificate.metadata.generation,
    )
    status = msgspec.structs.replace(before, conditions=conditions, not_before=None, not_after=None, renewal_time=None)
    return SetCertificateStatus(status, (Tell(reason, sentence, "Warning"),)) if status != before else None


def with_issuing(
    observed: ObservedCertificate,
    base: CertificateStatus,
    now: datetime,
    reason: str,
    message: str,
    *,
    status: ConditionStatus = ConditionStatus.TRUE,
) -> CertificateStatus:
    """Return the status with that Issuing condition."""
    conditions = with_condition(
        base.conditions,
        "Issuing",
        status,
        reason=reason,
        message=message,
        now=now,
        generation=observed.certificate.metadata.generation,
    )
    return msgspec.structs.replace(base, conditions=conditions)
