"""Renewal information of the CA, RFC 9773: whether and when to ask, what to store, and the moment within its window.

    issued ──a while──> AskRenewalInfo ──window──> renewal at a moment of it      asked again when the CA says
                              └── failed ──> as without; asked again by and by     (its Retry-After, bounded)

The moment is drawn by a hash of the certificate and the window: so it is spread evenly over all certificates, is
the same for every process that computes it, need not be stored, and is drawn anew when the window moves and only
then (§4.2).
The first question comes a while after the issuance, spread too: what a CA says of a certificate that it has
issued this minute nobody needs to know this minute.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from certs.api.certificate import ARIStatus, ARIWindow, CertificateACMEStatus, CertificateStatus
from certs.decide.pauses import doubled
from certs.pki.ari import certificate_id
from certs.pki.x509 import Leaf

# RFC 9773 §4.3.1 gives both as what a client may make of an interval that is too short or too long.
SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(days=1)
# §4.3.2: a CA that names no time, or fails for long.
USUAL: Final = timedelta(hours=6)
# §4.3.3: temporary failures are tried a few times, with growing pauses.
FIRST_RETRY: Final = timedelta(minutes=1)
# The first question: within an hour of the issuance, or a twentieth of the lifetime where that is shorter.
FIRST_WITHIN: Final = timedelta(hours=1)
SHARE: Final = 20
# What stands in the status is written again once a day where nothing but the time of the question has changed.
REWRITTEN_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """What this process remembers of its questions about one certificate: when the next is due, how many failed."""

    certificate_id: str
    next_check: datetime
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the CA said."""

    start: datetime
    end: datetime
    explanation_url: str = ""
    retry_at: datetime | None = None


def next_question(leaf: Leaf, status: CertificateStatus, asked: Asked | None) -> datetime | None:
    """Return when the CA is to be asked about a certificate; None when never."""
    own = certificate_id(leaf)
    if not own:
        return None
    if asked is not None and asked.certificate_id == own:
        return asked.next_check
    stored = status.acme.ari if status.acme is not None else None
    if stored is not None and stored.next_check is not None:
        return stored.next_check
    lifetime = leaf.not_after - leaf.not_before
    return leaf.not_before + min(FIRST_WITHIN, lifetime / SHARE) * _draw(own)


def moment(leaf: Leaf, status: CertificateStatus) -> datetime | None:
    """Return the UTC moment (whole seconds) that the stored window gives, or None when there is none.

    An answer from before the certificate was valid is about an earlier one.  Never later than a twentieth of
    the lifetime before expiry, whatever the window says: there must be time for an attempt that fails.
    """
    stored = status.acme.ari if status.acme is not None else None
    window = stored.suggested_window if stored is not None else None
    own = certificate_id(leaf)
    if stored is None or window is None or not own or window.end <= window.start:
        return None
    if stored.last_checked is None or stored.last_checked < leaf.not_before:
        return None
    draw = _draw(f"{own} {window.start.isoformat()} {window.end.isoformat()}")
    latest = leaf.not_after - (leaf.not_after - leaf.not_before) / SHARE
    return min(window.start + (window.end - window.start) * draw, latest).replace(microsecond=0)


def heard(status: CertificateStatus, said: Suggestion, now: datetime) -> CertificateStatus:
    """Return the status with what the CA said, or the same one when that is not worth a write."""
    window = ARIWindow(_whole(said.start), _whole(said.end))
    old = status.acme.ari if status.acme is not None else None
    new = ARIStatus(
        suggested_window=window,
        explanation_url=said.explanation_url,
        last_checked=_whole(now),
        next_check=_whole(next_check(said, now)),
    )
    if old is not None and _says_the_same(old, new):
        return status
    return _with(status, new)


def unheard(status: CertificateStatus, error: str, asked: Asked, now: datetime) -> CertificateStatus:
    """Return the status with why the CA could not be asked; the window that it gave before stays."""
    old = status.acme.ari if status.acme is not None and status.acme.ari is not None else ARIStatus()
    if old.last_error == error:
        return status
    new = msgspec.structs.replace(old, last_checked=_whole(now), next_check=_whole(asked.next_check), last_error=error)
    return _with(status, new)


def next_check(said: Suggestion, now: datetime) -> datetime:
    """Return when to ask again after an answer: when the CA said, within bounds."""
    if said.retry_at is None:
        return now + USUAL
    return min(max(said.retry_at, now + SHORTEST), now + LONGEST)


def after_failure(own: str, before: Asked | None, now: datetime, *, is_temporary: bool) -> Asked:
    """Return when to ask again after a failure: in a minute, two, four … up to six hours; six hours if it will last."""
    failures = before.failures + 1 if before is not None and before.certificate_id == own else 1
    pause = doubled(FIRST_RETRY, failures - 1, USUAL) if is_temporary else USUAL
    return Asked(own, now + pause, failures)


def _says_the_same(old: ARIStatus, new: ARIStatus) -> bool:
    if old.last_checked is None or new.last_checked is None or new.last_checked - old.last_checked >= REWRITTEN_AFTER:
        return False
    told = (old.suggested_window, old.explanation_url, old.last_error)
    return told == (new.suggested_window, new.explanation_url, new.last_error)


def _with(status: CertificateStatus, ari: ARIStatus) -> CertificateStatus:
    acme = status.acme or CertificateACMEStatus()
    return msgspec.structs.replace(status, acme=msgspec.structs.replace(acme, ari=ari))


def _draw(text: str) -> float:
    """Return a number in [0, 1) that looks like chance and is the same each time."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / (1 << 48)


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
