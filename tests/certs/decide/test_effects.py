from __future__ import annotations

import pytest

from certs.decide.effects import one_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("as it is", "as it is", id="short"),
        pytest.param(" two\r\n lines\tand tabs ", "two lines and tabs", id="several lines"),
        pytest.param("", "", id="empty"),
        pytest.param("x" * 512, "x" * 512, id="just fits"),
        pytest.param("x" * 513, "x" * 511 + "…", id="one too many"),
    ],
)
def test_text_from_outside_becomes_one_bounded_line(text: str, expected: str) -> None:
    """A CA cannot write a page, or a second line, into a status."""
    assert one_line(text) == expected
