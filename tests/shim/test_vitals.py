from __future__ import annotations

import pytest

from certs.health import Finding, is_well, told
from shim import vitals


@pytest.mark.parametrize(
    ("finding", "sentence"),
    [
        (vitals.loops(()), ""),
        (vitals.loops(("orders",)), "these have ended, only a restart brings them back: orders"),
        (vitals.lease(None), ""),
        (vitals.lease(-30.0), ""),
        (vitals.lease(19.0), ""),
        (vitals.lease(21.0), "the lease ended 21 s ago, and this process has not stopped working"),
        (vitals.shutdown(ending=False, lost=False), ""),
        (vitals.shutdown(ending=True, lost=False), "the process was told to stop"),
        (vitals.shutdown(ending=True, lost=True), "the lease was lost, another replica goes on"),
        (vitals.stores((), ("secrets",)), ""),
        (vitals.stores(("secrets",), ()), "not complete yet: secrets"),
        (
            vitals.stores(("secrets",), ("secrets",)),
            "not complete yet: secrets; the API server cannot be reached or refuses: look at the log",
        ),
    ],
)
def test_what_fails_is_said(finding: Finding, sentence: str) -> None:
    """A check fails exactly when it has a sentence about it."""
    assert (finding.failed, finding.sentence) == (bool(sentence), sentence)


@pytest.mark.parametrize(
    ("finding", "sentence"),
    [
        (vitals.leader(elected=True), "this replica works"),
        (vitals.leader(elected=False), "standing by, another replica works"),
        (
            vitals.api_server(("secrets", "orders")),
            "not followed at the moment, the stores answer with what they had: secrets, orders",
        ),
        (vitals.api_server(()), ""),
    ],
)
def test_what_is_worth_a_sentence_does_not_fail(finding: Finding, sentence: str) -> None:
    """A standby is ready, and so is a replica that cannot reach the API server: its responder answers."""
    assert not finding.failed
    assert finding.sentence == sentence


@pytest.mark.parametrize(
    ("jump", "sentence"),
    [
        (0.0, ""),
        (299.0, ""),
        (-299.0, ""),
        (301.0, "the wall clock has jumped by +301 s since the start; a restart takes the new time over"),
        (-4000.0, "the wall clock has jumped by -4000 s since the start; a restart takes the new time over"),
    ],
)
def test_a_clock_that_jumps_is_seen(jump: float, sentence: str) -> None:
    """Five minutes either way, however much time has passed."""
    wall, monotonic = [1_700_000_000.0], [5.0]
    clocks = vitals.Clocks(lambda: wall[0], lambda: monotonic[0])
    wall[0] += 86_400 + jump
    monotonic[0] += 86_400

    assert clocks.look() == Finding("clock", bool(sentence), sentence)


def test_pages_are_for_probes_and_for_people() -> None:
    """All is well: one word; verbose: each check."""
    findings = (vitals.shutdown(ending=False, lost=False), vitals.leader(elected=False))

    assert is_well(findings)
    assert told("readyz", findings) == "ok\n"
    assert told("readyz", findings, verbose=True).splitlines() == [
        "[+]shutdown ok",
        "[+]leader ok: standing by, another replica works",
        "readyz check passed",
    ]
