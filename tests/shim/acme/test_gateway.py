from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from certs.api.order import ACMEState
from certs.outcomes import Failure, Permanent, RateLimited, Transient, Unwatched, WaitingForUser
from certs.pki.keys import PrivateKeyPEM
from shim.acme.gateway import Gateway
from shim.acme.problems import AccountGone, AlreadyReplaced, OrderGone, OrderNotReady
from shim.acme.resources import RenewalInfo
from shim.acme.signing import AccountKey, ExternalAccount
from shim.acme.transport import Exchange
from tests.fakes.acme import CHAIN, FakeCA, Scripted, problem
from tests.shim.acme.conftest import NOW


def test_the_whole_way(gateway: Gateway, ca: FakeCA) -> None:
    """From the order to the chain, each step one call; the finalize answer need not name the order."""
    order = gateway.new_order(["Shop.example", "192.0.2.1"])
    (authorization_url,) = order.authorizations
    authorization = gateway.authorization(authorization_url)
    (challenge,) = authorization.challenges
    gateway.answer(challenge.url)
    assert gateway.authorization(authorization_url).status is ACMEState.VALID
    processing = gateway.finalize(order.finalize, b"\x30\x00", order_url=order.url)
    assert gateway.order(order.url).status is ACMEState.PROCESSING
    valid = gateway.order(order.url)
    chain = gateway.certificate(valid.certificate)

    assert (order.status, order.url) == (ACMEState.PENDING, f"{ca.root}/order/{order.url.rpartition('/')[2]}")
    assert order.identifiers == ("shop.example", "192.0.2.1")
    assert order.expires == datetime(2026, 11, 25, 12, 0, 0, 123457, tzinfo=UTC)
    assert (challenge.type, gateway.key_authorization(challenge.token)[:8]) == ("http-01", "dG9rZW4.")
    assert (processing.status, processing.url) == (ACMEState.PROCESSING, order.url)
    assert processing.retry_after == NOW + timedelta(seconds=5)
    assert (chain.pem.decode(), chain.alternates) == (CHAIN, (f"{ca.root}/other/1",))


def test_what_is_asked_for_stands_in_the_order(gateway: Gateway, ca: FakeCA) -> None:
    """Identifiers with their types, times in UTC, and only the options that were given."""
    gateway.new_order(
        ["*.A.example", "2001:DB8::0"],
        not_after=datetime(2026, 12, 1, 13, tzinfo=UTC),
        profile="short",
        replaces="aki.serial",
    )
    gateway.new_order(["a.example"])

    full, plain = (request.payload for request in ca.requests("/new-order"))
    assert full == {
        "identifiers": [{"type": "dns", "value": "*.a.example"}, {"type": "ip", "value": "2001:db8::"}],
        "notAfter": "2026-12-01T13:00:00Z",
        "profile": "short",
        "replaces": "aki.serial",
    }
    assert plain == {"identifiers": [{"type": "dns", "value": "a.example"}]}


def test_reading_is_post_as_get(gateway: Gateway, ca: FakeCA) -> None:
    """RFC 8555 §6.3: the payload is empty, the account's URL stands in `kid`."""
    order = gateway.new_order(["a.example"])
    gateway.order(order.url)

    request = ca.received[-1]
    assert request.payload is None
    assert request.protected["kid"] == gateway.account_uri == f"{ca.root}/account/1"
    assert "jwk" not in request.protected
    assert request.user_agent == "certshim/test"


# --- directory and account -----------------------------------------------------------------------


def test_the_directory_tells_what_the_server_offers(gateway: Gateway, ca: FakeCA) -> None:
    """Known things are told, unknown ones ignored."""
    directory = gateway.directory()

    assert directory.profiles == {"short": "six days"}
    assert directory.renewal_info == f"{ca.root}/ari"
    assert directory.terms_of_service == f"{ca.root}/terms"
    assert not directory.external_account_required


def test_the_directory_is_asked_for_again_only_when_it_is_old(gateway: Gateway, ca: FakeCA) -> None:
    """A copy serves as long as the caller takes it."""
    gateway.directory()
    assert len(ca.requests("/dir")) == 1
    gateway.directory(max_age=0)

    assert len(ca.requests("/dir")) == 2


