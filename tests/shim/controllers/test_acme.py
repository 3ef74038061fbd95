"""Issuer, Order and Challenge controllers against a fake CA: what is stored and told of each of its words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from certs.api.certificate import KeyAlgorithm
from certs.api.challenge import Challenge
from certs.api.issuer import (
    RFC2136,
    ACMESolver,
    DNS01Solver,
    ExternalAccountBinding,
    HTTP01GatewayHTTPRoute,
    HTTP01Ingress,
    HTTP01Solver,
    Issuer,
    IssuerStatus,
    ParentReference,
    PodTemplate,
    SolverSelector,
)
from certs.api.meta import SecretKeySelector, find_condition
from certs.api.order import ACMEState, Order
from certs.decide.challengesteps import Discard, Progress
from certs.decide.issuerrevision import ISSUER_REVISION
from certs.outcomes import Failure, Permanent, RateLimited, Transient, WaitingForUser
from certs.pki.keys import encode_key
from shim.acme.problems import AccountGone
from shim.controllers.challenge import ChallengeController
from shim.controllers.issuer import IssuerController
from shim.controllers.order import OrderController
from shim.controllers.request import RequestController
from shim.controllers.world import World
from shim.keys import generate_key
from shim.kube.cluster import Cluster
from shim.kube.errors import KubeError
from shim.solvers.dns01.solver import DNS01, DNSSettings
from shim.solvers.http01.responders import Responders
from shim.solvers.http01.solver import HTTP01
from shim.solvers.selfcheck import SelfCheck
from shim.stores import OURS, Stores
from tests.certs.decide.objects import HOST, NOW, issuer, order, request, secret
from tests.certs.decide.objects import HTTP01 as SOLVER
from tests.fakes.acme import FakeCA, Scripted, problem
from tests.fakes.apiserver import Close, FakeAPIServer, Status
from tests.shim.conftest import Put
from tests.shim.controllers.conftest import Events, drive

KEY = bytes(encode_key(generate_key(KeyAlgorithm.ECDSA)))


@pytest.fixture
def ca() -> Iterator[FakeCA]:
    with FakeCA() as made:
        yield made


@pytest.fixture
def issuers(world: World, stores: Stores) -> IssuerController:
    return IssuerController(world, stores.issuers, "issuers")


@pytest.fixture
def orders(world: World) -> OrderController:
    return OrderController(world)


@pytest.fixture
def challenges(world: World, kube: Cluster, stores: Stores) -> ChallengeController:
    responders = Responders(("10.0.0.1",), 8089)
    http01 = HTTP01(stores, kube.client, responders, SelfCheck(port=1))
    dns01 = DNS01(world.secrets, kube.transport, DNSSettings(), world.issuer_namespace)
    return ChallengeController(world, http01, dns01)


def at(ca: FakeCA, **acme: Any) -> Issuer:
    """Return an issuer for the CA that is not set up."""
    return issuer(status=IssuerStatus(), server=ca.url, **acme)


@pytest.fixture
def ready(ca: FakeCA, issuers: IssuerController, put: Put) -> Callable[..., None]:
    """Set an issuer up, with an account key that is quick."""

    def set_up(**acme: Any) -> None:
        put(secret("account", labels=OURS, data={"tls.key": KEY}))
        put(at(ca, **acme))
        assert drive(issuers, "web", "letsencrypt") == ["Register", "Done"]

    return set_up


def condition_of(stores: Stores) -> tuple[str, str, str]:
    found = stores.issuers.get("web", "letsencrypt")
    assert found is not None
    ready = find_condition(found.status.conditions, "Ready")
    assert ready is not None
    return ready.status, ready.reason, ready.message


def report(controller: Any, name: str, failure: Failure) -> None:
    controller.report(controller.observe("web", name), failure, NOW + timedelta(seconds=5), NOW)


def test_an_issuer_gets_key_and_account(
    ca: FakeCA, issuers: IssuerController, stores: Stores, put: Put, events: Events
) -> None:
    """The key is RSA in PKCS#1 under the API's name and label; then Ready=True with the account's URL."""
    put(at(ca, email="ops@example.org"))

    assert drive(issuers, "web", "letsencrypt") == ["StoreAccountKey", "Register", "Done"]

    made, found = stores.secrets.get("web", "account"), stores.issuers.get("web", "letsencrypt")
    assert made is not None
    assert made.data["tls.key"].startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert made.metadata.labels["app.kubernetes.io/managed-by"] == "cert-manager"
    assert made.metadata.owner_references == ()
    assert condition_of(stores) == (
        "True",
        "ACMEAccountRegistered",
        "The ACME account was registered with the ACME server",
    )
    assert found is not None
    assert found.status.acme is not None
    assert (found.status.acme.uri, found.status.acme.last_registered_email) == (
        f"{ca.root}/account/1",
        "ops@example.org",
    )
    assert events() == [("Normal", "ACMEAccountRegistered", "The ACME account was registered with the ACME server")]


