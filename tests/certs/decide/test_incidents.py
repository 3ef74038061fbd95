"""Which messages are sent: tables, and what must hold for every course of things."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.decide.incidents import (
    MANY,
    MOST_INCIDENTS,
    MOST_MEMBERS,
    Event,
    Incident,
    Memory,
    Report,
    Rhythm,
    cause_of,
    decide,
    dump,
    load,
    sent,
)
from certs.decide.trouble import Kind, Severity
from tests.certs.decide.objects import DAY, NOW

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
RHYTHM = Rhythm()


def report(
    uid: str = "a",
    *,
    cause: str = "refused",
    kind: Kind = Kind.FAILING,
    receiver: str = "ops",
    issuer: str = "ClusterIssuer le",
    severity: Severity = Severity.WARNING,
) -> Report:
    return Report(receiver, uid, kind, severity, issuer, cause, NOW - HOUR)


class Course:
    """What is sent as things go on; the process may end after each step, and another reads what was stored."""

    def __init__(self) -> None:
        self.memory: Memory = {}
        self.sent: list[tuple[datetime, Incident]] = []

    def step(self, now: datetime, *reports: Report, down: bool = False) -> list[tuple[Event, int]]:
        """Take one look and have all that is due delivered, unless receivers are down; return what was delivered."""
        memory = dict(decide(reports, load(dump(self.memory)), now, RHYTHM))
        told = []
        for incident in [one for one in memory.values() if one.due is not None and not down]:
            assert incident.due is not None
            told.append((incident.due, incident.count))
            self.sent.append((now, incident))
            left = sent(memory[incident.id], incident, now)
            if left is None:
                del memory[incident.id]
            else:
                memory[incident.id] = left
        self.memory = memory
        return told


def test_an_incident_is_told_once_and_daily_and_when_it_is_over() -> None:
    course = Course()

    assert course.step(NOW, report()) == [(Event.OPENED, 1)]
    assert course.step(NOW + 23 * HOUR, report()) == []
    assert course.step(NOW + DAY, report()) == [(Event.REPEATED, 1)]
    assert course.step(NOW + DAY + HOUR) == []
    assert course.step(NOW + DAY + HOUR + 9 * MINUTE) == []
    assert course.step(NOW + DAY + HOUR + 10 * MINUTE) == [(Event.CLOSED, 0)]
    assert course.memory == {}
    assert [one.message_id for _, one in course.sent] == [f"{course.sent[0][1].id}.{number}" for number in (1, 2, 3)]


def test_a_short_calm_is_no_end() -> None:
    course = Course()
    course.step(NOW, report())
    course.step(NOW + HOUR)

    assert course.step(NOW + HOUR + 5 * MINUTE, report()) == []
    assert course.step(NOW + HOUR + 20 * MINUTE) == []  # the calm begins anew
    assert course.step(NOW + HOUR + 29 * MINUTE) == []


def test_many_with_one_cause_are_one_message() -> None:
    course = Course()
    many = [report(f"uid-{number}") for number in range(200)]

    assert course.step(NOW, *many) == [(Event.OPENED, 200)]
    assert course.step(NOW + HOUR, *many, report("one more")) == []
    assert course.step(NOW + DAY, *many, report("one more")) == [(Event.REPEATED, 201)]


@pytest.mark.parametrize(
    "other",
    [
        report("b", cause="timeout"),
        report("b", issuer="ClusterIssuer other"),
        report("b", kind=Kind.EXPIRING),
        report("b", receiver="shop"),
    ],
    ids=["cause", "issuer", "kind", "receiver"],
)
def test_what_differs_is_told_apart(other: Report) -> None:
    assert len(Course().step(NOW, report(), other)) == 2


def test_one_that_fails_by_something_else_the_next_time_is_the_same_incident() -> None:
    course = Course()
    course.step(NOW, report())

    assert course.step(NOW + HOUR, report(cause="timeout")) == []
    assert course.step(NOW + DAY, report(cause="timeout")) == [(Event.REPEATED, 1)]


def test_what_nobody_was_told_of_needs_no_end() -> None:
    course = Course()
    course.step(NOW, report(), down=True)

    assert course.step(NOW + HOUR) == []
    assert course.memory == {}


def test_a_receiver_that_was_down_for_days_gets_one_message() -> None:
    course = Course()
    for day in range(5):
        course.step(NOW + day * DAY, report(), down=True)

    assert course.step(NOW + 5 * DAY, report()) == [(Event.OPENED, 1)]


def test_what_ends_while_it_is_being_told_is_told_to_have_ended() -> None:
    """The message was in the sender's hand when the incident went."""
    memory = decide([report()], {}, NOW, RHYTHM)
    (opened,) = memory.values()
    assert decide([], memory, NOW + MINUTE, RHYTHM) == {}

    left = sent(None, opened, NOW + MINUTE)
    assert left is not None
    calm = decide([], {left.id: left}, NOW + 2 * MINUTE, RHYTHM)
    (closed,) = decide([], calm, NOW + HOUR, RHYTHM).values()

    assert closed.due is Event.CLOSED


