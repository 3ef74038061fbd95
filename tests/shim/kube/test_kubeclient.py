"""The client: what it sends, what it returns, which errors it raises, and what reaches the stores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from certs.api.core import Secret, SecretMeta, SecretMetadata, Service
from certs.api.meta import ObjectMeta
from certs.api.ownership import SECRET_MANAGER, Owned
from shim.kube import errors
from shim.kube.cluster import Cluster
from shim.kube.kubeclient import KubeClient
from shim.kube.transport import Transport
from tests.fakes.apiserver import Answer, Close, FakeAPIServer, Fault, Silence, Status
from tests.shim.kube.conftest import HASTE
from tests.shim.kube.objects import service


@pytest.fixture
def followed(transport: Transport) -> Iterator[Cluster]:
    """Follow Services, without their informers running: what is in the store came from the client."""
    cluster = Cluster(transport, pace=HASTE)
    cluster.follow(Service)
    yield cluster
    cluster.stop()


@pytest.fixture
def client(followed: Cluster) -> KubeClient:
    return followed.client


def test_what_is_created_can_be_read(client: KubeClient) -> None:
    """Create returns the object as the server stored it, and get finds it."""
    created = client.create(service(to="x.example"), field_manager="test")

    assert created.metadata.uid
    assert client.get(Service, "shop", "web") == created


def test_a_name_can_be_generated(client: KubeClient) -> None:
    """With a prefix instead of a name the server chooses one."""
    meta = ObjectMeta(generate_name="web-", namespace="shop")

    assert client.create(Service(metadata=meta), field_manager="test").metadata.name.startswith("web-")


def test_requests_look_as_the_api_wants_them(server: FakeAPIServer, client: KubeClient) -> None:
    """Path, parameters and content type of each verb."""
    created = client.create(service(), field_manager="m")
    client.apply(service(to="x"), field_manager="m")
    client.apply(service(to="x"), field_manager="m", force=False)
    client.update_status(created.__class__(metadata=ObjectMeta(name="web", namespace="shop")), field_manager="m")
    client.patch(Service, "shop", "web", {"spec": None})
    client.delete(Service, "shop", "web")
    path = "/api/v1/namespaces/shop/services"

    assert [(seen.verb, seen.path, dict(seen.query), seen.headers.get("Content-Type")) for seen in server.seen] == [
        ("create", path, {"fieldManager": "m"}, "application/json"),
        ("apply", f"{path}/web", {"fieldManager": "m", "force": "true"}, "application/apply-patch+yaml"),
        ("apply", f"{path}/web", {"fieldManager": "m", "force": "false"}, "application/apply-patch+yaml"),
        ("update", f"{path}/web/status", {"fieldManager": "m"}, "application/json"),
        ("patch", f"{path}/web", {}, "application/merge-patch+json"),
        ("delete", f"{path}/web", {}, "application/json"),
    ]
    assert json.loads(server.seen[1].body)["apiVersion"] == "v1"
    assert json.loads(server.seen[-1].body)["propagationPolicy"] == "Background"
    assert server.seen[0].headers["User-Agent"].startswith("certshim/")


def test_the_answer_of_a_write_is_in_the_store(followed: Cluster, client: KubeClient) -> None:
    """Created, applied and patched objects are there when the call returns."""
    store = followed.store(Service)
    client.create(service(), field_manager="m")
    assert store.get("shop", "web") is not None
    client.apply(service(to="x"), field_manager="m")
    client.patch(Service, "shop", "web", {"metadata": {"labels": {"a": "b"}}})

    found = store.get("shop", "web")
    assert found is not None
    assert (found.spec.external_name, found.metadata.labels) == ("x", {"a": "b"})


def test_the_answer_of_a_read_is_in_the_store(server: FakeAPIServer, followed: Cluster, client: KubeClient) -> None:
    """What another process made, and the watch has not told of yet, is there when it was read."""
    KubeClient(followed.transport).create(service(), field_manager="m")
    assert followed.store(Service).get("shop", "web") is None

    client.get(Service, "shop", "web")

    assert followed.store(Service).get("shop", "web") is not None


def test_a_deleted_object_leaves_the_store(followed: Cluster, client: KubeClient) -> None:
    """When the server says Success the object is gone, and a late older answer does not bring it back."""
    created = client.create(service(), field_manager="m")
    client.delete(Service, "shop", "web", uid=created.metadata.uid)
    followed.offer(created)

    assert followed.store(Service).get("shop", "web") is None


def test_an_object_with_finalizers_stays_in_the_store(followed: Cluster, client: KubeClient) -> None:
    """Deletion only marks it; the mark is visible at once."""
    client.create(Service(metadata=ObjectMeta(name="web", namespace="shop", finalizers=("x/y",))), field_manager="m")
    client.delete(Service, "shop", "web")

    found = followed.store(Service).get("shop", "web")
    assert found is not None
    assert found.metadata.deletion_timestamp is not None


def test_deleting_what_is_missing_is_no_error(client: KubeClient) -> None:
    """A repeated deletion finds nothing to do."""
    client.delete(Service, "shop", "web")


def test_what_is_found_gone_already_leaves_the_store(
    server: FakeAPIServer, followed: Cluster, client: KubeClient
) -> None:
    """The watch lags: whoever goes on from the store would delete it again and again."""
    created = client.create(service(), field_manager="m")
    server.remove(created)

    client.delete(Service, "shop", "web", uid=created.metadata.uid)

    assert followed.store(Service).get("shop", "web") is None


@pytest.mark.parametrize(
    "preconditions", [pytest.param({"uid": "other"}, id="uid"), pytest.param({"resource_version": "1"}, id="version")]
)
def test_deleting_another_object_is_a_conflict(client: KubeClient, preconditions: dict[str, Any]) -> None:
    """A precondition that does not hold leaves the object alone."""
    client.create(service(), field_manager="m")

    with pytest.raises(errors.Conflict, match=r"^cannot delete Service shop/web: "):
        client.delete(Service, "shop", "web", **preconditions)
    assert client.get(Service, "shop", "web").metadata.deletion_timestamp is None


def test_a_status_of_an_old_version_is_a_conflict(client: KubeClient) -> None:
    """update_status demands the current version."""
    old = client.create(service(), field_manager="m")
    client.apply(service(to="x"), field_manager="m")

    with pytest.raises(errors.Conflict, match=r"^cannot update the status of Service shop/web: "):
        client.update_status(old, field_manager="m")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        pytest.param(Status(403, "Forbidden"), errors.Forbidden, id="403"),
        pytest.param(Status(401, "Unauthorized"), errors.Forbidden, id="401"),
        pytest.param(Status(404, "NotFound"), errors.NotFound, id="404"),
        pytest.param(Status(409, "AlreadyExists"), errors.AlreadyExists, id="409 AlreadyExists"),
        pytest.param(Status(409, "Conflict"), errors.Conflict, id="409 Conflict"),
        pytest.param(Status(422, "Invalid"), errors.Invalid, id="422"),
        pytest.param(Status(429, "TooManyRequests"), errors.Unavailable, id="429"),
        pytest.param(Status(500, "InternalError"), errors.Unavailable, id="500"),
        pytest.param(Answer(b"<html>", 502), errors.Unavailable, id="a proxy's 502"),
        pytest.param(Answer(b"<html>", 200), errors.KubeError, id="no object"),
        pytest.param(Answer(b"{}", 302), errors.KubeError, id="a redirection"),
        pytest.param(Close(), errors.Unavailable, id="hung up"),
        pytest.param(Silence(), errors.Unavailable, id="silent"),
    ],
)
def test_errors_are_typed(server: FakeAPIServer, transport: Transport, fault: Fault, kind: type[Exception]) -> None:
    """Each way of failing has its type and begins with what was attempted on what."""
    server.script("create", fault)
    client = KubeClient(transport, within=0.2)

    with pytest.raises(kind, match=r"Service shop/web: ") as caught:
        client.create(service(), field_manager="m")
    assert type(caught.value) is kind
    assert "object at 0x" not in str(caught.value)


def test_retry_after_is_passed_on(server: FakeAPIServer, client: KubeClient) -> None:
    """The moment that the server named reaches the caller."""
    server.script("get", Status(429, "TooManyRequests", retry_after=7))

    with pytest.raises(errors.Unavailable) as caught:
        client.get(Service, "shop", "web")
    assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        pytest.param("shop", "", id="no name"),
        pytest.param("", "web", id="no namespace"),
        pytest.param("shop", "..", id="the parent"),
        pytest.param("..", "web", id="the parent's parent"),
        pytest.param("shop", "a/b", id="two segments"),
        pytest.param("shop", "../../../nodes/n", id="somewhere else"),
    ],
)
def test_what_is_no_name_is_never_sent(server: FakeAPIServer, client: KubeClient, namespace: str, name: str) -> None:
    """A name from a user's object can neither reach another resource nor delete a whole collection."""
    for attempt in (client.get, client.delete):
        with pytest.raises(errors.Invalid):
            attempt(Secret, namespace, name)

    assert server.seen == []


