"""Renewal information: one question to the CA, and what of the answer is written and told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from certs.api.certificate import ARIStatus, ARIWindow, CertificateStatus, KeyAlgorithm
from certs.api.certificaterequest import CertificateRequest
from certs.api.issuer import ACMEIssuerStatus, Issuer, IssuerStatus
from certs.decide.certificate import decide
from certs.decide.certificatesteps import AskRenewalInfo
from certs.decide.policies import stored_leaf
from certs.pki.ari import certificate_id
from certs.pki.keys import encode_key
from shim.controllers.certificate import CertificateController
from shim.controllers.issuer import gateway_of
from shim.controllers.order import OrderController
from shim.controllers.request import RequestController
from shim.controllers.world import World
from shim.keys import generate_key
from shim.stores import OURS, Stores
from tests.certs.decide.objects import (
    DAY,
    HOST,
    ISSUER,
    NOW,
    certificate,
    condition,
    issued,
    issuer,
    order,
    request,
    secret,
    stored,
    told,
    with_status,
)
from tests.fakes.acme import FakeCA, Scripted, problem
from tests.shim.conftest import Put
from tests.shim.controllers.conftest import Events, drive

START, END = NOW + 40 * DAY, NOW + 42 * DAY
HOUR = timedelta(hours=1)


@pytest.fixture
def ca() -> Iterator[FakeCA]:
    with FakeCA() as made:
        yield made


@pytest.fixture
def controller(world: World) -> CertificateController:
    return CertificateController(world)


def registered(ca: FakeCA, **acme: Any) -> Issuer:
    """Return an issuer that has its account."""
    status = IssuerStatus(conditions=(condition("Ready"),), acme=ACMEIssuerStatus(uri=f"{ca.root}/account/1"))
    return issuer(status=status, server=ca.url, **acme)


@pytest.fixture
def own(ca: FakeCA, put: Put, controller: CertificateController) -> str:
    """Put a Certificate whose readiness is told, and return the identifier of what is stored."""
    put(registered(ca))
    put(secret("account", labels=OURS, data={"tls.key": bytes(encode_key(generate_key(KeyAlgorithm.ECDSA)))}))
    cert = certificate()
    held = stored(cert, key_id=b"\1")
    put(msgspec.structs.replace(held, metadata=msgspec.structs.replace(held.metadata, labels=dict(OURS))))
    put(issued(request(cert)))
    put(with_status(cert, CertificateStatus(revision=1)))
    observed = controller.observe("web", "shop")
    assert observed is not None
    controller.act(observed, decide(observed, NOW), NOW)  # type: ignore[arg-type]  # Ready=True
    found = stored_leaf(held)
    assert found is not None
    return certificate_id(found)


def suggested(**headers: str) -> Scripted:
    window = {"start": START.isoformat(), "end": END.isoformat()}
    return Scripted(body=json.dumps({"suggestedWindow": window}).encode(), headers=headers)


def ari_of(stores: Stores) -> ARIStatus | None:
    found = stores.certificates.get("web", "shop")
    assert found is not None
    return found.status.acme.ari if found.status.acme is not None else None


def test_an_answer_is_stored_and_asked_for_again_in_time(
    ca: FakeCA, own: str, controller: CertificateController, stores: Stores
) -> None:
    """One question, two writes: the window, and the moment that follows from it."""
    ca.script(f"/ari/{own}", suggested(**{"Retry-After": "3600"}), suggested(**{"Retry-After": "3600"}))

    assert drive(controller, "web", "shop") == ["AskRenewalInfo", "SetCertificateStatus", "Wait"]

    told_by_ca = ari_of(stores)
    assert told_by_ca is not None
    assert told_by_ca.suggested_window == ARIWindow(START, END)
    found = stores.certificates.get("web", "shop")
    assert found is not None
    assert found.status.renewal_time is not None
    assert START <= found.status.renewal_time < END
    assert drive(controller, "web", "shop", NOW + HOUR / 2) == ["Wait"]
    later = NOW + 2 * HOUR
    assert drive(controller, "web", "shop", later) == ["AskRenewalInfo", "Wait"]  # nothing new: no write
    assert len(ca.requests(f"/ari/{own}")) == 2


def test_a_failure_is_told_once_and_delays_nothing(
    ca: FakeCA, own: str, controller: CertificateController, stores: Stores, events: Events
) -> None:
    """The renewal stays where it was; the second failure of the same kind is no news."""
    before = stores.certificates.get("web", "shop")
    ca.script(f"/ari/{own}", problem("serverInternal", 500), problem("serverInternal", 500))

    drive(controller, "web", "shop")
    drive(controller, "web", "shop", NOW + HOUR)

    after = stores.certificates.get("web", "shop")
    assert before is not None
    assert after is not None
    assert after.status.renewal_time == before.status.renewal_time
    told_by_us = ari_of(stores)
    assert told_by_us is not None
    assert "serverInternal" in told_by_us.last_error
    assert [(kind, reason) for kind, reason, _ in events()] == [("Warning", "ARIError")]


def test_a_ca_without_the_service_is_left_alone_for_a_day(
    ca: FakeCA, own: str, controller: CertificateController, stores: Stores
) -> None:
    """And nothing is written about it."""
    ca.offers_ari = False

    assert drive(controller, "web", "shop") == ["AskRenewalInfo", "Wait"]
    assert drive(controller, "web", "shop", NOW + 23 * HOUR) == ["Wait"]
    assert ari_of(stores) is None
    assert not ca.requests(f"/ari/{own}")


def test_nothing_is_asked_where_the_issuer_says_so(
    ca: FakeCA, own: str, controller: CertificateController, put: Put
) -> None:
    """`renewalInformationSource: None`."""
    put(registered(ca, renewal_information_source="None"))

    observed = controller.observe("web", "shop")

    assert observed is not None
    assert not isinstance(decide(observed, NOW), AskRenewalInfo)
    assert not ca.requests(f"/ari/{own}")


# --- replaces -------------------------------------------------------------------------------------


def renewing(put: Put) -> CertificateRequest:
    """Put the request of the second issuance."""
    one = request(certificate(), 2)
    put(one)
    return one


def test_the_next_order_says_what_it_replaces(own: str, world: World, put: Put, stores: Stores) -> None:
    """RFC 9773 §5; what is in the Secret, if it is the same issuer's."""
    renewing(put)

    drive(RequestController(world), "web", "shop-2")

    (made,) = stores.orders.values()
    assert made.spec.replaces == own


