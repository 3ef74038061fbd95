"""Logging of the webhook process with the standard library alone: an event, and values as keys.

The lines look like the shim's, whose library is not worth its memory here.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _Format(logging.Formatter):
    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and the traceback if there is one."""
        fields = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **{key: value for key, value in vars(record).items() if key not in _STANDARD},
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        if self._as_json:
            return json.dumps(fields, default=str)
        head = f"{fields.pop('timestamp')} [{fields.pop('level')}] {fields.pop('event')}"
        return " ".join([head, *(f"{key}={_shown(key, value)}" for key, value in fields.items())])


def _shown(key: str, value: object) -> str:
    """Return a value within the line: what others have said may have lines of its own, a forged one among them."""
    text = str(value)
    return text if text.isprintable() or key == "exception" else repr(text)


def configure(*, level: str, form: str) -> None:
    """Log to stderr as `text` or `json`: ours from that level on, everybody else from warning on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Format(as_json=form == "json"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in ("webhook", "shim.kube"):
        logging.getLogger(name).setLevel(level.upper())
