"""The table and the file."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from bench import machine, report
from bench.__main__ import parser
from bench.machine import Head, Machine
from bench.measurement import lower

HEAD = Head(
    machine=Machine(cpu="Fast", cores=2, memory_gb=24.0, python="3.11.7", kernel="6.1", load_before=0.1),
    commit="0123456789abcdef",
    dirty=True,
    at="2026-01-01T00:00:00Z",
    quick=False,
    notes=["measured at night"],
)


def test_the_file_is_one_list_with_the_head_first(tmp_path: Path) -> None:
    path = tmp_path / "build" / "bench.json"

    report.write(HEAD, [lower("CPU", 12.34, "µs", 110)], path)

    first, figure = json.loads(path.read_text())
    assert first == HEAD
    assert figure == {"name": "CPU", "value": 12.3, "unit": "µs", "aim": 110, "better": "lower"}


def test_the_screen_names_machine_commit_figures_aims_and_notes() -> None:
    out = io.StringIO()

    report.show(HEAD, [lower("time", 2, "s", 1), lower("writes: create", 1, "requests")], Console(file=out, width=150))

    text = out.getvalue()
    assert "Fast, 2 cores" in text
    assert "commit 0123456789ab with uncommitted changes" in text
    assert ["time", "2", "s", "≤", "1", "missed"] in [line.split() for line in text.splitlines()]
    assert ["create", "1", "requests"] in [line.split() for line in text.splitlines()]
    assert "note: measured at night" in text


def test_the_head_tells_of_this_machine_and_this_commit() -> None:
    head = machine.head(quick=True, notes=[])

    assert head["machine"]["cores"] >= 1
    assert head["machine"]["memory_gb"] > 0
    assert re.fullmatch(r"[0-9a-f]{40}|unknown", head["commit"]), "unknown outside of a repository"


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("processor\t: 0\nmodel name\t: Fast CPU @ 2: GHz\nmodel name\t: other\n", "Fast CPU @ 2: GHz"),
        ("processor\t: 0\nBogoMIPS\t: 50.00\n", ""),
    ],
    ids=["named", "not named"],
)
def test_the_cpu_is_called_what_the_kernel_calls_it(cpuinfo: str, expected: str) -> None:
    assert machine.cpu_model(cpuinfo) == expected


@pytest.mark.parametrize(
    ("arguments", "names"), [([], []), (["--quick", "memory", "webhook"], ["memory", "webhook"])], ids=["all", "some"]
)
def test_measurements_are_chosen_by_name(arguments: list[str], names: list[str]) -> None:
    assert parser().parse_args(arguments).names == names


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["speed"])

    assert "invalid choice: 'speed'" in capsys.readouterr().err
