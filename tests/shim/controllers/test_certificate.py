from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from queue import Queue
from typing import Any

import msgspec
import pytest

from certs.api.certificate import (
    CertificateStatus,
    KeyAlgorithm,
    KeyEncoding,
    PrivateKey,
    RotationPolicy,
    SecretTemplate,
    X509Subject,
)
from certs.api.issuer import Issuer, IssuerSpec, IssuerStatus, SelfSignedIssuer
from certs.api.meta import IssuerReference, find_condition, owner_reference
from certs.decide.certificatesteps import StoreNextKey
from certs.outcomes import Permanent, Transient, WaitingForUser
from certs.pki.csr import read_csr
from certs.pki.keys import decode_key, encode_key, fits, matches
from shim.controllers.certificate import CertificateController, is_copied
from shim.controllers.contents import issued_data, issued_secret
from shim.controllers.world import ControllerSettings, World
from shim.keys import generate_key
from shim.stores import OURS, Stores
from tests.certs.decide.objects import (
    DAY,
    HOST,
    NOW,
    certificate,
    condition,
    issued,
    issuer,
    key,
    pem,
    request,
    secret,
    stored,
    with_status,
)
from tests.fakes.apiserver import FakeAPIServer
from tests.shim.conftest import Put
from tests.shim.controllers.conftest import Events, drive


@pytest.fixture
def controller(world: World) -> CertificateController:
    return CertificateController(world)


def self_signed() -> Issuer:
    """Return an issuer that signs in this process, and is ready to."""
    status = IssuerStatus(conditions=(condition("Ready"),))
    return msgspec.structs.replace(issuer(status=status), spec=IssuerSpec(self_signed=SelfSignedIssuer()))


def test_an_issuance_from_beginning_to_end(
    controller: CertificateController, stores: Stores, put: Put, events: Events, api: FakeAPIServer
) -> None:
    """Key, word, request; once that is signed: Secret, word, clean-up.  Six writes and four events."""
    put(certificate())
    assert drive(controller, "web", "shop") == ["StoreNextKey", "SetCertificateStatus", "CreateRequest", "Done"]

    asked = stores.requests.get("web", "shop-1")
    assert asked is not None
    put(issued(asked))
    assert drive(controller, "web", "shop") == ["WriteSecret", "SetCertificateStatus", "DeleteNextKey", "Wait"]

    held, cert = stores.secrets.get("web", "shop-tls"), stores.certificates.get("web", "shop")
    assert held is not None
    assert cert is not None
    assert matches(decode_key(held.data["tls.key"]), read_csr(asked.spec.request))
    assert cert.status.revision == 1
    assert [one.metadata.name for one in stores.secrets.values()] == ["shop-tls"]
    assert [(kind, reason) for kind, reason, _ in events()] == [
        ("Normal", "Generated"),
        ("Normal", "Issuing"),
        ("Normal", "Requested"),
        ("Normal", "Issuing"),
    ]
    assert sum(api.count(verb) for verb in ("create", "apply", "update", "patch", "delete")) == 6


