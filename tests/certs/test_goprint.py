"""Values as Go prints them."""

from __future__ import annotations

import pytest

from certs.api.certificate import X509Subject
from certs.goprint import in_go, quoted
from certs.problems import Path, Problems, Word, show
from certs.rules.certificate import SUBJECT_IN_GO


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", '"plain"'),
        ("", '""'),
        ('a "b" \\', r'"a \"b\" \\"'),
        ("\a\b\f\n\r\t\v", r'"\a\b\f\n\r\t\v"'),
        ("\x00\x1f\x7f", r'"\x00\x1f\x7f"'),
        ("ü<&>", '"ü<&>"'),
        ("\u00a0\u200b\ufeff", r'"\u00a0\u200b\ufeff"'),
        ("\U000e0001", r'"\U000e0001"'),
    ],
)
def test_text(text: str, shown: str) -> None:
    assert quoted(text) == shown
    assert show(text) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(Word("<a>"), r'"\u003ca\u003e"'), (3600000000000, "3600000000000"), (True, "true"), (["a"], '["a"]')],
)
def test_other_values(value: object, shown: str) -> None:
    assert show(value) == shown


def test_struct() -> None:
    """Under Go's names, in Go's order, empty lists as null."""
    shown = in_go(X509Subject(countries=("DE",)), SUBJECT_IN_GO)

    assert list(shown)[:2] == ["Organizations", "Countries"]
    assert shown["Countries"] == ["DE"]
    assert shown["Organizations"] is None
    assert shown["SerialNumber"] == ""


def test_a_thousand_problems_are_enough() -> None:
    problems = Problems()
    for i in range(1500):
        problems.required(Path("spec") @ i)

    assert len(problems) == 1000
    assert str(problems).endswith("spec[999]: Required value, and 500 more]")
