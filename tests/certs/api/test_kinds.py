"""The kinds on the wire: what is decoded is encoded again, and the names are the API's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from certs.api.crd import Kind
from certs.api.meta import encode, to_builtins
from tests.certs.api.filled import CASES, filled

NAMES = [f"{kind.resource.kind}-{variant}" for kind, variant in CASES]


@pytest.mark.parametrize(("kind", "variant"), CASES, ids=NAMES)
def test_every_field_survives_decoding_and_encoding(kind: Kind, variant: int) -> None:
    """A fully filled object comes out as it went in."""
    sent = filled(kind, variant)

    got: dict[str, Any] = msgspec.json.decode(encode(msgspec.json.decode(msgspec.json.encode(sent), type=kind)))

    assert got == {**sent, "metadata": got["metadata"]}


@pytest.mark.parametrize(("kind", "variant"), CASES, ids=NAMES)
def test_plain_form_equals_json_form(kind: Kind, variant: int) -> None:
    """`to_builtins` and `encode` say the same."""
    obj = msgspec.convert(filled(kind, variant), kind)

    assert msgspec.json.decode(msgspec.json.encode(to_builtins(obj))) == msgspec.json.decode(encode(obj))