def test_a_changed_contact_is_told_the_ca(
    ca: FakeCA, ready: Callable[..., None], issuers: IssuerController, stores: Stores, put: Put
) -> None:
    """Once, and the status remembers it."""
    ready(email="a@example.org")
    found = stores.issuers.get("web", "letsencrypt")
    assert found is not None
    put(msgspec.structs.replace(at(ca, email="b@example.org"), status=found.status))

    assert drive(issuers, "web", "letsencrypt") == ["Register", "Done"]
    assert ca.account is not None
    assert ca.account["contact"] == ["mailto:b@example.org"]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (None, 'Secret "eab" with key "mac" of the external account binding does not exist'),
        ({"other": b""}, 'Secret "eab" with key "mac" of the external account binding does not exist'),
    ],
    ids=["no Secret", "no key in it"],
)
def test_an_external_account_needs_its_secret(
    ca: FakeCA, issuers: IssuerController, put: Put, data: dict[str, bytes] | None, sentence: str
) -> None:
    """The sentence says which."""
    binding = ExternalAccountBinding("kid", SecretKeySelector("eab", "mac"))
    put(secret("account", labels=OURS, data={"tls.key": KEY}))
    put(at(ca, external_account_binding=binding))
    if data is not None:
        put(secret("eab", labels=OURS, data=data))

    with pytest.raises(WaitingForUser, match=sentence):
        drive(issuers, "web", "letsencrypt")


def test_a_refused_registration_is_told(
    ca: FakeCA, issuers: IssuerController, stores: Stores, put: Put, events: Events
) -> None:
    """Ready=False with the CA's words and the next attempt, and a Warning."""
    put(secret("account", labels=OURS, data={"tls.key": KEY}))
    put(at(ca))
    ca.script("/new-account", problem("invalidContact", 400, "no such domain"))
    with pytest.raises(WaitingForUser) as raised:
        drive(issuers, "web", "letsencrypt")

    report(issuers, "letsencrypt", raised.value)

    status, reason, message = condition_of(stores)
    assert (status, reason) == ("False", "InvalidContact")
    assert "no such domain" in message
    assert message.endswith("(next attempt at 12:00:05 UTC)")
    assert events() == [("Warning", "InvalidContact", message)]


def test_a_secret_without_the_key_is_not_overwritten(ca: FakeCA, issuers: IssuerController, put: Put) -> None:
    """It may be somebody's."""
    put(at(ca))
    put(secret("account", labels=OURS, data={"other": b"x"}))

    with pytest.raises(WaitingForUser, match=r'exists and has no key "tls\.key"'):
        drive(issuers, "web", "letsencrypt")


def the_order(stores: Stores) -> Order:
    found = stores.orders.get("web", "shop-1-1234")
    assert found is not None
    return found


def the_challenge(stores: Stores) -> Challenge:
    (found,) = stores.challenges.values()
    return found


@pytest.fixture
def ordered(ready: Callable[..., None], orders: OrderController, put: Put) -> None:
    """An Order with its Challenge."""
    ready()
    put(order())
    assert drive(orders, "web", "shop-1-1234") == ["NewOrder", "Authorize", "Done"]


@pytest.mark.parametrize(
    "fault", [Status(409, "Conflict"), Status(503, "ServiceUnavailable"), Close()], ids=["outrun", "unavailable", "cut"]
)
def test_an_order_whose_url_cannot_be_stored_is_not_ordered_again(
    ca: FakeCA,
    ready: Callable[..., None],
    orders: OrderController,
    api: FakeAPIServer,
    stores: Stores,
    put: Put,
    fault: Status | Close,
) -> None:
    """This process knows what the CA has made, and CAs without a list of orders would make another each time."""
    ready()
    put(order())
    api.script("update", fault)
    ca.script("/orders", *(problem("malformed", 404) for _ in range(3)))
    with pytest.raises(KubeError):
        drive(orders, "web", "shop-1-1234")

    assert drive(orders, "web", "shop-1-1234")[0] == "NewOrder"
    assert len(ca.requests("/new-order")) == 1
    assert the_order(stores).status.url == f"{ca.root}/order/{next(iter(ca.orders))}"


@pytest.mark.usefixtures("ordered")
def test_an_order_is_stored_with_its_url(ca: FakeCA, stores: Stores, events: Events) -> None:
    """One write with URL, finalize URL and authorizations; one Challenge with the chosen solver."""
    status, made = the_order(stores).status, the_challenge(stores)
    (number,) = ca.orders

    assert (status.url, status.finalize_url) == (f"{ca.root}/order/{number}", f"{ca.root}/finalize/{number}")
    assert [one.url for one in status.authorizations] == [f"{ca.root}/authorization/{number}"]
    assert (made.spec.dns_name, made.spec.type, made.spec.solver) == (HOST, "HTTP-01", SOLVER)
    assert made.spec.key.startswith(f"{made.spec.token}.")
    assert made.metadata.name.startswith("shop-1-1234-")
    assert events()[-1] == (
        "Normal",
        "Created",
        f'Created Challenge resource "{made.metadata.name}" for domain "{HOST}"',
    )