def test_odd_names_stay_in_their_segment(server: FakeAPIServer, client: KubeClient) -> None:
    """What is special in a URL is escaped."""
    with pytest.raises(errors.NotFound):
        client.get(Service, "shop", "a?watch=1#%2e")

    assert (server.seen[0].verb, server.seen[0].query) == ("get", {})


def test_an_answer_outside_the_selection_is_left_to_the_watch(transport: Transport) -> None:
    """A store that follows some objects does not take others."""
    cluster = Cluster(transport, pace=HASTE)
    store = cluster.follow(Service, labels={"ours": "true"})
    cluster.client.create(service("theirs"), field_manager="m")
    labelled = ObjectMeta(name="ours", namespace="shop", labels={"ours": "true"})
    cluster.client.create(Service(metadata=labelled), field_manager="m")

    assert [obj.metadata.name for obj in store.values()] == ["ours"]


def test_the_answer_of_a_write_tells_what_we_own_and_no_write_does(server: FakeAPIServer, transport: Transport) -> None:
    """So the next look need not wait for the watch; the API server refuses what tells it."""
    cluster = Cluster(transport, pace=HASTE)
    store = cluster.follow(Secret)
    fields = '{"f:metadata":{"f:labels":{"f:team":{}}}}'
    entry = f'{{"manager":"{SECRET_MANAGER}","operation":"Apply","fieldsV1":{fields}}}'
    answer = f'{{"metadata":{{"name":"s","namespace":"shop","resourceVersion":"7","managedFields":[{entry}]}}}}'
    server.script("apply", Answer(answer.encode()))
    cluster.client.apply(Secret(metadata=SecretMeta(name="s", namespace="shop")), field_manager=SECRET_MANAGER)
    written = store.get("shop", "s")
    assert written is not None
    assert written.metadata.owned == Owned(labels=("team",))

    cluster.client.create(written, field_manager="m")

    assert json.loads(server.seen[-1].body)["metadata"].keys() == {"name", "namespace", "resourceVersion"}


