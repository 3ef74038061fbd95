"""The API server's audit log as typed events: who asked what of which object, and what was answered.

The log is JSON lines at level Metadata (no bodies), but for what service accounts write into statuses and Events: these
are whole.  A mark is a place in it: `mark()` before an act and `since(mark)`
after it give that act's requests.  An event is written when its request is complete, which may be a moment after the
client has its answer: a test that looks for one event waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NewType

import msgspec

Mark = NewType("Mark", int)
BEGINNING = Mark(0)


class AuditUser(msgspec.Struct, frozen=True):
    """Who asked."""

    username: str = ""
    groups: tuple[str, ...] = ()


class AuditObject(msgspec.Struct, frozen=True, rename="camel"):
    """What was asked for; a list or a create has no name."""

    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    api_group: str = ""
    api_version: str = ""


class AuditStatus(msgspec.Struct, frozen=True):
    """What was answered."""

    code: int = 0
    message: str = ""


class AuditEvent(msgspec.Struct, frozen=True, rename="camel"):
    """One request (`audit.k8s.io/v1`, the fields that are of use here)."""

    verb: str
    stage: str
    request_uri: str = msgspec.field(name="requestURI")
    user: AuditUser
    user_agent: str = ""
    object_ref: AuditObject = AuditObject()
    response_status: AuditStatus = AuditStatus()
    request_received_timestamp: str = ""
    stage_timestamp: str = ""
    annotations: dict[str, str] = {}
    request_object: msgspec.Raw = msgspec.Raw()


class AuditLog:
    """Reads the log file while the API server writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def mark(self) -> Mark:
        """Return the present end of the log."""
        return Mark(self.path.stat().st_size if self.path.exists() else 0)

    def since(self, mark: Mark = BEGINNING) -> Iterator[AuditEvent]:
        """Yield the complete events written after the mark and until now."""
        decoder = msgspec.json.Decoder(AuditEvent)
        with self.path.open("rb") as file:
            file.seek(mark)
            for line in file:
                if not line.endswith(b"\n"):  # still being written
                    return
                yield decoder.decode(line)