@pytest.mark.parametrize(
    ("solvers", "sentence"),
    [
        pytest.param((), "the issuer has no solvers at all; the CA offers http-01", id="none"),
        pytest.param(
            (msgspec.structs.replace(SOLVER, selector=SolverSelector(dns_names=("other.test",))),),
            f"can be used for {HOST}: solvers[0] (http-01) is for dnsNames other.test",
            id="for another name",
        ),
        pytest.param(
            (ACMESolver(dns01=DNS01Solver()),), "solvers[0] (dns-01) cannot prove this name", id="for another challenge"
        ),
        pytest.param(
            (msgspec.structs.replace(SOLVER, wait_instead_of_self_check="a while"),),
            "waitInsteadOfSelfCheck of the solver",
            id="unreadable",
        ),
    ],
)
def test_without_a_solver_the_order_waits_for_the_issuer(
    ready: Callable[..., None],
    orders: OrderController,
    stores: Stores,
    put: Put,
    events: Events,
    solvers: tuple[ACMESolver, ...],
    sentence: str,
) -> None:
    """No Challenge is made that could not be changed; reason and event say what is missing."""
    ready(solvers=solvers)
    put(order())
    with pytest.raises(WaitingForUser) as raised:
        drive(orders, "web", "shop-1-1234")

    report(orders, "shop-1-1234", raised.value)

    assert sentence in the_order(stores).status.reason
    assert the_order(stores).status.state is ACMEState.PENDING
    assert stores.challenges.values() == ()
    assert events()[-1][:2] == ("Warning", "Solver")


@pytest.mark.parametrize("kind", ["rejectedIdentifier", "malformed", "unsupportedIdentifier"])
def test_an_order_that_the_ca_refuses_has_failed(
    ca: FakeCA, ready: Callable[..., None], orders: OrderController, stores: Stores, put: Put, events: Events, kind: str
) -> None:
    """For good, with the CA's sentence on one line and a Warning."""
    ready()
    put(order())
    ca.script("/new-order", problem(kind, 400, "not this\nname"))

    assert drive(orders, "web", "shop-1-1234")[-2:] == ["NewOrder", "Done"]

    status = the_order(stores).status
    assert (status.state, status.failure_time) == (ACMEState.ERRORED, NOW)
    assert f"{kind}: not this name" in status.reason
    assert events()[-1] == ("Warning", "Failed", status.reason)


UNUSABLE = problem("unauthorized", 403, "the account is deactivated")


@pytest.mark.parametrize(
    "found",
    [UNUSABLE, Scripted(200, b'{"status": "deactivated"}', {"Location": "/account/1"})],
    ids=["refused", "shown"],
)
@pytest.mark.parametrize("first", [True, False], ids=["ordered", "looked for first"])
def test_an_account_that_was_given_up_elsewhere_is_told_by_its_issuer(
    ca: FakeCA,
    ready: Callable[..., None],
    issuers: IssuerController,
    orders: OrderController,
    stores: Stores,
    put: Put,
    found: Scripted,
    *,
    first: bool,
) -> None:
    """The Order has not failed by its names: it waits for another account, and no Certificate backs off for a day."""
    ready()
    put(order())
    ca.script("/new-order", UNUSABLE)
    ca.script("/new-account", found, found)
    if first:
        orders._world.untried.put("web/shop-1-1234", note=True)
    with pytest.raises(WaitingForUser, match="delete the Secret of its key to have a new one made"):
        drive(orders, "web", "shop-1-1234")
    assert not the_order(stores).status.state.is_final

    with pytest.raises(WaitingForUser) as raised:
        drive(issuers, "web", "letsencrypt")
    report(issuers, "letsencrypt", raised.value)
    assert condition_of(stores)[:2] == ("False", "Unauthorized")


def test_an_order_that_is_refused_to_a_good_account_has_failed(
    ca: FakeCA, ready: Callable[..., None], orders: OrderController, stores: Stores, put: Put
) -> None:
    ready()
    put(order())
    ca.script("/new-order", problem("unauthorized", 403, "this account may not have that name"))

    assert drive(orders, "web", "shop-1-1234")[-1] == "Done"
    assert the_order(stores).status.state is ACMEState.ERRORED
    assert condition_of(stores)[0] == "True"


