"""The static rules in CEL: that each says what the judge says.  `tests/system/test_policies.py` has them evaluated."""

from __future__ import annotations

from typing import Any

import pytest

from certs.annotations import ELSEWHERE, KNOWN, LEGACY
from certs.rules.rule import Action, Policy
from certs.staticpolicy import objects
from certs.staticrules import CHECKS, Check, in_cel, problem_of


def variables(policy: Policy | None = None) -> dict[str, str]:
    """Return the policy's variables by name."""
    made: dict[str, Any] = objects(policy)[0] if policy else objects()[0]
    return {one["name"]: one["expression"] for one in made["spec"]["variables"]}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.rule} {check.broken[:30]}")
def test_every_sample_breaks_its_rule_and_no_other(check: Check) -> None:
    """And nothing of the sample is left in the sentence in CEL."""
    problem = problem_of(check.sample, check.rule)

    assert check.shown.keys() == {part for part in check.shown if part in str(problem) + problem.remedy}
    assert not any(part in check.text.replace(key, "") for part in check.shown for key in check.shown.values())


def test_a_sample_that_the_judge_takes_is_an_error() -> None:
    """The rule may have gone, or its name changed."""
    with pytest.raises(LookupError, match="cannot have the sentence of issuer-missing"):
        problem_of({"metadata": {"annotations": {"cert-manager.io/issuer": "le"}}, "spec": {}}, "issuer-missing")


def test_text_in_cel_is_quoted_and_filled_in() -> None:
    assert in_cel('a "x" b', {'"x"': "strings.quote(v)"}) == '"a " + strings.quote(v) + " b"'
    assert in_cel('"', {}) == '"\\""'


def test_no_key_that_anybody_reads_is_unknown() -> None:
    known = variables()["known"]

    own = [key for key in (*KNOWN, *ELSEWHERE, *LEGACY) if not key.startswith("kubernetes.io/")]
    assert [key for key in own if f'"{key}"' not in known] == []


@pytest.mark.parametrize("action", [Action.WARN, Action.OFF])
def test_rules_that_do_not_deny_are_left_out(action: Action) -> None:
    """By the settings of the webhook, which the API server cannot see."""
    rules = dict.fromkeys(["unknown-annotation", *(check.rule for check in CHECKS)], action)

    left = variables(Policy(rules))

    assert left["unknown"] == "[]"
    assert "annotationValue" in variables()
    assert "annotationValue" not in left
    assert left["broken"].startswith("variables.wanted ? ([])")


def test_a_namespace_has_no_say_about_a_locked_rule() -> None:
    """As little as with the webhook."""
    assert "variables.lenient" in variables()["unknown"]
    assert "variables.lenient" not in variables(Policy(locked=frozenset(("unknown-annotation",))))["unknown"]