def test_request_says_what_is_asked_for(controller: CertificateController, stores: Stores, put: Put) -> None:
    """Owner, labels, copied annotations and ours; the CSR is signed with the next key."""
    cert = certificate(duration="24h", is_ca=True)
    metadata = msgspec.structs.replace(
        cert.metadata,
        labels={"team": "a"},
        annotations={"note": "x", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
    )
    put(msgspec.structs.replace(cert, metadata=metadata))
    drive(controller, "web", "shop")
    made, named = stores.requests.get("web", "shop-1"), stores.certificates.get("web", "shop")

    assert made is not None
    assert named is not None
    next_key = named.status.next_private_key_secret_name
    assert made.metadata.labels == {"team": "a"}
    assert made.metadata.annotations == {
        "note": "x",
        "cert-manager.io/certificate-revision": "1",
        "cert-manager.io/private-key-secret-name": next_key,
        "cert-manager.io/certificate-name": "shop",
    }
    assert made.metadata.owner_references == (owner_reference(named),)
    assert (made.spec.duration, made.spec.is_ca, made.spec.issuer_ref) == ("24h", True, named.spec.issuer_ref)
    kept = stores.secrets.get("web", str(next_key))
    assert kept is not None
    assert matches(decode_key(kept.data["tls.key"]), read_csr(made.spec.request))
    assert kept.data["tls.key"].startswith(b"-----BEGIN PRIVATE KEY-----")
    assert (kept.type, kept.metadata.labels) == ("Opaque", {"cert-manager.io/next-private-key": "true", **OURS})


@pytest.mark.parametrize(
    ("rules", "copied"),
    [
        (("*",), True),
        ((), False),
        (("note",), True),
        (("other",), False),
        (("*", "-note"), False),
        (("-note", "*"), True),
        (("*", "-no", "note"), True),
    ],
)
def test_annotations_go_along_by_rule(rules: tuple[str, ...], *, copied: bool) -> None:
    """The last rule that matches decides."""
    assert is_copied("note/x", rules) is copied


@pytest.mark.parametrize(
    ("key", "copied"),
    [
        ("example.org/team", True),
        ("note", True),
        ("cert-manager.io/issue-temporary-certificate", True),
        ("kubectl.kubernetes.io/last-applied-configuration", False),
        ("fluxcd.io/sync-checksum", False),
        ("argocd.argoproj.io/tracking-id", False),
        ("kustomize.toolkit.fluxcd.io/name", True),
    ],
)
def test_what_goes_along_by_default(key: str, *, copied: bool) -> None:
    """All but what tools note down about the object that they applied; a prefix is no suffix."""
    assert is_copied(key, ControllerSettings().copied_annotation_prefixes) is copied


def test_a_create_whose_answer_was_lost_is_found(
    controller: CertificateController, stores: Stores, put: Put, api: FakeAPIServer
) -> None:
    """The key that is there is used, and nothing is told twice."""
    put(certificate())
    observed = controller.observe("web", "shop")
    assert observed is not None
    step = controller.decide(observed, NOW)
    assert isinstance(step, StoreNextKey)
    controller.act(observed, step, NOW)
    (first,) = stores.secrets.values()

    controller.act(observed, step, NOW)

    assert stores.secrets.values() == (first,)


def test_a_status_cannot_point_us_at_somebodys_secret(
    controller: CertificateController, stores: Stores, put: Put
) -> None:
    """A Secret that is not marked as this Certificate's next key is neither used nor deleted."""
    status = CertificateStatus(conditions=(condition("Issuing"),), next_private_key_secret_name="database")
    put(with_status(certificate(), status))
    put(secret("database", labels=OURS, data={"tls.key": pem("two")}))

    drive(controller, "web", "shop")

    asked = stores.requests.get("web", "shop-1")
    assert asked is not None
    assert not matches(key("two"), read_csr(asked.spec.request))
    assert stores.secrets.get("web", "database") is not None


NEVER = PrivateKey(algorithm=KeyAlgorithm.ECDSA, rotation_policy=RotationPolicy.NEVER)


def with_stored_key(put: Put, data: bytes, **fields: Any) -> None:
    put(certificate(**({"private_key": NEVER} | fields)))
    put(secret(labels=OURS, data={"tls.key": data}))


def test_policy_never_takes_the_stored_key(
    controller: CertificateController, stores: Stores, put: Put, events: Events
) -> None:
    """The next request is for the same key, and that is told."""
    with_stored_key(put, pem("two"))
    drive(controller, "web", "shop")
    asked = stores.requests.get("web", "shop-1")

    assert asked is not None
    assert matches(key("two"), read_csr(asked.spec.request))
    assert events()[0] == ("Normal", "Reused", 'Reusing private key stored in existing Secret resource "shop-tls"')


@pytest.mark.parametrize(
    ("data", "first"),
    [
        pytest.param(b"", "Generated", id="no key"),
        pytest.param(b"garbage", "DecodeFailed", id="unreadable"),
    ],
)
def test_policy_never_makes_a_key_where_there_is_none(
    controller: CertificateController, stores: Stores, put: Put, events: Events, data: bytes, first: str
) -> None:
    """The first time, and when what is there is no key."""
    with_stored_key(put, data)

    drive(controller, "web", "shop")

    assert stores.requests.get("web", "shop-1") is not None
    assert events()[0][1] == first


def test_policy_never_makes_a_key_where_there_is_no_secret(
    controller: CertificateController, stores: Stores, put: Put, events: Events
) -> None:
    put(certificate(private_key=NEVER))

    drive(controller, "web", "shop")

    assert stores.requests.get("web", "shop-1") is not None
    assert events()[0][1] == "Generated"


def test_policy_never_does_not_replace_a_key_that_does_not_fit(
    controller: CertificateController, stores: Stores, put: Put
) -> None:
    """Whoever pinned the key must decide; both conditions say how it stands, once."""
    with_stored_key(put, pem("two"), private_key=msgspec.structs.replace(NEVER, size=384))
    with pytest.raises(WaitingForUser, match=r"spec\.privateKey\.size") as raised:
        drive(controller, "web", "shop")

    for _ in range(2):
        observed = controller.observe("web", "shop")
        assert observed is not None
        controller.report(observed, raised.value, None, NOW)
    cert = stores.certificates.get("web", "shop")
    assert cert is not None
    issuing = find_condition(cert.status.conditions, "Issuing")
    ready = find_condition(cert.status.conditions, "Ready")
    assert issuing is not None
    assert (issuing.status, issuing.reason) == ("False", "CannotRegenerateKey")
    assert ready is not None
    assert (ready.status, ready.reason) == ("False", "MissingData")


def test_a_spec_that_cannot_be_requested_is_told_where_people_look(
    controller: CertificateController, stores: Stores, put: Put, events: Events
) -> None:
    """Permanent; the sentence stands in the Issuing condition and in an event."""
    put(certificate(ip_addresses=("10.0.0.300",)))
    with pytest.raises(Permanent) as raised:
        drive(controller, "web", "shop")
    observed = controller.observe("web", "shop")
    assert observed is not None

    controller.report(observed, raised.value, None, NOW)

    cert = stores.certificates.get("web", "shop")
    assert cert is not None
    issuing = find_condition(cert.status.conditions, "Issuing")
    assert issuing is not None
    assert "spec.ipAddresses[0]: 10.0.0.300" in issuing.message
    assert issuing.message.endswith("(tried again when something changes)")
    assert events()[-1] == ("Warning", "RequestFailed", issuing.message)


def test_a_failure_outside_an_issuance_is_only_an_event(
    controller: CertificateController, put: Put, events: Events, api: FakeAPIServer
) -> None:
    """There is no condition whose business it would be."""
    put(certificate())
    observed = controller.observe("web", "shop")
    assert observed is not None

    controller.report(observed, Transient("the API server is away"), NOW + timedelta(seconds=5), NOW)

    assert events() == [("Warning", "IssuingFailed", "the API server is away (next attempt at 12:00:05 UTC)")]
    assert api.count("update") == 0


def test_secret_holds_what_the_api_says() -> None:
    """Pair, CA, label, and annotations that tell issuer and names; the template cannot override them."""
    template = SecretTemplate(
        annotations={"note": "x", "cert-manager.io/issuer-name": "forged"},
        labels={"team": "a", "controller.cert-manager.io/fao": "false"},
    )
    cert = certificate(
        common_name=HOST,
        ip_addresses=("10.0.0.1",),
        subject=X509Subject(organizations=("Example, Inc.",)),
        secret_template=template,
        issuer_ref=IssuerReference("le"),
    )
    done = issued(request(cert))
    done = with_status(done, msgspec.structs.replace(done.status, ca=b"the CA"))

    data = issued_data(cert, done, key())
    made = issued_secret(cert, cert.spec.issuer_ref, data, kind="kubernetes.io/tls", owned=False)

    assert made.type == "kubernetes.io/tls"
    assert made.data == {"tls.crt": done.status.certificate, "tls.key": pem(), "ca.crt": b"the CA"}
    assert made.metadata.labels == {"team": "a", "controller.cert-manager.io/fao": "true"}
    assert made.metadata.annotations == {
        "note": "x",
        "cert-manager.io/certificate-name": "shop",
        "cert-manager.io/issuer-name": "le",
        "cert-manager.io/issuer-kind": "",
        "cert-manager.io/issuer-group": "",
        "cert-manager.io/common-name": HOST,
        "cert-manager.io/alt-names": HOST,
        "cert-manager.io/ip-sans": "10.0.0.1",
        "cert-manager.io/uri-sans": "",
        "cert-manager.io/subject-organizations": '"Example, Inc."',
    }
    assert made.metadata.owner_references == ()


def test_owner_and_encoding_are_choices() -> None:
    """PKCS#8 by spec, an owner reference by flag, no ca.crt where the issuer knows none."""
    private_key = PrivateKey(algorithm=KeyAlgorithm.ECDSA, encoding=KeyEncoding.PKCS8)
    cert = certificate(private_key=private_key)

    data = issued_data(cert, issued(request(cert)), key())
    made = issued_secret(cert, cert.spec.issuer_ref, data, kind="Opaque", owned=True)

    assert made.type == "Opaque"
    assert made.data["tls.key"].startswith(b"-----BEGIN PRIVATE KEY-----")
    assert "ca.crt" not in made.data
    assert made.metadata.owner_references == (owner_reference(cert),)


def test_a_foreign_secret_keeps_its_type(controller: CertificateController, stores: Stores, put: Put) -> None:
    """Types are immutable: the apply must name the one that is there."""
    put(certificate())
    drive(controller, "web", "shop")
    asked = stores.requests.get("web", "shop-1")
    assert asked is not None
    put(msgspec.structs.replace(secret(labels=OURS), type="Opaque"))
    put(issued(asked))

    drive(controller, "web", "shop")

    held = stores.secrets.get("web", "shop-tls")
    assert held is not None
    assert held.type == "Opaque"
    assert "tls.crt" in held.data


def test_a_renewal_is_waited_for(controller: CertificateController, put: Put) -> None:
    """With everything in place there is one write that says so, and then none."""
    put(with_status(certificate(), CertificateStatus(revision=1)))
    held = stored()
    put(msgspec.structs.replace(held, metadata=msgspec.structs.replace(held.metadata, labels=OURS)))

    assert drive(controller, "web", "shop") == ["SetCertificateStatus", "Wait"]
    assert drive(controller, "web", "shop", NOW + DAY) == ["Wait"]


def test_gone_is_gone(controller: CertificateController, world: World) -> None:
    """Nothing to observe, and nobody waits for what it had under way."""
    world.precedence.began(certificate(), NOW)

    assert drive(controller, "web", "shop") == ["gone"]
    assert not world.precedence._under_way


def test_an_rsa_key_is_made_beside_the_work(world: World, stores: Stores, put: Put, events: Events) -> None:
    """It is ordered, the worker goes on with others, and the Certificate is woken when it is there."""
    woken: Queue[tuple[str, str]] = Queue()
    controller = CertificateController(replace(world, wake_certificate=lambda *place: woken.put(place)))
    put(certificate(private_key=PrivateKey(algorithm=KeyAlgorithm.RSA, size=2048)))

    assert drive(controller, "web", "shop") == ["OrderKey", "Wait"]
    assert woken.get(timeout=20) == ("web", "shop")
    assert drive(controller, "web", "shop")[0] == "StoreNextKey"

    (made,) = (one for one in stores.secrets.values() if one.metadata.name != "shop-tls")
    assert fits(decode_key(made.data["tls.key"]), PrivateKey(size=2048)) == ()
    assert events()[0][1] == "Generated"
    world.mill.stop()


@pytest.mark.parametrize(
    ("legacy_output", "told"),
    [(True, [("Normal", "Generated", "Generated new private key")]), (False, [])],
    ids=["as then, too", "as today"],
)
def test_the_key_of_a_quick_issuance_is_news_to_what_reads_the_output_of_then(
    world: World, put: Put, events: Events, *, legacy_output: bool, told: list[tuple[str, str, str]]
) -> None:
    """Its end follows within the moment, so that today only that is told."""
    put(self_signed())
    put(certificate())
    settings = replace(world.settings, legacy_output=legacy_output)
    controller = CertificateController(replace(world, settings=settings))
    observed = controller.observe("web", "shop")
    assert observed is not None

    step = controller.decide(observed, NOW)
    assert isinstance(step, StoreNextKey)
    controller.act(observed, step, NOW)

    assert events() == told


def test_policy_never_orders_no_key(controller: CertificateController, put: Put) -> None:
    """The stored one is at hand, whatever its kind."""
    pinned = certificate(private_key=PrivateKey(rotation_policy=RotationPolicy.NEVER, algorithm=KeyAlgorithm.RSA))
    put(pinned)
    key = bytes(encode_key(generate_key(KeyAlgorithm.RSA)))
    put(secret(labels=OURS, data={"tls.key": key}))

    assert drive(controller, "web", "shop")[0] == "StoreNextKey"


def test_a_temporary_certificate_that_cannot_be_made_is_told_and_not_tried_again(
    controller: CertificateController, stores: Stores, put: Put, events: Events
) -> None:
    """The issuance goes on; a new spec is a new try."""
    cert = certificate(duration="a while")
    annotations = {"cert-manager.io/issue-temporary-certificate": "true"}
    cert = msgspec.structs.replace(cert, metadata=msgspec.structs.replace(cert.metadata, annotations=annotations))
    put(cert)

    steps = drive(controller, "web", "shop")

    assert steps.count("WriteTemporary") == 1
    assert steps[-1] == "Done"
    assert stores.secrets.get("web", "shop-tls") is None
    (told,) = (one for one in events() if one[1] == "TemporaryCertificateFailed")
    assert told[0] == "Warning"
    assert "spec.duration" in told[2]
