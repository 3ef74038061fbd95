"""`certshim check` and the real API server: what strict validation refuses is refused without a cluster, too.

The namespace opts out of all webhooks, so what is compared is the form: schemas, unknown fields, types.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from certs.api.crd import KINDS
from certs.api.ingress import Ingress
from shim.check.nodes import Mapping, Plain
from shim.check.objects import JUDGED
from shim.check.reading import read
from shim.check.structure import structure
from tests.certs.api.filled import CASES, filled
from tests.cluster.cluster import Cluster, KubectlFailed
from tests.manifests import CRDS

pytestmark = pytest.mark.system

CONVERTED = Path(__file__).parents[1] / "cases" / "legacy" / "today"
KEYS = ("cert-manager.io/disable-validation", "certmanager.k8s.io/disable-validation")

CERTIFICATE = """\
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: x}
spec:
  secretName: x
  issuerRef: {name: x}
  dnsNames: [a.example.com]
"""
INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: x
  annotations: {a: b}
spec:
  tls: [{hosts: [a.example.com], secretName: x}]
  rules:
  - host: a.example.com
    http:
      paths:
      - path: /
        pathType: Prefix
        backend: {service: {name: x, port: {number: 80}}}
"""
ISSUER = """\
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: x}
spec: {selfSigned: {}}
"""

ACME = "acme: {{server: x, privateKeySecretRef: {{name: x}}, {}}}"
WEBHOOK = "{groupName: g, solverName: s, config: {any: [thing]}}"