def test_a_rate_limit_keeps_the_order_pending(
    ca: FakeCA, ready: Callable[..., None], orders: OrderController, put: Put
) -> None:
    """It may still succeed, at the moment that the server named."""
    ready()
    put(order())
    ca.script("/new-order", problem("rateLimited", 429, headers={"Retry-After": "3600"}))

    with pytest.raises(RateLimited, match="until"):
        drive(orders, "web", "shop-1-1234")


TOO_MANY_ORDERS = "too many new orders (300) from this account in the last 3h0m0s, retry after 2026-03-01 13:00:00 UTC"
TOO_MANY_OF_A_NAME = 'too many certificates (50) already issued for "example.org" in the last 168h0m0s'


@pytest.mark.parametrize(
    ("detail", "asked"),
    [pytest.param(TOO_MANY_ORDERS, 1, id="the account's"), pytest.param(TOO_MANY_OF_A_NAME, 2, id="a name's")],
)
def test_a_limit_of_the_account_is_met_once(
    ca: FakeCA, ready: Callable[..., None], orders: OrderController, put: Put, detail: str, asked: int
) -> None:
    """A second Order does not ask; where the limit is another's, it does."""
    ready()
    one, refused = order(), problem("rateLimited", 429, detail, headers={"Retry-After": "3600"})
    other = msgspec.structs.replace(
        one, metadata=msgspec.structs.replace(one.metadata, name="other-1", uid="uid-other", owner_references=())
    )
    put(one)
    put(other)
    ca.script("/new-order", refused, refused)

    for name in ("shop-1-1234", "other-1"):
        with pytest.raises(RateLimited, match=r"until|its turn is at"):
            drive(orders, "web", name)

    assert len(ca.requests("/new-order")) == asked


@pytest.mark.usefixtures("ordered")
def test_a_challenge_is_told_until_its_end(
    ca: FakeCA, challenges: ChallengeController, world: World, stores: Stores, events: Events
) -> None:
    """The route is made, the self check fails, and is told after a moment; then it is answered and valid."""
    name = the_challenge(stores).metadata.name
    assert drive(challenges, "web", name) == ["EnsureRoute", "SelfCheck", "Wait"]
    later = NOW + timedelta(seconds=2)
    assert drive(challenges, "web", name, later) == ["SelfCheck", "SetChallengeStatus", "Wait"]
    told = the_challenge(stores).status
    assert told.processing
    assert told.reason.startswith("Waiting for HTTP-01 challenge propagation: ")

    uid = the_challenge(stores).metadata.uid
    world.progress.put(uid, Progress(since=NOW, due=NOW, looked=True, reachable=True))
    assert drive(challenges, "web", name, later)[:1] == ["Answer"]
    assert drive(challenges, "web", name, later + timedelta(seconds=1)) == ["Look", "Done"]

    assert the_challenge(stores).status.state is ACMEState.VALID
    assert the_challenge(stores).status.reason == "Successfully authorized domain"
    assert [reason for _, reason, _ in events()][-3:] == ["Started", "Presented", "DomainVerified"]
    assert world.progress.get(uid) is None
    assert ca.requests(f"/challenge/{next(iter(ca.orders))}")


@pytest.mark.usefixtures("ordered")
def test_a_ca_that_has_not_heard_the_answer_is_told_again(
    ca: FakeCA, challenges: ChallengeController, world: World, stores: Stores
) -> None:
    """And whatever it says to that fails nothing."""
    made, (number,) = the_challenge(stores), ca.orders
    world.progress.put(made.metadata.uid, Progress(since=NOW, due=NOW, looked=True, reachable=True))
    lost = (problem("malformed", 404, "no such challenge"), problem("unauthorized", 403, "it is being validated"))
    ca.script(f"/challenge/{number}", *lost)

    drive(challenges, "web", made.metadata.name)
    assert drive(challenges, "web", made.metadata.name, NOW + timedelta(minutes=1))[0] == "Look"
    assert drive(challenges, "web", made.metadata.name, NOW + timedelta(minutes=3))[0] == "Answer"
    assert drive(challenges, "web", made.metadata.name, NOW + timedelta(minutes=8))[0] == "Answer"

    assert drive(challenges, "web", made.metadata.name, NOW + timedelta(minutes=9)) == ["Look", "Done"]
    assert the_challenge(stores).status.state is ACMEState.VALID


