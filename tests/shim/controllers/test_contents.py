"""The Secret's further contents through the controller: written, waited for, mended, taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from certs.api.certificate import (
    AdditionalOutputFormat,
    CertificateStatus,
    JKSKeystore,
    Keystores,
    PKCS12Keystore,
    SecretTemplate,
)
from certs.api.core import Secret, SecretMetadata
from certs.api.meta import ObjectMeta, SecretKeySelector, find_condition
from certs.decide.upkeep import FIRST_PAUSE
from certs.outcomes import WaitingForUser
from shim.controllers.certificate import CertificateController
from shim.controllers.certificatesecret import HeldUpkeep
from shim.controllers.world import World
from shim.kube.cluster import Cluster
from shim.stores import OURS, Stores
from tests.certs.decide.objects import NOW, certificate, issued, secret, sign, stored, told, with_status
from tests.certs.pki.keystores import JKSReader
from tests.fakes.apiserver import FakeAPIServer, Status
from tests.shim.conftest import Put
from tests.shim.controllers.conftest import Events, drive

REF = SecretKeySelector("keystore-password", "password")
BY_REF = Keystores(
    JKSKeystore(create=True, alias="Shop", password_secret_ref=REF),
    PKCS12Keystore(create=True, password_secret_ref=REF),
)
FORMATS = (AdditionalOutputFormat("DER"), AdditionalOutputFormat("CombinedPEM"))
PutPassword = Callable[[dict[str, bytes]], None]
ISSUED = {"tls.crt", "tls.key"}


@pytest.fixture
def controller(world: World) -> CertificateController:
    return CertificateController(world)


@pytest.fixture
def put_password(api: FakeAPIServer, kube: Cluster) -> PutPassword:
    """Have the developer write the Secret of the password: without our label, so the watch brings its metadata only."""

    def bring(data: dict[str, bytes]) -> None:
        stored = api.put(secret("keystore-password", data=data, kind="Opaque"))["metadata"]
        metadata = ObjectMeta(
            name=stored["name"], namespace="web", uid=stored["uid"], resource_version=stored["resourceVersion"]
        )
        kube.offer(SecretMetadata(metadata=metadata))

    return bring


def put_settled(put: Put, data: dict[str, bytes] | None = None, **fields: Any) -> None:
    """Have a Certificate that is issued, with further data in its Secret."""
    cert = with_status(certificate(**fields), CertificateStatus(revision=1))
    held = stored(cert)
    put(cert)
    put(
        msgspec.structs.replace(
            held,
            metadata=msgspec.structs.replace(held.metadata, labels=OURS),
            data={**held.data, **(data or {})},
        )
    )


def held(stores: Stores) -> Secret:
    found = stores.secrets.get("web", "shop-tls")
    assert found is not None
    return found


def test_an_issuance_brings_formats_keystores_and_truststores(
    controller: CertificateController, stores: Stores, put: Put, put_password: PutPassword
) -> None:
    """All of them in the one write; the password is read from a Secret of which only the metadata is watched."""
    put_password({"password": b"changeit"})
    put(certificate(keystores=BY_REF, additional_output_formats=FORMATS))
    drive(controller, "web", "shop")
    asked = stores.requests.get("web", "shop-1")
    assert asked is not None
    done = issued(asked)
    put(with_status(done, msgspec.structs.replace(done.status, ca=sign(asked.spec.request))))

    assert drive(controller, "web", "shop") == ["WriteSecret", "SetCertificateStatus", "DeleteNextKey", "Wait"]

    data = held(stores).data
    stores_there = {"keystore.jks", "truststore.jks", "keystore.p12", "truststore.p12"}
    assert data.keys() == ISSUED | stores_there | {"ca.crt", "key.der", "tls-combined.pem"}
    assert [one.alias for one in JKSReader(data["keystore.jks"], "changeit").entries()] == ["shop", "ca"]
    assert pkcs12.load_pkcs12(data["keystore.p12"], b"changeit").key is not None
    assert data["tls-combined.pem"] == data["tls.key"] + b"\n" + data["tls.crt"]


@pytest.mark.parametrize(
    ("data", "reason", "sentence"),
    [
        pytest.param(None, "KeystorePasswordSecretNotFound", "does not exist; put the password there", id="no Secret"),
        pytest.param({"other": b"x"}, "KeystorePasswordSecretNotFound", 'nothing under "password"', id="no key"),
        pytest.param({"password": b""}, "KeystorePasswordSecretNotFound", 'nothing under "password"', id="empty"),
        pytest.param({"password": b"\xff"}, "InvalidKeystorePassword", "is not UTF-8", id="not text"),
    ],
)
def test_an_issuance_waits_for_the_password(
    controller: CertificateController,
    stores: Stores,
    put: Put,
    events: Events,
    put_password: PutPassword,
    data: dict[str, bytes] | None,
    reason: str,
    sentence: str,
) -> None:
    """What is signed is kept; condition and event name Secret and key, and with the password it goes on."""
    if data is not None:
        put_password(data)
    put(certificate(keystores=BY_REF))
    drive(controller, "web", "shop")
    asked = stores.requests.get("web", "shop-1")
    assert asked is not None
    put(issued(asked))
    with pytest.raises(WaitingForUser, match=sentence) as raised:
        drive(controller, "web", "shop")

    observed = controller.observe("web", "shop")
    assert observed is not None
    controller.report(observed, raised.value, None, NOW)

    assert raised.value.reason == reason
    assert events()[-1][:2] == ("Warning", reason)
    cert = stores.certificates.get("web", "shop")
    assert cert is not None
    issuing = find_condition(cert.status.conditions, "Issuing")
    assert issuing is not None
    assert 'Secret "keystore-password"' in issuing.message
    assert stores.secrets.get("web", "shop-tls") is None

    put_password({"password": b"changeit"})
    assert drive(controller, "web", "shop")[0] == "WriteSecret"
    assert held(stores).data.keys() == ISSUED | {"keystore.jks", "keystore.p12"}


def test_nothing_is_made_where_create_is_false(controller: CertificateController, stores: Stores, put: Put) -> None:
    """And nobody asks for the password."""
    off = Keystores(
        JKSKeystore(create=False, password_secret_ref=REF), PKCS12Keystore(create=False, password_secret_ref=REF)
    )
    put_settled(put, keystores=off)

    assert drive(controller, "web", "shop") == ["SetCertificateStatus", "Wait"]


def test_what_is_asked_for_later_is_added_without_a_new_certificate(
    controller: CertificateController, stores: Stores, put: Put, events: Events
) -> None:
    """Key, chain and annotations stay as they are; nothing is told."""
    literal = Keystores(jks=JKSKeystore(create=True, password="literal"))
    put_settled(put, keystores=literal, additional_output_formats=FORMATS)
    before = held(stores)

    assert drive(controller, "web", "shop") == ["SetCertificateStatus", "RewriteSecret", "Wait"]

    after = held(stores)
    assert {key: after.data[key] for key in ISSUED} == before.data
    assert after.data.keys() == ISSUED | {"key.der", "tls-combined.pem", "keystore.jks"}
    assert len(JKSReader(after.data["keystore.jks"], "literal").entries()) == 1
    assert after.metadata.annotations.items() >= told(certificate()).items()
    assert events() == []


def test_what_is_somebody_elses_is_not_written_for(
    controller: CertificateController, stores: Stores, put: Put, api: FakeAPIServer
) -> None:
    """A key that we do not own has another owner."""
    put_settled(put, {"key.der": b"theirs"})

    assert drive(controller, "web", "shop") == ["SetCertificateStatus", "Wait"]
    assert held(stores).data["key.der"] == b"theirs"
    assert api.count("apply") == 0


def undo(put: Put, stores: Stores, version: int) -> None:
    """Have somebody take the template's label away again."""
    there = held(stores)
    metadata = msgspec.structs.replace(there.metadata, labels=OURS, resource_version=str(version))
    put(msgspec.structs.replace(there, metadata=metadata))


