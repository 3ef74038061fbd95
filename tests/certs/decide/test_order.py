from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest

from certs.api.challenge import Challenge, ChallengeStatus
from certs.api.issuer import ACMEIssuerStatus, Issuer, IssuerSpec
from certs.api.order import ACMEAuthorization, ACMEChallenge, ACMEState, Order, OrderStatus
from certs.decide.backoff import Setback
from certs.decide.challengestatus import awaiting_verdict
from certs.decide.effects import Tell
from certs.decide.findings import Finding, Layer
from certs.decide.issuerrevision import ISSUER_REVISION
from certs.decide.order import (
    Authorize,
    DeleteChallenge,
    Download,
    Finalize,
    NewOrder,
    ObservedOrder,
    Poll,
    Seen,
    SetOrderStatus,
    StartOver,
    authorized,
    completed,
    decide,
    failed_status,
    not_after,
    ordered,
    poll_pause,
    seen_from,
    setback,
    wanted_profile,
)
from certs.decide.preflight import HELD as HELD_BACK
from certs.decide.preflight import AskNames, Look, Mode, TellFindings
from certs.outcomes import DONE, Outcome, Permanent, Wait, WaitingForUser
from tests.certs.decide.objects import DAY, HOST, NOW, authorization_url, challenge, issuer, order, with_status

SECOND = timedelta(seconds=1)
WWW = "www.example.org"
URL = "https://ca.test/order/1"


def at_ca(*hosts: str, state: ACMEState = ACMEState.PENDING, **status: object) -> Order:
    """Return an Order that the CA has."""
    authorizations = tuple(ACMEAuthorization(url=authorization_url(host)) for host in hosts or (HOST,))
    usual = OrderStatus(url=URL, finalize_url=f"{URL}/finalize", authorizations=authorizations, state=state)
    return order(status=msgspec.structs.replace(usual, **status))


def shown(host: str = HOST, state: ACMEState = ACMEState.VALID, reason: str = "") -> Challenge:
    """Return a Challenge in a state."""
    return challenge(host, status=ChallengeStatus(state=state, reason=reason))


def seen(state: ACMEState, *, polls: int = 0, due: datetime = NOW, url: str = "") -> Seen:
    return Seen(state, due, polls, url)


def step(of: Order, *challenges: Challenge, heard: Seen | None = None, by: Issuer | None = None) -> object:
    return decide(ObservedOrder(of, by or issuer(), challenges, heard), NOW)


def dying() -> Order:
    one = order()
    return msgspec.structs.replace(one, metadata=msgspec.structs.replace(one.metadata, deletion_timestamp=NOW))


FINISHED = at_ca(state=ACMEState.VALID, certificate=b"chain")


@pytest.mark.parametrize(
    ("of", "challenges", "expected"),
    [
        pytest.param(dying(), (), DONE, id="being deleted"),
        pytest.param(at_ca(state=ACMEState.INVALID), (), DONE, id="invalid"),
        pytest.param(at_ca(state=ACMEState.EXPIRED), (), DONE, id="expired"),
        pytest.param(at_ca(state=ACMEState.ERRORED), (), DONE, id="errored"),
        pytest.param(FINISHED, (), DONE, id="valid"),
        pytest.param(FINISHED, (shown(),), DeleteChallenge(f"shop-1-1234-{HOST}"), id="valid, with a Challenge left"),
        pytest.param(
            FINISHED, (challenge(type="DNS-01"),), DeleteChallenge(f"shop-1-1234-{HOST}"), id="its record is gone"
        ),
        pytest.param(
            FINISHED,
            (challenge(type="DNS-01", finalizers=("acme.cert-manager.io/finalizer",)),),
            DONE,
            id="its record is still to go",
        ),
    ],
)
def test_at_the_end(of: Order, challenges: tuple[Challenge, ...], expected: object) -> None:
    """An Order that has ended asks nobody, not even for an issuer."""
    assert decide(ObservedOrder(of, None, challenges), NOW) == expected