@pytest.mark.usefixtures("ordered")
def test_what_a_ca_finds_that_goes_on_looking_is_told(
    ca: FakeCA, challenges: ChallengeController, world: World, stores: Stores
) -> None:
    """The authorization is pending, with an error: RFC 8555 §8.2 has the CA try again when it is told to."""
    made, (number,) = the_challenge(stores), ca.orders
    world.progress.put(made.metadata.uid, Progress(since=NOW, due=NOW, looked=True, reachable=True))
    ca.script(f"/challenge/{number}", Scripted(200, b"{}"))
    error = {"type": "urn:ietf:params:acme:error:connection", "detail": "refused"}
    offered = {"type": "http-01", "url": f"{ca.root}/challenge/{number}", "token": "dG9rZW4", "error": error}
    shown = {"status": "pending", "identifier": {"type": "dns", "value": HOST}, "challenges": [offered]}
    ca.script(f"/authorization/{number}", Scripted(200, msgspec.json.encode(shown)))

    drive(challenges, "web", made.metadata.name)
    drive(challenges, "web", made.metadata.name, NOW + timedelta(seconds=3))
    assert the_challenge(stores).status.reason.endswith("HTTP-01 challenge: connection: refused")

    assert drive(challenges, "web", made.metadata.name, NOW + timedelta(seconds=12))[0] == "Answer"
    assert drive(challenges, "web", made.metadata.name, NOW + timedelta(seconds=14)) == ["Look", "Done"]
    assert the_challenge(stores).status.state is ACMEState.VALID


@pytest.mark.usefixtures("ordered")
@pytest.mark.parametrize(
    ("refusal", "state"),
    [
        pytest.param(problem("malformed", 404, "no such authorization"), ACMEState.EXPIRED, id="forgotten"),
        pytest.param(problem("unauthorized", 403, "not yours"), ACMEState.ERRORED, id="refused"),
    ],
)
def test_a_challenge_that_the_ca_refuses_has_ended(
    ca: FakeCA, challenges: ChallengeController, world: World, stores: Stores, refusal: Scripted, state: ACMEState
) -> None:
    """Forgotten is expired, refused is errored; nobody asks again."""
    world.progress.drop(the_challenge(stores).metadata.uid)
    ca.script(f"/authorization/{next(iter(ca.orders))}", refusal)

    assert drive(challenges, "web", the_challenge(stores).metadata.name) == ["Look", "Done"]
    assert the_challenge(stores).status.state is state


@pytest.mark.usefixtures("ordered")
def test_finalizers_of_others_stay(challenges: ChallengeController, stores: Stores, put: Put, kube: Cluster) -> None:
    """The incumbent's goes, so that the Challenge can; what somebody else waits for is theirs."""
    one = the_challenge(stores)
    finalizers = ("acme.cert-manager.io/finalizer", "example.org/audit")
    dying = msgspec.structs.replace(one.metadata, finalizers=finalizers, deletion_timestamp=NOW)
    put(msgspec.structs.replace(one, metadata=dying))

    assert drive(challenges, "web", one.metadata.name) == ["DropFinalizers", "Done"]
    assert kube.client.get(Challenge, "web", one.metadata.name).metadata.finalizers == ("example.org/audit",)


@pytest.mark.usefixtures("ordered")
def test_what_holds_a_challenge_up_is_told_once(
    challenges: ChallengeController, stores: Stores, events: Events
) -> None:
    """In the status and in a Warning; the same sentence is not written again."""
    name = the_challenge(stores).metadata.name
    for _ in range(2):
        report(challenges, name, Permanent("no way", reason="PresentError"))
    version = the_challenge(stores).metadata.resource_version
    report(challenges, name, Permanent("no way", reason="PresentError"))

    assert the_challenge(stores).metadata.resource_version == version
    assert the_challenge(stores).status.reason == "no way (next attempt at 12:00:05 UTC)"
    assert events()[-1] == (
        "Warning",
        "PresentError",
        "Error presenting challenge: no way (next attempt at 12:00:05 UTC)",
    )


@pytest.mark.usefixtures("ordered")
def test_an_order_ends_with_its_certificate(
    ca: FakeCA, orders: OrderController, challenges: ChallengeController, world: World, stores: Stores, events: Events
) -> None:
    """Finalized, asked after at the CA's pace, downloaded in one write, tidied up."""
    made = the_challenge(stores)
    world.progress.put(made.metadata.uid, Progress(since=NOW, due=NOW, looked=True, reachable=True))
    drive(challenges, "web", made.metadata.name)
    drive(challenges, "web", made.metadata.name, NOW + timedelta(seconds=1))

    assert drive(orders, "web", "shop-1-1234", NOW + timedelta(seconds=1)) == ["Finalize", "Wait"]
    for seconds in range(2, 30):
        steps = drive(orders, "web", "shop-1-1234", NOW + timedelta(seconds=seconds))
        if steps[-1] == "Done":
            break

    status = the_order(stores).status
    assert (status.state, status.certificate[:27]) == (ACMEState.VALID, b"-----BEGIN CERTIFICATE-----")
    assert status.authorizations[0].identifier == HOST
    assert stores.challenges.values() == ()
    assert events()[-1] == ("Normal", "Complete", "Order completed successfully")


