"""Which version of the compiled parser is good enough."""

from __future__ import annotations

import pytest

from webhook.parser import is_recommended

GUNICORN = ["packaging", 'gunicorn_h1c>=0.6.14; extra == "fast"', 'h2>=4; extra == "http2"']


@pytest.mark.parametrize(
    ("found", "requirements", "recommended"),
    [
        ("0.6.10", GUNICORN, False),
        ("0.6.14", GUNICORN, True),
        ("0.7.0", GUNICORN, True),
        ("0.6.13", ["gunicorn-h1c>=0.6.14"], False),
        ("0.6.14", ["packaging"], False),
    ],
    ids=["older", "the floor", "newer", "spelled with a hyphen", "not asked for"],
)
def test_only_a_version_that_gunicorn_asks_for(found: str, requirements: list[str], recommended: bool) -> None:  # noqa: FBT001 - a table's column
    assert is_recommended(found, requirements) is recommended