@pytest.mark.parametrize(
    ("of", "challenges", "expected"),
    [
        pytest.param(order(), (), NewOrder(), id="no URL"),
        pytest.param(at_ca(), (), Authorize(authorization_url(HOST)), id="authorization unknown"),
        pytest.param(at_ca(), (shown(state=ACMEState.UNKNOWN),), DONE, id="Challenge is new"),
        pytest.param(at_ca(), (shown(state=ACMEState.PENDING),), DONE, id="Challenge is pending"),
        pytest.param(at_ca(), (shown(),), Poll(), id="Challenge is valid"),
        pytest.param(at_ca(HOST, WWW), (shown(),), Authorize(authorization_url(WWW)), id="one of two is unknown"),
        pytest.param(at_ca(HOST, WWW), (shown(), shown(WWW, ACMEState.PENDING)), DONE, id="one of two is pending"),
        pytest.param(at_ca(HOST, WWW), (shown(), shown(WWW)), Poll(), id="both are valid"),
    ],
)
def test_until_everything_is_proven(of: Order, challenges: tuple[Challenge, ...], expected: object) -> None:
    """URL, authorizations, Challenges; without a memory the CA is asked before anything is finalized."""
    assert step(of, *challenges) == expected


def made_by(of: Order, revision: str) -> Order:
    """Return an Order that says by which spec of its issuer it was made."""
    return msgspec.structs.replace(
        of, metadata=msgspec.structs.replace(of.metadata, annotations={ISSUER_REVISION: revision})
    )


ELSEWHERE = "https://other.test/dir"
LEFT = StartOver(f"its issuer has been set to another server since it was made at {URL}")


@pytest.mark.parametrize(
    ("of", "server", "expected"),
    [
        pytest.param(made_by(at_ca(), "0-uid-issuer"), ELSEWHERE, LEFT, id="another server since"),
        pytest.param(made_by(at_ca(), "1-uid-issuer"), ELSEWHERE, Poll(), id="a CA with orders on another host"),
        pytest.param(at_ca(), ELSEWHERE, Poll(), id="an Order that does not say"),
        pytest.param(made_by(at_ca(), "0-uid-issuer"), "https://ca.test/dir", Poll(), id="another change"),
        pytest.param(made_by(order(), "0-uid-issuer"), ELSEWHERE, NewOrder(), id="not ordered yet"),
        pytest.param(
            made_by(at_ca(state=ACMEState.VALID, certificate=b"chain"), "0-uid-issuer"),
            ELSEWHERE,
            DeleteChallenge(f"shop-1-1234-{HOST}"),
            id="issued already",
        ),
    ],
)
def test_an_order_at_a_server_that_its_issuer_has_left_is_made_anew(of: Order, server: str, expected: object) -> None:
    """The account is another there, and what the old server says of it would be taken for the new one's word."""
    assert step(of, shown(), by=issuer(server=server)) == expected


def test_nothing_is_ordered_with_the_account_of_the_server_before() -> None:
    """Between a change of the server and the registration there the issuer still says that it is ready."""
    ready = issuer(server=ELSEWHERE)
    account = ACMEIssuerStatus(uri="https://ca.test/account/1")
    by = with_status(ready, msgspec.structs.replace(ready.status, acme=account))

    with pytest.raises(WaitingForUser, match=f"is to be registered at {ELSEWHERE} first"):
        step(order(), by=by)

    (told,) = by.status.conditions  # a CA whose accounts are on another host than its directory
    registered = msgspec.structs.replace(told, observed_generation=by.metadata.generation)
    assert step(order(), by=with_status(by, msgspec.structs.replace(by.status, conditions=(registered,)))) == NewOrder()


WRONG = Finding(HOST, Layer.DNS, sure=True, sentence=f'"{HOST}" does not exist in the DNS')
HELD = f"{HELD_BACK}: {WRONG.sentence}"


def looked(mode: Mode, *findings: Finding, ago: timedelta = SECOND / 2, told: bool = False) -> Look:
    """Return what was found out about the names of an Order."""
    return Look(mode, NOW - ago, answered=True, findings=findings, looks=1, told=findings if told else ())


