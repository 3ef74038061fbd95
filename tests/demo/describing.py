"""What matters of a `kubectl describe`: the name, the status and the events."""

from __future__ import annotations

from typing import Final

KEPT: Final = frozenset(("Name", "Status", "Events"))


def excerpt(text: str) -> str:
    """Return the kept sections."""
    lines = []
    keep = False
    for line in text.splitlines():
        if line and not line[0].isspace():
            keep = line.partition(":")[0] in KEPT
        if keep and line.strip():
            lines.append(line)
    return "\n".join(lines)
