"""Whose rights are asked about, and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shim.doctor.examination import examine
from shim.doctor.looking import Looking
from shim.kube.transport import connect
from tests.fakes.apiserver import Answer, FakeAPIServer

VERSION = Answer(b'{"major": "1", "minor": "37", "gitVersion": "v1.37.0"}')
YES = Answer(json.dumps({"status": {"allowed": True}}).encode(), 201)
MANY = 500  # more than is asked


def asked(tmp_path: Path, deployment: dict[str, Any] | None) -> set[tuple[str, str]]:
    """Return about whom, and in which namespace, ConfigMaps are asked for."""
    with FakeAPIServer() as server:
        if deployment is not None:
            server.history.create(("apps/v1", "deployments"), deployment)
        server.script("create", *[YES] * MANY)
        server.script("list", VERSION, VERSION)  # which has no name, as a list has none
        list(examine(Looking(connect(server.kubeconfig(tmp_path / "kubeconfig"), workers=1)), "pki", "kube-system"))
    reviews = [json.loads(one.body)["spec"] for one in server.seen if one.path.endswith("/subjectaccessreviews")]
    return {
        (one["user"].removeprefix("system:serviceaccount:"), one["resourceAttributes"]["namespace"])
        for one in reviews
        if one["resourceAttributes"]["resource"] == "configmaps" and one["resourceAttributes"]["verb"] == "create"
    }


def deployed(account: str, *arguments: str) -> dict[str, Any]:
    pod = {"serviceAccountName": account, "containers": [{"args": list(arguments)}]}
    return {"metadata": {"name": "certshim-shim", "namespace": "pki"}, "spec": {"template": {"spec": pod}}}


@pytest.mark.parametrize(
    ("deployment", "shim"),
    [
        (None, ("pki:certshim-shim", "pki")),
        (deployed("own", "--cluster-resource-namespace=$(POD_NAMESPACE)"), ("pki:own", "pki")),
        (deployed("certshim-shim", "--cluster-resource-namespace=vault"), ("pki:certshim-shim", "vault")),
    ],
    ids=["not there", "an account of its own", "Secrets of ClusterIssuers elsewhere"],
)
def test_rights_are_those_of_the_accounts_where_they_are_needed(
    tmp_path: Path, deployment: dict[str, Any] | None, shim: tuple[str, str]
) -> None:
    assert asked(tmp_path, deployment) == {shim, ("pki:certshim-webhook", "pki")}
