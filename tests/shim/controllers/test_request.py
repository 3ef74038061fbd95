from __future__ import annotations

from typing import Any

import msgspec
import pytest

from certs.api.certificaterequest import CertificateRequest
from certs.api.meta import OwnerReference, find_condition, owner_reference
from certs.api.order import ACMEState, OrderStatus
from certs.decide.request import CreateOrder
from certs.outcomes import Transient
from shim.controllers.request import RequestController, order_spec
from shim.controllers.world import World
from shim.kube.cluster import Cluster
from shim.stores import Stores
from tests.certs.decide.objects import HOST, NOW, certificate, issuer, order, request, signed, with_status
from tests.fakes.apiserver import FakeAPIServer
from tests.shim.conftest import Put
from tests.shim.controllers.conftest import Events, drive


@pytest.fixture
def controller(world: World) -> RequestController:
    return RequestController(world)


def test_a_request_becomes_an_order_and_then_a_certificate(
    controller: RequestController, stores: Stores, put: Put, events: Events, api: FakeAPIServer
) -> None:
    """Approved, ordered, issued: three writes, and the events of a cert-manager user."""
    put(issuer())
    put(request())
    assert drive(controller, "web", "shop-1") == ["SetRequestStatus", "CreateOrder", "Done"]

    (made,) = stores.orders.values()
    put(with_status(made, OrderStatus(state=ACMEState.VALID, certificate=signed(request()))))
    assert drive(controller, "web", "shop-1") == ["SetRequestStatus", "Done"]

    of = stores.requests.get("web", "shop-1")
    assert of is not None
    ready = find_condition(of.status.conditions, "Ready")
    assert ready is not None
    assert ready.reason == "Issued"
    assert [(reason, message) for _, reason, message in events()] == [
        ("cert-manager.io", "Certificate request has been approved by cert-manager.io"),
        ("OrderCreated", f"Created Order resource web/{made.metadata.name}"),
        ("CertificateIssued", "Certificate fetched from issuer successfully"),
    ]
    assert sum(api.count(verb) for verb in ("create", "apply", "update", "patch", "delete")) == 3


def test_order_is_the_requests(controller: RequestController, stores: Stores, put: Put) -> None:
    """Labels and annotations verbatim, controller owner, names from the CSR, a name that is found again."""
    one = request()
    put(issuer())
    put(msgspec.structs.replace(one, metadata=msgspec.structs.replace(one.metadata, labels={"team": "a"})))
    drive(controller, "web", "shop-1")
    (made,) = stores.orders.values()
    of = stores.requests.get("web", "shop-1")

    assert of is not None
    assert made.metadata.name.startswith("shop-1-")
    assert (made.metadata.labels, made.metadata.annotations) == ({"team": "a"}, of.metadata.annotations)
    assert made.metadata.owner_references == (owner_reference(of),)
    assert (made.spec.dns_names, made.spec.request) == ((HOST,), of.spec.request)


@pytest.mark.parametrize(
    ("acme", "duration", "profile"),
    [({}, None, ""), ({"enable_duration_feature": True, "profile": "shortlived"}, "24h", "shortlived")],
    ids=["by default", "enabled"],
)
def test_what_the_issuer_adds(acme: dict[str, Any], duration: str | None, profile: str) -> None:
    """Duration and profile are the issuer's to allow."""
    spec = order_spec(request(certificate(duration="24h")), issuer(**acme))

    assert spec is not None
    assert (spec.duration, spec.profile) == (duration, profile)


def test_an_order_whose_answer_was_lost_is_found(controller: RequestController, stores: Stores, put: Put) -> None:
    """Creating it again finds it, and tells nothing twice."""
    put(issuer())
    put(request())
    drive(controller, "web", "shop-1")
    (made,) = stores.orders.values()
    observed = controller.observe("web", "shop-1")
    assert observed is not None

    controller.act(observed, CreateOrder(made.metadata.name), NOW)

    assert stores.orders.values() == (made,)


def test_an_order_of_a_deleted_request_makes_room(
    controller: RequestController, stores: Stores, put: Put, events: Events
) -> None:
    """The failed Order of before is deleted, another one made."""
    put(issuer())
    put(request())
    drive(controller, "web", "shop-1")
    (made,) = stores.orders.values()
    old = OwnerReference("cert-manager.io/v1", "CertificateRequest", "shop-1", "uid-of-old", controller=True)
    stale = msgspec.structs.replace(
        order(status=OrderStatus(state=ACMEState.ERRORED)),
        metadata=msgspec.structs.replace(made.metadata, owner_references=(old,)),
    )
    put(stale)

    assert drive(controller, "web", "shop-1") == ["DeleteOrder", "CreateOrder", "Done"]

    (fresh,) = stores.orders.values()
    assert fresh.status.state is ACMEState.UNKNOWN
    assert "OrderOutdated" in [reason for _, reason, _ in events()]


def test_a_request_that_cannot_be_read_names_no_order(controller: RequestController, kube: Cluster, put: Put) -> None:
    """It fails without one."""
    one = request()
    put(issuer())
    put(msgspec.structs.replace(one, spec=msgspec.structs.replace(one.spec, request=b"garbage")))

    assert drive(controller, "web", "shop-1") == ["SetRequestStatus", "Done"]
    ready = find_condition(kube.client.get(CertificateRequest, "web", "shop-1").status.conditions, "Ready")
    assert ready is not None
    assert ready.reason == "Failed"


def test_trouble_is_an_event(controller: RequestController, put: Put, events: Events) -> None:
    """The conditions speak of the issuer."""
    put(request())
    observed = controller.observe("web", "shop-1")
    assert observed is not None

    controller.report(observed, Transient("no connection"), None, NOW)

    assert events() == [("Warning", "Error", "no connection (tried again when something changes)")]
