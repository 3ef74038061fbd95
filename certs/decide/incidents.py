"""Which messages are to be sent: from what is wrong now and what was told before, pure.

    troubles ──routes──> reports, one for each receiver ──cause──> incidents

Whatever has the same cause at the same issuer is one incident of a receiver: two hundred Certificates that fail by one
firewall are one message.  A Certificate stays in the incident that it was first told in, whatever the next attempt
fails by, until it is well, or is in trouble of another kind.

    (new) ──> opened ──a day──> repeated ──a day──> repeated …
                 └────────────────┴── nobody in it for `calm` ──> closed ──sent──> gone
                                      (gone at once, if it was never told)

A message that is due stays `due` until `sent`: nothing is queued, so what a dead receiver has missed is one message for
each incident, and it says how it stands then.  The memory is stored before a message goes out, and after; a process
that dies in between sends it once more, under the same id.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from certs.decide.trouble import Kind, Severity

REPEAT: Final = timedelta(days=1)
CALM: Final = timedelta(minutes=10)
# A ConfigMap holds one MiB: an incident takes some 600 bytes, a member (a uid) forty.
MOST_INCIDENTS: Final = 500
MOST_MEMBERS: Final = 10_000
MANY: Final = "various"


class Event(StrEnum):
    """What a message says of its incident."""

    OPENED = "opened"
    REPEATED = "repeated"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Report:
    """One troubled Certificate (`uid`), for one receiver.  `sentence` is of what is wrong, `issuer` who is to sign."""

    receiver: str
    uid: str
    kind: Kind
    severity: Severity
    issuer: str
    cause: str
    since: datetime


class Incident(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a receiver has been, or is to be, told.  `told` messages have been sent, the last at `told_at`."""

    id: str
    receiver: str
    kind: Kind
    severity: Severity
    issuer: str
    cause: str
    since: datetime
    members: tuple[str, ...] = ()
    count: int = 0
    told: int = 0
    told_at: datetime | None = None
    due: Event | None = None
    calm_since: datetime | None = None

    @property
    def message_id(self) -> str:
        """The id of the message that is due: the same each time it is tried, another for each message."""
        return f"{self.id}.{self.told + 1}"


Memory = Mapping[str, Incident]


