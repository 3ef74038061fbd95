"""The store: who wins, who is told, and what a reader sees."""

from __future__ import annotations

import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.api.core import Service
from shim.kube.store import Store
from tests.shim.kube.objects import service

Change = tuple[int | None, int | None]


def version(obj: Service | None) -> int | None:
    return None if obj is None else int(obj.metadata.resource_version)


@pytest.fixture
def store() -> Store[Service]:
    return Store()


def told(store: Store[Service]) -> list[Change]:
    """Return the list of (old version, new version) that a subscriber is told, as it grows."""
    changes: list[Change] = []
    store.subscribe(lambda old, new: changes.append((version(old), version(new))))
    return changes


@pytest.mark.parametrize(
    ("offers", "kept", "changes"),
    [
        pytest.param([5], 5, [(None, 5)], id="new"),
        pytest.param([5, 6], 6, [(None, 5), (5, 6)], id="newer"),
        pytest.param([6, 5], 6, [(None, 6)], id="older"),
        pytest.param([5, 5], 5, [(None, 5)], id="the same"),
        pytest.param([9, 10], 10, [(None, 9), (9, 10)], id="versions are numbers, not texts"),
    ],
)
def test_the_newer_version_wins(store: Store[Service], offers: list[int], kept: int, changes: list[Change]) -> None:
    """An offer is taken if it is newer than what is there; only then somebody is told."""
    heard = told(store)
    for number in offers:
        store.offer(service(version=number, to=str(number)))

    assert version(store.get("shop", "web")) == kept
    assert heard == changes


def test_a_version_without_difference_is_kept_and_not_told(store: Store[Service]) -> None:
    """If nothing that we decode has changed, the new version is there for preconditions, and nobody is woken."""
    store.offer(service(version=5))
    heard = told(store)
    store.offer(service(version=6))

    assert version(store.get("shop", "web")) == 6
    assert heard == [(None, 5)]


def test_of_a_part_each_version_is_told() -> None:
    """The rest of the object may have changed, as the data of a Secret of which only the metadata is fetched."""
    store: Store[Service] = Store(partial=True)
    store.offer(service(version=5))
    heard = told(store)
    store.offer(service(version=6))
    store.offer(service(version=6))
    store.replace([service(version=6)], version=7)

    assert heard == [(None, 5), (5, 6)]


def test_a_subscriber_is_told_what_is_there(store: Store[Service]) -> None:
    """Whoever comes late misses nothing."""
    store.offer(service("a", version=1))
    store.offer(service("b", version=2))

    assert told(store) == [(None, 1), (None, 2)]


def test_a_forgotten_object_does_not_come_back(store: Store[Service]) -> None:
    """A late answer of an older write, or an older list, does not undo a deletion; its successor is welcome."""
    store.offer(service(version=5, uid="first"))
    store.forget("shop", "web", uid="first")
    store.offer(service(version=6, uid="first"))
    store.replace([service(version=6, uid="first")], 6)
    assert store.get("shop", "web") is None
    store.offer(service(version=7, uid="second"))

    assert version(store.get("shop", "web")) == 7


def test_forgetting_spares_the_successor(store: Store[Service]) -> None:
    """A deletion that arrives after the next object of that name does not touch it."""
    store.offer(service(version=7, uid="second"))
    store.forget("shop", "web", uid="first")

    assert version(store.get("shop", "web")) == 7


def test_an_object_that_left_the_selection_may_return(store: Store[Service]) -> None:
    """A DELETED event of a selected watch only says until which version the object does not belong here."""
    store.offer(service(version=5, uid="u"))
    store.forget("shop", "web", uid="u", version=6)
    store.offer(service(version=6, uid="u"))
    assert store.get("shop", "web") is None
    store.offer(service(version=8, uid="u"))

    assert version(store.get("shop", "web")) == 8


def test_forgetting_an_older_version_spares_a_newer_one(store: Store[Service]) -> None:
    """A watch that lags behind our own write does not take its answer away."""
    store.offer(service(version=8, uid="u"))
    store.forget("shop", "web", uid="u", version=6)

    assert version(store.get("shop", "web")) == 8


def test_a_list_replaces_and_tells_only_differences(store: Store[Service]) -> None:
    """Gone, changed and new objects are told; unchanged ones keep their identity."""
    for name in ("same", "changed", "gone"):
        store.offer(service(name, version=5))
    same = store.get("shop", "same")
    heard = told(store)
    heard.clear()
    store.replace(
        [service("same", version=5), service("changed", version=7, to="x"), service("new", version=8)], version=9
    )

    assert sorted(heard, key=str) == [(5, 7), (5, None), (None, 8)]
    assert store.get("shop", "same") is same


def test_a_list_does_not_undo_what_is_newer(store: Store[Service]) -> None:
    """Answers of writes that the list is too old to know stay: new objects and new versions."""
    store.offer(service("created", version=12))
    store.offer(service("written", version=13, to="new"))
    store.replace([service("written", version=8, to="old")], version=10)

    assert version(store.get("shop", "created")) == 12
    assert version(store.get("shop", "written")) == 13


def test_a_rewritten_history_is_believed(store: Store[Service]) -> None:
    """After a restored etcd, newer versions and deletions of the lost time mean nothing."""
    store.offer(service("ghost", version=90))
    store.offer(service("back", version=91, to="lost", uid="b"))
    store.forget("shop", "deleted", uid="d")
    store.replace(
        [service("back", version=50, uid="b"), service("deleted", version=51, uid="d")], version=60, rewritten=True
    )

    assert store.get("shop", "ghost") is None
    assert version(store.get("shop", "back")) == 50
    assert version(store.get("shop", "deleted")) == 51