def test_registering_twice_is_finding(connect: Callable[[], Gateway], ca: FakeCA) -> None:
    """The same key has the same account (RFC 8555 §7.3.1)."""
    first = connect().register("Ops@Example.org")
    second = connect().register("Ops@Example.org")

    assert first == second
    assert first.contact == ("mailto:ops@example.org",)
    assert ca.requests("/new-account")[0].payload == {
        "termsOfServiceAgreed": True,
        "contact": ["mailto:ops@example.org"],
    }


def test_an_account_is_found_by_its_key(gateway: Gateway, connect: Callable[[], Gateway]) -> None:
    """`onlyReturnExisting` finds what is there, and makes nothing."""
    found = connect().find_account()

    assert found.uri == gateway.account_uri


def test_no_account_is_found_where_none_is(connect: Callable[[], Gateway]) -> None:
    """The failure says so, that callers can register."""
    with pytest.raises(AccountGone, match="cannot find the ACME account at 127"):
        connect().find_account()


def test_nothing_is_sent_without_an_account(connect: Callable[[], Gateway], ca: FakeCA) -> None:
    """Without its URL no request could be signed."""
    with pytest.raises(AccountGone, match="no account is registered"):
        connect().new_order(["a.example"])

    assert not ca.requests("/new-order")


def test_a_stored_account_is_taken(gateway: Gateway, connect: Callable[[], Gateway]) -> None:
    """After a restart nothing need be asked."""
    again = connect()
    again.use_account(gateway.account_uri)

    assert again.new_order(["a.example"]).status is ACMEState.PENDING


@pytest.mark.parametrize(("email", "contact"), [("New@Example.org", ["mailto:new@example.org"]), ("", [])])
def test_the_contact_is_set(gateway: Gateway, email: str, contact: list[str]) -> None:
    """An empty one removes it (RFC 8555 §7.3.2)."""
    assert list(gateway.update_account(email).contact) == contact


def test_an_external_account_is_bound(connect: Callable[[], Gateway], ca: FakeCA) -> None:
    """RFC 8555 §7.3.4: a signature over our public key, named by the CA's key id; no nonce inside."""
    connect().register("", external_account=ExternalAccount("kid-1", "c2VjcmV0LXNlY3JldA"))

    binding = ca.requests("/new-account")[0].payload["externalAccountBinding"]
    assert set(binding) == {"protected", "payload", "signature"}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Scripted(200, b"<html>welcome</html>"), "check that spec.acme.server is the URL of an ACME directory"),
        (Scripted(200, b'{"newNonce": 7}'), "the answer is not what RFC 8555 says"),
        (Scripted(404, b"gone"), "the server answered 404: check that spec.acme.server"),
        (Scripted(301, b"", {"Location": "/elsewhere"}), "the server answered 301: check that spec.acme.server"),
    ],
    ids=["html", "wrong json", "not found", "redirect"],
)
def test_what_is_no_directory_waits_for_the_user(
    connect: Callable[[], Gateway], ca: FakeCA, answer: Scripted, sentence: str
) -> None:
    """Most likely the URL is wrong; nothing of the page is shown."""
    ca.script("/dir", answer)

    with pytest.raises(WaitingForUser, match=sentence) as caught:
        connect().directory()
    assert "welcome" not in str(caught.value)


# --- nonces --------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 9])
def test_rejected_nonces_are_replaced_at_once(gateway: Gateway, ca: FakeCA, times: int) -> None:
    """Callers do not see it (RFC 8555 §6.5)."""
    ca.script("/new-order", *[problem("badNonce", 400)] * times)

    assert gateway.new_order(["a.example"]).status is ACMEState.PENDING
    assert len(ca.requests("/new-order")) == times + 1


def test_rejecting_forever_is_transient(gateway: Gateway, ca: FakeCA) -> None:
    """There is an end to it."""
    ca.script("/new-order", *[problem("badNonce", 400)] * 50)

    with pytest.raises(Transient, match="rejected 20 nonces in a row"):
        gateway.new_order(["a.example"])


