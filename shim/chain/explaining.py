"""What is wrong with a certificate, in one paragraph: pure, from the objects alone.

The deepest object of the chain that complains is the one that knows: a Challenge before its Order, that before its
request, that before the Certificate.  Trouble that no status tells of, with the API server or an approval, is in the
last Event of an object.  Controllers write what failed and when it is tried again; what to do about it that only a
person can do is added here.

What no object says is that nobody works any more: a condition from before stays as it was, true or not.  That is told
by a Lease that has run out, by a renewal that does not begin, and by the certificate itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal

from certs.api.certificate import Certificate
from certs.api.challenge import Challenge
from certs.api.core import Event
from certs.api.meta import find_condition, is_true
from certs.decide.challengestatus import PRESENTING, awaiting_verdict
from certs.pki.x509 import InvalidCertificate, Leaf, read_chain
from shim.chain.advice import advice_on
from shim.chain.links import LONG_AGO, Chain, when

# As controllers end the sentence of a failure (`with_next_attempt`): an issuance that is under way may be held up, too.
_TRIED_AGAIN: Final = re.compile(r"\((?:next attempt at (?P<time>[\d:]{8}) UTC|next attempt at|tried again) ?")
# How long after its time an attempt may tell nothing: it is one that takes so long, or it has gone well.
_ATTEMPT_TAKES: Final = timedelta(minutes=1)
# How long what is due may not have begun: a standby takes a lost Lease within one, and clocks differ.
_BEGINS_WITHIN: Final = timedelta(minutes=2)
UNRENEWED: Final = "is not renewed by itself: spec.renewal.policy is Disabled"
State = Literal["good", "waiting", "failing"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """How it stands: one paragraph, and what a person can do, empty where there is nothing."""

    state: State
    text: str
    advice: str = ""


def explain(chain: Chain, now: datetime, led_until: datetime | None = None) -> Explanation:
    """Return how the certificate stands and what is wrong.

    `led_until` is when the Lease of the leader runs out, None when that is not known (`shim.chain.reading`).
    """
    certificate = chain.certificate
    where = f"Certificate {certificate.metadata.namespace}/{certificate.metadata.name}"
    conditions = certificate.status.conditions
    ready, issuing = find_condition(conditions, "Ready"), find_condition(conditions, "Issuing")
    leaf, neglect = stored(chain), _neglect(chain, now)
    is_ready = is_true(conditions, "Ready") and not _is_gone(chain, now)
    text = " ".join(filter(None, (f"{where} is ready.", _said_of(leaf, now), _renewed(chain, now))))
    if is_ready and issuing is None and not neglect:
        return Explanation("good", text)
    culprit, by = _culprit(chain, now)
    culprit = " ".join(filter(None, (neglect, culprit)))
    if is_ready and not culprit:
        because = f": {issuing.message.rstrip('.')}" if issuing is not None and issuing.message else ""
        return Explanation("good", f"{text} It is being issued anew{because}.")
    advice = _advice(chain, culprit, by)
    if idle := halted(led_until, _touched_at(chain), now):
        culprit, advice = f"{idle}{f' Before that: {culprit}' if culprit else ''}", _advice(chain, idle, None)
    if is_ready:
        return Explanation("failing", f"{text} Its renewal does not get on: {culprit}", advice)
    served = f" Meanwhile {_said_of(leaf, now)[0].lower()}{_said_of(leaf, now)[1:]}" if leaf is not None else ""
    if not culprit:
        foreign = _foreign(chain)
        speaker = issuing if is_true(conditions, "Ready") else ready  # who calls it ready has not seen it since
        said = speaker.message if speaker is not None else "no controller has looked at it"
        why = foreign or _under_way(chain) or said
        advice = _advice(chain, foreign, None) if foreign else ""
        return Explanation("waiting", f"{where} is not ready yet{f': {why}' if why else ''}.{served}", advice)
    return Explanation("failing", f"{where} is not ready: {culprit}{served}", advice)


def held_up_by(chain: Chain, now: datetime) -> str:
    """Return what keeps an issuance from getting on, in the words of the object that knows; empty when nothing does."""
    conditions = chain.certificate.status.conditions
    if is_true(conditions, "Ready") and find_condition(conditions, "Issuing") is None:
        return ""
    return _culprit(chain, now)[0]


def halted(led_until: datetime | None, touched_at: datetime, now: datetime) -> str:
    """Return that no shim works; nothing while one does, or has since, as one without an election would.

    `touched_at` is when one has last done something with what is looked at.
    """
    if led_until is None or now <= led_until + _BEGINS_WITHIN or touched_at > led_until:
        return ""
    return (
        f"no shim is at work, so nothing is done about it: the Lease of the leader ran out at {moment(led_until, now)}."
    )


def stored(chain: Chain) -> Leaf | None:
    """Return the certificate in the Secret; None when there is none that can be read."""
    try:
        return read_chain(chain.secret.data["tls.crt"])[0] if chain.secret is not None else None
    except (KeyError, InvalidCertificate):
        return None


def _said_of(leaf: Leaf | None, now: datetime) -> str:
    if leaf is None:
        return ""
    names = (*leaf.dns_names, *leaf.ip_addresses) or (leaf.common_name,)
    listed = f"{', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"
    verb = "is" if leaf.not_after > now else "was"
    by = f" by {leaf.issuer_common_name}" if leaf.issuer_common_name else ""
    return f"The Secret has a certificate for {listed}{by}, which {verb} valid until {moment(leaf.not_after, now)}."


def _renewed(chain: Chain, now: datetime) -> str:
    at = chain.certificate.status.renewal_time
    if at is None:
        return f"It {UNRENEWED}." if _is_unrenewed(chain.certificate) else ""
    return f"It is renewed at {moment(at, now)}." if at > now else f"Its renewal was due at {moment(at, now)}."


def moment(at: datetime, now: datetime) -> str:
    """Return a moment as people write it, with how far away it is."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC ({distance(at - now)})"


