"""CA and self-signed issuers over the fake API server: what is written, how often, and what goes on when."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from certs.api.certificaterequest import CertificateRequest
from certs.api.core import Secret
from certs.api.issuer import CAIssuer, Issuer, IssuerSpec, IssuerStatus, SelfSignedIssuer
from certs.api.meta import Condition, find_condition
from certs.decide.policies import PRIVATE_KEY_SECRET
from certs.decide.request import Sign
from certs.outcomes import Transient, WaitingForUser
from certs.pki.csr import build_csr
from certs.pki.signing import Wanted, sign_by_itself
from certs.pki.x509 import read_chain
from shim.controllers.issuer import IssuerController
from shim.controllers.request import RequestController
from shim.controllers.world import World
from shim.stores import OURS, Stores
from tests.certs.decide.objects import DAY, HOST, NOW, condition, issuer, key, pem, request, secret, spec
from tests.fakes.apiserver import FakeAPIServer
from tests.shim.conftest import Put
from tests.shim.controllers.conftest import Events, drive

CA = IssuerSpec(ca=CAIssuer("ca"))
SELF_SIGNED = IssuerSpec(self_signed=SelfSignedIssuer())
WRITES = ("create", "apply", "update", "patch", "delete")


@pytest.fixture
def controller(world: World) -> RequestController:
    return RequestController(world)


@pytest.fixture
def issuers(world: World, stores: Stores) -> IssuerController:
    return IssuerController(world, stores.issuers, "issuers")


def of_type(wanted: IssuerSpec, *, ready: bool = True) -> Issuer:
    status = IssuerStatus(conditions=(condition("Ready"),) if ready else ())
    return msgspec.structs.replace(issuer(status=status), spec=wanted)


def ca_secret(*, is_ca: bool = True, lifetime: timedelta = 10 * DAY) -> Secret:
    csr = build_csr(spec(common_name="Root", dns_names=(), is_ca=is_ca), key("ca"))
    chain = sign_by_itself(key("ca"), Wanted(csr, 1, NOW, lifetime, is_ca=is_ca)).chain
    return secret("ca", labels=OURS, data={"tls.crt": chain, "tls.key": pem("ca")})


def asked(key_secret: str = "") -> CertificateRequest:
    one = request()
    annotations = {**one.metadata.annotations} | ({PRIVATE_KEY_SECRET: key_secret} if key_secret else {})
    return msgspec.structs.replace(one, metadata=msgspec.structs.replace(one.metadata, annotations=annotations))


def written(stores: Stores) -> CertificateRequest:
    found = stores.requests.get("web", "shop-1")
    assert found is not None
    return found


def ready_of(of: CertificateRequest | Issuer | None) -> Condition:
    assert of is not None
    found = find_condition(of.status.conditions, "Ready")
    assert found is not None
    return found


def test_a_ca_signs_in_one_write(
    controller: RequestController, stores: Stores, put: Put, events: Events, api: FakeAPIServer
) -> None:
    """Approval, certificate and CA at once; no Order, and the events of a cert-manager user."""
    for obj in (of_type(CA), ca_secret(), asked()):
        put(obj)

    assert drive(controller, "web", "shop-1") == ["Sign", "Done"]

    of = written(stores)
    assert [one.type for one in of.status.conditions] == ["Approved", "Ready"]
    assert ready_of(of).reason == "Issued"
    assert read_chain(of.status.certificate)[0].dns_names == (HOST,)
    assert read_chain(of.status.ca)[0].common_name == "Root"
    assert [reason for _, reason, _ in events()] == ["CertificateIssued"]
    assert sum(api.count(verb) for verb in WRITES) == 1


def test_a_certificate_signs_itself(controller: RequestController, stores: Stores, put: Put, events: Events) -> None:
    """With the key that the annotation names; an empty subject is warned about."""
    for obj in (of_type(SELF_SIGNED), secret("next", labels=OURS, data={"tls.key": pem()}), asked("next")):
        put(obj)

    assert drive(controller, "web", "shop-1") == ["Sign", "Done"]

    assert written(stores).status.certificate == written(stores).status.ca
    assert [reason for _, reason, _ in events()] == ["BadConfig", "CertificateIssued"]


def test_a_missing_secret_is_said_once_and_then_waited_for(
    controller: RequestController, stores: Stores, put: Put, events: Events, api: FakeAPIServer
) -> None:
    """One write, one event, however often it is looked at; the Secret lets it go on."""
    put(of_type(CA))
    put(asked())
    for _ in range(2):
        with pytest.raises(WaitingForUser) as raised:
            drive(controller, "web", "shop-1")
        observed = controller.observe("web", "shop-1")
        assert observed is not None
        controller.report(observed, raised.value, None, NOW)

    assert (ready_of(written(stores)).reason, ready_of(written(stores)).message) == (
        "Pending",
        "Referenced secret web/ca not found: create it",
    )
    assert [reason for _, reason, _ in events()] == ["cert-manager.io", "SecretMissing"]
    assert sum(api.count(verb) for verb in WRITES) == 1

    put(ca_secret())
    assert drive(controller, "web", "shop-1") == ["Sign", "Done"]
    assert ready_of(written(stores)).reason == "Issued"


def test_what_cannot_be_signed_fails(controller: RequestController, stores: Stores, put: Put, events: Events) -> None:
    """For good, with a Warning."""
    put(of_type(SELF_SIGNED))
    put(asked())

    assert drive(controller, "web", "shop-1") == ["Sign", "Done"]

    assert ready_of(written(stores)).reason == "Failed"
    assert [(kind, reason) for kind, reason, _ in events()] == [
        ("Normal", "cert-manager.io"),
        ("Warning", "MissingAnnotation"),
    ]


def test_trouble_is_an_event(controller: RequestController, put: Put, events: Events) -> None:
    """What is not in the condition is told."""
    put(of_type(CA))
    put(asked())
    observed = controller.observe("web", "shop-1")
    assert observed is not None
    assert isinstance(controller.decide(observed, NOW), Sign)

    controller.report(observed, Transient("no connection"), None, NOW)

    assert [reason for _, reason, _ in events()] == ["Error"]


def test_a_ca_issuer_becomes_ready(issuers: IssuerController, stores: Stores, put: Put, events: Events) -> None:
    put(of_type(CA, ready=False))
    put(ca_secret())

    assert drive(issuers, "web", "letsencrypt") == ["SetIssuerStatus", "Wait"]

    ready = ready_of(stores.issuers.get("web", "letsencrypt"))
    assert (ready.status, ready.reason) == ("True", "KeyPairVerified")
    assert events() == [("Normal", "KeyPairVerified", "Signing CA verified")]


@pytest.mark.parametrize(
    ("held", "reason"),
    [(None, "ErrGetKeyPair"), (ca_secret(is_ca=False), "ErrInvalidKeyPair")],
    ids=["missing", "a leaf"],
)
def test_a_ca_issuer_says_why_it_is_not(
    issuers: IssuerController, stores: Stores, put: Put, events: Events, held: Secret | None, reason: str
) -> None:
    put(of_type(CA))
    if held is not None:
        put(held)
    observed = issuers.observe("web", "letsencrypt")
    assert observed is not None
    with pytest.raises(WaitingForUser) as raised:
        issuers.decide(observed, NOW)

    issuers.report(observed, raised.value, None, NOW)

    ready = ready_of(stores.issuers.get("web", "letsencrypt"))
    assert (ready.status, ready.reason) == ("False", reason)
    assert ready.message.startswith("Error getting keypair for CA issuer: ")
    assert [(kind, told) for kind, told, _ in events()] == [("Warning", reason)]


def test_a_self_signed_issuer_becomes_ready(issuers: IssuerController, stores: Stores, put: Put) -> None:
    put(of_type(SELF_SIGNED, ready=False))

    assert drive(issuers, "web", "letsencrypt") == ["SetIssuerStatus", "Done"]
    assert ready_of(stores.issuers.get("web", "letsencrypt")).reason == "IsReady"
