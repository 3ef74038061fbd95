"""The mark of what is ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.annotations import FILLED
from certs.mark import LAST_APPLIED, fingerprint, is_ours, read_mark, written

NAMES = st.text(alphabet="abc.-/", min_size=1)


@given(st.dictionaries(NAMES, st.lists(st.text()).map(fingerprint), max_size=3))
def test_a_mark_is_read_as_it_was_written(mark: dict[str, str]) -> None:
    text = written(mark)

    assert read_mark({FILLED: text}) == mark
    assert written(dict(reversed(mark.items()))) == text


@pytest.mark.parametrize("text", ["", ",", "=", "=x", "nonsense", ",,a", "ü"])
def test_what_is_no_mark_marks_nothing(text: str) -> None:
    assert read_mark({FILLED: text}) == {}


def test_a_mark_in_a_manifest_marks_nothing() -> None:
    """Somebody exported a live object: the mark is about that one."""
    manifest = f'{{"metadata":{{"annotations":{{"{FILLED}":"a=b"}}}}}}'

    assert read_mark({FILLED: "a=b", LAST_APPLIED: manifest}) == {}


@pytest.mark.parametrize(
    "texts", [(), ("b", "a"), ("a",), ("a", "b", "c"), ("ab",)], ids=["nothing", "order", "less", "more", "joined"]
)
def test_any_edit_is_noticed(texts: tuple[str, ...]) -> None:
    assert not is_ours("x", texts, {"x": fingerprint(("a", "b"))})
