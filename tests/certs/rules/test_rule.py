"""What an update answers for: what it brought, wherever it stands."""

from __future__ import annotations

import pytest

from certs.problems import Path, Problem, ProblemType
from certs.rules.rule import NO_POLICY, Action, Policy, Rule, examine

Words = tuple[str, ...]


def check(words: Words) -> list[Problem]:
    """Find the words that are in capitals."""
    return [
        Problem(Path("words") @ i, ProblemType.INVALID, "is in capitals", word)
        for i, word in enumerate(words)
        if word.isupper()
    ]


RULE = Rule("capitals", "A word in capitals.", check)


def found(new: Words, old: Words | None, rule: Rule[Words] = RULE) -> list[str]:
    findings = examine([rule], new, lambda: old, NO_POLICY, synced=True)
    return [str(problem.path) for problem in findings.problems]


@pytest.mark.parametrize(
    ("new", "old", "paths"),
    [
        pytest.param(("a", "B"), None, ["words[1]"], id="create"),
        pytest.param(("a", "B"), ("a", "B"), [], id="there before"),
        pytest.param(("x", "a", "B"), ("a", "B"), [], id="moved by another"),
        pytest.param(("B", "a"), ("a", "B"), [], id="moved itself"),
        pytest.param(("a", "B", "C"), ("a", "B"), ["words[2]"], id="another mistake"),
        pytest.param(("a", "B", "B"), ("a", "B"), ["words[2]"], id="the same mistake again"),
        pytest.param(("B", "a", "B"), ("a", "a", "B"), ["words[0]"], id="again, and the first one stayed"),
        pytest.param(("a",), ("a", "B"), [], id="mended"),
    ],
)
def test_an_update_answers_for_what_it_brought(new: Words, old: Words | None, paths: list[str]) -> None:
    assert found(new, old) == paths


def test_what_the_rule_was_not_asked_before_is_no_excuse() -> None:
    findings = examine(
        [RULE], ("B",), lambda: ("B",), NO_POLICY, synced=True, applies=lambda _, words: "B" not in words
    )

    assert len(findings.problems) == 1


@pytest.mark.parametrize(("action", "denied", "warned"), [(Action.DENY, 1, 0), (Action.WARN, 0, 1), (Action.OFF, 0, 0)])
def test_the_policy_says_what_a_finding_leads_to(action: Action, denied: int, warned: int) -> None:
    findings = examine([RULE], ("B",), lambda: None, Policy({"capitals": action}), synced=True)

    assert (len(findings.problems), len(findings.warned)) == (denied, warned)


def test_a_rule_that_needs_facts_is_left_out_without_them() -> None:
    rule = Rule("capitals", "A word in capitals.", check, needs_facts=True)

    findings = examine([rule], ("B",), lambda: None, NO_POLICY, synced=False)

    assert (len(findings.problems), findings.skipped) == (0, ["capitals"])


def test_the_old_object_is_not_asked_for_when_nothing_is_wrong() -> None:
    def old() -> Words:
        raise AssertionError("nobody needs it")

    assert not examine([RULE], ("a",), old, NO_POLICY, synced=True).problems
