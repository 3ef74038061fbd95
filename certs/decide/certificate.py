"""The next step for a Certificate: one decision for what the incumbent spends six controllers on.

                    violation of the policies, or renewal due
    settled ─────────────────────────────────────────────────────> StoreNextKey ─> Issuing=True (the long way only)
       ^                                                                                │
       │  finished (Ready=True, revision+1, next key gone)               CreateRequest <name>-<revision>
       │        ^                                                                       │
       └────────┴── WriteSecret <── signed, for our key, not expired <──────────────────┤
       └─────────── gave_up (Issuing=False, failed attempts+1, back-off) <── denied, invalid, failed

    settled ──> RewriteSecret: the Secret is not as the spec says, and needs no new certificate for that (`upkeep`)
    settled ──> ReuseSecret: another Secret is asked for, and the one before holds what is to be in it (`reuse`)

Everything that must survive a crash is written before the act that depends on it: the next private key
before the request that is signed with it, the Secret before the status that claims it.  Each state is
recognised from the objects alone, so any step may be repeated.  The steps between settled and settled are
`certs.decide.issuance`'s, the statuses `certs.decide.certificatestatus`'s.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.meta import find_condition, is_true
from certs.decide.ari import next_question
from certs.decide.backoff import next_attempt
from certs.decide.certificatestatus import displaced, finished, news_of_renewal, with_readiness
from certs.decide.certificatesteps import (
    AskRenewalInfo,
    DeleteNextKey,
    DeleteRequest,
    ObservedCertificate,
    SetCertificateStatus,
    Step,
    revision_of,
)
from certs.decide.comparison import changed_fields
from certs.decide.issuance import begin, is_stored, issue, issue_at_once
from certs.decide.policies import Violation, reason_to_issue, renewal_due, stored_leaf
from certs.decide.precedence import before_beginning, is_told
from certs.decide.repair import LookAgain, is_repaired, mended, next_look
from certs.decide.reuse import reuse
from certs.decide.upkeep import keep_up
from certs.outcomes import DONE, Outcome, Wait
from certs.pki.ari import certificate_id

# Somebody else's Certificate holds the Secret; nothing tells us when that ends, but its deletion wakes us.
SHARED_SECRET_RECHECK: Final = timedelta(minutes=3)


def decide(observed: ObservedCertificate, now: datetime) -> Step | Outcome:
    """Return the next step."""
    certificate = observed.certificate
    if certificate.metadata.deletion_timestamp is not None:
        return DONE
    owner = _owner_of_secret(observed)
    if owner.metadata.name != certificate.metadata.name:
        step = displaced(observed, owner, now)
        return step or Wait(now + SHARED_SECRET_RECHECK, "another Certificate holds the Secret")
    if is_true(certificate.status.conditions, "Issuing"):
        return issue(observed, now)
    violation = reason_to_issue(observed.subject, now)
    if violation is None:
        return finished(observed, now) if is_stored(observed) else _settle(observed, now)
    return reuse(observed, violation, now) or _begin(observed, violation, now)


def _begin(observed: ObservedCertificate, violation: Violation, now: datetime) -> Step | Outcome:
    """Go on with what is violated, once the back-off is over; after a failure each attempt is said beforehand."""
    retry_at = _backed_off_until(observed)
    if retry_at is not None and now < retry_at:
        if not is_repaired(observed.watch, observed.certificate.status, now):
            return _sit_out(observed, retry_at, violation, now)
        violation = replace(violation, message=f"{violation.message}, and {mended(observed.watch)}")
    if observed.signs_at_once and observed.certificate.status.last_failure_time is None:
        return issue_at_once(observed, violation, now)
    return _await_turn(observed, now) or begin(observed, violation, now)


def _await_turn(observed: ObservedCertificate, now: datetime) -> Step | Outcome | None:
    """Let others go first whose names promise more, before anything is made; None when it may begin."""
    first = before_beginning(observed.prospect, now) if observed.next_key is None else None
    if isinstance(first, Wait) and is_told(observed.prospect, now):
        return _say_readiness(observed, now) or first
    return first


def _owner_of_secret(observed: ObservedCertificate) -> Certificate:
    """Of several Certificates with one Secret, the one it was issued for is the owner, else the oldest."""
    if not observed.rivals:
        return observed.certificate
    everyone = {rival.metadata.name: rival for rival in (*observed.rivals, observed.certificate)}
    annotations = observed.secret.metadata.annotations if observed.secret is not None else {}
    named = everyone.get(annotations.get("cert-manager.io/certificate-name", ""))
    return named or min(everyone.values(), key=lambda one: (str(one.metadata.creation_timestamp), one.metadata.name))


def _backed_off_until(observed: ObservedCertificate) -> datetime | None:
    """Return the end of the back-off; what has changed since (spec, directions, issuer) ends it at once."""
    if observed.issuer_changed or observed.is_redirected:
        return None
    failed = observed.request(observed.next_revision)
    if failed is not None and changed_fields(observed.certificate, failed):
        return None
    return next_attempt(observed.certificate.status, observed.limits, observed.setback)


def _sit_out(observed: ObservedCertificate, retry_at: datetime, violation: Violation, now: datetime) -> Step | Outcome:
    """Wait for the end of the back-off; should the stored certificate expire meanwhile, say so at that moment."""
    step = _say_readiness(observed, now) or keep_up(observed, now)
    if step is not None and not isinstance(step, Wait):
        return step
    look = next_look(observed.watch, observed.certificate.status, observed.setback, now)
    if isinstance(look, LookAgain):
        return look
    leaf, until = stored_leaf(observed.secret), (one.until for one in (step, look) if one is not None)
    why = f"next attempt after a failure: {violation.message}"
    return _first(now, why, retry_at, leaf.not_after if leaf is not None else None, *until)


def _settle(observed: ObservedCertificate, now: datetime) -> Step | Outcome:
    """All is well: say so, tidy up, wait for the renewal."""
    step = _say_readiness(observed, now) or _tidy(observed) or keep_up(observed, now)
    if step is not None and not isinstance(step, Wait):
        return step
    leaf = stored_leaf(observed.secret)
    ask_at = next_question(leaf, observed.certificate.status, observed.asked) if leaf and observed.heeds_ari else None
    if leaf is not None and ask_at is not None and ask_at <= now < leaf.not_after:
        return AskRenewalInfo(certificate_id(leaf))
    expiry, again = leaf.not_after if leaf is not None else None, step.until if step is not None else None
    why = step.why if step is not None else "renewal"
    return _first(now, why, renewal_due(observed.subject), expiry, ask_at, again)


def _first(now: datetime, why: str, *moments: datetime | None) -> Outcome:
    """Wait for the first of these that is still to come."""
    ahead = [moment for moment in moments if moment is not None and moment > now]
    return Wait(min(ahead), why) if ahead else DONE


def _say_readiness(observed: ObservedCertificate, now: datetime) -> SetCertificateStatus | None:
    before = observed.certificate.status
    status = with_readiness(observed, before, now)
    return SetCertificateStatus(status, news_of_renewal(observed, before, status)) if status != before else None


def _tidy(observed: ObservedCertificate) -> Step | None:
    """Delete used keys, requests whose reason is gone, then those beyond the history limit, oldest first."""
    keys = (*((observed.next_key,) if observed.next_key is not None else ()), *observed.leftover_keys)
    if keys:
        return DeleteNextKey(keys[0].metadata.name)
    pointless = observed.next_request
    if pointless is not None and not _has_failed(pointless):  # the failed ones are kept to be looked at
        return DeleteRequest(pointless.metadata.name)
    limit = max(observed.certificate.spec.revision_history_limit or 1, 1)
    surplus = sorted(observed.requests, key=revision_of)[:-limit]
    return DeleteRequest(surplus[0].metadata.name) if surplus else None


def _has_failed(request: CertificateRequest) -> bool:
    ready = find_condition(request.status.conditions, "Ready")
    return ready is not None and ready.reason in {"Failed", "Denied"}