@pytest.mark.usefixtures("ordered")
def test_an_order_that_the_ca_forgot_is_deleted(
    ca: FakeCA, orders: OrderController, world: World, stores: Stores, put: Put, events: Events
) -> None:
    """Its request makes a new one."""
    one = the_challenge(stores)
    put(msgspec.structs.replace(one, status=msgspec.structs.replace(one.status, state=ACMEState.VALID)))
    world.seen.drop(the_order(stores).metadata.uid)
    ca.script(f"/order/{next(iter(ca.orders))}", problem("malformed", 404, "no such order"))

    assert drive(orders, "web", "shop-1-1234") == ["Poll", "gone"]
    assert events()[-1][:2] == ("Warning", "StartedOver")


def test_a_ca_that_forgets_each_order_is_not_asked_for_more_and_more(
    ca: FakeCA, ready: Callable[..., None], world: World, orders: OrderController, stores: Stores, put: Put
) -> None:
    """At once for whoever has lost one, and then with pauses, which the request tells."""
    ready()
    put(request())
    requests, gone = RequestController(world), problem("malformed", 404, "not found")
    for number in range(1, 20):
        ca.script(f"/authorization/{number}", *(gone,) * 9)
    for _ in range(10):
        drive(requests, "web", "shop-1")
        for one in stores.orders.values():
            drive(orders, "web", one.metadata.name)

    assert len(ca.requests("/new-order")) == 3
    waiting = stores.requests.get("web", "shop-1")
    assert waiting is not None
    told = find_condition(waiting.status.conditions, "Ready")
    assert told is not None
    assert told.message.endswith("a new order will be started (next attempt at 12:00:05 UTC)")


@pytest.fixture
def issued(ca: FakeCA, ordered: None, world: World, stores: Stores, put: Put) -> str:
    """An order that the CA has issued; the number of it."""
    made, (number,) = the_challenge(stores), ca.orders
    put(msgspec.structs.replace(made, status=msgspec.structs.replace(made.status, state=ACMEState.VALID)))
    ca.orders[number] |= {"status": "valid", "certificate": f"{ca.root}/certificate/{number}"}
    world.seen.drop(the_order(stores).metadata.uid)
    return number


def test_a_certificate_that_is_not_there_yet_is_waited_for(
    ca: FakeCA, issued: str, orders: OrderController, stores: Stores
) -> None:
    """Another order would be another certificate, of which CAs allow few."""
    ca.script(f"/certificate/{issued}", problem("malformed", 404, "certificate not found"))
    with pytest.raises(Transient, match="says that it is issued, and does not have it there"):
        drive(orders, "web", "shop-1-1234")

    assert drive(orders, "web", "shop-1-1234")[0] == "Download"
    assert the_order(stores).status.state is ACMEState.VALID


def test_a_certificate_that_is_gone_with_its_order_is_ordered_anew(
    ca: FakeCA, issued: str, orders: OrderController
) -> None:
    assert orders.observe("web", "shop-1-1234") is not None
    gone = problem("malformed", 404, "not found")
    ca.script(f"/certificate/{issued}", gone)
    ca.script(f"/order/{issued}", Scripted(200, msgspec.json.encode(ca.orders[issued])), gone)

    assert drive(orders, "web", "shop-1-1234") == ["Poll", "Download", "gone"]


@pytest.mark.parametrize(
    ("expires", "end"),
    [(NOW - timedelta(seconds=1), "gone"), (NOW + timedelta(hours=1), "Done")],
    ids=["over", "not yet"],
)
def test_an_order_that_is_invalid_because_it_has_expired_is_made_anew(
    ca: FakeCA, issued: str, orders: OrderController, stores: Stores, expires: datetime, end: str
) -> None:
    """Another invalid one has failed."""
    ca.orders[issued] |= {"status": "invalid", "expires": expires.isoformat()}

    assert drive(orders, "web", "shop-1-1234") == ["Poll", end]
    assert all(one.status.state is ACMEState.INVALID for one in stores.orders.values())


def test_an_alternate_chain_that_is_gone_costs_no_certificate(
    ca: FakeCA, issued: str, orders: OrderController, stores: Stores, put: Put
) -> None:
    """The chain that is offered first is as good as where none is preferred."""
    found = stores.issuers.get("web", "letsencrypt")
    assert found is not None
    assert found.spec.acme is not None
    acme = msgspec.structs.replace(found.spec.acme, preferred_chain="Another Root")
    put(msgspec.structs.replace(found, spec=msgspec.structs.replace(found.spec, acme=acme)))

    assert drive(orders, "web", "shop-1-1234")[:2] == ["Poll", "Download"]
    assert the_order(stores).status.state is ACMEState.VALID
    assert ca.requests("/other/1")


@pytest.fixture
def respecified(stores: Stores, put: Put) -> Callable[[], None]:
    """Have the Order say that it was made by another spec of its issuer than there is now."""

    def set_up() -> None:
        one = the_order(stores)
        metadata = msgspec.structs.replace(one.metadata, annotations={ISSUER_REVISION: "0-before"})
        put(msgspec.structs.replace(one, metadata=metadata))

    return set_up


