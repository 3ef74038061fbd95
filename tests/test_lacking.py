"""What cannot be tested on a machine is noticed where nobody looks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.lacking import must_run, pass_over

TESTS: Final = Path(__file__).parent
# Where a case does not apply, whatever the machine has.
NOT_LACKING: Final = {"contract/test_dns01.py"}


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("true", True), ("", False), ("0", False), ("False", False)]
)
def test_ci_says_whether_all_must_run(value: str, expected: bool) -> None:  # noqa: FBT001  a column of the table
    assert must_run({"CI": value}) is expected
    assert must_run({}) is False


def test_what_is_lacking_is_passed_over_where_a_person_works() -> None:
    with pytest.raises(pytest.skip.Exception, match="no named"):
        pass_over("no named", {})


def test_what_is_lacking_fails_in_ci() -> None:
    """With the reason, and why it counts."""
    with pytest.raises(pytest.fail.Exception, match=r"no named .*CI is set"):
        pass_over("no named", {"CI": "1"})


def test_no_test_skips_unnoticed() -> None:
    """By `pass_over` alone, but for cases that do not apply."""
    skipping = {
        str(path.relative_to(TESTS))
        for path in TESTS.rglob("*.py")
        if re.search(r"\bpytest\.(skip|importorskip)\(", path.read_text())
    }

    assert skipping - NOT_LACKING == {"lacking.py"}
