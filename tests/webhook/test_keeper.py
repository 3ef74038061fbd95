"""The turns of the keeper: what is made, published and served, and how replicas agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from certs.api.core import Secret, SecretMeta
from certs.api.injectable import (
    ClientConfig,
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
    Webhook,
)
from certs.api.meta import ObjectMeta
from shim.kube.kubeclient import KubeClient
from shim.kube.transport import connect
from tests.fakes.apiserver import FakeAPIServer, Status
from webhook.authority import make_authority, read_authority
from webhook.keeper import LOOK_AGAIN, SPREAD, Keeper, Names
from webhook.tls import Serving

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KINDS, INGRESSES = "cert-manager-webhook", "certshim-webhook"
NAMES = Names("cert-manager", "certshim-webhook-ca", (KINDS, INGRESSES), ("webhook.svc",), 7 * DAY)
META = ObjectMeta(name=KINDS)


@pytest.fixture
def server() -> Iterator[FakeAPIServer]:
    with FakeAPIServer() as started:
        started.put(ValidatingWebhookConfiguration(META, (Webhook("webhook.cert-manager.io"),)))
        started.put(MutatingWebhookConfiguration(META, (Webhook("webhook.cert-manager.io"),)))
        ingresses = ObjectMeta(name=INGRESSES)
        entries = (Webhook("ingress.certshim.io"), Webhook("ready.certshim.io"))
        started.put(ValidatingWebhookConfiguration(ingresses, entries))
        started.put(MutatingWebhookConfiguration(ingresses, entries[:1]))
        yield started


@pytest.fixture
def client(server: FakeAPIServer, tmp_path: Path) -> KubeClient:
    return KubeClient(connect(server.kubeconfig(tmp_path / "kubeconfig"), workers=1))


def secret(client: KubeClient) -> Secret:
    return client.get(Secret, NAMES.secret_namespace, NAMES.secret_name)


def bundles(client: KubeClient, *names: str) -> set[bytes]:
    """Return the bundles that any entry of any configuration trusts, or of those that are named."""
    names = names or (KINDS, INGRESSES)
    entries = [one for name in names for one in client.get(ValidatingWebhookConfiguration, "", name).webhooks]
    entries += [one for name in names for one in client.get(MutatingWebhookConfiguration, "", name).webhooks]
    return {entry.client_config.ca_bundle for entry in entries}


def test_first_turn_makes_publishes_and_serves(client: KubeClient) -> None:
    serving = Serving()
    serving.placeholder = True

    again = Keeper(client, serving, NAMES).turn(NOW)

    assert bundles(client) == {secret(client).data["ca.crt"]}
    assert not serving.problem
    assert again == NOW + LOOK_AGAIN


def test_second_turn_writes_nothing(server: FakeAPIServer, client: KubeClient) -> None:
    keeper = Keeper(client, Serving(), NAMES)
    keeper.turn(NOW)
    before = len(server.seen)

    keeper.turn(NOW + LOOK_AGAIN)

    assert {request.verb for request in server.seen[before:]} == {"get"}


def test_replicas_agree_on_one_ca(server: FakeAPIServer, client: KubeClient) -> None:
    """Whoever comes second to create takes what the first has made."""
    Keeper(client, Serving(), NAMES).turn(NOW)
    first = secret(client)
    server.script("get", Status(404, "NotFound"))  # the second looked before the first wrote
    second = Keeper(client, Serving(), NAMES)

    again = second.turn(NOW)
    second.turn(again)

    assert again == NOW
    assert secret(client).data == first.data


@pytest.mark.parametrize("data", [{}, {**make_authority(NOW).data(), "tls.key": b"x"}], ids=["empty", "broken"])
def test_unusable_secret_is_replaced(client: KubeClient, data: dict[str, bytes]) -> None:
    metadata = SecretMeta(name=NAMES.secret_name, namespace=NAMES.secret_namespace)
    client.create(Secret(metadata=metadata, data=data), field_manager="test")

    Keeper(client, Serving(), NAMES).turn(NOW)

    assert read_authority(secret(client).data).renew_at > NOW


def test_bundle_that_somebody_changed_is_put_back(server: FakeAPIServer, client: KubeClient) -> None:
    keeper = Keeper(client, Serving(), NAMES)
    keeper.turn(NOW)
    server.put(MutatingWebhookConfiguration(META, (Webhook("webhook.cert-manager.io", ClientConfig(b"other")),)))

    keeper.turn(NOW + LOOK_AGAIN)

    assert bundles(client) == {secret(client).data["ca.crt"]}


def test_new_ca_is_trusted_before_its_leaf_is_served(client: KubeClient) -> None:
    """The bundle holds both, and the new leaf waits until the API servers have heard of it."""
    serving = Serving()
    keeper = Keeper(client, serving, NAMES)
    keeper.turn(NOW)
    old = read_authority(secret(client).data)
    due = old.renew_at
    keeper = Keeper(client, serving, NAMES)
    keeper.turn(due - DAY)
    served = serving.listening_context()

    again = keeper.turn(due)

    new = read_authority(secret(client).data)
    assert new.certificate != old.certificate
    assert bundles(client) == {new.bundle}
    assert old.bundle in new.bundle
    assert again == due + SPREAD
    assert serving.listening_context() is served

    keeper.turn(again)

    assert serving.listening_context() is not served


def test_what_is_served_stays_trusted_when_the_secret_is_deleted(server: FakeAPIServer, client: KubeClient) -> None:
    """The leaf of the lost CA is served until the API servers know the new one."""
    keeper = Keeper(client, Serving(), NAMES)
    keeper.turn(NOW)
    lost = secret(client).data["tls.crt"]
    client.delete(Secret, NAMES.secret_namespace, NAMES.secret_name)

    keeper.turn(NOW + LOOK_AGAIN)

    (bundle,) = bundles(client)
    assert secret(client).data["tls.crt"] != lost
    assert bundle == secret(client).data["tls.crt"] + lost


@pytest.mark.parametrize(
    "edited",
    [
        {},
        {**make_authority(NOW).data(), "ca.crt": b"-----BEGIN CERTIFICATE-----\nx"},
        make_authority(NOW - DAY).data(),
        make_authority(NOW - 300 * DAY).data(),
    ],
    ids=["emptied", "a bundle that cannot be read", "a CA of a backup", "a CA of a backup that is due"],
)
def test_what_is_served_stays_trusted_when_the_secret_is_edited(
    server: FakeAPIServer, client: KubeClient, edited: dict[str, bytes]
) -> None:
    """By every replica, until each serves what is of the CA that the Secret has now."""
    keepers = [Keeper(client, serving, NAMES) for serving in (Serving(), Serving())]
    for keeper in keepers:
        keeper.turn(NOW)
    served = secret(client).data["tls.crt"]
    was = secret(client)
    server.put(msgspec.structs.replace(was, data=edited))

    again = {keeper.turn(NOW + LOOK_AGAIN) for keeper in keepers}

    (bundle,) = bundles(client)
    current = secret(client).data["tls.crt"]
    assert again == {NOW + LOOK_AGAIN + SPREAD}
    assert (current != served, bundle) == (True, secret(client).data["ca.crt"])
    assert bundle.startswith(current)
    assert served in bundle
    before = len(server.seen)
    for keeper in keepers:
        keeper.turn(NOW + LOOK_AGAIN + SPREAD)
    assert {request.verb for request in server.seen[before:]} == {"get"}


def test_leaf_is_renewed_at_two_thirds(client: KubeClient) -> None:
    serving = Serving()
    keeper = Keeper(client, serving, NAMES)
    keeper.turn(NOW)
    first = serving.listening_context()
    keeper.turn(NOW + 4 * DAY)
    assert serving.listening_context() is first

    keeper.turn(NOW + 5 * DAY)

    assert serving.listening_context() is not first


def test_a_configuration_that_is_missing_is_told_once(
    server: FakeAPIServer, client: KubeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """And again when it was there in the meantime."""
    lost = MutatingWebhookConfiguration(META, (Webhook("webhook.cert-manager.io"),))
    keeper = Keeper(client, Serving(), NAMES)
    counts = []
    for change in (server.remove, None, None, server.put, server.remove):
        if change is not None:
            change(lost)
        keeper.turn(NOW + LOOK_AGAIN)
        counts.append(caplog.messages.count("webhook configuration is missing"))

    assert counts == [1, 1, 1, 1, 2]


@pytest.mark.parametrize(
    "key",
    [
        "cert-manager.io/inject-ca-from",
        "cert-manager.io/inject-ca-from-secret",
        "cert-manager.io/inject-apiserver-ca",
        "certmanager.k8s.io/inject-ca-from",
    ],
)
def test_a_configuration_that_the_cainjector_writes_is_left_alone(
    server: FakeAPIServer, client: KubeClient, key: str
) -> None:
    """Two writers of one field would never end; the other configurations are ours all the same."""
    annotations = {key: "cert-manager/cert-manager-webhook-ca"}
    entry = Webhook("webhook.cert-manager.io", ClientConfig(b"theirs"))
    server.put(ValidatingWebhookConfiguration(ObjectMeta(name=KINDS, annotations=annotations), (entry,)))
    keeper = Keeper(client, Serving(), NAMES)

    keeper.turn(NOW)

    assert client.get(ValidatingWebhookConfiguration, "", KINDS).webhooks == (entry,)
    assert bundles(client, INGRESSES) == {secret(client).data["ca.crt"]}
    assert keeper.obstacle == (
        f"cannot write caBundle of ValidatingWebhookConfiguration cert-manager-webhook: its annotation "
        f"{key} has a CA injector write it; run: "
        f"kubectl annotate validatingwebhookconfiguration cert-manager-webhook {key}-"
    )


def test_once_the_annotation_is_gone_the_bundle_is_written(server: FakeAPIServer, client: KubeClient) -> None:
    annotations = {"cert-manager.io/inject-ca-from-secret": "cert-manager/cert-manager-webhook-ca"}
    server.put(MutatingWebhookConfiguration(ObjectMeta(name=KINDS, annotations=annotations), (Webhook("x"),)))
    keeper = Keeper(client, Serving(), NAMES)
    keeper.turn(NOW)
    server.put(MutatingWebhookConfiguration(META, (Webhook("x"),)))

    keeper.turn(NOW + LOOK_AGAIN)

    assert keeper.obstacle == ""
    assert bundles(client) == {secret(client).data["ca.crt"]}