@pytest.mark.parametrize(
    ("of", "look", "expected"),
    [
        pytest.param(order(), Look(Mode.WARN), AskNames(), id="asked about before the order"),
        pytest.param(order(), Look(Mode.WARN, NOW), NewOrder(), id="whose answers warn does not wait for"),
        pytest.param(
            order(),
            Look(Mode.ENFORCE, NOW),
            Wait(NOW + 3 * SECOND, "its names are asked about"),
            id="but enforce does",
        ),
        pytest.param(order(), looked(Mode.ENFORCE), NewOrder(), id="nothing is wrong"),
        pytest.param(
            order(),
            looked(Mode.ENFORCE, WRONG),
            SetOrderStatus(OrderStatus(reason=HELD), Tell("Preflight", HELD, "Warning")),
            id="it would be refused",
        ),
        pytest.param(
            order(status=OrderStatus(reason=HELD)),
            looked(Mode.ENFORCE, WRONG),
            Wait(NOW + SECOND / 2, "what was wrong with its names is looked at"),
            id="said, and looked at again",
        ),
        pytest.param(order(), looked(Mode.WARN, WRONG), TellFindings((WRONG,)), id="told"),
        pytest.param(order(), looked(Mode.WARN, WRONG, told=True), NewOrder(), id="and ordered"),
        pytest.param(at_ca(), looked(Mode.WARN, WRONG), TellFindings((WRONG,)), id="told when it is ordered already"),
        pytest.param(at_ca(state=ACMEState.INVALID), looked(Mode.WARN, WRONG), DONE, id="too late"),
    ],
)
def test_names_are_looked_at_before_they_are_ordered(of: Order, look: Look, expected: object) -> None:
    assert decide(ObservedOrder(of, issuer(), look=look), NOW) == expected


def known(host: str, state: ACMEState) -> ACMEAuthorization:
    return ACMEAuthorization(url=authorization_url(host), identifier=host, initial_state=state)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(ACMEState.VALID, Poll(), id="valid from the start"),
        pytest.param(ACMEState.PENDING, Authorize(authorization_url(HOST)), id="its Challenge was never made"),
        pytest.param(ACMEState.UNKNOWN, Authorize(authorization_url(HOST)), id="nobody knows"),
    ],
)
def test_a_described_authorization_without_challenge(state: ACMEState, expected: object) -> None:
    """The incumbent describes authorizations before it makes Challenges, and may have been stopped between."""
    assert step(at_ca(authorizations=(known(HOST, state),))) == expected


@pytest.mark.parametrize(
    ("by", "reason", "sentence"),
    [
        pytest.param(None, "IssuerNotFound", 'Issuer "letsencrypt" does not exist; create it', id="no issuer"),
        pytest.param(
            msgspec.structs.replace(issuer(), spec=IssuerSpec()),
            "IssuerTypeMissing",
            'Issuer "letsencrypt" is not an ACME issuer',
            id="not ACME",
        ),
        pytest.param(
            issuer(ready=False),
            "IssuerNotReady",
            'Issuer "letsencrypt" is not ready: the account is not registered',
            id="not ready",
        ),
        pytest.param(
            with_status(issuer(), type(issuer().status)()),
            "IssuerNotReady",
            'Issuer "letsencrypt" is not ready: it has not been set up yet',
            id="new",
        ),
    ],
)
@pytest.mark.parametrize("of", [order(), at_ca()], ids=["new", "under way"])
def test_an_issuer_that_cannot_be_used_is_waited_for(of: Order, by: Issuer | None, reason: str, sentence: str) -> None:
    """The sentence names the order, the issuer and what to do."""
    with pytest.raises(WaitingForUser) as raised:
        decide(ObservedOrder(of, by), NOW)

    assert str(raised.value) == f"cannot order for shop-1-1234: {sentence}"
    assert raised.value.reason == reason


PROPAGATION = "Waiting for HTTP-01 challenge propagation: cannot resolve example.org"
HELD_UP = f'"{HOST}" cannot be proven yet: {PROPAGATION}'


def test_what_was_found_beforehand_stands_beside_what_holds_up() -> None:
    """And is looked at again, so that nobody reads of what is mended."""
    reason = f"{HELD_UP} ({WRONG.sentence})"
    look = looked(Mode.WARN, WRONG, told=True)
    says = decide(ObservedOrder(at_ca(), issuer(), (working(PROPAGATION),), look=look), NOW)
    said = ObservedOrder(at_ca(reason=reason), issuer(), (working(PROPAGATION),), look=look)

    assert isinstance(says, SetOrderStatus)
    assert says.status.reason == reason
    assert decide(said, NOW) == Wait(NOW + SECOND / 2, "what was wrong with its names is looked at")
    assert decide(said, NOW + SECOND) == AskNames()


def working(reason: str) -> Challenge:
    """Return a Challenge that has told what it waits for."""
    return challenge(HOST, status=ChallengeStatus(processing=True, state=ACMEState.PENDING, reason=reason))


