"""How verdicts are told: short, few, and never without the remedy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.problems import Path, Problem, ProblemType
from certs.rules.catalogue import CATALOGUE, Sort
from certs.verdict import MAX_WARNING, MAX_WARNINGS, bounded, warning_lines
from shim.cli.rulespage import told

KEY = Path("metadata") / "annotations" @ "cert-manager.io/cluster-issuer"


def problem(detail: str, remedy: str, path: Path = KEY) -> Problem:
    return Problem(path, ProblemType.INVALID, detail, remedy=remedy)


def test_a_short_finding_is_one_warning() -> None:
    assert warning_lines(problem("is wrong", "mend it")) == (f"{KEY}: is wrong; mend it",)


def test_a_longer_finding_names_the_annotation_by_its_key() -> None:
    lines = warning_lines(problem("is wrong" + "!" * 50, "mend it"))

    assert lines == (f"cert-manager.io/cluster-issuer: is wrong{'!' * 50}; mend it",)


def test_a_long_finding_is_two_warnings_of_which_the_remedy_is_whole() -> None:
    (first, second) = bounded([warning_lines(problem("is wrong" + "!" * 200, "mend it"))])

    assert first.startswith("cert-manager.io/cluster-issuer: is wrong!!!")
    assert first.endswith("…")
    assert second == "cert-manager.io/cluster-issuer: mend it"


def test_what_is_told_twice_is_told_once() -> None:
    assert bounded([("a",), ("a",), ("b",)]) == ("a", "b")


def test_more_than_eight_are_counted() -> None:
    """A finding of two warnings is not torn apart."""
    findings = [(f"{i}",) for i in range(6)] + [("6 what", "6 how")] + [(f"{i}",) for i in range(7, 20)]

    warnings = bounded(findings)

    assert warnings == ("0", "1", "2", "3", "4", "5", "… and 14 more; run certshim check for all")


def test_eight_are_all_told() -> None:
    assert len(bounded([(f"{i}",) for i in range(8)])) == 8


def test_a_warning_has_no_control_characters() -> None:
    """The API server drops one that has."""
    assert bounded([("a\nb\x00c",)]) == ("a b c",)


@given(st.lists(st.lists(st.text(max_size=200), min_size=1, max_size=2).map(tuple), max_size=15))
def test_whatever_is_told_fits(findings: list[tuple[str, ...]]) -> None:
    warnings = bounded(findings)

    assert len(warnings) <= MAX_WARNINGS
    assert all(len(warning) <= MAX_WARNING for warning in warnings)
    assert bool(warnings) == bool(findings)


@pytest.mark.parametrize("rule", [entry.id for entry in CATALOGUE.values() if entry.sort is not Sort.API])
def test_a_finding_of_each_rule_fits_with_its_remedy(rule: str) -> None:
    """Of the examples, which have names of usual length; whatever action a policy chooses."""
    for found in told(rule):
        lines = warning_lines(found)

        assert lines[-1].endswith(found.remedy)
        assert all(len(line) <= MAX_WARNING for line in lines[-1:])
