"""The change of an ACME account's key, RFC 8555 §7.3.5: the account stays, another key has it from then on.

    Secret:  tls.key  tls.key.next            `certshim account rotate-key` has put the next key beside the old
                 │        │
                 │   the CA gives the account to the next key: asked first which of the two has it
                 v        v
    Secret:  tls.key = what was next          one write; then the status learns of the key, and nothing else changes

The next key is stored before the CA hears of it, so a kill at any point loses nothing: whoever goes on asks the CA
which key has the account, and finishes.  Issuers that share the Secret change together, one of them acting.

What is being proven with the old key is let finish, since the answers of a challenge are made with the account's key
(§8.1); what is held up, or has been under way for long, is asked for anew.  A key that somebody puts in the place of
the old one is no change of keys: it is another account.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from certs.api.challenge import Challenge
from certs.api.core import Secret
from certs.api.issuer import AnyIssuer
from certs.decide.challengestatus import awaiting_verdict

SUFFIX: Final = ".next"
# From the creation of a Challenge; what takes longer would hold up the change for ever.
PROVEN_WITHIN: Final = timedelta(seconds=60)
LOOK_AGAIN: Final = timedelta(seconds=1)


class KeyChange(Enum):
    """How it stands with a change of keys."""

    NONE = auto()
    DUE = auto()
    PROVING = auto()  # what is under way shall finish first
    ANOTHERS = auto()  # an issuer with the same Secret does it


@dataclass(frozen=True, slots=True)
class Sharing:
    """All issuers with one Secret and key, and all their Challenges; none where no change is asked for."""

    issuers: tuple[AnyIssuer, ...] = ()
    challenges: tuple[Challenge, ...] = ()


NOBODY: Final = Sharing()


def next_key(secret: Secret | None, key: str) -> bytes:
    """Return the key that the account shall have; empty when none is stored."""
    return secret.data.get(key + SUFFIX, b"") if secret is not None else b""


def key_change(issuer: AnyIssuer, secret: Secret | None, key: str, sharing: Sharing, now: datetime) -> KeyChange:
    """Return whether the key of the issuer's account is to be changed now."""
    if not next_key(secret, key) or not _has_account(issuer):
        return KeyChange.NONE
    acting = min((one for one in sharing.issuers if _has_account(one)), key=_rank, default=issuer)
    if _rank(acting) != _rank(issuer):
        return KeyChange.ANOTHERS
    return KeyChange.PROVING if any(_is_proving(one, now) for one in sharing.challenges) else KeyChange.DUE


def stale(challenges: Iterable[Challenge]) -> tuple[Challenge, ...]:
    """Return those whose answers were made with the key of before, and are still to be given."""
    return tuple(one for one in challenges if not one.status.state.is_final and one.metadata.deletion_timestamp is None)


def _has_account(issuer: AnyIssuer) -> bool:
    return issuer.status.acme is not None and issuer.status.acme.uri != ""


def _rank(issuer: AnyIssuer) -> tuple[str, str, str]:
    return (type(issuer).resource.kind, issuer.metadata.namespace, issuer.metadata.name)


def _is_proving(challenge: Challenge, now: datetime) -> bool:
    made_at, status = challenge.metadata.creation_timestamp, challenge.status
    is_held_up = status.processing and status.reason not in {"", awaiting_verdict(challenge.spec.type)}
    is_fresh = made_at is not None and now - made_at < PROVEN_WITHIN
    return bool(stale((challenge,))) and is_fresh and not is_held_up