def distance(left: timedelta) -> str:
    """Return how far away a moment is, in its largest unit.

    >>> distance(timedelta(days=59, hours=3)), distance(timedelta(minutes=-5)), distance(timedelta(seconds=1))
    ('in 59 days', '5 minutes ago', 'in 1 second')
    """
    seconds = abs(int(left.total_seconds()))
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = seconds // size
            said = f"{count} {unit}{'s' if count > 1 else ''}"
            return f"in {said}" if left > timedelta() else f"{said} ago"
    return "now"


def _is_gone(chain: Chain, now: datetime) -> bool:
    """Is there no certificate that could be served, whatever the Certificate says?"""
    leaf = stored(chain)
    return _lacks_secret(chain) or (leaf is not None and leaf.not_after <= now)


def _is_unrenewed(certificate: Certificate) -> bool:
    return certificate.spec.renewal is not None and certificate.spec.renewal.policy == "Disabled"


def _lacks_secret(chain: Chain) -> bool:
    return chain.secret is None and "Secret" not in chain.unread


def _neglect(chain: Chain, now: datetime) -> str:
    """Return what nobody has begun with, or begins with, though it is time; else nothing."""
    certificate, leaf = chain.certificate, stored(chain)
    conditions, due = certificate.status.conditions, certificate.status.renewal_time
    if find_condition(conditions, "Issuing") is not None:
        return ""
    if leaf is not None and leaf.not_after <= now and _is_unrenewed(certificate):
        return f"its certificate has expired, and {UNRENEWED}."
    if not is_true(conditions, "Ready"):
        return ""
    if _lacks_secret(chain):
        return f'its Secret "{certificate.spec.secret_name}" is not there, and nobody has begun to make it anew.'
    if leaf is not None and leaf.not_after <= now:
        when_due = f", due at {moment(due, now)}" if due is not None else ""
        return f"its certificate has expired, and nobody has begun with its renewal{when_due}."
    return "nobody has begun with it." if due is not None and due + _BEGINS_WITHIN <= now else ""


