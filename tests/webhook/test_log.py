"""The lines of the webhook's log."""

from __future__ import annotations

import json
import subprocess
import sys

# Logging is the process's own: each case is a process.
PROGRAM = """
import logging
from webhook.log import configure
configure(level="info", form={form!r})
log = logging.getLogger("webhook.case")
log.warning("cannot follow", extra={{"error": "no\\n2026-01-01 [error] forged \\x1b[31m", "kind": "secrets"}})
try:
    raise ValueError("no")
except ValueError as error:
    log.error("review crashed", exc_info=error)
"""


def lines(form: str) -> list[str]:
    command = [sys.executable, "-c", PROGRAM.format(form=form)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)  # noqa: S603  our own text
    return done.stderr.splitlines()


def test_text_has_one_line_an_event() -> None:
    """Whatever others have said; only a traceback has lines of its own."""
    told, *crash = lines("text")

    assert told.endswith(r" [warning] cannot follow error='no\n2026-01-01 [error] forged \x1b[31m' kind=secrets")
    assert crash[0].endswith(" [error] review crashed exception=Traceback (most recent call last):")
    assert crash[-1] == "ValueError: no"


def test_json_has_one_object_a_line() -> None:
    told, crash = map(json.loads, lines("json"))

    assert told["error"].splitlines()[1].startswith("2026-01-01 [error] forged")
    assert crash["exception"].endswith("ValueError: no")