def test_who_undoes_it_again_and_again_is_named_once(
    controller: CertificateController, stores: Stores, put: Put, api: FakeAPIServer, events: Events
) -> None:
    """By the API server, which knows whom we would overrule; the fourth time has to wait."""
    put_settled(put, secret_template=SecretTemplate(labels={"team": "shop"}))
    assert drive(controller, "web", "shop") == ["SetCertificateStatus", "RewriteSecret", "Wait"]
    assert drive(controller, "web", "shop") == ["Wait"]
    undo(put, stores, 1000)
    assert drive(controller, "web", "shop") == ["RewriteSecret", "Wait"]
    undo(put, stores, 2000)
    assert events() == []
    conflict = 'Apply failed with 1 conflict: conflict with "gitops" using v1: .metadata.labels.team'
    api.script("apply", Status(409, "Conflict", conflict))

    assert drive(controller, "web", "shop") == ["RewriteSecret", "Wait"]

    assert api.count("apply") == 4
    ((kind, reason, message),) = events()
    assert (kind, reason) == ("Warning", "SecretContested")
    assert 'field manager "gitops"' in message
    assert "label team" in message
    undo(put, stores, 3000)
    assert drive(controller, "web", "shop") == ["Wait"]
    assert drive(controller, "web", "shop", NOW + FIRST_PAUSE) == ["RewriteSecret", "Wait"]
    assert len(events()) == 1


