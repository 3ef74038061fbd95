"""What is kept of managedFields: our manager's names, and nothing in any write."""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec
import pytest

from certs.api.core import Secret, SecretMeta, SecretMetadata
from certs.api.meta import encode
from certs.api.ownership import NOTHING, SECRET_MANAGER, Owned

FIELDS: dict[str, Any] = {
    "f:data": {".": {}, "f:tls.crt": {}, "f:tls.key": {}},
    "f:metadata": {
        "f:annotations": {"f:cert-manager.io/alt-names": {}, "f:note": {}},
        "f:labels": {".": {}, "f:team": {}},
        "f:ownerReferences": {'k:{"uid":"uid-of-shop"}': {".": {}, "f:kind": {}}},
    },
    "f:type": {},
}
OWNED = Owned(("cert-manager.io/alt-names", "note"), ("team",), ("uid-of-shop",), ("tls.crt", "tls.key"))


def entry(fields: Any = None, manager: str = SECRET_MANAGER, operation: str = "Apply") -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "fieldsV1": FIELDS if fields is None else fields,
    }


def read(*entries: dict[str, Any]) -> Secret:
    text = json.dumps({"metadata": {"name": "s", "managedFields": entries}, "data": {"a": "eA=="}})
    return msgspec.json.decode(text, type=Secret)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param([], NOTHING, id="none"),
        pytest.param([entry()], OWNED, id="ours"),
        pytest.param([entry(manager="kubectl"), entry(), entry(manager="x")], OWNED, id="among others"),
        pytest.param([entry(manager="kubectl")], NOTHING, id="others alone"),
        pytest.param([entry(operation="Update")], NOTHING, id="an update does not count"),
        pytest.param([entry({})], Owned(), id="nothing owned"),
        pytest.param([entry({"f:metadata": {"f:labels": []}})], NOTHING, id="unreadable"),
        pytest.param([entry({"f:metadata": {"f:ownerReferences": {"k:{": {}}}})], NOTHING, id="unreadable owner"),
        pytest.param([entry([], manager="kubectl"), entry()], OWNED, id="another's is not read"),
    ],
)
def test_the_names_of_what_we_own(entries: list[dict[str, Any]], expected: Owned) -> None:
    assert read(*entries).metadata.owned == expected


def test_what_is_alike_is_kept_once() -> None:
    """Five thousand Secrets with the same keys cost two words each."""
    one, other = read(entry()).metadata, read(entry(), entry(manager="kubectl")).metadata

    assert one.owned is other.owned
    assert one.managed_fields == ()
    plain = msgspec.json.decode(b'{"metadata":{}}', type=SecretMetadata).metadata
    assert sys.getsizeof(one) <= sys.getsizeof(plain) + 16


def test_it_survives_a_change_and_is_never_sent() -> None:
    """The API server refuses an apply with managedFields, and knows no `owned`."""
    secret = read(entry())
    changed = msgspec.structs.replace(secret, metadata=msgspec.structs.replace(secret.metadata, name="t"))

    assert changed.metadata.owned == OWNED
    assert json.loads(encode(changed)) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "t"},
        "data": {"a": "eA=="},
    }
    assert changed.metadata.owned == OWNED


def test_a_difference_in_what_we_own_is_one() -> None:
    """So that whoever takes a field over wakes us."""
    assert read(entry()) != read(entry({}))
    assert SecretMeta(name="s") == read().metadata
