"""`shim.kube` on the real API server: what only the real one can show."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from certs.api.core import Event, Secret, SecretMeta, SecretMetadata, Service, ServicePort, ServiceSpec
from certs.api.meta import KubeObject, ObjectMeta
from shim.kube.cluster import Cluster
from shim.kube.election import LeaseTimes
from shim.kube.errors import AlreadyExists, Conflict, Forbidden, Invalid
from shim.kube.informer import Pace
from shim.kube.kubeclient import KubeClient
from shim.kube.lease import Elector
from shim.kube.recorder import Recorder
from shim.kube.transport import Transport, connect
from tests.cluster import Cluster as ControlPlane

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

PACE = Pace(page=7, backoff_first=0.1, backoff_most=1.0, lived_after=2.0)
MANAGER = "certshim-test"

Followed = Callable[..., Cluster]


def eventually(condition: Callable[[], bool], timeout: float = 20.0) -> bool:
    """Wait for something that another process brings about."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def service(namespace: str, name: str, target: str = "x.example", **meta: object) -> Service:
    metadata = ObjectMeta(name=name, namespace=namespace, **meta)  # type: ignore[arg-type]  # what the test gives
    spec = ServiceSpec(type="ExternalName", external_name=target, ports=(ServicePort(port=80),))
    return Service(metadata=metadata, spec=spec)


def secret(namespace: str, name: str, **labels: str) -> Secret:
    metadata = SecretMeta(name=name, namespace=namespace, labels=labels)
    return Secret(metadata=metadata, type="Opaque", data={"key": b"\x00value"})


@pytest.fixture
def transport(cluster: ControlPlane) -> Iterator[Transport]:
    transport = connect(str(cluster.admin))
    yield transport
    transport.close()


@pytest.fixture
def follow(transport: Transport, namespace: str) -> Iterator[Followed]:
    """Follow kinds in the test's namespace until its end."""
    started: list[Cluster] = []

    def start(*kinds: type[KubeObject], labels: Mapping[str, str] | None = None) -> Cluster:
        followed = Cluster(transport, namespace=namespace, pace=PACE)
        for kind in kinds:
            followed.follow(kind, labels=labels)
        followed.start()
        started.append(followed)
        assert followed.wait_synced(20), followed.unsynced
        return followed

    yield start
    for followed in started:
        followed.stop()


def test_it_follows_pages_changes_and_deletions(transport: Transport, follow: Followed, namespace: str) -> None:
    """A list of several pages, then every change by another client."""
    other = KubeClient(transport)
    for number in range(20):
        other.create(service(namespace, f"early-{number}"), field_manager=MANAGER)
    store = follow(Service).store(Service)
    assert len(store) == 20
    other.create(service(namespace, "late"), field_manager=MANAGER)
    other.apply(service(namespace, "early-0", "changed.example"), field_manager=MANAGER)
    other.delete(Service, namespace, "early-1")

    assert eventually(lambda: len(store) == 20 and store.get(namespace, "late") is not None)
    assert eventually(
        lambda: (found := store.get(namespace, "early-0")) is not None and "changed" in found.spec.external_name
    )
    assert store.get(namespace, "early-1") is None


def test_who_finds_it_made_already_has_it_in_the_store(transport: Transport, namespace: str) -> None:
    """Made by a process that was killed since, or by a request whose answer was lost: whatever the watch says."""
    behind = Cluster(transport, namespace=namespace, pace=PACE)  # it never starts: a watch that is cut all the time
    store = behind.follow(Service)
    KubeClient(transport).create(service(namespace, "web"), field_manager=MANAGER)
    with pytest.raises(AlreadyExists):
        behind.client.create(service(namespace, "web"), field_manager=MANAGER)
    assert store.get(namespace, "web") is None

    behind.client.get(Service, namespace, "web")

    assert store.get(namespace, "web") is not None