class _Stored(msgspec.Struct):
    incidents: list[Incident]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often an incident is told again, and how long it must be over before that is said."""

    repeat: timedelta = REPEAT
    calm: timedelta = CALM


def decide(reports: Iterable[Report], memory: Memory, now: datetime, rhythm: Rhythm) -> Memory:
    """Return what is to be remembered; the messages to send are those that are `due` in it."""
    grouped = _grouped(reports, memory, now)
    kept: dict[str, Incident] = {}
    for known in memory.values():
        incident = _gone_on(known, grouped.pop(known.id, []), now, rhythm)
        if incident is not None:
            kept[incident.id] = incident
    for name, found in grouped.items():
        kept[name] = _opened(name, found)
    return _bounded(kept)


def sent(current: Incident | None, delivered: Incident, now: datetime) -> Incident | None:
    """Return what remains once a message has been delivered; `current` is what has become of its incident meanwhile."""
    if delivered.due is Event.CLOSED:
        return None
    incident = current or delivered  # it may have ended unseen: then its end is told, too
    due = None if incident.due is delivered.due else incident.due
    return msgspec.structs.replace(incident, due=due, told=delivered.told + 1, told_at=now)


def cause_of(sentence: str, own: Iterable[str] = ()) -> str:
    """Return a sentence without what is each object's own: names in quotes, `own` ones, moments, numbers.

    >>> cause_of('Order shop-1-42: no A record for "shop.example.com" at 2026-01-02 03:04:05 UTC', ("shop-1-42",))
    'Order ~: no A record for ~ at # #:#:# UTC'
    """
    bare = re.sub(r'"[^"]*"', "~", sentence)
    for name in sorted({one for one in own if one}, key=len, reverse=True):
        bare = re.sub(rf"(?<![\w.-]){re.escape(name)}[\w-]*", "~", bare)
    return re.sub(r"[0-9]+(-[0-9]+)*", "#", bare)[:300]


def is_member(incident: Incident, issuer: str) -> bool:
    """Does a Certificate that was in this incident, of that issuer now, stay in it?  Its cause does not matter then."""
    return incident.issuer in {issuer, MANY} and _is_open(incident)


def by_member(memory: Memory) -> dict[tuple[str, Kind, str], Incident]:
    """Return the incident of each receiver, kind and uid."""
    return {(one.receiver, one.kind, uid): one for one in memory.values() for uid in one.members}


def dump(memory: Memory) -> str:
    """Return it as text to store."""
    return msgspec.json.encode(_Stored(list(memory.values()))).decode()


def load(text: str) -> Memory:
    """Return what was stored; nothing where it cannot be read: then it is told once more."""
    try:
        stored = msgspec.json.decode(text, type=_Stored)
    except msgspec.DecodeError:
        return {}
    return {incident.id: incident for incident in stored.incidents}


def _grouped(reports: Iterable[Report], memory: Memory, now: datetime) -> dict[str, list[Report]]:
    """Return the reports by the id of their incident, known or new."""
    member_of = by_member(memory)
    by_cause = {(one.receiver, one.kind, one.issuer, one.cause): one.id for one in memory.values() if _is_open(one)}
    room = MOST_INCIDENTS - len(memory)
    grouped: dict[str, list[Report]] = defaultdict(list)
    for report in reports:
        known = member_of.get((report.receiver, report.kind, report.uid))
        if known is not None and is_member(known, report.issuer):
            grouped[known.id].append(report)
            continue
        key = (report.receiver, report.kind, report.issuer, report.cause)
        if key not in by_cause and room <= 0:
            key = (report.receiver, report.kind, MANY, MANY)
        if key not in by_cause:
            room -= 1
            by_cause[key] = _name(*key, now)
        grouped[by_cause[key]].append(report)
    return grouped


def _is_open(incident: Incident) -> bool:
    return incident.due is not Event.CLOSED


def _name(receiver: str, kind: Kind, issuer: str, cause: str, now: datetime) -> str:
    """Return the id of a new incident: another each time it begins anew."""
    told = f"{receiver}\n{kind}\n{issuer}\n{cause}\n{now.isoformat()}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _opened(name: str, found: list[Report]) -> Incident:
    first = found[0]
    is_many = any((one.issuer, one.cause) != (first.issuer, first.cause) for one in found)
    opened = Incident(
        id=name,
        receiver=first.receiver,
        kind=first.kind,
        severity=first.severity,
        issuer=MANY if is_many else first.issuer,
        cause=MANY if is_many else first.cause,
        since=min(one.since for one in found),
        due=Event.OPENED,
    )
    return _with_members(opened, found)


def _gone_on(known: Incident, found: list[Report], now: datetime, rhythm: Rhythm) -> Incident | None:
    if not _is_open(known):
        return known
    if found:
        incident = msgspec.structs.replace(_with_members(known, found), calm_since=None)
        is_due = known.told_at is not None and now - known.told_at >= rhythm.repeat
        return msgspec.structs.replace(incident, due=Event.REPEATED) if is_due and known.due is None else incident
    if known.told_at is None and known.due is Event.OPENED:
        return None  # nobody was told that it began
    since = known.calm_since or now
    is_over = now - since >= rhythm.calm
    return msgspec.structs.replace(known, count=0, calm_since=since, due=Event.CLOSED if is_over else None)


def _with_members(incident: Incident, found: list[Report]) -> Incident:
    """Return it with who is in it now, as severe as the worst of them."""
    worst = any(one.severity is Severity.CRITICAL for one in found)
    return msgspec.structs.replace(
        incident,
        severity=Severity.CRITICAL if worst else Severity.WARNING,
        members=tuple(sorted({one.uid for one in found})),
        count=len(found),
    )


def _bounded(memory: dict[str, Incident]) -> Memory:
    """Return it with the members that there is room for; the rest are counted, and found again by their cause."""
    room = MOST_MEMBERS
    for name, incident in memory.items():
        if len(incident.members) > room:
            memory[name] = msgspec.structs.replace(incident, members=incident.members[:room])
        room -= len(memory[name].members)
    return memory