def _touched_at(chain: Chain) -> datetime:
    """Return when controllers have last done something with it, as far as that leaves a trace."""
    certificate = chain.certificate
    ready = find_condition(certificate.status.conditions, "Ready")
    made = (one.metadata.creation_timestamp for one in (chain.request, chain.order, *chain.challenges) if one)
    objects = (certificate, chain.request, chain.order, *chain.challenges)
    told = (when(event) for one in objects for event in chain.events_of(one))
    moments = (ready.last_transition_time if ready is not None else None, *made, *told)
    return max((one for one in moments if one is not None), default=LONG_AGO)


def _foreign(chain: Chain) -> str:
    """Return that a controller of others is waited for, with what it says; nothing where none is."""
    ref, request = chain.certificate.spec.issuer_ref, chain.request
    if ref.effective_group == Certificate.resource.group or request is None:
        return ""
    ready = find_condition(request.status.conditions, "Ready")
    if not is_true(request.status.conditions, "Approved") or is_true(request.status.conditions, "Ready"):
        return ""
    says = f", which says: {ready.message.rstrip('.')}" if ready is not None and ready.message else ""
    return (
        f"CertificateRequest {request.metadata.name} is approved, and waits for the controller of "
        f'{ref.effective_kind} "{ref.name}" ({ref.effective_group}){says}'
    )


def _culprit(chain: Chain, now: datetime) -> tuple[str, Challenge | None]:
    """Return the sentence of the deepest object that complains, with whose it is, empty when none does.

    And the Challenge, if that is one.  An issuer that is not there comes before an approver: no approval would help;
    and why the approver could not approve, before that it has not.
    """
    challenge = _complaining(chain.challenges)
    candidates = (
        _of_challenge(challenge),
        _of_order(chain),
        _of_refusal(chain),
        _of_issuer(chain),
        _of_event(chain, now),
        _of_approval(chain),
        _of_certificate(chain),
        _of_nobody(chain, now),
    )
    deepest = next((one for one in candidates if one), "")
    attempt = re.search(r"next attempt at [^)]*", _of_certificate(chain))
    if attempt is not None and "next attempt" not in deepest:
        deepest = f"{deepest.rstrip('.')} ({attempt[0]})"
    return deepest if not deepest or deepest.endswith(".") else f"{deepest}.", challenge


def _complaining(challenges: Iterable[Challenge]) -> Challenge | None:
    for challenge in challenges:
        status = challenge.status
        is_held_up = status.processing and not status.state.is_final and not _takes_its_time(challenge)
        if status.reason and (status.state.is_failure or is_held_up):
            return challenge
    return None


def _takes_its_time(challenge: Challenge) -> bool:
    """Is nothing wrong with it: does the CA look, or the DNS take the value?"""
    return challenge.status.reason in {awaiting_verdict(challenge.spec.type), PRESENTING}


def _under_way(chain: Chain) -> str:
    """Return what is waited for that only takes its time, empty when that is not known."""
    working = (one for one in chain.challenges if one.status.processing and not one.status.state.is_final)
    return next((_of_challenge(one) for one in working if _takes_its_time(one)), "")


def _of_challenge(challenge: Challenge | None) -> str:
    if challenge is None:
        return ""
    return f'Challenge {challenge.metadata.name} for "{challenge.spec.dns_name}": {challenge.status.reason}'


def _of_order(chain: Chain) -> str:
    order = chain.order
    return f"Order {order.metadata.name}: {order.status.reason}" if order is not None and order.status.reason else ""