def test_a_write_is_in_the_store_before_the_watch_says_so(follow: Followed, namespace: str) -> None:
    """Each verb's answer is visible when the call returns, and the watch does not tell it again."""
    followed = follow(Service)
    store, client = followed.store(Service), followed.client
    told: list[str] = []
    store.subscribe(
        lambda old, new: told.append(f"{old and old.spec.external_name} -> {new and new.spec.external_name}")
    )
    client.create(service(namespace, "web", "1.example"), field_manager=MANAGER)
    assert store.get(namespace, "web") is not None
    client.apply(service(namespace, "web", "2.example"), field_manager=MANAGER)
    client.patch(Service, namespace, "web", {"spec": {"externalName": "3.example"}})
    found = store.get(namespace, "web")
    assert found is not None
    assert found.spec.external_name == "3.example"
    client.delete(Service, namespace, "web", uid=found.metadata.uid, resource_version=found.metadata.resource_version)
    assert store.get(namespace, "web") is None
    client.create(service(namespace, "marker"), field_manager=MANAGER)
    (informer,) = followed.informers

    assert eventually(lambda: informer.counts["events"] >= 5)
    assert told == [
        "None -> 1.example",
        "1.example -> 2.example",
        "2.example -> 3.example",
        "3.example -> None",
        "None -> x.example",
    ]


def test_an_object_with_finalizers_is_marked_first(follow: Followed, namespace: str) -> None:
    """Its deletion is visible at once as a mark, and it is gone when the finalizer is."""
    followed = follow(Service)
    store, client = followed.store(Service), followed.client
    client.create(service(namespace, "web", finalizers=("certshim.test/hold",)), field_manager=MANAGER)
    client.delete(Service, namespace, "web")
    marked = store.get(namespace, "web")
    assert marked is not None
    assert marked.metadata.deletion_timestamp is not None
    client.patch(Service, namespace, "web", {"metadata": {"finalizers": None}})

    assert eventually(lambda: store.get(namespace, "web") is None)


def test_only_what_is_selected_is_followed(transport: Transport, follow: Followed, namespace: str) -> None:
    """Objects enter and leave a labelled store with their label, and may come back."""
    store = follow(Secret, labels={"ours": "true"}).store(Secret)
    other = KubeClient(transport)
    other.create(secret(namespace, "theirs"), field_manager=MANAGER)
    other.create(secret(namespace, "ours", ours="true"), field_manager=MANAGER)
    for label, is_there in (("true", True), (None, False), ("true", True)):
        other.patch(Secret, namespace, "ours", {"metadata": {"labels": {"ours": label}}})

        assert eventually(lambda: (store.get(namespace, "ours") is not None) is is_there)  # noqa: B023  # called in its turn
    assert store.get(namespace, "theirs") is None
    found = store.get(namespace, "ours")
    assert found is not None
    assert found.data == {"key": b"\x00value"}


def test_metadata_alone_carries_no_data(cluster: ControlPlane, transport: Transport, namespace: str) -> None:
    """Of other people's Secrets only the metadata is fetched, by list and by watch."""
    other = KubeClient(transport)
    other.create(secret(namespace, "early"), field_manager=MANAGER)
    followed = Cluster(transport, namespace=namespace, pace=PACE)
    store = followed.follow(SecretMetadata, metadata_only=True)
    followed.start()
    assert followed.wait_synced(20)
    other.create(secret(namespace, "late"), field_manager=MANAGER)

    assert eventually(lambda: store.get(namespace, "late") is not None)
    assert store.get(namespace, "early") is not None
    followed.stop()


def test_it_survives_a_killed_api_server(
    cluster: ControlPlane, transport: Transport, follow: Followed, namespace: str
) -> None:
    """While the server is away the store answers as before; afterwards it follows again."""
    followed = follow(Service)
    store = followed.store(Service)
    followed.client.create(service(namespace, "before"), field_manager=MANAGER)
    (informer,) = followed.informers
    assert eventually(lambda: informer.counts["events"] >= 1)
    cluster.kill_apiserver()
    assert eventually(lambda: informer.is_failing)
    assert store.get(namespace, "before") is not None
    cluster.restart_apiserver()
    KubeClient(transport).create(service(namespace, "after"), field_manager=MANAGER)

    assert eventually(lambda: store.get(namespace, "after") is not None)
    assert not informer.is_failing
    assert store.get(namespace, "before") is not None


def test_it_survives_an_expired_version(
    cluster: ControlPlane, transport: Transport, follow: Followed, namespace: str
) -> None:
    """When the server has forgotten the version we were at, a new list finds what we missed."""
    followed = follow(Service)
    store = followed.store(Service)
    followed.client.create(service(namespace, "before"), field_manager=MANAGER)
    (informer,) = followed.informers
    lists = informer.counts["lists"]
    cluster.expire_versions()
    KubeClient(transport).create(service(namespace, "after"), field_manager=MANAGER)

    assert eventually(lambda: store.get(namespace, "after") is not None)
    assert informer.counts["lists"] > lists
    assert store.get(namespace, "before") is not None


