"""Durations in objects that are judged: what is none is no verdict, but a malformed request."""

from __future__ import annotations

from certs.durations import Duration, parse_duration
from certs.rules.findings import Undecodable


def read_duration(text: str | None) -> Duration | None:
    """Return the duration, None when there is none; raises `Undecodable` with Go's words."""
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise Undecodable(str(error)) from error
