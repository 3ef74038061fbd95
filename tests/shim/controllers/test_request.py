from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from certs.api.certificaterequest import CertificateRequest
from certs.api.meta import IssuerReference, OwnerReference, find_condition, owner_reference
from certs.api.order import ACMEState, OrderStatus
from certs.decide.approval import ApprovalRefused
from certs.decide.issuerrevision import ISSUER_REVISION, issuer_revision
from certs.decide.request import CreateOrder, SetRequestStatus
from certs.outcomes import Transient, Unwatched
from shim.controllers.request import RequestController, order_spec
from shim.controllers.world import World
from shim.kube.cluster import Cluster
from shim.kube.errors import Forbidden
from shim.stores import Stores
from tests.certs.decide.objects import HOST, NOW, certificate, issuer, order, request, signed, with_status
from tests.fakes.apiserver import FakeAPIServer, Status
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
    """Labels and annotations verbatim, beside the issuer's revision; owner, names from the CSR, a name found again."""
    one = request()
    put(issuer())
    put(msgspec.structs.replace(one, metadata=msgspec.structs.replace(one.metadata, labels={"team": "a"})))
    drive(controller, "web", "shop-1")
    (made,) = stores.orders.values()
    of = stores.requests.get("web", "shop-1")

    assert of is not None
    assert made.metadata.name.startswith("shop-1-")
    assert made.metadata.labels == {"team": "a"}
    assert made.metadata.annotations == {**of.metadata.annotations, ISSUER_REVISION: issuer_revision(issuer())}
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


@pytest.mark.parametrize(
    ("state", "orders"),
    [
        pytest.param(ACMEState.PENDING, 1, id="under way"),
        pytest.param(ACMEState.VALID, 1, id="valid"),
        pytest.param(ACMEState.ERRORED, 2, id="failed by it"),
    ],
)
def test_an_issuer_that_changes_what_it_adds_has_nothing_ordered_twice(
    controller: RequestController, stores: Stores, put: Put, state: ACMEState, orders: int
) -> None:
    """What is under way is finished; the next issuance goes by the change, or this one if it has failed already."""
    put(issuer(profile="classic"))
    put(request())
    drive(controller, "web", "shop-1")
    (made,) = stores.orders.values()
    put(with_status(made, OrderStatus(state=state)))
    put(issuer(profile="shortlived"))

    drive(controller, "web", "shop-1")

    assert len(stores.orders.values()) == orders


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


WRITES = ("create", "apply", "update", "patch", "delete")
REFUSED = (
    'admission webhook "webhook.cert-manager.io" denied the request: status.conditions: Forbidden: user "shim" '
    "does not have permissions to set approved/denied conditions for issuer {pca AWSPCAIssuer awspca.example.com}"
)


def foreign(name: str = "pca") -> CertificateRequest:
    return request(certificate(issuer_ref=IssuerReference(name, "AWSPCAIssuer", "awspca.example.com")))


def test_a_foreign_request_is_approved_and_left_alone(
    controller: RequestController, stores: Stores, put: Put, events: Events, api: FakeAPIServer
) -> None:
    """One write by the approver, one event; an issuer of ours that has the same name has nothing to do with it."""
    put(issuer())
    put(foreign("letsencrypt"))
    observed = controller.observe("web", "shop-1")
    assert observed is not None
    assert (observed.issuer, observed.order_name) == (None, "")

    assert drive(controller, "web", "shop-1") == ["SetRequestStatus", "Done"]

    (written,) = [one for one in api.seen if one.verb in WRITES]
    of = stores.requests.get("web", "shop-1")
    assert of is not None
    assert [one.type for one in of.status.conditions] == ["Approved"]
    assert written.query["fieldManager"] == "cert-manager-certificaterequests-approver"
    assert events() == [
        ("Normal", "cert-manager.io", "Certificate request has been approved by cert-manager.io"),
    ]
    assert stores.orders.values() == ()


def act(controller: RequestController) -> None:
    observed = controller.observe("web", "shop-1")
    assert observed is not None
    step = controller.decide(observed, NOW)
    assert isinstance(step, SetRequestStatus)
    controller.act(observed, step, NOW)


@pytest.mark.parametrize("of", [foreign(), request()], ids=["foreign", "ours"])
def test_a_refused_approval_waits_for_somebody(
    controller: RequestController, put: Put, events: Events, api: FakeAPIServer, of: CertificateRequest
) -> None:
    """It is told as one event that says what is missing, and again as the same one."""
    put(of)
    for _ in range(2):
        api.script("update", Status(403, "Forbidden", REFUSED))
        with pytest.raises(ApprovalRefused) as raised:
            act(controller)
        observed = controller.observe("web", "shop-1")
        assert observed is not None
        controller.report(observed, raised.value, None, NOW)

    ((kind, reason, message),) = events()
    assert (kind, reason) == ("Warning", "ApprovalRefused")
    assert "grant it the verb approve on signers" in message
    assert message.endswith("(tried again when something changes)")


def test_a_refusal_of_another_kind_is_passed_on(controller: RequestController, put: Put, api: FakeAPIServer) -> None:
    """Being without the right to write a status at all is not about this request."""
    put(foreign())
    api.script("update", Status(403, "Forbidden", 'User "shim" cannot update resource "certificaterequests/status"'))

    with pytest.raises(Forbidden):
        act(controller)


def test_a_request_that_waits_for_approval_is_told_of_once(
    world: World, put: Put, events: Events, api: FakeAPIServer
) -> None:
    """However often it is looked at; nothing is written."""
    controller = RequestController(replace(world, settings=replace(world.settings, auto_approve=False)))
    put(issuer())
    put(request())

    assert drive(controller, "web", "shop-1") == ["TellWaiting", "Done"]
    assert drive(controller, "web", "shop-1") == ["Done"]

    assert events() == [("Normal", "WaitingForApproval", "Not signing CertificateRequest until it is Approved")]
    assert sum(api.count(verb) for verb in WRITES) == 0


@pytest.mark.parametrize("code", [403, 422])
def test_an_order_that_may_not_be_made_is_told(
    controller: RequestController, put: Put, api: FakeAPIServer, code: int
) -> None:
    """A quota or a policy is somebody's to change, and nothing tells when it is: it is tried again with back-off."""
    put(issuer())
    put(request())
    api.script("create", Status(code, "Forbidden", "exceeded quota: orders"))

    with pytest.raises(Unwatched, match=r"^Failed to create new order resource web/shop-1-\d+: .*exceeded quota") as at:
        drive(controller, "web", "shop-1")

    assert at.value.reason == "OrderCreatingError"
