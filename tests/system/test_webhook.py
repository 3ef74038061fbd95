"""The webhook on the real API server: under its shipped RBAC and configurations, reached by URL.

The configurations are narrowed to the test's namespaces, since the control plane is shared.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from certs.api.certificate import CertificateSpec
from certs.api.meta import IssuerReference
from certs.pki.csr import build_csr
from tests.cluster import APIFailure, Cluster, KubectlFailed, Process
from tests.manifests import webhook_configurations
from tests.product import CERTSHIM, CONFIGURATION_NAMES, NAMESPACE, Product
from tests.system.shop import eventually

pytestmark = pytest.mark.system

WATCHED = "webhook-test"
INGRESSES = f"/apis/networking.k8s.io/v1/namespaces/{WATCHED}/ingresses"
CERTIFICATES = f"/apis/cert-manager.io/v1/namespaces/{WATCHED}/certificates"
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1"


def admission_objects(url: str) -> list[dict[str, Any]]:
    """Return the shipped configurations, by URL and for the watched namespace only."""
    objects = webhook_configurations()
    for configuration in objects:
        for webhook in configuration["webhooks"]:
            path = webhook["clientConfig"].pop("service")["path"]
            webhook["clientConfig"] = {"url": f"{url}{path}"}
            if webhook["name"] == "ready.certshim.io":
                continue
            webhook["rules"][0]["scope"] = "Namespaced"
            webhook["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": WATCHED}}
    return objects


@pytest.fixture(scope="module")
def webhook(cluster: Cluster, product: Product) -> Iterator[Process]:
    """A webhook that the API server calls."""
    url = f"https://127.0.0.1:{product.webhook_port}"
    plain = f"127.0.0.1:{cluster.ports.free()}"
    cluster.kubectl("create", "namespace", WATCHED)
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(admission_objects(url)))
    process = cluster.run(
        "webhook",
        [
            CERTSHIM,
            "webhook",
            f"--kubeconfig={cluster.service_account_kubeconfig(NAMESPACE, 'certshim-webhook')}",
            f"--bind=127.0.0.1:{product.webhook_port}",
            "--healthz-port=0",
            f"--metrics-listen-address={plain}",
            f"--dynamic-serving-ca-secret-namespace={NAMESPACE}",
            "--dynamic-serving-ca-secret-name=certshim-webhook-ca",
            "--dynamic-serving-dns-names=127.0.0.1",
        ],
    )
    process.wait_until(lambda: requests.get(f"http://{plain}/readyz", timeout=2).ok, seconds=30)
    yield process
    process.stop()
    product.withdraw_admission()
    cluster.api.delete(f"/api/v1/namespaces/{WATCHED}")


def ingress(name: str, annotations: dict[str, str], **spec: Any) -> dict[str, Any]:
    backend = {"service": {"name": "shop", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    rules = [{"host": f"{name}.example.com", "http": {"paths": paths}}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": WATCHED, "annotations": annotations},
        "spec": {"rules": rules, **spec},
    }


@pytest.mark.usefixtures("webhook")
def test_every_entry_trusts_the_webhooks_own_ca(cluster: Cluster) -> None:
    """The bundle in the configurations is the one of the Secret that the webhook made."""
    secret = cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/certshim-webhook-ca")

    bundles = {
        entry["clientConfig"]["caBundle"]
        for kind in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
        for name in CONFIGURATION_NAMES
        for entry in cluster.api.get(f"{CONFIGURATIONS}/{kind}/{name}")["webhooks"]
    }
    assert bundles == {secret["data"]["ca.crt"]}
    assert set(secret["data"]) == {"tls.crt", "tls.key", "ca.crt"}


@pytest.mark.usefixtures("webhook")
def test_a_bundle_that_somebody_changed_is_put_back(cluster: Cluster) -> None:
    """GitOps that applies the manifest again does not cut us off."""
    path = f"{CONFIGURATIONS}/mutatingwebhookconfigurations/certshim-webhook"
    before = [entry["clientConfig"]["caBundle"] for entry in cluster.api.get(path)["webhooks"]]
    patch = [{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": ""}]
    cluster.kubectl(
        "patch", "mutatingwebhookconfiguration", "certshim-webhook", "--type=json", f"--patch={json.dumps(patch)}"
    )

    eventually(
        lambda: [entry["clientConfig"].get("caBundle") for entry in cluster.api.get(path)["webhooks"]] == before,
        "the bundle is back",
    )


@pytest.mark.usefixtures("webhook")
def test_a_bad_ingress_is_refused_with_everything_that_is_wrong(cluster: Cluster) -> None:
    """Each problem is shown with its path and its remedy."""
    bad = ingress(
        "bad",
        {
            "cert-manager.io/issuer": "letsencrypt",
            "cert-manager.io/cluster-issuer": "letsencrypt",
            "cert-manager.io/duraton": "2160h",
            "cert-manager.io/renew-before": "soon",
        },
        tls=[{"hosts": ["a.example.com"], "secretName": "x"}, {"hosts": ["b.example.com"], "secretName": "x"}],
    )

    with pytest.raises(KubectlFailed) as failure:
        cluster.kubectl("create", "-f", "-", stdin=json.dumps(bad))

    for part in (
        'admission webhook "ingress.certshim.io" denied the request',
        "metadata.annotations[cert-manager.io/duraton]",
        "did you mean cert-manager.io/duration?",
        'both "cert-manager.io/issuer" and "cert-manager.io/cluster-issuer" may not be set',
        "metadata.annotations[cert-manager.io/renew-before]",
        "spec.tls[1].secretName",
    ):
        assert part in failure.value.stderr


@pytest.mark.usefixtures("webhook")
def test_an_ingress_that_is_only_annotated_gets_its_tls(cluster: Cluster) -> None:
    """One entry with the hosts of the rules."""
    created = cluster.api.post(INGRESSES, ingress("annotated", {"cert-manager.io/issuer": "letsencrypt"}))

    assert created["spec"]["tls"] == [{"hosts": ["annotated.example.com"], "secretName": "annotated-tls"}]


@pytest.mark.usefixtures("webhook")
@pytest.mark.parametrize("flags", [("--server-side",), ()], ids=["server side", "client side"])
@pytest.mark.parametrize(
    "spec", [{}, {"tls": [{"hosts": ["x.example.com"]}]}], ids=["annotated only", "no secret name"]
)
def test_applying_twice_changes_nothing(cluster: Cluster, flags: tuple[str, ...], spec: dict[str, Any]) -> None:
    """The second apply is not even a new version."""
    name = f"twice-{'ssa' if flags else 'csa'}-{len(spec)}"
    manifest = json.dumps(ingress(name, {"cert-manager.io/issuer": "letsencrypt"}, **spec))
    cluster.kubectl("apply", *flags, "-f", "-", stdin=manifest)
    before = cluster.api.get(f"{INGRESSES}/{name}")

    cluster.kubectl("apply", *flags, "-f", "-", stdin=manifest)

    after = cluster.api.get(f"{INGRESSES}/{name}")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert after["spec"]["tls"][0]["secretName"] == f"{name}-tls"


@pytest.mark.usefixtures("webhook")
def test_a_wildcard_that_no_solver_can_prove_is_refused(cluster: Cluster, product: Product) -> None:
    """Once the informer has the issuer; host, issuer and the solvers tried are named."""
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(product.issuer("http-only", WATCHED)))
    tls = [{"hosts": ["*.example.com"], "secretName": "wild"}]
    wild = ingress("wild", {"cert-manager.io/issuer": "http-only"}, tls=tls)

    def refusal() -> str:
        try:
            cluster.api.post(f"{INGRESSES}?dryRun=All", wild)
        except APIFailure as failure:
            return str(failure)
        return ""

    message = eventually(refusal, "the wildcard is refused")
    for part in ("*.example.com", "Issuer http-only", "solvers[0] (http-01) cannot prove a wildcard", "dns01"):
        assert part in message


@pytest.mark.usefixtures("webhook")
def test_a_certificate_that_lacks_something_is_refused_in_the_apis_words(cluster: Cluster) -> None:
    """Our own kinds are judged as cert-manager judges them."""
    body = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "x"},
        "spec": {"secretName": "x", "issuerRef": {"name": "le"}, "duration": "30m"},
    }

    with pytest.raises(APIFailure) as failure:
        cluster.api.post(CERTIFICATES, body)

    assert "spec.duration: Invalid value: 1800000000000: certificate duration must be greater than 1h0m0s" in str(
        failure.value
    )
    assert "at least one of commonName" in str(failure.value)


def signing_request() -> str:
    """Return one that says nothing but a name, as the API carries it."""
    spec = CertificateSpec(secret_name="x", issuer_ref=IssuerReference("x"), dns_names=("shop.example.com",))
    return base64.b64encode(build_csr(spec, ec.generate_private_key(ec.SECP256R1()))).decode()


@pytest.mark.usefixtures("webhook")
def test_a_request_carries_who_made_it(cluster: Cluster) -> None:
    """The mutating step fills the identity, the validating step accepts it."""
    requests_path = f"/apis/cert-manager.io/v1/namespaces/{WATCHED}/certificaterequests"
    body = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "CertificateRequest",
        "metadata": {"name": "who"},
        "spec": {"request": signing_request(), "issuerRef": {"name": "le"}},
    }

    created = cluster.api.post(requests_path, body)

    assert created["spec"]["username"]
    assert "system:authenticated" in created["spec"]["groups"]
