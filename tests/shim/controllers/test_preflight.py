"""Orders and failed Certificates whose names are asked about: a CA that says who it is, and a DNS that says who may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from queue import Empty, SimpleQueue

import pytest

from certs.api.certificate import Certificate, CertificateStatus, KeyAlgorithm
from certs.api.issuer import IssuerStatus
from certs.api.meta import ObjectMeta
from certs.api.order import ACMEState, OrderStatus
from certs.decide.order import FAILED_PROOF
from certs.decide.preflight import Mode
from certs.pki.keys import encode_key
from shim.controllers.certificate import CertificateController
from shim.controllers.inquiry import Inquiry
from shim.controllers.issuer import IssuerController
from shim.controllers.order import OrderController
from shim.controllers.preflight import Preflight
from shim.controllers.repair import Repair
from shim.controllers.world import World
from shim.keys import generate_key
from shim.preflight.survey import Survey
from shim.solvers.dns01.solver import DNSSettings
from shim.solvers.selfcheck import SelfCheck
from shim.stores import OURS, Stores
from tests.certs.decide.objects import (
    HOST,
    NOW,
    certificate,
    failed,
    issuer,
    order,
    request,
    secret,
    stored,
    with_status,
)
from tests.fakes.acme import FakeCA
from tests.fakes.dns import Server
from tests.fakes.dns import World as NameServers
from tests.shim.conftest import Put
from tests.shim.controllers.conftest import Events, drive

RESOLVER = "127.0.0.2"
KEY = bytes(encode_key(generate_key(KeyAlgorithm.ECDSA)))
NAME = "shop-1-1234"
SECOND = timedelta(seconds=1)
PATIENCE = 10

Woken = SimpleQueue[str]


@pytest.fixture
def ca() -> Iterator[FakeCA]:
    with FakeCA() as made:
        made.meta = {"caaIdentities": ["ca.example"]}
        yield made


@pytest.fixture
def dns() -> Iterator[NameServers]:
    """A resolver that knows where the shop is."""
    with NameServers({RESOLVER: Server({(HOST, "A"): ["8.8.8.8"]})}) as made:
        yield made


@pytest.fixture
def woken() -> Woken:
    return SimpleQueue()


@pytest.fixture
def inquiry(world: World, dns: NameServers, woken: Woken) -> Iterator[Inquiry]:
    survey = Survey(SelfCheck((dns.at(RESOLVER),), port=1), DNSSettings(authoritative_port=dns.port))
    watched = replace(world, wake_certificate=lambda _namespace, name: woken.put(name))
    made = Inquiry(watched, survey)
    yield made
    made.background.stop()


@pytest.fixture
def orders(inquiry: Inquiry, woken: Woken) -> OrderController:
    def wake(of: ObjectMeta) -> None:
        woken.put(of.name)

    return OrderController(inquiry.world, Preflight(inquiry, Mode.ENFORCE, wake))


@pytest.fixture
def ready(ca: FakeCA, world: World, stores: Stores, put: Put) -> None:
    """An issuer that is set up."""
    put(secret("account", labels=OURS, data={"tls.key": KEY}))
    put(issuer(status=IssuerStatus(), server=ca.url))
    assert drive(IssuerController(world, stores.issuers, "issuers"), "web", "letsencrypt") == ["Register", "Done"]


def caa(dns: NameServers, *records: str) -> None:
    dns.servers[RESOLVER].records["example.org", "CAA"] = list(records)


@pytest.mark.usefixtures("ready")
def test_caa_records_that_forbid_the_ca_cost_no_order(
    ca: FakeCA, orders: OrderController, dns: NameServers, stores: Stores, put: Put, events: Events, woken: Woken
) -> None:
    """The Order says who may issue and what to add; and goes on once that is added."""
    caa(dns, '0 issue "sectigo.com"')
    put(order())
    assert drive(orders, "web", NAME) == ["AskNames", "Wait"]
    assert woken.get(timeout=PATIENCE) == NAME

    assert drive(orders, "web", NAME) == ["SetOrderStatus", "Wait"]

    found = stores.orders.get("web", NAME)
    assert found is not None
    assert found.status.reason == (
        f'Nothing is ordered yet, since the CA would refuse it: "{HOST}" is not for this CA: the CAA records of '
        'example.org let only sectigo.com issue; add one there: 0 issue "ca.example"'
    )
    assert events()[-1] == ("Warning", "Preflight", found.status.reason)
    assert ca.orders == {}
    caa(dns, '0 issue "sectigo.com"', '0 issue "ca.example"')
    assert drive(orders, "web", NAME, NOW + SECOND) == ["AskNames", "Wait"]
    assert woken.get(timeout=PATIENCE) == NAME
    assert drive(orders, "web", NAME, NOW + SECOND) == ["NewOrder", "Authorize", "Done"]


@pytest.mark.usefixtures("ready")
def test_only_the_ca_can_judge_for_whom_it_issues(
    ca: FakeCA, orders: OrderController, dns: NameServers, put: Put, events: Events, woken: Woken
) -> None:
    """Parameters of RFC 8657 are told, and hold nothing up; ours is known by its URL."""
    caa(dns, '0 issue "ca.example; accounturi=https://ca.example/acct/2"')
    put(order())
    assert drive(orders, "web", NAME) == ["AskNames", "Wait"]
    assert woken.get(timeout=PATIENCE) == NAME

    assert drive(orders, "web", NAME) == ["TellFindings", "NewOrder", "Authorize", "Done"]

    (told,) = (message for kind, reason, message in events() if (kind, reason) == ("Warning", "Preflight"))
    assert f"for the account https://ca.example/acct/2 only, and this is {ca.root}/account/1" in told


@pytest.mark.usefixtures("ready")
def test_names_of_the_certificate_before_are_not_asked_about(
    orders: OrderController, dns: NameServers, put: Put, woken: Woken
) -> None:
    """A renewal that does not name what it replaces, too."""
    cert = certificate()
    put(cert)
    put(request(cert))
    put(stored(cert))
    put(order(request(cert)))

    assert drive(orders, "web", NAME) == ["AskNames", "NewOrder", "Authorize", "Done"]
    assert woken.get(timeout=PATIENCE) == NAME
    assert dns.servers[RESOLVER].asked == []


@pytest.mark.usefixtures("ready")
def test_names_that_another_issuer_has_proven_are_asked_about(orders: OrderController, put: Put, woken: Woken) -> None:
    """CAA may have another say on it."""
    cert = certificate()
    put(cert)
    put(request(cert))
    before = stored(cert)
    annotations = before.metadata.annotations | {"cert-manager.io/issuer-name": "another"}
    put(secret("shop-tls", data=before.data, annotations=annotations))
    put(order(request(cert)))

    assert drive(orders, "web", NAME) == ["AskNames", "Wait"]


@pytest.mark.usefixtures("ready")
def test_an_order_that_replaces_is_a_renewal(orders: OrderController, dns: NameServers, put: Put) -> None:
    put(order(replaces="aki.serial"))

    assert drive(orders, "web", NAME) == ["NewOrder", "Authorize", "Done"]
    assert dns.servers[RESOLVER].asked == []


def failing(attempts: int = 1) -> Certificate:
    """Return a Certificate whose last attempt failed."""
    return with_status(certificate(), CertificateStatus(last_failure_time=NOW, failed_issuance_attempts=attempts))


@pytest.mark.usefixtures("ready")
def test_a_pause_ends_when_what_was_wrong_is_mended(inquiry: Inquiry, dns: NameServers, put: Put, woken: Woken) -> None:
    """CAA at the finalization, seen wrong and then right from here."""
    certificates = CertificateController(inquiry.world, Repair(inquiry))
    caa(dns, '0 issue ";"')
    cert = failing()
    reason = f'{FAILED_PROOF} "{HOST}": caa: forbidden'
    put(cert)
    put(failed(request(cert)))
    put(order(request(cert), status=OrderStatus(state=ACMEState.INVALID, reason=reason)))
    assert drive(certificates, "web", "shop", NOW + SECOND)[-2:] == ["LookAgain", "Wait"]
    assert woken.get(timeout=PATIENCE) == "shop"
    assert drive(certificates, "web", "shop", NOW + SECOND) == ["Wait"]

    caa(dns)

    later = NOW + 3 * SECOND
    assert drive(certificates, "web", "shop", later) == ["LookAgain", "Wait"]
    assert woken.get(timeout=PATIENCE) == "shop"
    assert "CreateRequest" in drive(certificates, "web", "shop", later)


@pytest.mark.usefixtures("ready")
def test_a_name_that_looks_well_from_here_is_looked_at_three_times(inquiry: Inquiry, put: Put, woken: Woken) -> None:
    """The CA saw something else: the pause is sat out."""
    certificates = CertificateController(inquiry.world, Repair(inquiry))
    cert = failing()
    put(cert)
    put(failed(request(cert)))
    put(order(request(cert), status=OrderStatus(state=ACMEState.INVALID, reason=f'{FAILED_PROOF} "{HOST}": 404')))
    assert drive(certificates, "web", "shop", NOW + SECOND)[-2:] == ["LookAgain", "Wait"]

    with pytest.raises(Empty):
        woken.get(timeout=0.3)
    for seconds in (10, 20):
        assert drive(certificates, "web", "shop", NOW + seconds * SECOND) == ["LookAgain", "Wait"]
        with pytest.raises(Empty):
            woken.get(timeout=0.3)
    assert drive(certificates, "web", "shop", NOW + 30 * SECOND) == ["Wait"]


@pytest.mark.usefixtures("ready")
def test_without_an_order_there_is_nothing_to_look_at(inquiry: Inquiry, put: Put) -> None:
    """It was denied by an approver."""
    certificates = CertificateController(inquiry.world, Repair(inquiry))
    cert = failing()
    put(cert)
    put(failed(request(cert)))

    assert drive(certificates, "web", "shop", NOW + SECOND)[-1:] == ["Wait"]
    assert drive(certificates, "web", "shop", NOW + SECOND) == ["Wait"]


def test_who_has_nobody_to_ask_asks_nobody() -> None:
    """`--preflight=off`."""
    assert Preflight().look(order()) is None
    assert Repair().watch(failing()) is None