def test_every_answer_brings_a_nonce(gateway: Gateway, ca: FakeCA) -> None:
    """After the first none has to be fetched."""
    for _ in range(3):
        gateway.new_order(["a.example"])

    assert len(ca.requests("/new-nonce")) == 1


def test_a_nonce_is_fetched_when_the_answer_had_none(gateway: Gateway, ca: FakeCA) -> None:
    """RFC 8555 §6.5.1: errors should bring one, not must."""
    ca.script("/new-order", Scripted(503, with_nonce=False))
    with pytest.raises(Transient):
        gateway.new_order(["a.example"])

    assert gateway.new_order(["a.example"]).url
    assert len(ca.requests("/new-nonce")) == 2


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(Scripted(200, with_nonce=False), Unwatched, id="none"),
        pytest.param(Scripted(403, with_nonce=False), Unwatched, id="refused"),
        pytest.param(Scripted(404, with_nonce=False), Unwatched, id="not there"),
        pytest.param(Scripted(302, headers={"Location": "/login"}, with_nonce=False), Unwatched, id="sent elsewhere"),
        pytest.param(Scripted(502, with_nonce=False), Transient, id="broken"),
        pytest.param(Scripted(429, headers={"Retry-After": "60"}, with_nonce=False), RateLimited, id="limited"),
    ],
)
def test_a_server_that_gives_no_nonce_has_refused_nothing(
    connect: Callable[[], Gateway], ca: FakeCA, answer: Scripted, expected: type[Failure]
) -> None:
    """It was not told yet what is wanted: no order fails by that, and no watch would tell when it is over."""
    ca.script("/new-nonce", answer)

    with pytest.raises(expected) as caught:
        connect().register()
    assert type(caught.value) is expected


@pytest.mark.parametrize("moved", ["newOrder", "newNonce"])
def test_what_the_server_has_moved_is_found_again(gateway: Gateway, ca: FakeCA, moved: str) -> None:
    """Its directory is read anew, and the next attempt is there."""
    gateway.directory()
    old = {"newOrder": "/new-order", "newNonce": "/new-nonce"}[moved]
    if moved == "newNonce":
        ca.script("/account/1", Scripted(503, with_nonce=False))  # takes the last nonce, and brings none
        with pytest.raises(Transient):
            gateway.update_account("a@example.org")
        ca.script(old, Scripted(404, with_nonce=False))
    ca.move(moved)

    with pytest.raises(Transient, match="has moved it, and its directory says where to"):
        gateway.new_order(["a.example"])

    before = len(ca.requests(old))
    assert gateway.new_order(["a.example"]).url
    assert len(ca.requests(old)) == before


def test_an_address_of_the_directory_that_is_not_there_is_tried_again(gateway: Gateway, ca: FakeCA) -> None:
    """Somebody in front of the server answers, and the directory says as before."""
    ca.script("/new-order", Scripted(404, b"404 page not found"))

    with pytest.raises(Unwatched, match="the server answered 404 without an ACME problem: nothing to do unless it"):
        gateway.new_order(["a.example"])
    assert gateway.new_order(["a.example"]).url


def test_threads_share_a_gateway(gateway: Gateway, ca: FakeCA) -> None:
    """No nonce is used twice (the fake rejects it), none is lost, every request is answered."""
    with ThreadPoolExecutor(8) as threads:
        orders = list(threads.map(lambda number: gateway.new_order([f"{number}.example"]), range(40)))

    assert len({order.url for order in orders}) == 40
    assert len(ca.requests("/new-order")) == 40


# --- refusals ------------------------------------------------------------------------------------


def test_a_limit_tells_its_end_in_seconds(gateway: Gateway, ca: FakeCA) -> None:
    """429 with Retry-After: not before, and the sentence says when."""
    ca.script("/new-order", problem("rateLimited", 429, headers={"Retry-After": "3600"}))

    with pytest.raises(RateLimited, match=r"nothing to do but wait until 2026-11-24 13:00:00 UTC") as caught:
        gateway.new_order(["a.example"])
    assert caught.value.until == NOW + timedelta(hours=1)