@pytest.mark.parametrize(
    ("of", "challenge", "expected"),
    [
        (at_ca(), working(PROPAGATION), HELD_UP),
        (at_ca(reason=HELD_UP), working(PROPAGATION), None),
        (at_ca(reason="another reason"), working(PROPAGATION), HELD_UP),
        (at_ca(), working(awaiting_verdict("HTTP-01")), None),
        (at_ca(), challenge(HOST), None),
    ],
    ids=["told", "told once", "told anew", "the CA is at work", "nothing is known"],
)
def test_what_holds_a_challenge_up_is_told_by_the_order(of: Order, challenge: Challenge, expected: str | None) -> None:
    """From there it goes up to the Certificate."""
    decided = step(of, challenge)

    told = decided.status.reason if isinstance(decided, SetOrderStatus) else None
    assert (decided == DONE) is (expected is None)
    assert told == expected


@pytest.mark.parametrize(
    ("state", "reason", "sentence"),
    [
        (ACMEState.INVALID, "no route", f'Failed to prove control of "{HOST}": no route'),
        (ACMEState.ERRORED, "", f'Failed to prove control of "{HOST}": the challenge is errored'),
    ],
)
def test_a_failed_challenge_fails_the_order(state: ACMEState, reason: str, sentence: str) -> None:
    """State and reason of the Challenge become the Order's, whatever the others do; one Warning tells it."""
    failed = step(at_ca(HOST, WWW), shown(WWW, ACMEState.PENDING), shown(state=state, reason=reason))

    assert isinstance(failed, SetOrderStatus)
    assert (failed.status.state, failed.status.reason, failed.status.failure_time) == (state, sentence, NOW)
    assert failed.tell == Tell("Failed", sentence, "Warning")


def test_a_challenge_that_the_ca_forgot_starts_the_order_over() -> None:
    """Expired is nobody's fault: a new order may well succeed."""
    assert step(at_ca(), shown(state=ACMEState.EXPIRED)) == StartOver(
        f'Failed to prove control of "{HOST}": the challenge is expired'
    )


LATER = NOW + 5 * SECOND


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        pytest.param(None, Poll(), id="after a restart"),
        pytest.param(seen(ACMEState.PENDING), Finalize(), id="pending"),
        pytest.param(seen(ACMEState.READY), Finalize(), id="ready"),
        pytest.param(seen(ACMEState.PROCESSING), Poll(), id="processing"),
        pytest.param(seen(ACMEState.VALID), Poll(), id="valid, where the certificate is was not said"),
        pytest.param(
            seen(ACMEState.VALID, url="https://ca.test/c", due=LATER), Download("https://ca.test/c"), id="valid"
        ),
        pytest.param(
            seen(ACMEState.PROCESSING, due=LATER), Wait(LATER, "the CA works on the order (processing)"), id="not due"
        ),
        pytest.param(
            seen(ACMEState.PENDING, due=LATER),
            Wait(LATER, "the CA works on the order (pending)"),
            id="finalize not due",
        ),
    ],
)
def test_once_everything_is_proven(heard: Seen | None, expected: object) -> None:
    """What the CA last said decides; it is never asked before the moment that it named."""
    assert step(at_ca(), shown(), heard=heard) == expected


def test_slow_processing_is_told_once() -> None:
    """After three seconds the state says what is going on; then it is only waited for."""
    slow = seen(ACMEState.PROCESSING, polls=7, due=LATER)
    assert isinstance(step(at_ca(), shown(), heard=seen(ACMEState.PROCESSING, polls=6, due=LATER)), Wait)

    told = step(at_ca(reason="cannot finalize the order (next attempt at 11:59:58 UTC)"), shown(), heard=slow)

    assert isinstance(told, SetOrderStatus)
    assert (told.status.state, told.status.reason) == (ACMEState.PROCESSING, "")
    again: Outcome = Wait(LATER, "the CA works on the order (processing)")
    assert step(at_ca(state=ACMEState.PROCESSING), shown(), heard=slow) == again


@pytest.mark.parametrize("state", [ACMEState.PROCESSING, ACMEState.PENDING])
def test_a_ca_that_takes_hours_is_told_with_its_moment(state: ACMEState) -> None:
    """At once, and once."""
    heard = seen(state, due=NOW + 7200 * SECOND)

    told = step(at_ca(), shown(), heard=heard)

    assert isinstance(told, SetOrderStatus)
    assert told.status.state is state
    assert told.status.reason == "the CA works on the order, and says to ask again at 2026-03-01 14:00:00 UTC"
    of = order(status=told.status)
    assert step(of, shown(), heard=heard) == Wait(NOW + 7200 * SECOND, f"the CA works on the order ({state})")


