"""When the Secret is written again between issuances: at once, and ever more rarely where somebody undoes it.

Two who both write a key would otherwise go on as fast as they can.  A person who tries something finds it mended
within the second; whoever undoes it every time is named in one event, and meets us at most every five minutes.
After ten minutes of peace, and with every new spec, all is forgotten.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from certs.api.certificate import Certificate
from certs.decide.certificatesteps import ObservedCertificate, RewriteSecret, Rewritten
from certs.decide.contents import outdated
from certs.decide.pauses import doubled
from certs.outcomes import Wait

AT_ONCE: Final = 3  # writes in a row without a pause: a person at work, not a program
FIRST_PAUSE: Final = timedelta(seconds=10)
LONGEST_PAUSE: Final = timedelta(minutes=5)
PEACE: Final = 2 * LONGEST_PAUSE  # longer than any pause, or a fight would count as two


def keep_up(observed: ObservedCertificate, now: datetime) -> RewriteSecret | Wait | None:
    """Return that the Secret is written, or when; None when all is as it should be, or as we can make it."""
    violation = None if observed.is_rewritten else outdated(observed)
    if violation is None:
        return None
    note = observed.rewritten
    times = in_a_row(note, observed.certificate, now)
    due = note.at + pause(times) if note is not None and times >= AT_ONCE else now
    if now < due:
        return Wait(due, f"the Secret is being changed again and again: {violation.message}")
    return RewriteSecret(violation.reason, violation.message, times, is_contested=times == AT_ONCE - 1)


def in_a_row(note: Rewritten | None, certificate: Certificate, now: datetime) -> int:
    """Return how often it was written for this spec, without ten minutes of peace in between."""
    if note is None or note.generation != certificate.metadata.generation or abs(now - note.at) > PEACE:
        return 0
    return note.times


def pause(times: int) -> timedelta:
    """Return how long to wait after so many writes in a row, `AT_ONCE` or more."""
    return doubled(FIRST_PAUSE, times - AT_ONCE, LONGEST_PAUSE)
