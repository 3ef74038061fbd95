"""What every kind's steps have in common: events to tell, and statuses to write.

A step is a frozen value that names one thing to do; `act` in `shim.controllers` does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Tell:
    """An event to record on the object once the step it belongs to has been taken."""

    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"


def one_line(text: str, limit: int = 512) -> str:
    """Return text from outside fit for a status or an event: one line, bounded.

    Nothing that a server sent is stored at full length (design: every input is hostile).
    """
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"
