"""Which lines of a converted document are the author's."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.convert.lines import with_old_lines

LINES = st.lists(st.sampled_from("abcdefgh"), max_size=30)


def as_written(line: str) -> str:
    return re.sub("(?<=[:-]) +", " ", line)


@pytest.mark.parametrize(
    ("text", "after", "kept"),
    [
        ("a:  1\nb:  2", "a: 1\nc: 3\nb: 2", "a:  1\nc: 3\nb:  2"),
        ("a:  1\nb:  2\na:  1", "b: 2\na: 1", "b:  2\na:  1"),
        ("-  a\n-  a\n-  b", "- a\n- c\n- a\n- b", "-  a\n- c\n-  a\n-  b"),
        ("a:  1\nb:  2\nc:  3", "c: 3\na: 1\nb: 2", "c: 3\na:  1\nb:  2"),
    ],
    ids=["added", "removed", "repeated", "moved"],
)
def test_a_line_that_stayed_is_the_authors(text: str, after: str, kept: str) -> None:
    """With the blanks that writing a tree would take out of it."""
    assert with_old_lines(text, as_written(text), after) == kept


@given(LINES, LINES)
def test_the_text_is_the_new_one(before: list[str], after: list[str]) -> None:
    """Whatever has been moved, added and removed: only how a line is written is the author's."""
    text = "\n".join(f"{line}:  x" for line in before)
    new = "\n".join(f"{line}: x" for line in after)

    assert as_written(with_old_lines(text, as_written(text), new)) == new


def test_a_long_list_of_like_objects_takes_no_time() -> None:
    """As `kubectl get -o yaml` exports it: its objects differ in their names, and in few lines else."""
    item = [f"    field{number}: x" for number in range(20)]
    text = "\n".join(line for number in range(2000) for line in (f"-   name: n{number}", "  spec: a", *item))
    after = as_written(text).replace("spec: a", "spec: b")

    assert with_old_lines(text, as_written(text), after).count("-   name") == 2000
