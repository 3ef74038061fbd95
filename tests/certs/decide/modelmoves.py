"""What may happen in the model beside the controller's steps: the issuer, others, the process, the clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Final

import msgspec

from certs.api.certificate import CertificateStatus
from certs.api.certificaterequest import CertificateRequestStatus
from certs.api.issuer import CAIssuer, Issuer, IssuerSpec
from certs.api.meta import ConditionStatus, find_condition, is_true, with_condition
from certs.decide import request as requests
from certs.decide.backoff import BackoffLimits, next_attempt
from certs.decide.certificatesteps import (
    ObservedCertificate,
)
from certs.decide.effects import Tell
from certs.decide.issuance import MOMENT
from certs.decide.policies import renewal_due, stored_leaf
from tests.certs.decide import objects
from tests.certs.decide.model import (
    CERTIFICATE,
    Chain,
    PairWord,
    RequestWord,
    State,
    Word,
    certificate_of,
    chain_pem,
    next_keys_of,
    observe,
    pair_of,
    place_of,
    request_object,
    requests_of,
)
from tests.certs.decide.modelacts import Move, unused_number, without_lag, written

LIMITS: Final = BackoffLimits()
BAD_ANSWERS: Final = ("another key", "expired", "garbage")


# The issuer.


@cache
def _ca(is_ready: bool) -> Issuer:  # noqa: FBT001  it is what the issuer is
    made = objects.issuer(ready=is_ready)
    return msgspec.structs.replace(made, spec=IssuerSpec(ca=CAIssuer(secret_name="ca")))


def answers(state: State, *, good: bool = True, bad: bool = True) -> Iterator[Move]:
    """Return what the issuer may make of each request that it has not done with."""
    for name, word in requests_of(state.server).items():
        if requests.is_finished(request_object(name, word)) or is_true(word.status.conditions, "InvalidRequest"):
            continue
        respond = _signs_here if state.issuer.in_process else _elsewhere
        for what, after, is_bad in respond(state, name, word):
            if bad if is_bad else good:
                yield Move(f"{what} {name}", _answered(state, name, after))


Answer = tuple[str, RequestWord, bool]


def _answered(state: State, name: str, word: RequestWord) -> State:
    """Have the answer arrive; a store that did not show the request yet shows it now."""
    return written(state, name, word)


def _signs_here(state: State, name: str, word: RequestWord) -> Iterator[Answer]:
    request = request_object(name, word)
    step = requests.decide(requests.ObservedRequest(request, _ca(state.issuer.is_ready)), state.now)
    match step:
        case requests.Sign():
            chain = _chain(state, word)
            done = requests.signed(request, chain_pem(chain), b"", state.now)
            yield "signed at once", word._replace(chain=chain, status=done.status), False
            no = requests.refused(request, Tell("Unsignable", "the CA refuses"), state.now)
            yield "refused at once", word._replace(status=no.status), True
        case requests.SetRequestStatus(status):
            yield "held up by the issuer:", word._replace(status=status), False


def _elsewhere(state: State, name: str, word: RequestWord) -> Iterator[Answer]:
    if find_condition(word.status.conditions, "Ready") is None:
        if find_condition(word.status.conditions, "Denied") is None:
            yield "approved", word._replace(status=_with(state, word, "Approved", "Ready=Pending")), False
            yield "denied", word._replace(status=_with(state, word, "Denied", "Ready=Denied")), True
        return
    chain = _chain(state, word)
    for how in ("good", *BAD_ANSWERS):
        made = chain._replace(how=how)
        status = _with(state, word, "Ready=Issued")
        status = msgspec.structs.replace(status, certificate=chain_pem(made))
        yield f"signed ({how})", word._replace(chain=made, status=status), how != "good"
    yield "failed", word._replace(status=_with(state, word, "Ready=Failed")), True
    yield "found invalid", word._replace(status=_with(state, word, "InvalidRequest")), True


def _chain(state: State, word: RequestWord) -> Chain:
    return Chain(word.csr, word.revision, unused_number(state), state.now)


def _with(state: State, word: RequestWord, *told: str) -> CertificateRequestStatus:
    """Return the status with these conditions: `Type`, or `Type=reason` where only Issued is true."""
    status = word.status
    for one in told:
        kind, _, reason = one.partition("=")
        conditions = with_condition(
            status.conditions,
            kind,
            ConditionStatus.TRUE if reason in {"", "Issued"} else ConditionStatus.FALSE,
            reason=reason or kind,
            message=f"the issuer says {reason or kind}",
            now=state.now,
        )
        status = msgspec.structs.replace(status, conditions=conditions)
        if reason in {"Failed", "Denied"}:
            status = msgspec.structs.replace(status, failure_time=state.now)
    return status


# Others, the process, the clock.


def doings(state: State, specs: tuple[str, ...]) -> Iterator[Move]:
    """Return what others may do, each seen by the store at once or not yet."""
    for what, name, word in _doings(state, specs):
        yield Move(what, written(state, name, word))
        if state.lag is None:
            yield Move(f"{what}, not seen yet", written(state, name, word, is_seen=False))
    flipped = state.issuer._replace(is_ready=not state.issuer.is_ready)
    if state.issuer.in_process:
        yield Move(f"issuer ready: {flipped.is_ready}", state._replace(issuer=flipped))


def _doings(state: State, specs: tuple[str, ...]) -> Iterator[tuple[str, str, Word | None]]:
    certificate, pair, place = certificate_of(state.server), pair_of(state.server), place_of(state.server)
    for spec in specs:
        if spec != certificate.spec:
            yield f"spec: {spec}", CERTIFICATE, certificate._replace(spec=spec)
    wanted = not certificate.temporary
    yield f"temporary certificate asked for: {wanted}", CERTIFICATE, certificate._replace(temporary=wanted)
    if not is_true(certificate.status.conditions, "Issuing"):
        marked = certificate._replace(status=_marked(certificate.status, state.now))
        yield "renewal asked for", CERTIFICATE, marked
    if pair is not None:
        yield "Secret deleted", place, None
        if pair != PairWord():
            yield "Secret emptied", place, PairWord()
        if pair.formats != "theirs":
            yield "Secret given formats of others", place, pair._replace(formats="theirs")
    for name in next_keys_of(state.server):
        yield f"next key {name} deleted", name, None
    for name, word in requests_of(state.server).items():
        yield f"request {name} deleted", name, None
        if word.revision:
            yield f"request {name} without its revision", name, word._replace(revision=0)


def _marked(status: CertificateStatus, now: datetime) -> CertificateStatus:
    conditions = with_condition(
        status.conditions, "Issuing", ConditionStatus.TRUE, reason="ManuallyTriggered", message="asked for", now=now
    )
    return msgspec.structs.replace(status, conditions=conditions)


def inside(state: State) -> Iterator[Move]:
    """Return what goes on in the process: the store catches up, the mill has made its key."""
    if state.lag is not None:
        yield Move("store catches up", without_lag(state))
    if state.memory.mill.endswith("under way"):
        ready = state.memory.mill.replace("under way", "at hand")
        yield Move("key made", state._replace(memory=state.memory._replace(mill=ready)))


def moments(state: State) -> dict[datetime, str]:
    """Return the moments to come at which something else may be decided."""
    observed: ObservedCertificate = observe(state._replace(lag=None))
    found: dict[datetime, str] = {}
    leaf = stored_leaf(observed.secret)
    known: list[tuple[datetime | None, str]] = [
        (next_attempt(observed.certificate.status, LIMITS), "back-off over"),
        (renewal_due(observed.subject), "renewal due"),
        (leaf.not_after if leaf is not None else None, "expired"),
        *((word.created + MOMENT, "moment over") for word in requests_of(state.server).values()),
    ]
    for moment, what in known:
        if moment is not None and moment > state.now:
            found.setdefault(moment, what)
    return found


def ticks(state: State) -> Iterator[Move]:
    """Let the clock go on to any of those moments: a process may sleep over some."""
    for moment, what in moments(state).items():
        yield Move(f"clock: {what}", state._replace(now=moment))