@pytest.mark.parametrize(
    ("refusal", "reason", "sentence"),
    [
        pytest.param(
            "Secret is invalid: data: Forbidden: field is immutable when `immutable` is set",
            "ImmutableSecret",
            "delete it, and it is made anew",
            id="immutable",
        ),
        pytest.param(
            "metadata.ownerReferences: Invalid value: only one", "UnwritableSecret", "only one; mend", id="other"
        ),
    ],
)
def test_a_secret_that_cannot_be_written_waits_for_the_user(
    controller: CertificateController,
    stores: Stores,
    put: Put,
    api: FakeAPIServer,
    events: Events,
    refusal: str,
    reason: str,
    sentence: str,
) -> None:
    """While it is kept up only an event says so: the certificate is as good as before."""
    put_settled(put, additional_output_formats=FORMATS)
    api.script("apply", Status(422, "Invalid", refusal))
    with pytest.raises(HeldUpkeep, match=sentence) as raised:
        drive(controller, "web", "shop")
    observed = controller.observe("web", "shop")
    assert observed is not None

    controller.report(observed, raised.value, None, NOW)

    assert raised.value.reason == reason
    assert [told_reason for _, told_reason, _ in events()] == [reason]
    cert = stores.certificates.get("web", "shop")
    assert cert is not None
    assert [one.type for one in cert.status.conditions] == ["Ready"]


def test_a_missing_password_is_only_an_event_where_nothing_is_issued(
    controller: CertificateController, stores: Stores, put: Put, events: Events
) -> None:
    """The certificate is as good as before."""
    put_settled(put, keystores=BY_REF)
    with pytest.raises(HeldUpkeep) as raised:
        drive(controller, "web", "shop")
    observed = controller.observe("web", "shop")
    assert observed is not None

    controller.report(observed, raised.value, None, NOW)

    assert [reason for _, reason, _ in events()] == ["KeystorePasswordSecretNotFound"]
    cert = stores.certificates.get("web", "shop")
    assert cert is not None
    assert [one.type for one in cert.status.conditions] == ["Ready"]


@pytest.mark.parametrize(
    ("keystore", "reason"),
    [
        pytest.param(JKSKeystore(create=True), "KeystorePasswordMissing", id="no password"),
        pytest.param(
            JKSKeystore(create=True, password="x", alias="a" * 70_000), "InvalidKeystoreAlias", id="endless alias"
        ),
    ],
)
def test_a_keystore_that_cannot_be_made_is_told(
    controller: CertificateController, put: Put, keystore: JKSKeystore, reason: str
) -> None:
    """Admission refuses the first; it may have been away."""
    put_settled(put, keystores=Keystores(jks=keystore))

    with pytest.raises(HeldUpkeep, match=r"spec\.keystores\.jks") as raised:
        drive(controller, "web", "shop")

    assert raised.value.reason == reason
