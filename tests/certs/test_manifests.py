"""What a live object tells of the manifests that it was made of, and that nothing in them makes us stumble."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.api.ingress import IngressTLS
from certs.manifests import FIELD_MANAGER, Applied, Manifests, last_applied
from certs.mark import LAST_APPLIED


@pytest.mark.parametrize(
    ("text", "applied"),
    [
        ('{"metadata":{"annotations":{"a":"b"}},"spec":{"rules":[]}}', Applied(frozenset("a"), ())),
        ('{"metadata":{"annotations":null},"spec":{"tls":null}}', Applied()),
        ('{"spec":{"tls":[{"secretName":"x"}]}}', Applied(tls=(IngressTLS(secret_name="x"),))),
        ("", None),
        ("nonsense", None),
        ('{"metadata":{"annotations":7}}', None),
        ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", None),
    ],
    ids=["manifest", "nulls", "tls", "empty", "no JSON", "no map", "deep"],
)
def test_the_manifest_of_kubectl_apply(text: str, applied: Applied | None) -> None:
    assert last_applied({LAST_APPLIED: text}) == applied


@pytest.mark.parametrize(
    ("applied", "secret", "has"),
    [
        (Applied(tls=(IngressTLS(("a",), "x"),)), "x", True),
        (Applied(tls=(IngressTLS(("a",), "x"),)), "y", False),
        (Applied(tls=(IngressTLS(("a",)),)), "x", True),
        (Applied(tls=(IngressTLS((), "x"),)), "x", False),
        (Applied(tls=None), "x", True),
        (Applied(), "x", False),
    ],
    ids=["that entry", "another", "one without a name", "one without hosts", "cannot be seen", "none"],
)
def test_whose_the_hosts_are(applied: Applied, secret: str, has: bool) -> None:  # noqa: FBT001 - a table's column
    assert applied.has_hosts(secret) is has


@pytest.mark.parametrize(
    ("manager", "operation", "has"),
    [("flux", "Apply", True), ("kubectl-edit", "Update", False), (FIELD_MANAGER, "Apply", False)],
)
def test_only_an_apply_of_others_is_a_manifest(
    manager: str,
    operation: str,
    has: bool,  # noqa: FBT001 - a table's column
) -> None:
    """An edit is no opinion on what comes next, and what we apply ourselves is none either."""
    fields = {"f:metadata": {"f:annotations": {"f:a": {}}}, "f:spec": {"f:tls": {}}}
    entry = {"manager": manager, "operation": operation, "fieldsV1": fields}
    manifests = Manifests(msgspec.Raw(msgspec.json.encode({"metadata": {"managedFields": [entry]}})))

    assert manifests.has_annotation("a") is has
    assert manifests.has_hosts("x") is has


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["f:spec", "f:tls", "x"]), inner),
    max_leaves=6,
)


@given(JSON, JSON, st.binary(max_size=20))
def test_nothing_in_an_object_makes_it_raise(fields: object, annotations: object, old: bytes) -> None:
    metadata = {"annotations": annotations, "managedFields": [{"operation": "Apply", "fieldsV1": fields}]}
    manifests = Manifests(msgspec.Raw(msgspec.json.encode({"metadata": metadata})), msgspec.Raw(old))

    assert manifests.has_annotation("never written") is False
    assert manifests.dropped("never written") is False
