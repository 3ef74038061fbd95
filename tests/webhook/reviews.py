"""Reviews as the API server sends them, for tests and benchmarks."""

from __future__ import annotations

import json
from typing import Any, Final

RESOURCES: Final = {  # each kind that is judged: its group and its plural
    "Certificate": ("cert-manager.io", "certificates"),
    "CertificateRequest": ("cert-manager.io", "certificaterequests"),
    "Issuer": ("cert-manager.io", "issuers"),
    "ClusterIssuer": ("cert-manager.io", "clusterissuers"),
    "Order": ("acme.cert-manager.io", "orders"),
    "Challenge": ("acme.cert-manager.io", "challenges"),
    "Ingress": ("networking.k8s.io", "ingresses"),
}
MANAGED = [
    {
        "manager": "kubectl-client-side-apply",
        "operation": "Update",
        "apiVersion": "networking.k8s.io/v1",
        "time": "2026-11-24T10:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {"f:annotations": {f"f:example.com/key-{i}": {} for i in range(40)}}},
    }
]


def review(
    resource: str,
    kind: str,
    obj: object,
    *,
    group: str = "cert-manager.io",
    operation: str = "CREATE",
    old: object = None,
    **more: Any,
) -> bytes:
    """Return an AdmissionReview."""
    request = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": group, "version": "v1", "kind": kind},
        "resource": {"group": group, "version": "v1", "resource": resource},
        "requestKind": {"group": group, "version": "v1", "kind": kind},
        "requestResource": {"group": group, "version": "v1", "resource": resource},
        "name": "shop",
        "namespace": "team",
        "operation": operation,
        "userInfo": {
            "username": "dev",
            "uid": "7",
            "groups": ["devs", "system:authenticated"],
            "extra": {"authentication.kubernetes.io/credential-id": ["X509SHA256=aa"]},
        },
        "object": obj,
        "oldObject": old,
        "dryRun": False,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "kubectl"},
        **more,
    }
    return json.dumps({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}).encode()


def certificate(**spec: Any) -> dict[str, Any]:
    """Return a Certificate with which nothing is wrong, but for the given fields."""
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "shop", "namespace": "team", "creationTimestamp": None},
        "spec": {"secretName": "shop-tls", "issuerRef": {"name": "le"}, "dnsNames": ["shop.example.com"], **spec},
    }


def ingress(*hosts: str, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """Return an Ingress that asks for a certificate."""
    backend = {"service": {"name": "shop", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": "shop",
            "namespace": "team",
            "annotations": {"cert-manager.io/issuer": "le"} if annotations is None else annotations,
        },
        "spec": {
            "rules": [{"host": host, "http": {"paths": paths}} for host in hosts or ("shop.example.com",)],
            **spec,
        },
    }


def with_managed_fields(obj: dict[str, Any], size: int) -> dict[str, Any]:
    """Return the object with so many `managedFields` that it has about that size in bytes."""
    fields: dict[str, Any] = {}
    grown = {**obj, "metadata": {**obj["metadata"], "managedFields": [{"manager": "kubectl", "fieldsV1": fields}]}}
    while len(json.dumps(grown)) < size:
        fields[f"f:field-{len(fields)}"] = {".": {}, "f:hosts": {}}
    return grown
