"""The list of design.md §6, against a server that misbehaves."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time

import pytest
from kubernetes.client.configuration import Configuration

from certs.api.core import Service
from shim.kube.informer import Informer, Pace, Selection
from shim.kube.presence import Presence
from shim.kube.transport import Transport
from tests.fakes.apiserver import Answer, Close, FakeAPIServer, Fault, Silence, Status, Stream, line
from tests.shim.kube.conftest import HASTE, MakeInformer
from tests.shim.kube.objects import service

BOOKMARK = line("BOOKMARK", {"metadata": {"resourceVersion": "100"}})  # where the server's history begins
GONE_EVENT = line("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"})


def names(informer: Informer[Service]) -> list[str]:
    return sorted(obj.metadata.name for obj in informer.store.values())


def hears_of(server: FakeAPIServer, informer: Informer[Service], name: str, timeout: float = 5.0) -> bool:
    """Put a new object on the server and see whether the informer learns of it."""
    server.put(service(name))
    return server.wait_until(lambda: informer.store.get("shop", name) is not None, timeout)


class Told:
    """A subscriber that remembers."""

    def __init__(self, informer: Informer[Service]) -> None:
        self.changes: list[tuple[str, str]] = []
        informer.store.subscribe(self)

    def __call__(self, old: Service | None, new: Service | None) -> None:
        kind = "new" if old is None else "gone" if new is None else "changed"
        self.changes.append((kind, (new or old or service()).metadata.name))


def test_it_lists_and_then_follows(server: FakeAPIServer, follow: MakeInformer) -> None:
    """What is there at the start and what comes later are both in the store."""
    server.put(service("early"))
    informer = follow()
    informer.start()

    assert informer.wait_synced(5)
    assert hears_of(server, informer, "late")
    assert names(informer) == ["early", "late"]


def test_changes_and_deletions_arrive(server: FakeAPIServer, follow: MakeInformer) -> None:
    """A changed object is replaced, a deleted one goes."""
    server.put(service("web"))
    server.put(service("old"))
    informer = follow()
    told = Told(informer)
    informer.start()
    assert informer.wait_synced(5)
    server.put(service("web", to="elsewhere"))
    server.remove(service("old"))

    assert server.wait_until(lambda: len(told.changes) == 4)
    assert told.changes[2:] == [("changed", "web"), ("gone", "old")]
    assert names(informer) == ["web"]


def test_a_list_comes_in_pages(server: FakeAPIServer, follow: MakeInformer) -> None:
    """A list asks for pages and continues each with the token of the one before."""
    for number in range(5):
        server.put(service(f"web-{number}"))
    informer = follow(pace=Pace(page=2))
    informer.start()

    assert informer.wait_synced(5)
    assert len(names(informer)) == 5
    assert [(seen.query["limit"], "continue" in seen.query) for seen in server.seen if seen.verb == "list"] == [
        ("2", False),
        ("2", True),
        ("2", True),
    ]


def test_the_default_page_has_500(server: FakeAPIServer, follow: MakeInformer) -> None:
    """Without a setting a page has 500 objects."""
    informer = follow(pace=Pace())
    informer.start()

    assert informer.wait_synced(5)
    assert server.seen[0].query == {"limit": "500"}


def test_a_page_that_expires_begins_the_list_again(server: FakeAPIServer, follow: MakeInformer) -> None:
    """A continue token that is too old leads to a new list, not to half a store."""
    for number in range(3):
        server.put(service(f"web-{number}"))
    second = {"metadata": {"resourceVersion": "103", "continue": "0:0"}, "items": []}
    server.script("list", Answer(json.dumps(second).encode()))
    informer = follow()
    informer.start()

    assert informer.wait_synced(5)
    assert len(names(informer)) == 3
    assert ["continue" in seen.query for seen in server.seen if seen.verb == "list"] == [False, True, False]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Close(), id="hangs up"),
        pytest.param(Status(403, "Forbidden"), id="forbids"),
        pytest.param(Status(401, "Unauthorized"), id="does not know us"),
        pytest.param(Status(429, "TooManyRequests", retry_after=0), id="is busy"),
        pytest.param(Status(500, "InternalError"), id="fails"),
        pytest.param(Answer(b"<html>502</html>", 502), id="is a proxy with an error page"),
        pytest.param(Answer(b"<html>welcome</html>"), id="is a captive portal"),
        pytest.param(Silence(), id="is silent"),
        pytest.param(Stream((b'{"metadata":', b'{"resou'), "reset"), id="resets half-way"),
        pytest.param(Stream((b" ",) * 200, "end", drip=0.03), id="drips"),
    ],
)
def test_a_list_that_fails_is_repeated(server: FakeAPIServer, follow: MakeInformer, fault: Fault) -> None:
    """Whatever a server does to a list, the next one that works is taken."""
    server.script("list", fault)
    server.put(service("web"))
    informer = follow(pace=Pace(list_within=0.3, backoff_first=0.02))
    informer.start()

    assert informer.wait_synced(5)
    assert names(informer) == ["web"]
    assert informer.counts["errors"] == 1


@pytest.mark.parametrize(
    ("fault", "lists"),
    [
        pytest.param(Close(), 1, id="hung up on"),
        pytest.param(Stream(), 1, id="ended at once"),
        pytest.param(Stream((BOOKMARK,)), 1, id="ended after a bookmark"),
        pytest.param(Stream((b'{"type":"ADDED","obj',), "reset"), 1, id="reset in a line"),
        pytest.param(Stream((b'{"type":"ADDED","obj',), "end"), 1, id="ended in a line"),
        pytest.param(Stream((b'{"type":"ADDED","obj',), "close"), 1, id="closed in a line"),
        pytest.param(Stream((), "silence"), 1, id="silent"),
        pytest.param(Stream((b" ",) * 200, "end", drip=0.03), 1, id="dripping without ever a line"),
        pytest.param(Silence(), 1, id="not even begun"),
        pytest.param(Status(500, "InternalError"), 1, id="failed"),
        pytest.param(Status(504, "Timeout", "Too large resource version"), 1, id="ahead of the server"),
        pytest.param(Status(410, "Expired"), 2, id="expired by status"),
        pytest.param(Stream((GONE_EVENT,)), 2, id="expired by event"),
        pytest.param(Status(403, "Forbidden"), 2, id="forbidden"),
        pytest.param(Stream((b"<html>\n",)), 2, id="not a watch at all"),
    ],
)
def test_a_watch_that_breaks_is_resumed(server: FakeAPIServer, follow: MakeInformer, fault: Fault, lists: int) -> None:
    """A broken watch goes on from the last version; an expired or refused one begins with a list."""
    server.script("watch", fault)
    informer = follow()
    informer.start()
    assert informer.wait_synced(5)

    assert server.wait_until(lambda: server.count("watch") == 2)
    assert hears_of(server, informer, "web")
    assert server.count("list") == lists


def test_bookmarks_move_the_point_of_resumption(server: FakeAPIServer, follow: MakeInformer) -> None:
    """After a bookmark a new watch begins at its version."""
    server.script("watch", Stream((line("BOOKMARK", {"metadata": {"resourceVersion": "500"}}),)))
    informer = follow()
    informer.start()

    assert server.wait_until(lambda: server.count("watch") == 2)
    watches = [seen.query for seen in server.seen if seen.verb == "watch"]
    assert [query["resourceVersion"] for query in watches] == ["100", "500"]
    assert watches[0]["allowWatchBookmarks"] == "true"


def test_events_move_the_point_of_resumption(server: FakeAPIServer, follow: MakeInformer) -> None:
    """After an event a new watch begins at its object's version."""
    stored = {"metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "300"}}
    server.script("watch", Stream((line("ADDED", stored),)))
    informer = follow()
    informer.start()

    assert server.wait_until(lambda: server.count("watch") == 2)
    assert server.seen[-1].query["resourceVersion"] == "300"


def test_a_refused_connection_is_tried_again(server: FakeAPIServer, follow: MakeInformer) -> None:
    """While nobody listens the store answers as before; afterwards the watch resumes without a list."""
    server.put(service("web"))
    informer = follow()
    informer.start()
    assert informer.wait_synced(5)
    server.refuse()
    assert server.wait_until(lambda: informer.is_failing)

    assert names(informer) == ["web"]
    server.listen()
    assert hears_of(server, informer, "late")
    assert server.count("list") == 1


def test_a_watch_that_is_open_again_is_no_failure(server: FakeAPIServer, follow: MakeInformer) -> None:
    """Also while nothing happens: the first bookmark comes after a minute."""
    informer = follow()
    informer.start()
    assert informer.wait_synced(5)
    server.refuse()
    assert server.wait_until(lambda: "cannot watch services" in informer.failure)

    server.listen()

    assert server.wait_until(lambda: not informer.is_failing)
    assert (informer.failure, server.count("list")) == ("", 1)


def test_a_version_that_the_server_never_reaches_is_given_up(server: FakeAPIServer, follow: MakeInformer) -> None:
    """A restored etcd is behind our version for ever: after a few refusals we list, and believe the list."""
    ahead = {"metadata": {"name": "ghost", "namespace": "shop", "uid": "g", "resourceVersion": "900"}}
    too_large = Status(504, "Timeout", "Too large resource version")
    server.script("watch", Stream((line("ADDED", ahead),)), too_large, too_large, too_large)
    informer = follow()
    informer.start()

    assert server.wait_until(lambda: server.count("list") == 2)
    assert server.wait_until(lambda: names(informer) == [])
    assert hears_of(server, informer, "web")


def test_a_kind_that_is_not_installed_is_waited_for(
    server: FakeAPIServer, follow: MakeInformer, caplog: pytest.LogCaptureFixture
) -> None:
    """A 404 is tried again until the kind is there, and logged once."""
    caplog.set_level(logging.INFO, logger="shim.kube")
    server.uninstalled.add("services")
    informer = follow()
    informer.start()
    assert server.wait_until(lambda: server.count("list") >= 4)
    assert not informer.wait_synced(0)
    server.uninstalled.clear()

    assert informer.wait_synced(5)
    assert [record.getMessage() for record in caplog.records] == ["cannot follow", "following again"]


def test_a_kind_that_need_not_be_there_is_complete_without(
    server: FakeAPIServer, follow: MakeInformer, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody waits for it, and its arrival is told."""
    caplog.set_level(logging.INFO, logger="shim.kube")
    presence, arrivals = Presence(), list[str]()
    presence.when_it_comes(lambda: arrivals.append(presence.why_absent))
    server.uninstalled.add("services")
    server.put(service("web"))
    informer = follow(presence=presence)
    informer.start()

    assert informer.wait_synced(5)
    assert "cannot list services" in presence.why_absent
    assert (names(informer), arrivals) == ([], [])
    server.uninstalled.clear()
    assert server.wait_until(lambda: arrivals == [""])

    assert names(informer) == ["web"]
    assert [record.getMessage() for record in caplog.records] == ["not there"]


def test_a_kind_that_goes_takes_its_objects_with_it(server: FakeAPIServer, follow: MakeInformer) -> None:
    """Its definition is deleted: the watch ends, and cannot be made anew."""
    presence = Presence()
    server.put(service("web"))
    informer = follow(presence=presence)
    server.script("watch", Stream((), "end"))
    server.script("watch", Status(404, "NotFound"))
    server.script("list", Answer(b"{}"))
    informer.start()

    assert server.wait_until(lambda: bool(presence.why_absent))
    assert names(informer) == []


@pytest.mark.parametrize("code", [403, 404])
def test_what_we_may_not_read_is_not_there(server: FakeAPIServer, follow: MakeInformer, code: int) -> None:
    """An API server without the kind says 403 to whom no role lets read it."""
    presence = Presence()
    server.script("list", *(Status(code, "No") for _ in range(3)))
    informer = follow(presence=presence)
    informer.start()

    assert server.wait_until(lambda: "cannot list services" in presence.why_absent)
    assert hears_of(server, informer, "web")
    assert presence.why_absent == ""


def test_a_server_that_is_away_says_nothing_of_the_kind(server: FakeAPIServer, follow: MakeInformer) -> None:
    """Then it is waited for as for any other."""
    presence = Presence()
    server.script("list", Status(503, "ServiceUnavailable"), Status(503, "ServiceUnavailable"))
    informer = follow(presence=presence)
    informer.start()

    assert server.wait_until(lambda: server.count("list") >= 2)
    assert presence.why_absent == ""
    assert informer.wait_synced(5)


def test_a_busy_server_is_asked_again_when_it_said(server: FakeAPIServer, follow: MakeInformer) -> None:
    """Retry-After is a lower bound of the next attempt."""
    server.script("list", Status(429, "TooManyRequests", retry_after=1))
    informer = follow()
    began = time.monotonic()
    informer.start()

    assert informer.wait_synced(5)
    assert time.monotonic() - began > 1


def test_backing_off_grows_until_a_stream_lives(server: FakeAPIServer, follow: MakeInformer) -> None:
    """Streams that end at once, even after saying something, are not asked for in a hot loop."""
    server.script("watch", *[Stream((BOOKMARK,))] * 100)
    informer = follow(pace=Pace(backoff_first=0.05, backoff_most=10, lived_after=5))
    informer.start()
    assert informer.wait_synced(5)

    assert not server.wait_until(lambda: server.count("watch") > 6, timeout=1)


def test_an_unreadable_object_does_not_hide_the_others(
    server: FakeAPIServer, follow: MakeInformer, caplog: pytest.LogCaptureFixture
) -> None:
    """One that its type refuses is set aside, counted and logged, in a list and in a watch."""
    poison = {"metadata": {"name": "poison", "namespace": "shop", "resourceVersion": "101"}, "spec": {"ports": "all"}}
    good = {"metadata": {"name": "web", "namespace": "shop", "resourceVersion": "102"}, "spec": {"managedFields": 1}}
    listed = {"metadata": {"resourceVersion": "102"}, "items": [poison, good]}
    watched = {**poison, "metadata": {**poison["metadata"], "name": "other", "resourceVersion": "103"}}
    server.script("list", Answer(json.dumps(listed).encode()))
    server.script("watch", Stream((line("ADDED", watched), line("BOOKMARK", {"metadata": {"resourceVersion": "104"}}))))
    informer = follow()
    informer.start()

    assert server.wait_until(lambda: server.count("watch") == 2)
    assert names(informer) == ["web"]
    assert sorted(informer.set_aside) == [("shop", "other"), ("shop", "poison")]
    assert informer.counts["unreadable"] == 2
    assert {record.getMessage() for record in caplog.records} == {"cannot read object, set aside"}


def test_the_last_readable_object_stays(server: FakeAPIServer, follow: MakeInformer) -> None:
    """An object that became unreadable is kept as it last was, also by a new list; a readable version mends it."""
    stored = server.put(service("web"))
    poison = {"metadata": {**stored["metadata"], "resourceVersion": "200"}, "spec": {"ports": "all"}}
    listed = {"metadata": {"resourceVersion": "200"}, "items": [poison]}
    server.script("watch", Stream((line("MODIFIED", poison), GONE_EVENT)))
    informer = follow()
    informer.start()
    assert informer.wait_synced(5)
    server.script("list", Answer(json.dumps(listed).encode()))
    assert server.wait_until(lambda: server.count("watch") == 2)

    assert names(informer) == ["web"]
    assert list(informer.set_aside) == [("shop", "web")]
    server.history.version = 300
    server.put(service("web", to="mended"))
    assert server.wait_until(lambda: not informer.set_aside)


def test_an_unchanged_object_is_not_told_again(server: FakeAPIServer, follow: MakeInformer) -> None:
    """A new list with the same objects tells nobody anything; a deletion that the watch missed is told."""
    server.put(service("web"))
    server.put(service("old"))
    informer = follow()
    told = Told(informer)
    informer.start()
    assert server.wait_until(lambda: server.count("watch") == 1)
    server.script("watch", Status(410, "Expired"))
    server.history.objects["v1", "services"].pop(("shop", "old"))
    server.hang_up()
    assert server.wait_until(lambda: len(told.changes) == 3)

    assert told.changes[2] == ("gone", "old")
    assert server.count("list") == 2


def test_selectors_and_metadata_are_asked_for(server: FakeAPIServer, follow: MakeInformer) -> None:
    """Label and field selectors go into list and watch; metadata only is asked for by Accept."""
    selection = Selection(
        namespace="shop", labels={"a/b": "c", "d": "e"}, fields={"metadata.name": "web"}, metadata_only=True
    )
    informer = follow(selection)
    informer.start()
    assert server.wait_until(lambda: server.count("watch") == 1)

    for seen, what in zip(server.seen, ("PartialObjectMetadataList", "PartialObjectMetadata"), strict=True):
        assert seen.path == "/api/v1/namespaces/shop/services"
        assert (seen.query["labelSelector"], seen.query["fieldSelector"]) == ("a/b=c,d=e", "metadata.name=web")
        assert seen.headers["Accept"] == f"application/json;as={what};g=meta.k8s.io;v=v1"


def test_not_synced_within_the_time(server: FakeAPIServer, follow: MakeInformer) -> None:
    """Waiting for the first list ends with False when its time is over."""
    server.script("list", Silence())
    informer = follow()
    informer.start()

    assert not informer.wait_synced(0.05)


@pytest.mark.parametrize(
    ("verb", "faults"),
    [
        pytest.param("list", (Silence(),), id="reading a list"),
        pytest.param("watch", (Silence(),), id="opening a watch"),
        pytest.param("watch", (Stream((), "silence"),), id="reading a watch"),
        pytest.param("watch", (Stream((b" ",) * 400, drip=0.02),), id="reading a dripping watch"),
        pytest.param("list", (Status(403),) * 9, id="backing off"),
        pytest.param("list", (Status(429, retry_after=60),), id="told to wait"),
    ],
)
def test_stopping_takes_no_time(
    server: FakeAPIServer, follow: MakeInformer, verb: str, faults: tuple[Fault, ...]
) -> None:
    """Whatever the thread is blocked in, it has ended within two seconds."""
    server.script(verb, *faults)
    informer = follow(pace=Pace(backoff_first=30, backoff_most=30))
    informer.start()
    assert server.wait_until(lambda: server.count(verb) == 1)
    began = time.monotonic()
    informer.stop()

    assert not informer.is_running
    assert time.monotonic() - began < 1


def test_stopping_while_reconnecting(server: FakeAPIServer, transport: Transport) -> None:
    """stop() at any moment of a hot reconnection ends the thread, and nothing is told afterwards."""
    web = {"metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "101"}}
    for delay in (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05):
        server.script("watch", *[Stream((line("ADDED", web),))] * 50)
        informer = Informer(transport, Service, pace=Pace(backoff_first=0.001, backoff_most=0.002))
        informer.start()
        informer.wait_synced(delay)
        informer.stop()
        told = Told(informer)
        before = len(told.changes)

        assert not informer.is_running
        assert len(told.changes) == before


def test_stopping_does_not_wait_for_a_handshake() -> None:
    """A server that takes connections and never answers the TLS hello delays the end by no more than two seconds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = Transport(Configuration(host=f"https://127.0.0.1:{listener.getsockname()[1]}"))
        informer = Informer(transport, Service, pace=HASTE)
        informer.start()
        dialling, _ = listener.accept()
        began = time.monotonic()
        informer.stop()

        assert time.monotonic() - began < 2
        dialling.close()
        informer._thread.join(5)
    assert not informer.is_running


def test_an_informer_that_never_began_stops(follow: MakeInformer) -> None:
    """stop() before start() is harmless."""
    informer = follow()
    informer.stop()

    assert not informer.is_running


def test_the_store_is_complete_before_anybody_is_told(server: FakeAPIServer, follow: MakeInformer) -> None:
    """A subscriber of a list sees all of the list in the store, at the first object."""
    for number in range(3):
        server.put(service(f"web-{number}"))
    informer = follow()
    seen: list[int] = []
    informer.store.subscribe(lambda _old, _new: seen.append(len(informer.store)))
    informer.start()
    assert informer.wait_synced(5)

    assert seen == [3, 3, 3]


def test_many_informers_share_a_transport(server: FakeAPIServer, transport: Transport) -> None:
    """Twenty watches at once take no connection from each other."""
    informers = [Informer(transport, Service, pace=HASTE) for _ in range(20)]
    for informer in informers:
        informer.start()
    synced = [informer.wait_synced(5) for informer in informers]
    for informer in informers:
        informer.stop()

    assert all(synced)
    assert not any(thread.name.startswith("informer") for thread in threading.enumerate())


@pytest.mark.parametrize("answer", [Status(429, "TooManyRequests"), Status(410, "Expired")], ids=["anew", "expired"])
def test_who_could_follow_is_behind_until_a_watch_is_open(
    server: FakeAPIServer, follow: MakeInformer, answer: Status
) -> None:
    """Although its store is complete: what comes meanwhile is not in it."""
    server.script("watch", *[answer] * 3)
    informer = follow()
    informer.start()
    assert informer.wait_synced(5)
    assert server.wait_until(lambda: server.count("watch") == 2, 5)

    assert informer.is_behind
    assert server.wait_until(lambda: not informer.is_behind, 5)
    assert hears_of(server, informer, "late")


@pytest.mark.parametrize("answer", [Status(403, "Forbidden"), Status(404, "NotFound")], ids=["forbidden", "absent"])
def test_who_is_refused_is_behind_nothing(server: FakeAPIServer, follow: MakeInformer, answer: Status) -> None:
    server.script("list", *[answer] * 50)
    informer = follow()
    assert informer.is_behind
    informer.start()
    assert server.wait_until(lambda: server.count("list") == 2, 5)

    assert not informer.is_behind
