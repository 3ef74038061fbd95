"""The message of `certshim notify test`."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from certs.decide.incidents import Event
from certs.decide.trouble import Kind, Severity
from shim.notify.message import Line, Message


def test_message() -> Message:
    """Return one that says that nothing is wrong."""
    now, name = datetime.now(UTC), f"test-{secrets.token_hex(8)}"
    return Message(
        id=f"{name}.1",
        incident=name,
        number=1,
        event=Event.OPENED,
        kind=Kind.FAILING,
        severity=Severity.WARNING,
        issuer="a test of certshim notify",
        since=now,
        at=now,
        count=1,
        lines=(Line("test", "test", "This is a test: nothing is wrong, and nothing is to be done."),),
    )