def test_a_deletion_reaches_every_store_of_the_resource(server: FakeAPIServer, transport: Transport) -> None:
    """Whole Secrets and their metadata are the same objects."""
    cluster = Cluster(transport, pace=HASTE)
    whole, metadata = cluster.follow(Secret), cluster.follow(SecretMetadata, metadata_only=True)
    server.put(Secret(metadata=SecretMeta(name="s", namespace="shop")))
    cluster.start()
    assert cluster.wait_synced(5)
    assert (len(whole), len(metadata)) == (1, 1)
    cluster.client.delete(Secret, "shop", "s")

    assert (len(whole), len(metadata)) == (0, 0)
    cluster.stop()


def test_a_cluster_follows_one_namespace(server: FakeAPIServer, transport: Transport) -> None:
    """With a namespace, namespaced kinds are listed and watched there only."""
    cluster = Cluster(transport, namespace="shop", pace=HASTE)
    store = cluster.follow(Service)
    server.put(service("here"))
    server.put(service("there", namespace="elsewhere"))
    cluster.start()

    assert cluster.wait_synced(5)
    assert [obj.metadata.name for obj in store.values()] == ["here"]
    cluster.stop()


def test_a_cluster_says_what_is_missing(server: FakeAPIServer, transport: Transport) -> None:
    """Kinds that are not synced within the time are named."""
    cluster = Cluster(transport, pace=HASTE)
    cluster.follow(Service)
    cluster.follow(Secret)
    server.uninstalled.add("secrets")
    cluster.start()

    assert not cluster.wait_synced(0.2)
    assert cluster.unsynced == ("secrets",)
    cluster.stop()


def test_a_kind_is_followed_once(followed: Cluster) -> None:
    """Two informers of the same kind are a mistake of composition."""
    with pytest.raises(ValueError, match="Service is followed already"):
        followed.follow(Service)