def test_a_limit_tells_its_end_as_a_date_of_the_servers_clock(gateway: Gateway, ca: FakeCA) -> None:
    """The fake's Date header is today, ours stands in 2026: only the difference counts."""
    headers = {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}
    ca.script("/new-order", problem("rateLimited", 429, headers=headers))

    with pytest.raises(RateLimited) as caught:
        gateway.new_order(["a.example"])
    assert caught.value.until == NOW


def test_an_overloaded_server_is_left_alone(gateway: Gateway, ca: FakeCA) -> None:
    """503 with Retry-After is a limit like any other; without a problem document nothing is shown of it."""
    ca.script("/new-order", Scripted(503, b"<html>internal secret</html>", {"Retry-After": "7"}))

    with pytest.raises(RateLimited, match="the server answered 503 without an ACME problem") as caught:
        gateway.new_order(["a.example"])
    assert caught.value.until == NOW + timedelta(seconds=7)
    assert "secret" not in str(caught.value)


def test_other_names_than_asked_are_an_error(gateway: Gateway, ca: FakeCA) -> None:
    """RFC 8555 §7.1.3."""
    wrong = b'{"status":"pending","finalize":"f","identifiers":[{"type":"dns","value":"b.example"}]}'
    ca.script("/new-order", Scripted(201, wrong, {"Location": "/order/9"}))

    with pytest.raises(Permanent, match=r"order for other names .*, differing in a\.example, b\.example") as caught:
        gateway.new_order(["a.example"])
    assert caught.value.reason == "IdentifierMismatch"


def test_an_order_without_a_url_is_an_error(gateway: Gateway, ca: FakeCA) -> None:
    """Nobody could ever read it again."""
    ca.script("/new-order", Scripted(201, b"{}"))

    with pytest.raises(Permanent, match="did not name the order's URL"):
        gateway.new_order(["a.example"])


@pytest.mark.parametrize(
    "answer",
    [
        problem("alreadyReplaced", 409),
        Scripted(409, b"conflict"),
        problem("malformed", 400, "unknown field Replaces"),
        problem("malformed", 404, "could not find an order for the given certificate"),
        problem("unauthorized", 403, "the certificate was requested by another account"),
    ],
    ids=["type", "status", "words", "unknown", "another account's"],
)
def test_a_refused_replacement_is_told_apart(gateway: Gateway, ca: FakeCA, answer: Scripted) -> None:
    """The caller orders again without it, in whatever words the server says so."""
    ca.script("/new-order", answer)

    with pytest.raises(AlreadyReplaced, match="order without replaces"):
        gateway.new_order(["a.example"], replaces="x.y")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (problem("rateLimited", 429, headers={"Retry-After": "60"}), RateLimited),
        (problem("serverInternal", 500), Transient),
        (problem("userActionRequired", 403), WaitingForUser),
    ],
    ids=["limited", "broken", "terms"],
)
def test_what_is_not_about_the_replacement_is_not_taken_for_it(
    gateway: Gateway, ca: FakeCA, answer: Scripted, expected: type[Failure]
) -> None:
    """Without `replaces` it would be the same, so nothing is asked twice."""
    ca.script("/new-order", answer)

    with pytest.raises(expected):
        gateway.new_order(["a.example"], replaces="x.y")


def test_a_malformed_order_without_replaces_is_permanent(gateway: Gateway, ca: FakeCA) -> None:
    """The same words mean something else then."""
    ca.script("/new-order", problem("malformed", 400, "replace this name"))

    with pytest.raises(Permanent) as caught:
        gateway.new_order(["a.example"])
    assert not isinstance(caught.value, AlreadyReplaced)


def test_subproblems_name_their_identifiers(gateway: Gateway, ca: FakeCA) -> None:
    """A person sees which of the names is at fault."""
    parts = [
        {"type": "urn:ietf:params:acme:error:caa", "detail": "forbidden", "identifier": {"type": "dns", "value": "b.c"}}
    ]
    ca.script("/new-order", problem("compound", 403, "two things", subproblems=parts))

    with pytest.raises(Permanent, match=r"order for a\.b, b\.c at .*: compound: two things \(b\.c: caa: forbidden\)"):
        gateway.new_order(["a.b", "b.c"])