def test_pace_of_questions() -> None:
    """40 ms, doubling to ten seconds."""
    pauses = [poll_pause(polls).total_seconds() for polls in (0, 1, 2, 7, 8, 10_000)]

    assert pauses == [0.04, 0.08, 0.16, 5.12, 10, 10]


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [
        pytest.param(None, NOW + 2 * timedelta(milliseconds=40), id="no Retry-After"),
        pytest.param(NOW + 120 * SECOND, NOW + 120 * SECOND, id="later than our pace"),
        pytest.param(NOW + timedelta(milliseconds=1), NOW + timedelta(milliseconds=1), id="sooner than our pace"),
        pytest.param(NOW - SECOND, NOW + 2 * timedelta(milliseconds=40), id="in the past"),
    ],
)
def test_retry_after_wins(retry_after: datetime | None, expected: datetime) -> None:
    """The server knows best, unless it names the past."""
    assert seen_from(ACMEState.PROCESSING, now=NOW, retry_after=retry_after, polls=1).next_poll == expected


def test_status_after_new_order_has_all_urls() -> None:
    """URL, finalize URL, authorizations and state in one value, old reasons gone."""
    before = order(status=OrderStatus(reason="limited"))
    status = ordered(
        before, url=URL, finalize_url=f"{URL}/f", authorizations=("https://ca.test/a",), state=ACMEState.PENDING
    )

    assert status == OrderStatus(
        url=URL,
        finalize_url=f"{URL}/f",
        authorizations=(ACMEAuthorization(url="https://ca.test/a"),),
        state=ACMEState.PENDING,
    )


def test_an_authorization_that_is_valid_is_described_alone() -> None:
    """The others stay as they are."""
    status = authorized(at_ca(HOST, WWW), known(HOST, ACMEState.VALID))

    assert [one.identifier for one in status.authorizations] == [HOST, ""]


def test_the_end_describes_what_the_challenges_told() -> None:
    """With the Challenges gone, the Order alone says what was proven and how; so does a failed one."""
    observed = ObservedOrder(at_ca(HOST, WWW), issuer(), (shown(), shown(WWW)))
    expected = tuple(
        ACMEAuthorization(
            url=authorization_url(host),
            identifier=host,
            wildcard=False,
            initial_state=ACMEState.PENDING,
            challenges=(ACMEChallenge(url=f"https://ca.test/chall/{host}", token=f"token-of-{host}", type="http-01"),),
        )
        for host in (HOST, WWW)
    )

    done, failed = completed(observed, b"chain"), failed_status(observed, ACMEState.INVALID, "why", NOW)

    assert (done.state, done.certificate, done.reason, done.authorizations) == (ACMEState.VALID, b"chain", "", expected)
    assert (failed.state, failed.reason, failed.authorizations) == (ACMEState.INVALID, "why", expected)


@pytest.mark.parametrize(
    ("duration", "expected"), [(None, None), ("", None), ("24h", NOW + DAY)], ids=["none", "empty", "a day"]
)
def test_end_of_validity_that_is_asked_for(duration: str | None, expected: datetime | None) -> None:
    """Only where a duration is asked for."""
    assert not_after(order(duration=duration), NOW) == expected


@pytest.mark.parametrize("duration", ["a day", "2000000h"], ids=["unreadable", "beyond the end of time"])
def test_a_duration_that_cannot_be_asked_for(duration: str) -> None:
    """The sentence says what is wrong and where to change it; no time passes by that."""
    far = datetime(9900, 1, 1, tzinfo=NOW.tzinfo)
    with pytest.raises(Permanent, match=r"write for example 2160h into spec\.duration") as raised:
        not_after(order(duration=duration), far)

    assert raised.value.reason == "InvalidOrder"


def asking(profile: str, *ip_addresses: str) -> Order:
    made = order()
    spec = msgspec.structs.replace(made.spec, profile=profile, ip_addresses=ip_addresses)
    return msgspec.structs.replace(made, spec=spec)


@pytest.mark.parametrize(
    ("of", "offered", "expected"),
    [
        (asking(""), (), ""),
        (asking(""), ("classic", "shortlived"), ""),
        (asking("", "192.0.2.1"), ("classic", "shortlived"), "shortlived"),
        (asking("", "192.0.2.1"), ("classic",), ""),
        (asking("classic", "192.0.2.1"), ("classic", "shortlived"), "classic"),
        (asking("short"), ("classic", "short"), "short"),
    ],
    ids=["none", "DNS names only", "IP address", "IP address, not offered", "user's word", "offered"],
)
def test_the_profile_to_order_with(of: Order, offered: tuple[str, ...], expected: str) -> None:
    assert wanted_profile(of, offered) == expected


