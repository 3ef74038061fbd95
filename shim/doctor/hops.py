"""What `certshim doctor` says of each part of an installation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a part stands."""

    OK = "ok"
    WARNING = "warning"  # it works, and will not for ever, or not for all
    FAILED = "failed"
    UNKNOWN = "unknown"  # it could not be looked at


@dataclass(frozen=True, slots=True)
class Hop:
    """One part: what was seen, and what to do where it is not well."""

    name: str
    verdict: Verdict
    evidence: str
    remedy: str = ""


def ok(name: str, evidence: str) -> Hop:
    """Return that a part is well."""
    return Hop(name, Verdict.OK, evidence)


def failed(name: str, evidence: str, remedy: str) -> Hop:
    """Return that a part does not work."""
    return Hop(name, Verdict.FAILED, evidence, remedy)


def warning(name: str, evidence: str, remedy: str) -> Hop:
    """Return that a part should be looked after."""
    return Hop(name, Verdict.WARNING, evidence, remedy)


def unknown(name: str, evidence: str) -> Hop:
    """Return that a part could not be looked at, and why."""
    return Hop(name, Verdict.UNKNOWN, evidence)