@pytest.mark.parametrize(
    "answer", [problem("malformed", 400), problem("malformed", 404), Scripted(404), Scripted(410)], ids=str
)
def test_what_the_server_forgot_is_told_apart(gateway: Gateway, ca: FakeCA, answer: Scripted) -> None:
    """A new order is needed, RFC 8555 has no type for it."""
    for path in ("/order/77", "/authorization/77", "/challenge/77"):
        ca.script(path, answer)

    for read in (gateway.order, gateway.authorization, gateway.answer):
        with pytest.raises(OrderGone):
            read(f"{ca.root}/{'challenge' if read == gateway.answer else read.__name__}/77")


def test_a_forgotten_account_is_told_apart(gateway: Gateway, ca: FakeCA) -> None:
    """Register again, then go on."""
    ca.account = None
    with pytest.raises(AccountGone):
        gateway.new_order(["a.example"])
    gateway.register()

    assert gateway.new_order(["a.example"]).url


def test_finalizing_too_early_is_told_apart(gateway: Gateway, ca: FakeCA) -> None:
    """Read the order to see what it waits for."""
    order = gateway.new_order(["a.example"])

    with pytest.raises(OrderNotReady, match="orderNotReady"):
        gateway.finalize(order.finalize, b"\x30\x00", order_url=order.url)


def test_processing_may_take_long(gateway: Gateway, ca: FakeCA) -> None:
    """As long as it does, the order says when to ask again."""
    body = b'{"status":"processing","finalize":"f","identifiers":[],"authorizations":null,"error":null}'
    ca.script("/order/1", *[Scripted(200, body, {"Retry-After": "30"})] * 3)

    told = {gateway.order(f"{ca.root}/order/1").retry_after for _ in range(3)}

    assert told == {NOW + timedelta(seconds=30)}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("valid", ACMEState.VALID),
        ("expired", ACMEState.EXPIRED),
        ("deactivated", ACMEState.INVALID),
        ("revoked", ACMEState.INVALID),
        ("from-the-future", ACMEState.UNKNOWN),
    ],
)
def test_states_of_authorizations(gateway: Gateway, ca: FakeCA, status: str, state: ACMEState) -> None:
    """What is over is over; a state nobody knows yet is told as unknown."""
    body = f'{{"status":"{status}","identifier":{{"type":"dns","value":"a"}},"challenges":null}}'.encode()
    ca.script("/authorization/1", Scripted(200, body))

    assert gateway.authorization(f"{ca.root}/authorization/1").status is state


def test_a_failed_challenge_tells_why(gateway: Gateway, ca: FakeCA) -> None:
    """The error stands in the challenge, people look at the authorization."""
    body = (
        b'{"status":"invalid","identifier":{"type":"dns","value":"a"},"challenges":[{"type":"http-01","url":"u",'
        b'"token":"t","error":{"type":"urn:ietf:params:acme:error:dns","detail":"no such\\nname"}}]}'
    )
    ca.script("/authorization/1", Scripted(200, body))

    assert str(gateway.authorization(f"{ca.root}/authorization/1").error) == "dns: no such name"


@pytest.mark.parametrize(
    "answer",
    [Scripted(200, b"<html>"), Scripted(200, b"{}"), Scripted(200, b"[" * 100_000)],
    ids=["html", "{}", "deep"],
)
def test_an_unreadable_answer_is_transient(gateway: Gateway, ca: FakeCA, answer: Scripted) -> None:
    """A proxy's page, half a deployment: it passes."""
    ca.script("/order/1", answer)

    with pytest.raises(Transient, match=r"cannot read the order .*not what RFC 8555 says"):
        gateway.order(f"{ca.root}/order/1")


def test_a_certificate_that_is_no_pem_is_transient(gateway: Gateway, ca: FakeCA) -> None:
    """It never gets near a Secret."""
    ca.script("/certificate/1", Scripted(200, b"<html>"))

    with pytest.raises(Transient, match="no PEM block"):
        gateway.certificate(f"{ca.root}/certificate/1")