def test_what_a_list_could_not_read_is_kept(store: Store[Service]) -> None:
    """The last readable version of an unreadable object stays."""
    store.offer(service("poison", version=5))
    store.replace([], version=9, keep=[("shop", "poison")])

    assert version(store.get("shop", "poison")) == 5


def test_namespaces_and_indexes_follow(store: Store[Service]) -> None:
    """Objects are found by namespace and by what an index function gives, before and after every change."""
    store.offer(service("a", version=1, to="x.example"))
    store.add_index("target", lambda obj: [obj.spec.external_name])
    store.offer(service("b", version=2, to="x.example", namespace="other"))
    store.offer(service("a", version=3, to="y.example"))

    assert [obj.metadata.name for obj in store.by_index("target", "x.example")] == ["b"]
    assert [obj.metadata.name for obj in store.by_index("target", "y.example")] == ["a"]
    assert [obj.metadata.name for obj in store.in_namespace("other")] == ["b"]
    store.replace([service("a", version=4, to="z.example")], version=5)
    assert store.by_index("target", "x.example") == ()
    assert [obj.metadata.name for obj in store.by_index("target", "z.example")] == ["a"]
    store.forget("shop", "a", uid="")
    assert (store.values(), store.in_namespace("shop"), store.by_index("target", "z.example")) == ((), (), ())


def test_an_unknown_index_is_an_error(store: Store[Service]) -> None:
    """A misspelt index name is not an empty result."""
    with pytest.raises(KeyError):
        store.by_index("nothing", "x")


def test_a_subscriber_may_read_and_write(store: Store[Service]) -> None:
    """Within its turn it sees the change and may offer another object."""
    seen: list[int] = []

    def copy(old: Service | None, new: Service | None) -> None:
        seen.append(len(store))
        if old is None and new is not None and new.metadata.name == "web":
            store.offer(service("copy", version=9))

    store.subscribe(copy)
    store.offer(service(version=1))

    assert seen == [1, 2]
    assert store.get("shop", "copy") is not None


def test_deletions_are_not_remembered_for_ever(store: Store[Service]) -> None:
    """The memory of deletions is bounded; the latest are in it."""
    for number in range(10_000):
        store.forget("shop", "web", uid=str(number))
    store.offer(service("old", version=1, uid="0"))
    store.offer(service("recent", version=1, uid="9999"))

    assert [obj.metadata.name for obj in store.values()] == ["old"]


_operations = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 9), st.sampled_from(["offer", "forget", "replace"])), max_size=30
)


@given(_operations)
def test_indexes_always_agree_with_the_objects(operations: list[tuple[str, int, str]]) -> None:
    """After any sequence of changes each index holds exactly the objects that its function names."""
    store: Store[Service] = Store()
    store.add_index("target", lambda obj: [obj.spec.external_name, "all"])
    for name, number, operation in operations:
        obj = service(name, version=number, to=str(number), uid=f"{name}{number % 2}")
        match operation:
            case "offer":
                store.offer(obj)
            case "forget":
                store.forget("shop", name, uid=obj.metadata.uid, version=number)
            case _:
                store.replace([obj], number)

    assert set(map(id, store.by_index("target", "all"))) == set(map(id, store.values()))
    assert set(map(id, store.in_namespace("shop"))) == set(map(id, store.values()))
    for obj in store.values():
        assert obj in store.by_index("target", obj.spec.external_name)


@given(_operations)
def test_subscribers_can_follow_along(operations: list[tuple[str, int, str]]) -> None:
    """A copy made only from what a subscriber is told equals the store, but for versions nobody needs to hear of."""
    store: Store[Service] = Store()
    copy: dict[str, str] = {}

    def follow(old: Service | None, new: Service | None) -> None:
        assert (copy.get(old.metadata.name) if old else None) == (old.spec.external_name if old else None)
        if new is not None:
            copy[new.metadata.name] = new.spec.external_name
        elif old is not None:
            del copy[old.metadata.name]

    store.subscribe(follow)
    for name, number, operation in operations:
        obj = service(name, version=number, to=str(number // 2), uid=f"{name}{number % 2}")
        match operation:
            case "offer":
                store.offer(obj)
            case "forget":
                store.forget("shop", name, uid=obj.metadata.uid)
            case _:
                store.replace([obj], number)

    assert copy == {obj.metadata.name: obj.spec.external_name for obj in store.values()}


def test_readers_never_see_a_gap(store: Store[Service]) -> None:
    """While one thread writes and re-lists, another always finds the object that is always there."""
    store.add_index("target", lambda obj: [obj.spec.external_name])
    store.offer(service(version=1, to="x"))
    over = threading.Event()
    missed: list[str] = []

    def read() -> None:
        while not over.is_set():
            if store.get("shop", "web") is None:
                missed.append("get")
            if not store.by_index("target", "x") or not store.in_namespace("shop"):
                missed.append("index")

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    reader = threading.Thread(target=read)
    reader.start()
    for number in range(2, 400):
        store.offer(service(version=number, to="x"))
        store.replace([service(version=number, to="x"), service("other", version=number)], number)
    over.set()
    reader.join()
    sys.setswitchinterval(interval)

    assert missed == []
