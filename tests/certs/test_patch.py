"""Operations by hand: escaped, and right whether the map is there or not."""

from __future__ import annotations

from typing import Any

import jsonpatch
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.patch import annotated

KEYS = st.text(alphabet="a~/01-ü", min_size=1, max_size=5)
VALUES = st.text(max_size=2)


@pytest.mark.parametrize("absent", [{}, {"annotations": None}, {"annotations": {}}], ids=["absent", "null", "empty"])
def test_a_map_that_is_not_there_is_made(absent: dict[str, Any]) -> None:
    operations = msgspec.to_builtins(list(annotated({}, {"a/b": "c", "gone": None})))

    assert jsonpatch.JsonPatch(operations).apply({"metadata": absent}) == {"metadata": {"annotations": {"a/b": "c"}}}


@given(st.dictionaries(KEYS, VALUES), st.dictionaries(KEYS, VALUES | st.none()))
def test_annotations_become_what_is_wanted(existing: dict[str, str], changes: dict[str, str | None]) -> None:
    """Whatever is in the keys, and in no more operations than there are differences."""
    wanted = {key: value for key, value in {**existing, **changes}.items() if value is not None}
    operations = msgspec.to_builtins(list(annotated(existing, changes)))

    patched: Any = jsonpatch.JsonPatch(operations).apply({"metadata": {"annotations": existing}})

    assert patched["metadata"]["annotations"] == wanted
    differing = [key for key in existing.keys() | wanted.keys() if existing.get(key) != wanted.get(key)]
    assert len(operations) <= len(differing)