@pytest.mark.parametrize("token", ["", "../../etc/passwd", "a b", "x" * 600])
def test_what_is_no_token_gets_no_key_authorization(gateway: Gateway, token: str) -> None:
    """It would be served under our user's name, or written into DNS."""
    with pytest.raises(Permanent, match="not a challenge token"):
        gateway.key_authorization(token)


def test_every_exchange_is_observed(gateway: Gateway, ca: FakeCA, exchanges: list[Exchange]) -> None:
    """By the action names that dashboards know."""
    gateway.new_order(["a.example"])

    assert [(exchange.action, exchange.method, exchange.status) for exchange in exchanges] == [
        ("discover", "GET", 200),
        ("unnamed_action", "HEAD", 200),
        ("register_account", "POST", 201),
        ("authorize_order", "POST", 201),
    ]
    assert {(exchange.scheme, exchange.host) for exchange in exchanges} == {("http", ca.root.removeprefix("http://"))}


# --- renewal information ---------------------------------------------------------------------------

WINDOW = {"start": "2027-01-02T04:00:00Z", "end": "2027-01-03T04:00:00+01:00"}


def test_renewal_information_is_read_without_a_signature(gateway: Gateway, ca: FakeCA) -> None:
    """RFC 9773 §4.1: a plain GET; the window in UTC, the explanation, and when to ask again."""
    body = json.dumps({"suggestedWindow": WINDOW, "explanationURL": "https://ca.test/why", "new": 1}).encode()
    ca.script("/ari/aki.serial", Scripted(body=body, headers={"Retry-After": "21600"}))

    info = gateway.renewal_info("aki.serial")

    assert info == RenewalInfo(
        datetime(2027, 1, 2, 4, tzinfo=UTC),
        datetime(2027, 1, 3, 3, tzinfo=UTC),
        "https://ca.test/why",
        NOW + timedelta(hours=6),
    )
    assert ca.received[-1].method == "GET"


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        pytest.param(Scripted(body=b'{"suggestedWindow": {}}'), Transient, id="no window"),
        pytest.param(
            Scripted(body=json.dumps({"suggestedWindow": {"start": WINDOW["end"], "end": WINDOW["start"]}}).encode()),
            Transient,
            id="ends before it begins",
        ),
        pytest.param(problem("malformed", 404), Permanent, id="unknown certificate"),
        pytest.param(Scripted(503, headers={"Retry-After": "60"}), RateLimited, id="overloaded"),
        pytest.param(Scripted(500), Transient, id="broken"),
    ],
)
def test_renewal_information_that_cannot_be_had(
    gateway: Gateway, ca: FakeCA, answer: Scripted, failure: type[Exception]
) -> None:
    ca.script("/ari/aki.serial", answer)

    with pytest.raises(failure, match=r"cannot read the renewal information of aki\.serial"):
        gateway.renewal_info("aki.serial")


def test_a_server_without_the_service_is_not_asked(connect: Callable[[], Gateway], ca: FakeCA) -> None:
    """It says so in its directory (RFC 9773 §3)."""
    ca.offers_ari = False

    assert connect().renewal_info("aki.serial") is None
    assert not ca.requests("/ari/aki.serial")


def test_a_server_that_cannot_change_keys_says_so(gateway: Gateway, ca: FakeCA, key_pem: PrivateKeyPEM) -> None:
    """RFC 8555 §7.1.1 makes the endpoint a must; some servers leave it out, and then the key stays."""
    with pytest.raises(Permanent, match="the server does not offer it: keep the key"):
        gateway.change_key(AccountKey(key_pem))
    assert ca.requests("/key-change") == []


@pytest.mark.parametrize(
    "answer", [Scripted(409, b""), problem("malformed", 400)], ids=["key of another account", "malformed"]
)
def test_a_refused_change_of_keys_is_told(
    gateway: Gateway, ca: FakeCA, key_pem: PrivateKeyPEM, answer: Scripted
) -> None:
    """The account is named; nothing has changed."""
    ca.offers_key_change = True
    ca.script("/key-change", answer)
    gateway.directory(max_age=0)

    with pytest.raises(Failure, match="cannot change the key of the ACME account http"):
        gateway.change_key(AccountKey(key_pem))
    assert gateway.find_account().uri == gateway.account_uri
