"""CA bundles of others' objects on the real API server: each kind and annotation, rotation, what is wrong."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.cluster import Cluster, Process
from tests.product import Product
from tests.system.shop import Shop, eventually
from tests.system.test_ca import certificate, issuer

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

ANNOTATION: Final = "cert-manager.io/"
AT_ONCE: Final = 1.0  # seconds between the new Secret and the new bundle
UNRELATED: Final = 300  # configurations beside those that ask
PATHS: Final = {
    "ValidatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "MutatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "APIService": "/apis/apiregistration.k8s.io/v1/apiservices",
}


@pytest.fixture
def shop(product: Product, cluster: Cluster, shim: Process, namespace: str) -> Iterator[Shop]:
    """A namespace with a self-signed issuer, and a Certificate `serving` of it."""
    one = Shop(product, cluster, namespace)
    one.apply(issuer("self-signed", selfSigned={}))
    one.apply(certificate("serving", "self-signed", isCA=True, commonName=namespace))
    one.ready("Certificate", "serving")
    yield one
    for path in PATHS.values():
        cluster.api.delete(f"{path}?labelSelector=test%3D{namespace}")


def target(kind: str, namespace: str, **annotations: str) -> dict[str, Any]:
    """Return an object of the kind that asks for a bundle; nothing is ever sent to its webhook."""
    name = f"{namespace}.example.test"
    client = {"service": {"namespace": namespace, "name": "x"}}
    metadata: dict[str, Any] = {
        "name": name,
        "labels": {"test": namespace},
        "annotations": {ANNOTATION + key.replace("_", "-"): value for key, value in annotations.items()},
    }
    if kind == "APIService":
        metadata["name"] = f"v1.{name}"
        spec = {"group": name, "version": "v1", "groupPriorityMinimum": 10, "versionPriority": 10}
        version = "apiregistration.k8s.io/v1"
        return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec | client}
    if kind == "CustomResourceDefinition":
        metadata["name"] = f"things.{name}"
        conversion = {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": client}}
        schema = {"openAPIV3Schema": {"type": "object"}}
        versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
        names = {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}
        spec = {"group": name, "scope": "Namespaced", "names": names, "versions": versions, "conversion": conversion}
        return {"apiVersion": "apiextensions.k8s.io/v1", "kind": kind, "metadata": metadata, "spec": spec}
    rules = [{"apiGroups": [name], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["none"]}]
    webhooks = [
        {
            "name": f"{word}.{name}",
            "clientConfig": client,
            "rules": rules,
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        for word in ("one", "two")
    ]
    version = "admissionregistration.k8s.io/v1"
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "webhooks": webhooks}


def apply(cluster: Cluster, *objects: dict[str, Any]) -> None:
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(objects))


def read(cluster: Cluster, obj: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = cluster.api.get(f"{PATHS[obj['kind']]}/{obj['metadata']['name']}")
    return found


def bundles(cluster: Cluster, obj: dict[str, Any]) -> list[bytes]:
    """Return each bundle of the object, as it is now."""
    found = read(cluster, obj)
    if obj["kind"] == "APIService":
        fields = [found["spec"]]
    elif obj["kind"] == "CustomResourceDefinition":
        fields = [found["spec"]["conversion"]["webhook"]["clientConfig"]]
    else:
        fields = [one["clientConfig"] for one in found["webhooks"]]
    return [base64.b64decode(field.get("caBundle", "")) for field in fields]


def ca_of(shop: Shop, name: str) -> bytes:
    return base64.b64decode((shop.get("Secret", name) or {})["data"]["ca.crt"])


def told(shop: Shop, obj: dict[str, Any]) -> list[str]:
    """Return what Warnings there are about the object."""
    events = shop.cluster.api.get("/api/v1/namespaces/default/events")["items"]
    name = obj["metadata"]["name"]
    return [one["message"] for one in events if one["involvedObject"].get("name") == name and one["type"] == "Warning"]


@pytest.mark.parametrize("kind", PATHS)
def test_a_certificate_is_injected_and_follows_its_rotation(kind: str, shop: Shop, tmp_path: Path) -> None:
    """The old CA stays beside the new; afterwards nothing is written any more."""
    cluster = shop.cluster
    obj = target(kind, shop.namespace, inject_ca_from=f"{shop.namespace}/serving")
    apply(cluster, obj)
    first = ca_of(shop, "serving")
    eventually(lambda: set(bundles(cluster, obj)) == {first}, f"{kind} has the CA")

    shop.delete("Secret", "serving")
    secret = eventually(lambda: shop.get("Secret", "serving"), "the Secret is made anew")
    began = time.monotonic()
    second = base64.b64decode(secret["data"]["ca.crt"])
    assert second != first
    eventually(lambda: set(bundles(cluster, obj)) == {first + second}, f"{kind} has both")
    assert time.monotonic() - began < AT_ONCE

    version = read(cluster, obj)["metadata"]["resourceVersion"]
    cluster.kubectl("annotate", "secret", "serving", "-n", shop.namespace, "touched=1")
    time.sleep(0.5)
    assert kind == "APIService" or read(cluster, obj)["metadata"]["resourceVersion"] == version
    managers = {one["manager"] for one in read(cluster, obj)["metadata"]["managedFields"]}
    assert "certshim-cainjector" in managers


def test_a_secret_that_allows_it(shop: Shop) -> None:
    """Not before its annotation is there; the sentence on the object says which."""
    cluster = shop.cluster
    obj = target("ValidatingWebhookConfiguration", shop.namespace, inject_ca_from_secret=f"{shop.namespace}/serving")
    apply(cluster, obj)
    message = eventually(lambda: told(shop, obj), "a Warning")[0]
    assert message == (
        f"cannot fill in caBundle as cert-manager.io/inject-ca-from-secret asks: Secret {shop.namespace}/serving "
        'does not allow it; annotate it with cert-manager.io/allow-direct-injection: "true"'
    )
    assert bundles(cluster, obj) == [b"", b""]

    allow = "cert-manager.io/allow-direct-injection=true"
    cluster.kubectl("annotate", "secret", "serving", "-n", shop.namespace, allow)

    eventually(lambda: set(bundles(cluster, obj)) == {ca_of(shop, "serving")}, "the CA of the Secret")


def test_the_ca_of_the_api_server(shop: Shop) -> None:
    cluster = shop.cluster
    obj = target("MutatingWebhookConfiguration", shop.namespace, inject_apiserver_ca="true")
    apply(cluster, obj)

    kubeconfig = yaml.safe_load(Path(cluster.admin).read_text(encoding="utf-8"))["clusters"][0]["cluster"]
    data = kubeconfig.get("certificate-authority-data")
    ca = base64.b64decode(data) if data else Path(kubeconfig["certificate-authority"]).read_bytes()
    eventually(lambda: {one.strip() for one in bundles(cluster, obj)} == {ca.strip()}, "the CA of the API server")


def test_annotations_of_before_v0_11_are_followed(shop: Shop) -> None:
    """By the key of then both are asked: the object for a CA, and the Secret whether it may be had."""
    cluster = shop.cluster
    obj = target("ValidatingWebhookConfiguration", shop.namespace)
    obj["metadata"]["annotations"] = {"certmanager.k8s.io/inject-ca-from-secret": f"{shop.namespace}/serving"}
    allow = "certmanager.k8s.io/allow-direct-injection=true"
    cluster.kubectl("annotate", "secret", "serving", "-n", shop.namespace, allow)

    apply(cluster, obj)

    eventually(lambda: set(bundles(cluster, obj)) == {ca_of(shop, "serving")}, "the CA of the Secret")


def test_what_comes_late_is_injected(shop: Shop) -> None:
    """The Certificate may come after the object; a reference that is none is told, and mended by an edit."""
    cluster = shop.cluster
    obj = target("ValidatingWebhookConfiguration", shop.namespace, inject_ca_from="serving")
    apply(cluster, obj)
    message = eventually(lambda: told(shop, obj), "a Warning")[0]
    assert message.endswith("annotation cert-manager.io/inject-ca-from is 'serving'; write namespace/name")
    obj["metadata"]["annotations"]["cert-manager.io/inject-ca-from"] = f"{shop.namespace}/late"
    apply(cluster, obj)
    eventually(lambda: any("late is not there; create it" in one for one in told(shop, obj)), "a Warning")

    shop.apply(certificate("late", "self-signed", isCA=True, commonName="late"))

    eventually(lambda: shop.get("Secret", "late"), "the Secret")
    eventually(lambda: set(bundles(cluster, obj)) == {ca_of(shop, "late")}, "the CA")


def test_what_somebody_else_put_there_stays(shop: Shop) -> None:
    cluster = shop.cluster
    shop.apply(certificate("other", "self-signed", isCA=True, commonName="other"))
    shop.ready("Certificate", "other")
    obj = target("ValidatingWebhookConfiguration", shop.namespace, inject_ca_from=f"{shop.namespace}/serving")
    theirs = ca_of(shop, "other")
    for webhook in obj["webhooks"]:
        webhook["clientConfig"]["caBundle"] = base64.b64encode(theirs).decode()
        webhook["clientConfig"] = dict(webhook["clientConfig"])
    apply(cluster, obj)

    eventually(lambda: set(bundles(cluster, obj)) == {theirs + ca_of(shop, "serving")}, "both")


def test_who_asks_for_nothing_costs_nothing(shop: Shop) -> None:
    """No object that has no such annotation is read or written."""
    cluster = shop.cluster
    plain = []
    for number in range(UNRELATED):
        obj = target("ValidatingWebhookConfiguration", shop.namespace)
        obj["metadata"]["name"] = f"{number}.{obj['metadata']['name']}"
        obj["webhooks"] = []
        plain.append(obj)
    apply(cluster, *plain)
    asking = target("ValidatingWebhookConfiguration", shop.namespace, inject_ca_from=f"{shop.namespace}/serving")
    apply(cluster, asking)
    eventually(lambda: all(bundles(cluster, asking)), "the one that asks")

    found = cluster.api.get(PATHS["ValidatingWebhookConfiguration"])["items"]
    managers = {
        one["manager"]
        for item in found
        if item["metadata"]["name"] in {obj["metadata"]["name"] for obj in plain}
        for one in item["metadata"]["managedFields"]
    }
    assert managers == {"kubectl"}