def test_an_end_that_comes_up_while_it_is_repeated_is_not_lost() -> None:
    course = Course()
    course.step(NOW, report())
    (repeated,) = decide([report()], course.memory, NOW + DAY, RHYTHM).values()
    calm = decide([], {repeated.id: repeated}, NOW + DAY + MINUTE, RHYTHM)
    (closed,) = decide([], calm, NOW + DAY + HOUR, RHYTHM).values()

    left = sent(closed, repeated, NOW + DAY + HOUR)
    assert left is not None
    assert left.due is Event.CLOSED
    assert left.message_id.endswith(".3")


def test_the_memory_is_bounded() -> None:
    """Beyond the bound what is new is told as one, of various causes; members that have no room are found by cause."""
    each = [report(f"uid-{number}", cause=f"cause {number}") for number in range(MOST_INCIDENTS + 50)]
    memory = decide(each, {}, NOW, RHYTHM)

    assert len(memory) == MOST_INCIDENTS + 1
    (many,) = (one for one in memory.values() if one.cause == MANY)
    assert many.count == 50

    crowd = [report(f"00000000-0000-0000-0000-{number:012}") for number in range(MOST_MEMBERS + 5)]
    (incident,) = decide(crowd, {}, NOW, RHYTHM).values()
    assert (incident.count, len(incident.members)) == (MOST_MEMBERS + 5, MOST_MEMBERS)
    (again,) = decide(crowd, {incident.id: incident}, NOW + MINUTE, RHYTHM).values()
    assert again.count == MOST_MEMBERS + 5
    assert len(dump({again.id: again})) < 1_000_000


@pytest.mark.parametrize("text", ["", "{", "[]", '{"incidents": [{"id": 1}]}'])
def test_a_memory_that_cannot_be_read_is_none(text: str) -> None:
    assert load(text) == {}


def test_the_cause_is_what_is_nobodys_own() -> None:
    one = cause_of('Challenge web-1-2-3 for "a.example.com": timeout at 10.0.0.1 (web)', ("web",))
    other = cause_of('Challenge shop-1-9-4 for "b.example.com": timeout at 10.0.0.2 (shop)', ("shop",))

    assert one == other


REPORTS = st.builds(
    report,
    st.sampled_from("abc"),
    cause=st.sampled_from(("refused", "timeout")),
    kind=st.sampled_from(Kind),
    receiver=st.sampled_from(("ops", "shop")),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from((MINUTE, 5 * MINUTE, HOUR, 7 * HOUR, DAY)),
        st.lists(REPORTS, max_size=4, unique_by=lambda one: (one.receiver, one.uid)),
        st.booleans(),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(STEPS)
def test_never_twice_a_day_and_always_an_end(steps: list[tuple[timedelta, list[Report], bool]]) -> None:
    """For each incident: opened first, a day between one telling and the next, closed last, and no id used twice."""
    course, now = Course(), NOW
    for pause, found, down in steps:
        now += pause
        course.step(now, *found, down=down)
    for pause in (MINUTE, HOUR, HOUR, HOUR):
        now += pause
        course.step(now)

    assert course.memory == {}
    by_incident: dict[str, list[tuple[datetime, Incident]]] = {}
    for at, incident in course.sent:
        by_incident.setdefault(incident.id, []).append((at, incident))
    for told in by_incident.values():
        events = [incident.due for _, incident in told]
        assert events[0] is Event.OPENED
        assert events[-1] is Event.CLOSED
        assert set(events[1:-1]) <= {Event.REPEATED}
        moments = [at for at, _ in told[:-1]]
        assert all(later - earlier >= DAY for earlier, later in pairwise(moments))
    ids = [incident.message_id for _, incident in course.sent]
    assert len(ids) == len(set(ids))