@pytest.mark.usefixtures("ordered")
@pytest.mark.parametrize("proven", [False, True], ids=["to be proven", "to be finalized"])
def test_an_account_that_the_order_is_not_of_is_no_reason_to_register_anew(
    ca: FakeCA,
    orders: OrderController,
    challenges: ChallengeController,
    respecified: Callable[[], None],
    world: World,
    stores: Stores,
    put: Put,
    events: Events,
    *,
    proven: bool,
) -> None:
    """The issuer has changed in the middle: it stays ready, and its Order is made anew."""
    respecified()
    made, (number,) = the_challenge(stores), ca.orders
    ca.orders[number]["status"] = "ready"
    world.progress.put(made.metadata.uid, Progress(since=NOW, due=NOW, looked=True, reachable=True))
    unknown = problem("accountDoesNotExist", 400)
    if proven:
        put(msgspec.structs.replace(made, status=msgspec.structs.replace(made.status, state=ACMEState.VALID)))
        ca.script(f"/finalize/{number}", unknown)
    else:
        ca.script(f"/challenge/{number}", unknown)

        assert drive(challenges, "web", made.metadata.name) == ["EnsureRoute", "Answer", "Done"]
        assert the_challenge(stores).status.state is ACMEState.EXPIRED

    assert drive(orders, "web", "shop-1-1234")[-1] == "gone"
    assert condition_of(stores)[0] == "True"
    assert events()[-1][:2] == ("Warning", "StartedOver")


@pytest.mark.usefixtures("ordered")
def test_an_order_of_this_issuer_tells_that_its_account_is_gone(
    ca: FakeCA, orders: OrderController, stores: Stores, put: Put
) -> None:
    made, (number,) = the_challenge(stores), ca.orders
    put(msgspec.structs.replace(made, status=msgspec.structs.replace(made.status, state=ACMEState.VALID)))
    ca.script(f"/finalize/{number}", problem("accountDoesNotExist", 400))

    with pytest.raises(AccountGone):
        drive(orders, "web", "shop-1-1234")
    assert condition_of(stores)[:2] == ("False", "ErrVerifyACMEAccount")


def test_a_ca_that_never_knows_what_it_has_registered_is_not_asked_in_circles(
    ca: FakeCA, ready: Callable[..., None], issuers: IssuerController, orders: OrderController, put: Put
) -> None:
    """Registering wakes the Orders, whose refusal would have it registered again, and so on."""
    ready()
    put(order())
    ca.script("/new-order", *(problem("accountDoesNotExist", 400) for _ in range(30)))
    before = len(ca.requests("/new-account"))
    for second in range(20):
        with pytest.raises(AccountGone):
            drive(orders, "web", "shop-1-1234", NOW + timedelta(seconds=second))
        drive(issuers, "web", "letsencrypt", NOW + timedelta(seconds=second))
    registered = [
        one for one in ca.requests("/new-account")[before:] if "onlyReturnExisting" not in (one.payload or {})
    ]

    assert len(registered) == 1

    with pytest.raises(AccountGone):
        drive(orders, "web", "shop-1-1234", NOW + timedelta(minutes=2))
    assert drive(issuers, "web", "letsencrypt", NOW + timedelta(minutes=2)) == ["Register", "Done"]


OVER_DNS = ACMESolver(dns01=DNS01Solver(rfc2136=RFC2136(nameserver="127.0.0.1:1")))


@pytest.fixture
def ordered_over_dns(ca: FakeCA, ready: Callable[..., None], orders: OrderController, put: Put) -> None:
    """An Order with a Challenge over DNS."""
    ca.offered = ("dns-01",)
    ready(solvers=(OVER_DNS,))
    put(order())
    assert drive(orders, "web", "shop-1-1234") == ["NewOrder", "Authorize", "Done"]


@pytest.mark.usefixtures("ordered_over_dns")
def test_a_challenge_over_dns_has_its_finalizer_from_the_beginning(stores: Stores) -> None:
    """And the digest for its value (RFC 8555 §8.4), which is no secret and fits into a TXT record."""
    made = the_challenge(stores)

    assert (made.spec.type, made.spec.solver) == ("DNS-01", OVER_DNS)
    assert made.metadata.finalizers == ("acme.cert-manager.io/finalizer",)
    assert len(made.spec.key) == 43
    assert made.spec.token not in made.spec.key


@pytest.mark.usefixtures("ordered_over_dns")
def test_only_the_value_of_our_account_is_written(challenges: ChallengeController, stores: Stores, put: Put) -> None:
    """A forged Challenge could prove a name to somebody else's account."""
    made = the_challenge(stores)
    put(msgspec.structs.replace(made, spec=msgspec.structs.replace(made.spec, key="somebody-else")))

    with pytest.raises(WaitingForUser, match="the value is not the one that the account of Issuer"):
        drive(challenges, "web", made.metadata.name)