CHANGES = [
    (CERTIFICATE, "kind: Certificate", "kind: Certificate"),
    (CERTIFICATE, "secretName: x", "secretName: 5"),
    (CERTIFICATE, "secretName: x", "secretName: on"),
    (CERTIFICATE, "secretName: x", "secretName: 2026-01-01"),
    (CERTIFICATE, "secretName: x", "secretName:"),
    (CERTIFICATE, "secretName: x", "secretname: x"),
    (CERTIFICATE, "dnsNames: [a.example.com]", "dnsNames: a.example.com"),
    (CERTIFICATE, "dnsNames: [a.example.com]", "dnsNames: [1]"),
    (CERTIFICATE, "dnsNames: [a.example.com]", "dnsNames: []"),
    (CERTIFICATE, "dnsNames: [a.example.com]", "usages: [server-auth]"),
    (CERTIFICATE, "dnsNames: [a.example.com]", "isCA: yes"),
    (CERTIFICATE, "dnsNames: [a.example.com]", "isCA: 'yes'"),
    (CERTIFICATE, "dnsNames: [a.example.com]", "revisionHistoryLimit: 1.5"),
    (CERTIFICATE, "dnsNames: [a.example.com]", "revisionHistoryLimit: 3000000000"),
    (CERTIFICATE, "dnsNames: [a.example.com]", "privateKey: {algorithm: rsa}"),
    (CERTIFICATE, "dnsNames: [a.example.com]", "privateKey: {sise: 2048}"),
    (CERTIFICATE, "dnsNames: [a.example.com]", "keystores: {jks: {}}"),
    (CERTIFICATE, "dnsNames: [a.example.com]", "secretTemplate: {labels: {a: 1}}"),
    (CERTIFICATE, "issuerRef: {name: x}", "issuerRef: x"),
    (CERTIFICATE, "issuerRef: {name: x}", "renewBefore: 1h"),
    (CERTIFICATE, "metadata: {name: x}", "metadata: {name: x, labels: {a: true}}"),
    (CERTIFICATE, "metadata: {name: x}", "metadata: {name: x, anotations: {}}"),
    (CERTIFICATE, "metadata: {name: x}", "metadata: {name: x, annotations: {a: }}"),
    (ISSUER, "selfSigned: {}", "venafi: {zone: z}"),
    (ISSUER, "selfSigned: {}", "ca: {secretName: x, unknown: y}"),
    (ISSUER, "selfSigned: {}", ACME.format("solvers: [{http01: {ingress: {clas: x}}}]")),
    (ISSUER, "selfSigned: {}", ACME.format("solvers: [{dns01: {clouddns: {}}}]")),
    (ISSUER, "selfSigned: {}", ACME.format("caBundle: '***'")),
    (ISSUER, "selfSigned: {}", ACME.format(f"solvers: [{{dns01: {{webhook: {WEBHOOK}}}}}]")),
    (INGRESS, "kind: Ingress", "kind: Ingress"),
    (INGRESS, "{a: b}", "{a: true}"),
    (INGRESS, "{a: b}", "{a: 'true'}"),
    (INGRESS, "{a: b}", "{a: }"),
    (INGRESS, "secretName: x", "secretname: x"),
    (INGRESS, "hosts: [a.example.com]", "host: a.example.com"),
    (INGRESS, "hosts: [a.example.com]", "hosts: a.example.com"),
    (INGRESS, "hosts: [a.example.com]", "hosts: "),
    (INGRESS, "pathType: Prefix", "pathtype: Prefix"),
    (INGRESS, "pathType: Prefix", "pathType: prefix"),
    (INGRESS, "number: 80", "number: '80'"),
    (INGRESS, "number: 80", "name: http"),
    (INGRESS, "{service: {name: x, port: {number: 80}}}", "{serviceName: x, servicePort: 80}"),
]  # fmt: skip


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace on a cluster that has the CRDs."""
    cluster.kubectl("apply", "--server-side", "-f", str(CRDS))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(CRDS))
    name = f"check-{uuid.uuid4().hex[:8]}"
    labels = dict.fromkeys(KEYS, "true")
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(made))
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def complaint(cluster: Cluster, namespace: str, text: str) -> str:
    """Return what kubectl and the API server say against the manifest, nothing when they take it."""
    try:
        cluster.kubectl("create", "-n", namespace, "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)
    except KubectlFailed as failed:
        return failed.stderr
    return ""


def form(text: str) -> list[str]:
    """Return what check says against the form."""
    (node,) = read(text.encode())
    assert isinstance(node, Mapping)
    value: dict[str, Any] = Plain()(node)
    kind = JUDGED[value["apiVersion"], value["kind"]]
    return [f"{problem.path}: {problem.detail}" for _, problem in structure(kind, value, node).problems]


@pytest.mark.parametrize(("base", "old", "new"), CHANGES)
def test_form_is_judged_as_the_api_server_does(cluster: Cluster, namespace: str, base: str, old: str, new: str) -> None:
    """Refused here if and only if refused there."""
    assert old in base
    text = base.replace(old, new)

    theirs, ours = complaint(cluster, namespace, text), form(text)

    assert bool(ours) == bool(theirs), f"{ours}\n{theirs}"


@pytest.mark.parametrize(("kind", "variant"), CASES)
def test_filled_objects_pass_both(cluster: Cluster, namespace: str, kind: Any, variant: int) -> None:
    """No field that the API server knows is unknown here."""
    name = f"it-{uuid.uuid4().hex[:8]}"
    text = yaml.safe_dump({**filled(kind, variant), "metadata": {"name": name}})

    assert (complaint(cluster, namespace, text), form(text)) == ("", [])


@pytest.mark.parametrize("path", sorted(CONVERTED.glob("*.yaml")), ids=lambda path: path.stem)
def test_converted_manifests_are_taken(cluster: Cluster, namespace: str, path: Path) -> None:
    """What `certshim convert` makes of manifests of before has the form of today."""
    text = path.read_text().replace("namespace: shop", f"namespace: {namespace}")

    cluster.kubectl("apply", "-n", namespace, "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)


def test_all_kinds_are_compared() -> None:
    """The table of kinds is that of the CRDs, and Ingress."""
    assert {*JUDGED.values()} == {*KINDS, Ingress}
