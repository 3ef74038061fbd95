"""How the audit log is held against the roles."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.audit import AuditEvent, AuditObject, AuditStatus, AuditUser
from tests.rights import DECISION, granted, not_granted, told, unused


def role(kind: str, name: str, *rules: dict[str, Any], namespace: str = "") -> list[dict[str, Any]]:
    """Return a role and its binding to the service account `shim`."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    subject = {"kind": "ServiceAccount", "name": "shim", "namespace": "cert-manager"}
    binding = {"roleRef": {"kind": kind, "name": name}, "subjects": [subject], "metadata": metadata}
    return [{"kind": kind, "metadata": metadata, "rules": list(rules)}, {"kind": f"{kind}Binding", **binding}]


def rule(resource: str, *verbs: str, **more: list[str]) -> dict[str, Any]:
    return {"apiGroups": [""], "resources": [resource], "verbs": list(verbs), **more}


def event(verb: str, resource: str, *, decision: str = "allow", code: int = 200, **about: str) -> AuditEvent:
    return AuditEvent(
        verb=verb,
        stage="ResponseComplete",
        request_uri="/",
        user=AuditUser(f"system:serviceaccount:cert-manager:{about.pop('account', 'shim')}"),
        object_ref=AuditObject(resource=resource, **about),
        response_status=AuditStatus(code),
        annotations={DECISION: decision},
    )


SECRETS = granted(role("ClusterRole", "all", rule("secrets", "get", "patch", "create")))
ONE = granted(role("Role", "one", rule("secrets", "get", resourceNames=["ca"]), namespace="cert-manager"))
STATUS = granted(role("ClusterRole", "status", rule("pods/status", "update")))


@pytest.mark.parametrize(
    ("grants", "events", "expected"),
    [
        pytest.param(
            SECRETS,
            [event("get", "secrets", namespace="web"), event("patch", "secrets"), event("create", "secrets")],
            [],
            id="all used",
        ),
        pytest.param(SECRETS, [event("patch", "secrets", code=201)], ["shim: get secrets"], id="an apply that creates"),
        pytest.param(
            SECRETS,
            [event("get", "secrets", decision="forbid"), event("patch", "secrets", code=201)],
            ["shim: get secrets"],
            id="refused is not used",
        ),
        pytest.param(
            SECRETS,
            [event("get", "secrets", account="other"), event("patch", "secrets", code=201)],
            ["shim: get secrets"],
            id="used by another",
        ),
        pytest.param(
            ONE,
            [event("get", "secrets", namespace="cert-manager", name="other")],
            ["shim: get secrets in cert-manager, named ca"],
            id="another name",
        ),
        pytest.param(
            ONE,
            [event("get", "secrets", namespace="web", name="ca")],
            ["shim: get secrets in cert-manager, named ca"],
            id="another namespace",
        ),
        pytest.param(ONE, [event("get", "secrets", namespace="cert-manager", name="ca")], [], id="the very one"),
        pytest.param(STATUS, [event("update", "pods")], ["shim: update pods/status"], id="another subresource"),
        pytest.param(STATUS, [event("update", "pods", subresource="status")], [], id="the subresource"),
    ],
)
def test_unused(grants: Any, events: list[AuditEvent], expected: list[str]) -> None:
    assert told(unused(grants, events)) == expected


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        pytest.param({"verb": "list", "resource": "secrets"}, ["shim: list secrets"], id="a verb that is not given"),
        pytest.param({"verb": "get", "resource": "secrets"}, [], id="a right that a test has taken away"),
        pytest.param({"verb": "list", "resource": "secrets", "account": "other"}, [], id="not ours"),
        pytest.param({"verb": "list", "resource": "secrets", "decision": "allow"}, [], id="refused by admission"),
    ],
)
def test_not_granted(refusal: dict[str, str], expected: list[str]) -> None:
    refused = event(**({"decision": "forbid", "code": 403} | refusal))  # type: ignore[arg-type]  # a row of the table

    assert told(not_granted(SECRETS, [refused])) == expected