@pytest.mark.parametrize(
    ("offered", "told"),
    [((), "it offers none"), (("short", "classic"), "it offers classic, short")],
    ids=["no profiles", "others"],
)
def test_a_profile_that_is_not_offered_is_refused(offered: tuple[str, ...], told: str) -> None:
    """With what there is, and where to change it."""
    with pytest.raises(Permanent, match=told) as caught:
        wanted_profile(asking("tls"), offered)
    assert caught.value.reason == "InvalidProfile"
    assert "change spec.acme.profile of " in str(caught.value)


def test_a_profile_of_the_developer_is_refused_where_the_developer_wrote_it() -> None:
    """Not in the issuer, which may be another's to change."""
    made = asking("tls")
    annotations = {"acme.certshim.io/profile": "tls"}
    made = msgspec.structs.replace(made, metadata=msgspec.structs.replace(made.metadata, annotations=annotations))

    with pytest.raises(Permanent, match=r"change the annotation acme\.certshim\.io/profile of the Certificate"):
        wanted_profile(made, ("classic",))


@pytest.mark.parametrize(
    ("state", "reason", "expected"),
    [
        pytest.param(ACMEState.PENDING, "", None, id="under way"),
        pytest.param(ACMEState.VALID, "", None, id="done"),
        pytest.param(ACMEState.INVALID, f'Failed to prove control of "{HOST}": 404', Setback.PROOF, id="a proof"),
        pytest.param(ACMEState.EXPIRED, "", Setback.PROOF, id="too late"),
        pytest.param(ACMEState.ERRORED, f'Failed to prove control of "{HOST}": no', Setback.PROOF, id="an answer"),
        pytest.param(ACMEState.ERRORED, "cannot order: rejectedIdentifier", Setback.REFUSAL, id="refused"),
        pytest.param(
            ACMEState.INVALID, f'Failed to prove control of "{HOST}": caa: no', Setback.REFUSAL, id="CAA, with a proof"
        ),
        pytest.param(
            ACMEState.INVALID, f'Failed to prove control of "{HOST}": dns: caa: no', Setback.PROOF, id="a word on CAA"
        ),
        pytest.param(ACMEState.ERRORED, "Failed to create Order: 400", Setback.REFUSAL, id="refused to cert-manager"),
    ],
)
def test_the_order_tells_what_it_has_failed_by(state: ACMEState, reason: str, expected: Setback | None) -> None:
    """A name can be mended by somebody; what the CA refuses stays refused."""
    assert setback(order(status=OrderStatus(state=state, reason=reason))) is expected


def test_a_limit_holds_whatever_wakes_the_order() -> None:
    """Its own status, seen by the watch, above all; then it goes on where it was."""
    limited = ObservedOrder(at_ca(), issuer(), held_until=NOW + SECOND)

    assert decide(limited, NOW) == Wait(NOW + SECOND, "the CA has said when")
    assert decide(limited, NOW + SECOND) == Authorize(authorization_url(HOST))


def test_whoever_goes_first_is_waited_for_and_told_once() -> None:
    """Before anything is ordered; with a URL of its own it does not look at others."""
    other = named("other")
    why = 'waits for Order "other", to which the CA has given the account\'s order for the same names; orders after it'
    before = ObservedOrder(order(), issuer(), first=other)
    told = order(status=OrderStatus(reason=why))
    failed = order(status=OrderStatus(reason=f"{why} (next attempt at 12:00:01 UTC)"))

    assert decide(before, NOW) == SetOrderStatus(OrderStatus(reason=why))
    assert decide(replace(before, order=told), NOW) == Wait(NOW + 10 * SECOND, why)
    assert decide(replace(before, order=failed), NOW) == Wait(NOW + 10 * SECOND, why)
    assert decide(replace(before, order=told, first=None), NOW) == NewOrder()
    assert decide(replace(before, order=at_ca()), NOW) == Authorize(authorization_url(HOST))


def named(name: str) -> Order:
    """Return another Order."""
    made = order()
    return msgspec.structs.replace(made, metadata=msgspec.structs.replace(made.metadata, name=name, uid=f"uid-{name}"))
