from __future__ import annotations

import json
import subprocess
import sys

import pytest

# Logging is the process's own: each case is a process.
PROGRAM = """
import logging, structlog
from shim.log import configure
configure(level={level!r}, form={form!r})
log = structlog.get_logger("shim.case")
log.info("order created", order="shop-1")
logging.getLogger("shim.kube").info("watch ended", extra={{"kind": "Secret"}})
logging.getLogger("urllib3").info("chatter")
log.debug("each request")
def fail():
    private_key = "sesame"
    raise ValueError("no")
try:
    fail()
except ValueError:
    log.exception("turn crashed")
"""


def lines(level: str, form: str) -> list[str]:
    code = PROGRAM.format(level=level, form=form)
    done = subprocess.run(  # noqa: S603 -- our own text
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert not done.stdout
    return done.stderr.splitlines()


def test_json_has_one_object_a_line() -> None:
    """Both ways of logging end alike: event, level, time and values as keys; a traceback is a value."""
    first, second, crash = map(json.loads, lines("info", "json"))

    assert (first["event"], first["level"], first["order"]) == ("order created", "info", "shop-1")
    assert first["timestamp"].endswith("Z")
    assert (second["event"], second["level"], second["kind"]) == ("watch ended", "info", "Secret")
    assert "ValueError: no" in crash["exception"]
    assert 'private_key = "sesame"' not in json.dumps(crash)


@pytest.mark.parametrize(
    ("level", "events"),
    [
        ("debug", ["order created", "watch ended", "each request", "turn crashed"]),
        ("error", ["turn crashed"]),
    ],
)
def test_level_is_a_setting(level: str, events: list[str]) -> None:
    """Ours is heard from that level on; the chatter of libraries never is."""
    assert [json.loads(line)["event"] for line in lines(level, "json")] == events


def test_text_is_for_people() -> None:
    """The event first, then the values; a traceback without the values of locals."""
    output = lines("info", "text")

    assert "order created" in output[0]
    assert "order=shop-1" in output[0]
    assert any("ValueError: no" in line for line in output)
    assert not any("sesame" in line for line in output if "private_key =" not in line)