def test_it_stops_at_once(follow: Followed) -> None:
    """Blocked in a silent watch over TLS, the informers end within two seconds."""
    followed = follow(Service, Secret)
    began = time.monotonic()
    followed.stop()

    assert time.monotonic() - began < 1
    assert not any(informer.is_running for informer in followed.informers)


def test_a_refusal_by_rbac_is_typed(cluster: ControlPlane, namespace: str) -> None:
    """A user without rights gets Forbidden, with what was attempted on what."""
    transport = connect(str(cluster.kubeconfig("nobody-in-particular")))

    with pytest.raises(Forbidden, match=rf'^cannot read Secret {namespace}/web: .*cannot get resource "secrets"'):
        KubeClient(transport).get(Secret, namespace, "web")
    transport.close()


def test_refusals_are_typed(transport: Transport, namespace: str) -> None:
    """Already there, changed meanwhile, another object, not acceptable: each has its type."""
    client = KubeClient(transport)
    created = client.create(service(namespace, "web"), field_manager=MANAGER)
    client.apply(service(namespace, "web", "y.example"), field_manager=MANAGER)

    with pytest.raises(AlreadyExists, match=rf"^cannot create Service {namespace}/web: "):
        client.create(service(namespace, "web"), field_manager=MANAGER)
    with pytest.raises(Conflict):
        client.update_status(created, field_manager=MANAGER)
    with pytest.raises(Conflict):
        client.delete(Service, namespace, "web", uid="00000000-0000-0000-0000-000000000000")
    with pytest.raises(Invalid):
        client.create(service(namespace, "Not A Name"), field_manager=MANAGER)


def test_a_lease_passes_from_one_to_the_other(transport: Transport, namespace: str) -> None:
    """One leads; released, the other leads soon; dead, the other leads when the lease has run out."""
    times = LeaseTimes(lease_for=4, renew_within=2, renew_after=0.3, retry_after=0.2)
    told: list[str] = []

    def elector(identity: str, renewing: LeaseTimes = times) -> Elector:
        return Elector(
            KubeClient(transport),
            namespace=namespace,
            name="shim",
            identity=identity,
            on_elected=lambda: told.append(f"{identity} elected"),
            on_lost=lambda: told.append(f"{identity} lost"),
            times=renewing,
        )

    one, two, dead = elector("one"), elector("two"), elector("dead")
    one.start()
    assert eventually(lambda: one.is_leader)
    two.start()
    one.stop()
    assert eventually(lambda: two.is_leader, timeout=5)
    two.stop()
    dead.turn()
    assert told[-1] == "dead elected"
    began = time.monotonic()
    three = elector("three")
    three.start()

    assert eventually(lambda: three.is_leader, timeout=10)
    assert time.monotonic() - began >= 4
    assert not dead.is_leader
    assert told == ["one elected", "two elected", "dead elected", "three elected"]
    three.stop()


def test_events_are_aggregated_and_described(
    cluster: ControlPlane, transport: Transport, follow: Followed, namespace: str
) -> None:
    """Said four times, in two bursts, it is one Event with a count of four, and `kubectl describe` shows it."""
    events = follow(Event).store(Event)
    web = KubeClient(transport).create(service(namespace, "web"), field_manager=MANAGER)
    recorder = Recorder(KubeClient(transport), instance="test-pod")
    recorder.start()
    for burst in (1, 2):
        for _ in range(2):
            recorder.event(web, "Warning", "OutOfLuck", "no luck today", component="cert-manager-test")
        assert eventually(lambda: sum(event.count for event in events.values()) == 2 * burst)  # noqa: B023  # called in its turn
    recorder.stop()

    (event,) = events.values()
    assert (event.count, event.source.component) == (4, "cert-manager-test")
    described = cluster.kubectl("describe", "service", "web", "-n", namespace)
    assert "OutOfLuck" in described
    assert "no luck today" in described
    assert "x4" in described


def test_many_threads_write_at_once(transport: Transport, follow: Followed, namespace: str) -> None:
    """Eight threads over one transport: every answer arrives at the one who asked."""
    followed = follow(Service)

    def write(thread: int) -> None:
        for number in range(10):
            obj = service(namespace, f"web-{thread}-{number}")
            assert followed.client.apply(obj, field_manager=MANAGER).metadata.name == obj.metadata.name

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(followed.store(Service)) == 80