@pytest.mark.usefixtures("ordered_over_dns")
def test_a_solver_that_the_issuer_has_no_more_is_replaced(
    challenges: ChallengeController, orders: OrderController, stores: Stores, put: Put
) -> None:
    """The Challenge goes, and its Order makes one with the solver of today."""
    made = the_challenge(stores)
    found = stores.issuers.get("web", "letsencrypt")
    assert found is not None
    assert found.spec.acme is not None
    today = ACMESolver(dns01=DNS01Solver(rfc2136=RFC2136(nameserver="127.0.0.1:2")))
    acme = msgspec.structs.replace(found.spec.acme, solvers=(today,))
    put(msgspec.structs.replace(found, spec=msgspec.structs.replace(found.spec, acme=acme)))

    assert drive(challenges, "web", made.metadata.name)[0] == "Discard"


BY_CLASS = ACMESolver(http01=HTTP01Solver(ingress=HTTP01Ingress(ingress_class_name="traefik")))
BY_GATEWAY = ACMESolver(
    http01=HTTP01Solver(gateway_http_route=HTTP01GatewayHTTPRoute(parent_refs=(ParentReference(name="edge"),)))
)
WITH_POD = msgspec.structs.replace(
    SOLVER, http01=HTTP01Solver(ingress=HTTP01Ingress(ingress_class_name="nginx", pod_template=PodTemplate()))
)
ELSEWHERE = SolverSelector(dns_names=("elsewhere.example.org",))


@pytest.mark.usefixtures("ordered")
@pytest.mark.parametrize(
    ("solvers", "first"),
    [
        pytest.param((BY_CLASS,), "Discard", id="another class"),
        pytest.param((BY_GATEWAY,), "Discard", id="a Gateway instead"),
        pytest.param((OVER_DNS,), "Discard", id="over DNS instead"),
        pytest.param((), "Discard", id="none"),
        pytest.param(
            (msgspec.structs.replace(SOLVER, selector=ELSEWHERE), BY_CLASS), "Discard", id="not for this name"
        ),
        pytest.param((SOLVER,), "Wait", id="the same"),
        pytest.param((SOLVER, BY_CLASS), "Wait", id="one that would not be chosen"),
        pytest.param((OVER_DNS, SOLVER), "Wait", id="one that the CA may not offer"),
    ],
)
def test_a_corrected_solver_replaces_what_gets_nowhere(
    world: World,
    challenges: ChallengeController,
    stores: Stores,
    put: Put,
    respecified: Callable[[], None],
    solvers: tuple[ACMESolver, ...],
    first: str,
) -> None:
    """A Challenge goes by its copy, which cannot be changed; one that works is left alone."""
    respecified()
    made = the_challenge(stores)
    drive(challenges, "web", made.metadata.name)
    found = stores.issuers.get("web", "letsencrypt")
    assert found is not None
    assert found.spec.acme is not None
    acme = msgspec.structs.replace(found.spec.acme, solvers=solvers)
    put(msgspec.structs.replace(found, spec=msgspec.structs.replace(found.spec, acme=acme)))
    known = Progress(since=NOW, due=NOW + timedelta(seconds=5), looked=True, checks=1, check_problem="404")

    for told in (replace(known, reachable=True), replace(known, answered=True)):
        world.progress.put(made.metadata.uid, told)
        observed = challenges.observe("web", made.metadata.name)
        assert observed is not None
        assert not isinstance(challenges.decide(observed, NOW), Discard)

    world.progress.put(made.metadata.uid, known)
    assert drive(challenges, "web", made.metadata.name)[0] == first


@pytest.mark.usefixtures("ordered")
@pytest.mark.parametrize("solver", [BY_CLASS, BY_GATEWAY, WITH_POD], ids=["class", "gateway", "pod"])
def test_a_challenge_by_the_issuers_solver_is_not_replaced_again(
    challenges: ChallengeController,
    orders: OrderController,
    stores: Stores,
    put: Put,
    respecified: Callable[[], None],
    solver: ACMESolver,
) -> None:
    """However it looks: what the API server gives back is what the issuer says."""
    respecified()
    made = the_challenge(stores)
    found = stores.issuers.get("web", "letsencrypt")
    assert found is not None
    assert found.spec.acme is not None
    acme = msgspec.structs.replace(found.spec.acme, solvers=(solver,))
    put(msgspec.structs.replace(found, spec=msgspec.structs.replace(found.spec, acme=acme)))
    observed = challenges.observe("web", made.metadata.name)
    assert observed is not None
    challenges.act(observed, Discard("other"), NOW)

    drive(orders, "web", "shop-1-1234")

    again = the_challenge(stores)
    observed = challenges.observe("web", again.metadata.name)
    assert again.metadata.uid != made.metadata.uid
    assert observed is not None
    assert not observed.respecified
