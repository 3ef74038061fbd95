"""Events: aggregated, bounded, and never in the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from certs.api.core import Service
from certs.api.meta import ObjectMeta
from shim.kube.kubeclient import KubeClient
from shim.kube.recorder import Recorder, RecorderLimits
from shim.kube.transport import Transport
from tests.fakes.apiserver import FakeAPIServer, Silence, Status
from tests.fakes.history import Plain
from tests.shim.kube.objects import service

EVENTS = ("v1", "events")
WEB = service("web", uid="u-1", version=7)


class Clock:
    """The wall clock of these tests."""

    moment = datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder(transport: Transport, clock: Clock) -> Iterator[Recorder]:
    recorder = Recorder(KubeClient(transport), instance="pod-1", now=clock, limits=RecorderLimits(waiting=3))
    yield recorder
    recorder.stop()


def say(recorder: Recorder, message: str = "Ready now", obj: Service = WEB) -> None:
    recorder.event(obj, "Normal", "Ready", message, component="cert-manager-test")


def events(server: FakeAPIServer) -> list[Plain]:
    return list(server.history.objects.get(EVENTS, {}).values())


def test_an_event_has_what_kubectl_describe_shows(server: FakeAPIServer, recorder: Recorder) -> None:
    """Object, type, reason, message, component, times and count are all there."""
    say(recorder)
    recorder.start()
    recorder.stop()

    (event,) = events(server)
    assert event["metadata"]["namespace"] == "shop"
    assert event["metadata"]["name"].startswith("web.")
    assert event["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Service",
        "namespace": "shop",
        "name": "web",
        "uid": "u-1",
        "resourceVersion": "7",
    }
    assert (event["type"], event["reason"], event["message"], event["count"]) == ("Normal", "Ready", "Ready now", 1)
    assert event["source"] == {"component": "cert-manager-test"}
    assert (event["reportingComponent"], event["reportingInstance"]) == ("cert-manager-test", "pod-1")
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-01-01T12:00:00Z"


def test_what_is_said_again_is_counted(server: FakeAPIServer, recorder: Recorder, clock: Clock) -> None:
    """The same words about the same object raise the count of the same Event."""
    recorder.start()
    for expected in (1, 2, 3):
        say(recorder)
        assert server.wait_until(lambda: recorder.counts["written"] == expected)  # noqa: B023  # called in its turn
        clock.moment += timedelta(seconds=30)

    (event,) = events(server)
    assert (event["count"], event["lastTimestamp"]) == (3, "2026-01-01T12:01:00Z")
    assert [seen.verb for seen in server.seen] == ["create", "patch", "patch"]


def test_what_waits_is_counted_before_it_is_written(server: FakeAPIServer, recorder: Recorder) -> None:
    """Said three times before the first write: one request."""
    for _ in range(3):
        say(recorder)
    recorder.start()
    recorder.stop()

    assert [event["count"] for event in events(server)] == [3]
    assert len(server.seen) == 1


def test_other_words_are_another_event(server: FakeAPIServer, recorder: Recorder) -> None:
    """A different message or object is an Event of its own."""
    say(recorder, "one")
    say(recorder, "two")
    say(recorder, "two", service("api", uid="u-2"))
    recorder.start()
    recorder.stop()

    assert len(events(server)) == 3


def test_after_a_while_it_is_a_new_event(server: FakeAPIServer, recorder: Recorder, clock: Clock) -> None:
    """What is said again after the time of a series begins a new one."""
    recorder.start()
    say(recorder)
    assert server.wait_until(lambda: recorder.counts["written"] == 1)
    clock.moment += timedelta(minutes=16)
    say(recorder)
    assert server.wait_until(lambda: recorder.counts["written"] == 2)

    assert [event["count"] for event in events(server)] == [1, 1]


def test_an_expired_event_is_made_again(server: FakeAPIServer, recorder: Recorder, clock: Clock) -> None:
    """Events are deleted by the server after an hour; raising the count of a missing one makes a new one."""
    recorder.start()
    say(recorder)
    assert server.wait_until(lambda: recorder.counts["written"] == 1)
    server.history.objects[EVENTS].clear()
    clock.moment += timedelta(seconds=1)
    say(recorder)
    assert server.wait_until(lambda: recorder.counts["written"] == 2)

    assert [event["count"] for event in events(server)] == [1]


def test_too_many_are_dropped(server: FakeAPIServer, recorder: Recorder) -> None:
    """Beyond the limit of what waits, events are dropped and counted, and the caller does not notice."""
    for number in range(5):
        say(recorder, f"message {number}")
    recorder.start()
    recorder.stop()

    assert len(events(server)) == 3
    assert recorder.counts["dropped"] == 2


def test_a_refused_event_is_dropped(server: FakeAPIServer, recorder: Recorder) -> None:
    """No permission, or a namespace that is going away: dropped, and the next one is written."""
    server.script("create", Status(403, "Forbidden"))
    say(recorder, "one")
    say(recorder, "two")
    recorder.start()
    recorder.stop()

    assert [event["message"] for event in events(server)] == ["two"]
    assert recorder.counts["refused"] == 1


def test_an_unavailable_server_is_tried_again(server: FakeAPIServer, recorder: Recorder) -> None:
    """A failure that passes loses nothing; what was said meanwhile is counted with it."""
    server.script("create", Status(503))
    recorder.start()
    say(recorder)
    assert server.wait_until(lambda: server.count("create") == 1)
    say(recorder)
    recorder.stop()

    assert [event["count"] for event in events(server)] == [2]


def test_stopping_has_a_deadline(server: FakeAPIServer, recorder: Recorder) -> None:
    """A server that says nothing does not hold up the end."""
    server.script("create", Silence())
    recorder.start()
    say(recorder)
    assert server.wait_until(lambda: server.count("create") == 1)
    recorder.stop(0.05)
    server.hang_up()

    assert events(server) == []


def test_a_long_message_is_shortened(server: FakeAPIServer, recorder: Recorder) -> None:
    """No more than 1024 bytes, ending in an ellipsis, never in half a character."""
    say(recorder, "ü" * 1000)
    recorder.start()
    recorder.stop()

    message = events(server)[0]["message"]
    assert len(message.encode()) <= 1024
    assert message.endswith("ü…")


def test_an_object_without_namespace_is_told_of_in_default(server: FakeAPIServer, recorder: Recorder) -> None:
    """Events of cluster-scoped objects stand where kubectl looks for them."""
    say(recorder, obj=Service(metadata=ObjectMeta(name="cluster-wide", uid="u-3")))
    recorder.start()
    recorder.stop()

    (event,) = events(server)
    assert event["metadata"]["namespace"] == "default"
    assert "namespace" not in event["involvedObject"]


def test_a_long_name_leaves_room_for_the_digest(server: FakeAPIServer, recorder: Recorder) -> None:
    """An Event's name is never longer than a name may be."""
    say(recorder, obj=service("a" * 253, uid="u-4"))
    recorder.start()
    recorder.stop()

    assert len(json.loads(server.seen[0].body)["metadata"]["name"]) == 253


def test_a_flood_of_normal_events_is_thinned_and_warnings_are_not(
    server: FakeAPIServer, transport: Transport, clock: Clock
) -> None:
    """A burst is told in full, then a few a second; what goes wrong is told always."""
    limits = RecorderLimits(burst=2, per_second=1)
    recorder = Recorder(KubeClient(transport), instance="pod-1", now=clock, limits=limits)
    for number in range(4):
        say(recorder, f"step {number}")
    recorder.event(WEB, "Warning", "Failed", "it failed", component="cert-manager-test")
    clock.moment += timedelta(seconds=1)
    say(recorder, "a second later")
    say(recorder, "and once more")

    recorder.start()
    recorder.stop()

    assert [event["message"] for event in events(server)] == ["step 0", "step 1", "it failed", "a second later"]
    assert recorder.counts["dropped"] == 3