@pytest.mark.parametrize("what", ["another issuer's", "nothing"])
def test_what_is_not_this_issuers_is_not_replaced(own: str, world: World, put: Put, stores: Stores, what: str) -> None:
    """The CA knows its own certificates only."""
    assert own
    annotations = told(certificate(), msgspec.structs.replace(ISSUER, name="other"))
    chain = stored(certificate(), key_id=b"\1").data if what == "another issuer's" else {}
    put(secret(labels=OURS, data=chain, annotations=annotations))
    renewing(put)

    drive(RequestController(world), "web", "shop-2")

    (made,) = stores.orders.values()
    assert made.spec.replaces == ""


@pytest.mark.parametrize(
    ("names", "is_replaced"),
    [((HOST, "new.example.org"), True), (("new.example.org",), False)],
    ids=["one is new", "all are new"],
)
def test_a_certificate_is_replaced_by_one_of_its_names_only(
    own: str, world: World, put: Put, stores: Stores, names: tuple[str, ...], *, is_replaced: bool
) -> None:
    """Somebody has edited the names: a CA refuses to have one replaced by another that shares none (RFC 9773 §5)."""
    put(request(certificate(dns_names=names), 2))

    drive(RequestController(world), "web", "shop-2")

    (made,) = stores.orders.values()
    assert made.spec.replaces == (own if is_replaced else "")


def test_a_secret_that_changes_makes_no_second_order(own: str, world: World, put: Put, stores: Stores) -> None:
    """The Order that the request has is its Order, whatever would be replaced now."""
    assert own
    renewing(put)
    controller = RequestController(world)
    drive(controller, "web", "shop-2")
    put(secret(labels=OURS, annotations=told(certificate())))

    drive(controller, "web", "shop-2")

    assert len(list(stores.orders.values())) == 1


@pytest.mark.parametrize(
    "refusal",
    [problem("alreadyReplaced", 409), problem("malformed", 400, "cannot parse field replaces")],
    ids=["already replaced", "unknown field"],
)
def test_a_refused_replaces_is_left_out(ca: FakeCA, own: str, world: World, put: Put, refusal: Scripted) -> None:
    """The order is more important than its exemption from limits."""
    known = registered(ca)
    assert known.spec.acme is not None
    gateway_of(world, known, known.spec.acme).register()
    put(order(request(certificate(), 2), replaces=own))
    ca.script("/new-order", refusal)
    name = order(request(certificate(), 2)).metadata.name
    controller = OrderController(world)
    observed = controller.observe("web", name)
    assert observed is not None

    controller.act(observed, controller.decide(observed, NOW), NOW)  # type: ignore[arg-type]

    assert [one.payload.get("replaces") for one in ca.requests("/new-order")] == [own, None]
