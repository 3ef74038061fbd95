"""What is said of a certificate, by what its objects say."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from certs.api.certificate import CertificateStatus, Renewal
from certs.api.certificaterequest import CertificateRequestStatus
from certs.api.challenge import ChallengeStatus
from certs.api.core import Event, ObjectReference
from certs.api.meta import Condition, IssuerReference, KubeObject, ObjectMeta
from certs.api.order import ACMEState, OrderStatus
from certs.outcomes import Transient
from shim.chain.advice import advice_on
from shim.chain.explaining import distance, explain
from shim.chain.links import Chain
from shim.controllers.contents import unwritable
from shim.controllers.world import with_next_attempt
from shim.kube.errors import Invalid
from tests.certs.decide.objects import (
    HOST,
    NOW,
    certificate,
    challenge,
    condition,
    failed,
    issued,
    issuer,
    order,
    request,
    stored,
    with_status,
)

READY = condition("Ready", reason="Ready", message="Certificate is up to date and has not expired")
NOT_READY = condition("Ready", "False", reason="DoesNotExist", message="Issuing certificate as Secret does not exist")
DUE = "Renewing certificate as renewal was scheduled at 2026-03-01 12:00:00 +0000 UTC"
IMMUTABLE = with_next_attempt(unwritable("web-tls", Invalid("when `immutable` is set")), None)
AGAIN = "next attempt at 2026-07-01 10:00:00 UTC"
GAVE_UP = condition("Issuing", "False", reason="Failed", message=f"The request has failed: no ({AGAIN})")
UNSEEN = ChallengeStatus(processing=True, state=ACMEState.PENDING, reason=f"cannot resolve {HOST}: SERVFAIL")
LOOKED_AT = ChallengeStatus(
    processing=True, state=ACMEState.PENDING, reason="Waiting for the CA to validate the HTTP-01 challenge"
)
REFUSED = OrderStatus(state=ACMEState.ERRORED, reason="Failed to create Order: CAA forbids it")


def chain(*conditions: object, **links: object) -> Chain:
    status = CertificateStatus(conditions=conditions, renewal_time=NOW + timedelta(days=30))  # type: ignore[arg-type]
    usual: dict[str, object] = {"certificate": with_status(certificate(), status), "issuer": issuer()}
    return Chain(**(usual | links))  # type: ignore[arg-type]


NO_RIGHT = 'cannot create CertificateRequest web/shop-1: requests is forbidden: User "shim" cannot create'
SECOND = timedelta(seconds=1)


def events(of: KubeObject, *told: tuple[timedelta, str, str]) -> dict[str, tuple[Event, ...]]:
    """Return events about an object: how long ago, type, message."""
    about = ObjectReference(kind=type(of).resource.kind, name=of.metadata.name, uid=of.metadata.uid)
    return {
        of.metadata.uid: tuple(
            Event(ObjectMeta(name="x"), about, message=message, last_timestamp=NOW - ago, type=kind)
            for ago, kind, message in told
        )
    }


def attempt(ago: timedelta, after: timedelta) -> tuple[timedelta, str, str]:
    """Return a failure of so long ago, whose next attempt was to be so long after it."""
    return ago, "Warning", with_next_attempt(Transient(NO_RIGHT), NOW - ago + after)


@pytest.mark.parametrize(
    ("of", "state", "parts"),
    [
        pytest.param(
            chain(READY, secret=stored()),
            "good",
            ("is ready. The Secret has a certificate for", "It is renewed at", "(in 30 days)"),
            id="well",
        ),
        pytest.param(chain(NOT_READY, issuer=None), "failing", ("does not exist; create it.",), id="no issuer"),
        pytest.param(
            chain(NOT_READY, order=order(), challenges=(challenge(status=LOOKED_AT),)),
            "waiting",
            ("is not ready yet: Challenge", "Waiting for the CA to validate the HTTP-01 challenge."),
            id="the CA looks",
        ),
        pytest.param(
            chain(NOT_READY, issuer=None, request=request()),
            "failing",
            ("does not exist; create it.",),
            id="no issuer, and no approver: the issuer first",
        ),
        pytest.param(
            chain(NOT_READY, request=request()),
            "failing",
            ("waits for an approver",),
            id="no approver",
        ),
        pytest.param(
            chain(NOT_READY, request=request(), order=order(), challenges=(with_status(challenge(), UNSEEN),)),
            "failing",
            (f'Challenge {challenge().metadata.name} for "{HOST}": cannot resolve {HOST}: SERVFAIL.',),
            id="the deepest knows",
        ),
        pytest.param(
            chain(NOT_READY, GAVE_UP, request=failed(request()), order=with_status(order(), REFUSED)),
            "failing",
            (f"Order {order().metadata.name}: Failed to create Order: CAA forbids it ({AGAIN}).",),
            id="and when it is tried again",
        ),
        pytest.param(
            chain(NOT_READY, GAVE_UP, secret=stored()),
            "failing",
            (f"The request has failed: no ({AGAIN}).", "Meanwhile the Secret has a certificate for"),
            id="what is served meanwhile",
        ),
        pytest.param(
            chain(READY, GAVE_UP, secret=stored()),
            "failing",
            ("is ready.", "Its renewal does not get on: The request has failed: no"),
            id="a renewal that fails",
        ),
        pytest.param(
            chain(READY, condition("Issuing", reason="Renewing", message=DUE), secret=stored()),
            "good",
            ("is ready.", f"It is being issued anew: {DUE}."),
            id="a renewal that is under way",
        ),
        pytest.param(
            chain(NOT_READY, condition("Issuing", reason="DoesNotExist", message=IMMUTABLE), request=issued(request())),
            "failing",
            ("is not ready: cannot write Secret", "(tried again when something changes)."),
            id="an issuance that is under way and held up",
        ),
        pytest.param(
            chain(NOT_READY, events=events(certificate(), attempt(SECOND, 2 * SECOND))),
            "failing",
            (f"is not ready: Certificate shop: {NO_RIGHT} (next attempt at ",),
            id="what only an event tells",
        ),
        pytest.param(
            chain(NOT_READY, request=request(), events=events(request(), attempt(SECOND, timedelta(hours=23)))),
            "failing",
            (f"is not ready: CertificateRequest shop-1: {NO_RIGHT} (next attempt at ",),
            id="why the approver could not approve, and tomorrow",
        ),
        pytest.param(
            chain(NOT_READY, events=events(certificate(), attempt(timedelta(minutes=3), SECOND))),
            "waiting",
            ("is not ready yet: Issuing certificate as Secret does not exist.",),
            id="an attempt that was to be long ago",
        ),
        pytest.param(
            chain(NOT_READY, events=events(certificate(), attempt(2 * SECOND, SECOND), (SECOND, "Normal", "Issuing"))),
            "waiting",
            ("is not ready yet",),
            id="an attempt since which something went well",
        ),
        pytest.param(
            chain(NOT_READY, events=events(certificate(), (SECOND, "Warning", "DNS names are many"))),
            "waiting",
            ("is not ready yet",),
            id="a warning that nothing is held up by",
        ),
        pytest.param(
            chain(READY, secret=stored(), events=events(certificate(), attempt(SECOND, 2 * SECOND))),
            "good",
            ("is ready.",),
            id="trouble of one that is well",
        ),
    ],
)
def test_one_paragraph_says_it(of: Chain, state: str, parts: tuple[str, ...]) -> None:
    told = explain(of, NOW)

    assert told.state == state
    for part in parts:
        assert part in told.text


LATER = NOW + timedelta(days=33)
EXPIRED = NOW + timedelta(days=100)


def of_another(*conditions: Condition) -> Chain:
    """Return a Certificate of an issuer of others, whose request has these conditions."""
    ours = certificate(issuer_ref=IssuerReference("a", "AWSPCAIssuer", "awspca.example.com"))
    asked = with_status(request(ours), CertificateRequestStatus(conditions))
    return Chain(with_status(ours, CertificateStatus(conditions=(NOT_READY,))), request=asked)


def unrenewed(*conditions: Condition) -> Chain:
    ours = certificate(renewal=Renewal(policy="Disabled"))
    return Chain(with_status(ours, CertificateStatus(conditions)), issuer=issuer(), secret=stored(ours))


@pytest.mark.parametrize(
    ("of", "now", "state", "parts"),
    [
        pytest.param(
            chain(READY, secret=stored()),
            LATER,
            "failing",
            ("Its renewal was due at 2026-03-31 12:00:00 UTC (3 days ago).", "not get on: nobody has begun with it."),
            id="a renewal that does not begin",
        ),
        pytest.param(
            chain(READY, secret=stored()),
            EXPIRED,
            "failing",
            ("is not ready: its certificate has expired, and nobody has begun with its renewal, due at 2026-03-31",),
            id="an expiry that nobody has noted",
        ),
        pytest.param(
            chain(READY),
            NOW,
            "failing",
            ('its Secret "shop-tls" is not there, and nobody',),
            id="a Secret that is gone",
        ),
        pytest.param(
            chain(READY, unread={"Secret": "not yours"}),
            NOW,
            "good",
            ("is ready.",),
            id="a Secret that is not to be read",
        ),
        pytest.param(
            unrenewed(READY),
            NOW,
            "good",
            ("is ready.", "It is not renewed by itself: spec.renewal.policy is Disabled."),
            id="a renewal that is switched off",
        ),
        pytest.param(
            unrenewed(condition("Ready", "False", reason="Expired", message="Certificate expired on Tue")),
            EXPIRED,
            "failing",
            ("not ready: its certificate has expired, and is not renewed by itself: spec.renewal.policy is Disabled.",),
            id="and what comes of it",
        ),
        pytest.param(
            chain(), NOW, "failing", ("not ready: nobody has looked at it since it was made",), id="nobody has looked"
        ),
        pytest.param(
            of_another(condition("Approved")),
            NOW,
            "waiting",
            ('shop-1 is approved, and waits for the controller of AWSPCAIssuer "a" (awspca.example.com).',),
            id="an issuer of others",
        ),
        pytest.param(
            of_another(condition("Approved"), condition("Ready", "False", reason="Pending", message="in the queue.")),
            NOW,
            "waiting",
            ("(awspca.example.com), which says: in the queue.",),
            id="and what it says",
        ),
        pytest.param(
            of_another(condition("Denied", message="not this name")),
            NOW,
            "failing",
            ("CertificateRequest shop-1 was denied: not this name.",),
            id="a request that was denied",
        ),
    ],
)
def test_it_is_told_who_does_nothing(of: Chain, now: datetime, state: str, parts: tuple[str, ...]) -> None:
    """Though each object says what it said when somebody looked at it last."""
    told = explain(of, now)

    assert told.state == state
    assert bool(told.advice) == (state == "failing" or of.certificate.spec.issuer_ref.kind == "AWSPCAIssuer")
    for part in parts:
        assert part in told.text


HOUR = timedelta(hours=1)
DAY_AFTER = NOW + timedelta(days=1)
ISSUING = condition("Issuing", reason="DoesNotExist", message="Issuing certificate as Secret does not exist")


@pytest.mark.parametrize(
    ("of", "led_until", "halted"),
    [
        pytest.param(chain(NOT_READY, ISSUING), DAY_AFTER - HOUR, True, id="the Lease has run out"),
        pytest.param(chain(NOT_READY, ISSUING, request=request()), DAY_AFTER - HOUR, True, id="whatever it waited for"),
        pytest.param(chain(READY, secret=stored()), DAY_AFTER - HOUR, False, id="one that is well"),
        pytest.param(chain(NOT_READY, ISSUING), DAY_AFTER + timedelta(seconds=40), False, id="somebody leads"),
        pytest.param(chain(NOT_READY, ISSUING), DAY_AFTER - SECOND, False, id="a standby may take it still"),
        pytest.param(chain(NOT_READY, ISSUING), None, False, id="it is not known"),
        pytest.param(
            chain(
                NOT_READY,
                ISSUING,
                events=events(certificate(), (-timedelta(hours=23, minutes=30), "Normal", "Issuing")),
            ),
            DAY_AFTER - HOUR,
            False,
            id="somebody works without an election",
        ),
    ],
)
def test_it_is_told_that_no_shim_is_at_work(of: Chain, led_until: datetime | None, *, halted: bool) -> None:
    """Then nothing else is worth mending first."""
    told = explain(of, DAY_AFTER, led_until)

    assert ("not ready: no shim is at work" in told.text) is halted
    assert ("kubectl get pods -n cert-manager" in told.advice) is halted


def test_of_one_that_was_just_made_it_is_said_that_nobody_has_looked() -> None:
    made_now = certificate(created=NOW)

    assert explain(Chain(made_now, issuer=issuer()), NOW).text.endswith(
        "is not ready yet: no controller has looked at it."
    )


def test_what_held_it_up_before_is_told_behind() -> None:
    told = explain(chain(NOT_READY, request=request()), DAY_AFTER, DAY_AFTER - HOUR)

    assert "(1 hour ago). Before that: CertificateRequest shop-1: waits for an approver" in told.text


@pytest.mark.parametrize(
    ("sentence", "part"),
    [
        ("cannot resolve a.test: the name does not exist", "A or AAAA record"),
        ("cannot resolve a.test: its nameservers answer SERVFAIL", "dig a.test"),
        ("urn:ietf:params:acme:error:caa: CAA record for a.test prevents issuance", "dig CAA a.test"),
        ("wrong status code '404' for 'http://a.test/x', expected '200'", "kubectl get ingressclasses"),
        ("wrong status code '401' for 'http://a.test/x', expected '200'", "http://a.test/.well-known/acme-challenge/"),
        ("wrong status code '502' for 'http://a.test/x', expected '200'", "certshim-acme-responder"),
        ("failed to perform self check GET request: [Errno 111] Connection refused", "port 80"),
        ("Fetching http://a.test/x: Timeout during connect (likely firewall problem)", "port 80"),
        ("CertificateRequest web-1: waits for an approver", "certshim approve web-1 -n team"),
        ("the CA limits how many orders this account may begin: its turn is at 12:00", "but to wait"),
        ("something that nobody knows", ""),
    ],
)
def test_there_is_advice_where_a_person_can_do_something(sentence: str, part: str) -> None:
    told = advice_on(sentence, host="a.test", namespace="team", ingress="web", request="web-1")

    assert part in told
    assert bool(told) == bool(part)


def test_the_advice_is_about_the_challenge_that_complains() -> None:
    """Not about one that is still to be looked at; and port 80 has no part in a proof over DNS."""
    reason = f"cannot change _acme-challenge.{HOST} in zone test at 192.0.2.1:53: Connection refused"
    refused = ChallengeStatus(processing=True, state=ACMEState.PENDING, reason=reason)
    over_dns = with_status(challenge(type="DNS-01"), refused)
    told = explain(chain(NOT_READY, request=request(), order=order(), challenges=(challenge(), over_dns)), NOW)

    assert "API or the server by which the zone is changed" in told.advice
    assert "port 80" not in told.advice


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=59, hours=3), "in 59 days"),
        (timedelta(hours=-1), "1 hour ago"),
        (timedelta(seconds=0.4), "now"),
    ],
)
def test_a_distance_has_one_unit(left: timedelta, said: str) -> None:
    assert distance(left) == said


def test_the_chain_of_nobody_has_no_events() -> None:
    assert chain().events_of(None) == ()
