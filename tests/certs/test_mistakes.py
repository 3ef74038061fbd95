"""Mistakes that people really make, each told at apply with what to do; and what is right, without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from certs.judge import Judge
from certs.known import FactsOf
from certs.lenient import lenient
from tests.certs.test_judge import KINDS, RESOURCES, placed, request
from tests.webhook.reviews import review

FOLDER = Path(__file__).parents[1] / "cases" / "mistakes"
FILES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
CORRECT = FILES.pop("correct")


def told(case: dict[str, Any]) -> tuple[bool, str]:
    """Return whether the object passes, and everything that is said of it: message and warnings, one a line."""
    kind = case["object"]["kind"]
    group, plural = RESOURCES[kind]
    facts = FactsOf([msgspec.convert(placed(obj), lenient(KINDS[obj["kind"]])) for obj in case.get("cluster", ())])
    judge = Judge(facts=facts)
    asked = request(review(plural, kind, placed(case["object"]), group=group))
    mutation, verdict = judge.mutate(asked), judge.validate(asked)
    return verdict.allowed, "\n".join((verdict.message, *mutation.warnings, *verdict.warnings)).strip()


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{file}: {case['name']}") for file, cases in FILES.items() for case in cases]
)
def test_a_mistake_is_told_with_what_to_do(case: dict[str, Any]) -> None:
    is_allowed, text = told(case)

    assert case.get("warn") or case.get("deny")
    assert is_allowed == ("warn" in case), text
    assert case.get("warn", case.get("deny")) in text


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CORRECT])
def test_nothing_is_said_of_what_is_right(case: dict[str, Any]) -> None:
    assert told(case) == (True, "")


def test_there_are_as_many_as_were_measured() -> None:
    """Sixty, of which 31 are in an Ingress, and fifteen that are right."""
    assert sum(map(len, FILES.values())) >= 60
    assert len(FILES["ingress"]) >= 31
    assert len(CORRECT) >= 15
