from __future__ import annotations

from typing import Any

import msgspec
import pytest

from certs.managed import ManagedCertificate, only_by

US = "cert-manager-ingress-shim"


def entry(manager: str, *annotations: str, operation: str = "Update") -> dict[str, Any]:
    keys: dict[str, Any] = {f"f:{key}": {} for key in annotations}
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "cert-manager.io/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {"f:annotations": {".": {}, **keys}}},
    }


@pytest.mark.parametrize(
    ("entries", "ours"),
    [
        pytest.param(None, set(), id="nobody told"),
        pytest.param([entry(US, "a/b", "c")], {"a/b", "c"}, id="ours"),
        pytest.param([entry(US, "a"), entry(US, "b", operation="Apply")], {"a", "b"}, id="ours, both ways"),
        pytest.param([entry("kubectl-annotate", "a")], set(), id="another's"),
        pytest.param([entry(US, "a", "b"), entry("flux", "b", operation="Apply")], {"a"}, id="one is another's, too"),
        pytest.param([{"manager": US, "fieldsV1": {"f:spec": {"f:duration": {}}}}], set(), id="no annotations"),
        pytest.param([{"manager": US, "fieldsV1": {"f:metadata": []}}], set(), id="odd"),
    ],
)
def test_an_annotation_is_ours_if_nobody_else_wrote_it(entries: list[dict[str, Any]] | None, ours: set[str]) -> None:
    metadata = {"name": "shop-tls"} | ({"managedFields": entries} if entries is not None else {})

    read = msgspec.convert({"metadata": metadata, "spec": {"secretName": "x"}}, ManagedCertificate)

    assert only_by(US, read.metadata.managed_fields) == ours
