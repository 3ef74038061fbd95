"""Labels and annotations as Kubernetes takes them."""

from __future__ import annotations

import pytest

from certs.problems import Path, Problems
from certs.rules.syntax import (
    MAX_ANNOTATIONS,
    check_annotations,
    check_labels,
    qualified_name_problems,
)


@pytest.mark.parametrize("key", ["a", "A_b.c-1", "example.com/a", "a" * 63])
def test_qualified_names(key: str) -> None:
    assert qualified_name_problems(key) == []


@pytest.mark.parametrize("key", ["", "/a", "a/", "a/b/c", "A.com/a", "-a", "a" * 64], ids=repr)
def test_no_qualified_names(key: str) -> None:
    assert qualified_name_problems(key)


def test_what_is_too_long_is_told_in_bytes() -> None:
    """Those of the name, and of a prefix."""
    text = f"{'a' * 254}/{'é' * 32}"

    assert [problem for problem in qualified_name_problems(text) if "more than" in problem] == [
        "prefix part must be no more than 253 bytes",
        "name part must be no more than 63 bytes",
    ]


@pytest.mark.parametrize(
    ("labels", "problems"),
    [
        ({"a": ""}, 0),
        ({"a": "B_1"}, 0),
        ({"a": "x" * 64}, 1),
        ({"a": "é" * 32}, 2),
        ({"a": "x y"}, 1),
        ({"a b": "x y"}, 2),
    ],
    ids=repr,
)
def test_labels(labels: dict[str, str], problems: int) -> None:
    found = Problems()

    check_labels(Path("labels"), labels, found)

    assert len(found) == problems


def test_annotation_keys_are_compared_in_lower_case_and_their_size_is_bounded() -> None:
    found = Problems()

    check_annotations(Path("annotations"), {"Example.COM/a": "x" * MAX_ANNOTATIONS}, found)

    assert str(found) == "annotations: Too long: may not be more than 262144 bytes"
