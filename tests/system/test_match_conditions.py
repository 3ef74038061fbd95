"""Which Ingresses the API server asks the webhook about: the match conditions, evaluated by the real API server.

A recorder stands in for the webhook, under the conditions of the manifest but with `failurePolicy: Fail`,
so that a condition that cannot be evaluated is seen; it is asked about one namespace only.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import Cluster
from tests.system.recorder import Recorder

pytestmark = pytest.mark.system

INSTALL = Path(__file__).parents[2] / "manifests" / "install"
SHIM = "system:serviceaccount:cert-manager:certshim-shim"
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"

OURS = {"cert-manager.io/issuer": "letsencrypt"}


def ingress_webhooks() -> list[Any]:
    """Return the entries for Ingresses, of the validating and the mutating configuration."""
    configurations = yaml.safe_load_all((INSTALL / "30-admission.yaml").read_text())
    return [one for each in configurations for one in each["webhooks"] if one["name"] == "ingress.certshim.io"]


class Ingresses:
    """Makes and changes Ingresses in a namespace, and tells what the API server asked about them."""

    def __init__(self, cluster: Cluster, namespace: str, recorder: Recorder) -> None:
        self._cluster = cluster
        self._recorder = recorder
        self.namespace = namespace

    def create(self, annotations: Mapping[str, str], *, user: str = "", finalizers: tuple[str, ...] = ()) -> str:
        """Create an Ingress, as the user when one is given, and return its name."""
        name = f"it-{uuid.uuid4().hex[:8]}"
        metadata = {"name": name, "annotations": dict(annotations), "finalizers": list(finalizers)}
        rules = [{"host": "a.example"}]
        self._kubectl(
            "create",
            *([f"--as={user}"] if user else []),
            "-f-",
            stdin=json.dumps(
                {
                    "apiVersion": "networking.k8s.io/v1",
                    "kind": "Ingress",
                    "metadata": metadata,
                    "spec": {"rules": rules},
                }
            ),
        )
        return name

    def patch(self, name: str, patch: Mapping[str, object], *more: str) -> None:
        """Merge the patch into the Ingress."""
        self._kubectl("patch", "ingress", name, "--type=merge", f"--patch={json.dumps(patch)}", *more)

    def delete(self, name: str) -> None:
        """Ask for its deletion."""
        self._kubectl("delete", "ingress", name, "--wait=false")

    def asked(self, name: str) -> list[str]:
        """Return the operations that the webhook was asked about."""
        return [operation for operation, of in self._recorder.asked if of == name]

    def _kubectl(self, *arguments: str, stdin: str | None = None) -> None:
        self._cluster.kubectl(*arguments, "--namespace", self.namespace, stdin=stdin)


@pytest.fixture(scope="module")
def ingresses(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingresses]:
    """A namespace in which the recorder is asked what the webhook would be asked."""
    cluster.kubectl(
        "apply", "--server-side", "-f", str(INSTALL / "00-namespace.yaml"), "-f", str(INSTALL / "10-rbac-shim.yaml")
    )
    namespace = f"asked-{uuid.uuid4().hex[:8]}"
    labels = {"cert-manager.io/disable-validation": "true"}  # for the real webhook, should it be installed
    cluster.api.post("/api/v1/namespaces", {"metadata": {"name": namespace, "labels": labels}})
    with Recorder(tmp_path_factory.mktemp("recorder")) as recorder:
        webhook = ingress_webhooks()[0] | {
            "clientConfig": recorder.client_config,
            "failurePolicy": "Fail",
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        }
        cluster.api.post(CONFIGURATIONS, {"metadata": {"name": namespace}, "webhooks": [webhook]})
        try:
            yield in_effect(Ingresses(cluster, namespace, recorder))
        finally:
            cluster.api.delete(f"{CONFIGURATIONS}/{namespace}")
            cluster.api.delete(f"/api/v1/namespaces/{namespace}")


def in_effect(ingresses: Ingresses) -> Ingresses:
    """Wait until the API server, which learns of configurations by a watch, asks the recorder."""
    deadline = time.monotonic() + 20
    while not ingresses.asked(ingresses.create(OURS)):
        assert time.monotonic() < deadline, "the API server does not ask the recorder"
        time.sleep(0.2)
    return ingresses


def test_both_configurations_have_the_same_conditions() -> None:
    """What is said of one below holds for the other."""
    validating, mutating = ingress_webhooks()

    assert validating["matchConditions"] == mutating["matchConditions"]


@pytest.mark.parametrize(
    "key",
    [
        "cert-manager.io/issuer",
        "cert-manager.io/cluster-issuer",
        "acme.cert-manager.io/http01-edit-in-place",
        "certmanager.k8s.io/cluster-issuer",
        "certshim.io/tls",
        "kubernetes.io/tls-acme",
        # Misspelled ones, of which people should be told.
        "cert-manger.io/issuer",
        "certmanager.io/issuer",
        "Cert-Manager.io/issuer",
        "cert.manager.io/issuer",
        "crt-manager.io/cluster-issuer",
        "cert-manager.k8s.io/issuer",
        "kubernetes.io/tlsacme",
        "kubernetes.io/TLS-ACME",
        "cert-manager",
    ],
)
def test_asks_about_our_annotations_and_near_misses(ingresses: Ingresses, key: str) -> None:
    """An Ingress with an annotation of ours, or one that looks meant to be, is reviewed."""
    name = ingresses.create({"nginx.ingress.kubernetes.io/ssl-redirect": "true", key: "x"})

    assert ingresses.asked(name) == ["CREATE"]


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        {"nginx.ingress.kubernetes.io/ssl-redirect": "true"},
        {"kubernetes.io/ingress.class": "nginx", "external-dns.alpha.kubernetes.io/hostname": "a.example"},
        {"note": "managed by cert-manager.io/issuer"},
    ],
    ids=["none", "foreign", "foreign-two", "only-in-a-value"],
)
def test_does_not_ask_about_others(ingresses: Ingresses, annotations: dict[str, str]) -> None:
    """An Ingress that is none of our business never waits for us, whatever is done with it."""
    name = ingresses.create(annotations)
    ingresses.patch(name, {"spec": {"rules": [{"host": "b.example"}]}})

    assert ingresses.asked(name) == []


@pytest.mark.parametrize(
    ("patch", "asked"),
    [
        ({"spec": {"rules": [{"host": "b.example"}]}}, True),
        ({"spec": {"tls": [{"hosts": ["a.example"], "secretName": "a"}]}}, True),
        ({"metadata": {"annotations": {"cert-manager.io/issuer": "other"}}}, True),
        ({"metadata": {"annotations": {"nginx.ingress.kubernetes.io/ssl-redirect": "true"}}}, True),
        ({"metadata": {"annotations": None}}, True),
        ({"metadata": {"labels": {"team": "a"}}}, False),
        ({"metadata": {"finalizers": ["example.com/held"]}}, False),
    ],
    ids=["rules", "tls", "our-annotation", "other-annotation", "annotations-gone", "label", "finalizer"],
)
def test_asks_about_changes_of_spec_and_annotations(ingresses: Ingresses, patch: dict[str, Any], asked: bool) -> None:  # noqa: FBT001
    """An update is reviewed when the verdict could have changed, including that our annotations went away."""
    name = ingresses.create(OURS)
    ingresses.patch(name, patch)

    assert ingresses.asked(name) == ["CREATE", *(["UPDATE"] if asked else [])]


def test_asks_when_annotations_come(ingresses: Ingresses) -> None:
    """An Ingress becomes our business by an update."""
    name = ingresses.create({})
    ingresses.patch(name, {"metadata": {"annotations": OURS}})

    assert ingresses.asked(name) == ["UPDATE"]


def test_does_not_ask_about_status(ingresses: Ingresses) -> None:
    """Ingress controllers write the status often, and it is nothing to us."""
    name = ingresses.create(OURS)
    ingresses.patch(name, {"status": {"loadBalancer": {"ingress": [{"ip": "10.1.2.3"}]}}}, "--subresource=status")

    assert ingresses.asked(name) == ["CREATE"]


def test_does_not_ask_about_what_the_shim_writes(ingresses: Ingresses) -> None:
    """The shim's own routes do not come back to us."""
    assert ingresses.asked(ingresses.create(OURS, user=SHIM)) == []


def test_does_not_ask_about_what_is_being_deleted(ingresses: Ingresses) -> None:
    """Nothing may stand in the way of a deletion."""
    name = ingresses.create(OURS, finalizers=("example.com/held",))
    ingresses.delete(name)
    ingresses.patch(name, {"metadata": {"annotations": {"note": "last words"}}})
    ingresses.patch(name, {"metadata": {"finalizers": None}})

    assert ingresses.asked(name) == ["CREATE"]
