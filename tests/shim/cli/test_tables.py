"""Tables and paragraphs, as they come on a pseudo terminal and where there is none."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from shim.cli.explained import summary
from shim.cli.tables import Column, blocks, fits, plain

COLUMNS = (Column("NAME"), Column("READY", colours={"True": "green", "False": "red"}), Column("STATE", wraps=True))
ROWS = (
    ("web-tls", "True", "ready"),
    ("checkout-of-the-shop-tls", "False", "cannot resolve checkout-of-the-shop.example.test: SERVFAIL; mend its zone"),
)
SCRIPT = """\
from shim.cli import tables
from shim.cli.terminal import wrapped
from tests.shim.cli.test_tables import COLUMNS, ROWS
tables.write(COLUMNS, ROWS, wide=False)
print(wrapped(ROWS[1][2], "- ", "  "))
"""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


PROGRESS = """\
from shim.cli import progress
with progress.busy("Reading") as say:
    say("Reading 1 of 2")
with progress.bar() as bar:
    bar.tell(0, 3, "Waiting for 3: a, b, c")
    bar.tell(2, 3, "Waiting for 1: c")
    bar.tell(2, 3, "Waiting for 1: c")
print("All are ready.")
"""


def on_terminal(columns: int, script: str = SCRIPT, **env: str) -> str:
    """Return what a script writes to a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", **env}
    for name in {"NO_COLOR", "COLUMNS", "FORCE_COLOR"} - env.keys():
        environment.pop(name, None)
    done = subprocess.Popen([sys.executable, "-c", script], stdin=theirs, stdout=theirs, stderr=theirs, env=environment)  # noqa: S603
    os.close(theirs)
    written = b""
    try:
        while part := os.read(ours, 1 << 16):
            written += part
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    assert done.wait(20) == 0, written.decode()
    return written.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [30, 60, 80, 100, 200])
def test_no_word_is_broken(columns: int) -> None:
    """At any width each word stands whole in a line, and no line is filled up with spaces."""
    written = ESCAPES.sub("", on_terminal(columns))

    words = written.split()
    for row in ROWS:
        for cell in row:
            assert set(cell.split()) <= set(words)
    longest = max(len(word) for row in ROWS for cell in row for word in cell.split())
    for line in written.splitlines():
        assert line == line.rstrip()
        assert len(line) <= max(columns, longest + len("NAME") + 4), line


def test_a_terminal_gets_colours_unless_nobody_wants_any() -> None:
    """Red says that it is not ready; with NO_COLOR (no-color.org) no colour is left."""
    colours = re.compile(r"\x1b\[(3[0-7]|38)")

    assert "\x1b[31mFalse" in on_terminal(100)
    assert colours.search(on_terminal(100, NO_COLOR="1")) is None


def test_a_narrow_terminal_gets_blocks() -> None:
    """A table would break names."""
    assert "NAME    web-tls\n" in ESCAPES.sub("", on_terminal(40))


def test_elsewhere_a_row_is_a_line() -> None:
    """As kubectl's: aligned, and as long as it is."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)  # noqa: S603

    lines = done.stdout.splitlines()
    assert lines[0] == "NAME                       READY   STATE"
    assert lines[2] == f"checkout-of-the-shop-tls   False   {ROWS[1][2]}"
    assert "\x1b" not in done.stdout
    assert not done.stderr


def test_progress_is_gone_when_the_work_is_done() -> None:
    """A terminal shows how far it is, and then that line is taken away."""
    written = on_terminal(80, PROGRESS)

    assert "2/3" in written
    assert "Waiting for 1: c" in written
    end = written.rindex("All are ready.")
    assert "\x1b[2K" in written[written.rindex("Waiting for 1: c") : end], "the line is cleared"
    assert "\x1b[?25h" in written[:end], "the cursor is back"


def test_elsewhere_progress_is_a_line_for_each_change() -> None:
    """On stderr, so that a pipe gets the result alone."""
    done = subprocess.run([sys.executable, "-c", PROGRESS], capture_output=True, text=True, check=True)  # noqa: S603

    assert done.stderr == "Waiting for 3: a, b, c\nWaiting for 1: c\n"
    assert done.stdout == "All are ready.\n"


@pytest.mark.parametrize(("screen", "fit"), [(60, False), (75, True), (200, True)])
def test_a_table_needs_room_for_its_words(screen: int, fit: bool) -> None:  # noqa: FBT001
    assert fits(COLUMNS, ROWS, screen) is fit


def test_rows_are_told_apart() -> None:
    """In blocks by an empty line."""
    assert list(blocks(COLUMNS, ROWS[:1] * 2, 80)).count("") == 1
    assert len(list(plain(COLUMNS, ROWS))) == 3


@pytest.mark.parametrize(
    ("states", "lacking", "silent", "said"),
    [
        (["good"] * 2, 0, 0, "2 certificates: 2 ready."),
        (["failing", "good", "waiting"], 0, 0, "3 certificates: 1 ready, 1 waiting, 1 failing."),
        (["good"], 1, 2, "1 certificate: 1 ready. 1 Ingress has none yet. 2 Ingresses ask for none."),
        ([], 0, 1, "No certificates. 1 Ingress asks for none."),
    ],
)
def test_a_summary_counts(states: list[str], lacking: int, silent: int, said: str) -> None:
    assert summary(states, lacking, silent) == said
