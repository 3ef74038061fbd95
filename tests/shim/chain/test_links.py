"""In which order events are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from certs.api.core import Event, ObjectReference
from certs.api.meta import ObjectMeta
from shim.chain.links import in_time

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def event(name: str, seconds: int, version: str) -> Event:
    metadata, at = ObjectMeta(name=name, resource_version=version), NOON + timedelta(seconds=seconds)
    return Event(metadata=metadata, involved_object=ObjectReference(kind="Certificate"), last_timestamp=at)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param((event("b", 1, "9"), event("a", 0, "10")), "ab", id="by time"),
        pytest.param((event("b", 0, "10"), event("a", 0, "9")), "ab", id="within a second as written"),
        pytest.param((event("b", 0, "5"), event("a", 0, "")), "ab", id="without a version first"),
    ],
)
def test_events_are_told_in_their_order(events: tuple[Event, ...], expected: str) -> None:
    assert "".join(one.metadata.name for one in sorted(events, key=in_time)) == expected
