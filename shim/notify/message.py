"""What a message says, whoever it is for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from certs.decide.effects import one_line
from certs.decide.incidents import REPEAT, Event, Incident
from certs.decide.trouble import Kind, Severity

MOST_SHOWN: Final = 10
LONGEST: Final = 700  # characters of one Certificate's paragraph
WORDS: Final = {Kind.FAILING: "failing", Kind.LIMITED: "held up by a rate limit", Kind.EXPIRING: "expiring"}


@dataclass(frozen=True, slots=True)
class Line:
    """One Certificate: how it stands, and what to do, in the words of `certshim explain`."""

    namespace: str
    name: str
    text: str
    advice: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message.  `id` is the same each time it is tried; `incident` is that of all messages of one incident.

    `about` are the Certificates that were in it when it ended, as far as they are there still.
    """

    id: str
    incident: str
    number: int
    event: Event
    kind: Kind
    severity: Severity
    issuer: str
    since: datetime
    at: datetime
    count: int
    cluster: str = ""
    lines: tuple[Line, ...] = ()
    about: tuple[str, ...] = ()
    repeat: timedelta = REPEAT

    @property
    def subject(self) -> str:
        """One line that says it all."""
        cluster = f"[{self.cluster}] " if self.cluster else ""
        who = f"{self.count} certificates" if self.count != 1 else "1 certificate"
        if self.event is Event.CLOSED:
            were = f"Certificate {self.about[0]} was" if len(self.about) == 1 else "certificates were"
            said = f"Over after {lasting(self.at - self.since)}: {were} {WORDS[self.kind]}"
        elif self.count == 1 and self.lines:
            said = f"Certificate {self.lines[0].namespace}/{self.lines[0].name} is {WORDS[self.kind]}"
        else:
            said = f"{who} {'is' if self.count == 1 else 'are'} {WORDS[self.kind]}"
        still = "Still: " if self.event is Event.REPEATED else ""
        urgent = "CRITICAL: " if self.severity is Severity.CRITICAL and self.event is not Event.CLOSED else ""
        return one_line(f"{cluster}{urgent}{still}{said} ({self.issuer})", 200)

    @property
    def since_when(self) -> str:
        """Since when it is so, or that it is over."""
        began = f"{self.since:%Y-%m-%d %H:%M} UTC"
        if self.event is Event.CLOSED:
            return f"It began at {began} and lasted {lasting(self.at - self.since)}{self._of}. Nothing is to be done."
        often = "once a day" if self.repeat == REPEAT else f"again after {self.repeat / timedelta(hours=1):g} h"
        return f"Since {began}, for {lasting(self.at - self.since)}. Told {often} until it is over."

    @property
    def _of(self) -> str:
        """Of which Certificates it was, the first ten."""
        more = len(self.about) - MOST_SHOWN
        shown = ", ".join(self.about[:MOST_SHOWN])
        return f", of {shown}{f' and {more} more' if more > 0 else ''}" if shown else ""

    @property
    def remainder(self) -> str:
        """How many Certificates are not shown; empty when none."""
        more = self.count - len(self.lines)
        return f"and {more} more" if more > 0 and self.event is not Event.CLOSED else ""


def message_of(
    incident: Incident,
    lines: tuple[Line, ...],
    cluster: str,
    now: datetime,
    *,
    about: tuple[str, ...] = (),
    repeat: timedelta = REPEAT,
) -> Message:
    """Return the message of an incident that is due; of many Certificates, the first ten are shown."""
    assert incident.due is not None  # noqa: S101  the caller has looked
    return Message(
        id=incident.message_id,
        incident=incident.id,
        number=incident.told + 1,
        event=incident.due,
        kind=incident.kind,
        severity=incident.severity,
        issuer=incident.issuer,
        since=incident.since,
        at=now,
        count=incident.count,
        cluster=cluster,
        lines=lines if incident.due is not Event.CLOSED else (),
        about=about,
        repeat=repeat,
    )


def plain(message: Message) -> str:
    """Return it as text."""
    parts = [message.subject, message.since_when]
    for line in message.lines:
        parts.append(f"{line.namespace}/{line.name}: {line.text}")
        if line.advice:
            parts.append(f"What to do: {line.advice}")
        parts.append(f"More: certshim explain certificate {line.name} -n {line.namespace}")
    if message.remainder:
        parts.append(f"… {message.remainder}.")
    return "\n\n".join(parts) + "\n"


def lasting(span: timedelta) -> str:
    """Return how long something lasts, in its largest unit.

    >>> lasting(timedelta(days=2, hours=3)), lasting(timedelta(minutes=1)), lasting(timedelta())
    ('2 days', '1 minute', '0 seconds')
    """
    seconds = max(int(span.total_seconds()), 0)
    size, unit = next(
        ((size, unit) for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")) if seconds >= size),
        (1, "second"),
    )
    count = seconds // size
    return f"{count} {unit}{'' if count == 1 else 's'}"