def _of_refusal(chain: Chain) -> str:
    request = chain.request
    if request is None:
        return ""
    name, conditions = f"CertificateRequest {request.metadata.name}", request.status.conditions
    for kind in ("Denied", "InvalidRequest"):
        found = find_condition(conditions, kind)
        if found is not None and is_true(conditions, kind):
            return f"{name}{' was denied' if kind == 'Denied' else ''}: {found.message or kind}"
    ready = find_condition(conditions, "Ready")
    if ready is not None and ready.reason in {"Failed", "Denied"}:
        return f"{name}: {ready.message}"
    return ""


def _of_event(chain: Chain, now: datetime) -> str:
    """Return what the deepest object was said to have failed in last, if that holds still."""
    for obj in (*chain.challenges, chain.order, chain.request, chain.certificate):
        last = next(reversed(chain.events_of(obj)), None)
        if obj is not None and last is not None and last.type == "Warning" and _holds(last, now):
            return f"{type(obj).resource.kind} {obj.metadata.name}: {last.message}"
    return ""


def _holds(failure: Event, now: datetime) -> bool:
    """Is it of something that is tried again, and has the next attempt not gone well meanwhile?

    An attempt that goes well need not tell so.  Of the next one the sentence tells the time of day.
    """
    found = _TRIED_AGAIN.search(failure.message)
    if found is None or found["time"] is None:
        return found is not None
    told = when(failure)
    at = datetime.combine(told, time.fromisoformat(found["time"]), UTC)
    return now <= at + (timedelta(days=1) if at < told else timedelta()) + _ATTEMPT_TAKES


def _of_approval(chain: Chain) -> str:
    request = chain.request
    if request is None or is_true(request.status.conditions, "Approved") or is_true(request.status.conditions, "Ready"):
        return ""
    return f"CertificateRequest {request.metadata.name}: waits for an approver to approve or deny it"


def _of_issuer(chain: Chain) -> str:
    ref = chain.certificate.spec.issuer_ref
    name = f'{ref.effective_kind} "{ref.name}"'
    if ref.effective_group != Certificate.resource.group or ref.effective_kind in chain.unread:
        return ""
    if chain.issuer is None:
        return f"{name} does not exist; create it"
    ready = find_condition(chain.issuer.status.conditions, "Ready")
    if ready is None or not is_true(chain.issuer.status.conditions, "Ready"):
        return f"{name} is not ready: {ready.message if ready is not None else 'nobody has looked at it yet'}"
    return ""


def _of_certificate(chain: Chain) -> str:
    conditions = chain.certificate.status.conditions
    issuing, ready = find_condition(conditions, "Issuing"), find_condition(conditions, "Ready")
    if issuing is not None and (not is_true(conditions, "Issuing") or _TRIED_AGAIN.search(issuing.message)):
        return issuing.message
    if ready is not None and ready.reason == "DuplicateSecretName":
        return ready.message
    return ""


def _of_nobody(chain: Chain, now: datetime) -> str:
    """Return that no controller has said anything of a Certificate that has been there for a while."""
    certificate = chain.certificate
    made = certificate.metadata.creation_timestamp
    is_seen = chain.request is not None or certificate.status.conditions
    if is_seen or made is None or now < made + _BEGINS_WITHIN:
        return ""
    return f"nobody has looked at it since it was made at {moment(made, now)}"


def _advice(chain: Chain, culprit: str, by: Challenge | None) -> str:
    unproven = next((one.spec.dns_name for one in chain.challenges if not one.status.state.is_final), "")
    host = by.spec.dns_name if by is not None else unproven
    return advice_on(
        culprit,
        host=host or next(iter(chain.certificate.spec.dns_names), "HOST"),
        namespace=chain.certificate.metadata.namespace,
        ingress=chain.ingress.metadata.name if chain.ingress is not None else "NAME",
        request=chain.request.metadata.name if chain.request is not None else "NAME",
        solver=by.spec.type if by is not None else "",
    )
