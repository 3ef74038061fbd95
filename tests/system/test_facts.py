"""The webhook's facts on the real API server: what it holds, what it lets go of, and whom Secrets are shown to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from certs.api.certificate import Certificate, CertificateSpec
from certs.api.core import Namespace, Secret, SecretMeta
from certs.api.ingress import (
    HTTPIngressPath,
    HTTPIngressRuleValue,
    Ingress,
    IngressBackend,
    IngressRule,
    IngressServiceBackend,
    IngressSpec,
    IngressTLS,
    ServiceBackendPort,
)
from certs.api.issuer import Issuer, IssuerSpec, SelfSignedIssuer
from certs.api.meta import IssuerReference, KubeObject, ObjectMeta
from certs.facts import OTHER_SECRET, TLS_SECRET, UNKNOWN_SECRET
from certs.wanted import Settings
from shim.kube.cluster import Cluster
from shim.kube.kubeclient import KubeClient
from shim.kube.transport import Transport, connect
from tests.cluster import Cluster as ControlPlane
from tests.product import Product
from tests.system.test_informer import eventually
from webhook.facts import InformedFacts

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

ISSUER = "cert-manager.io/issuer"
MANAGER = "certshim-test"
BACKEND = IngressBackend(IngressServiceBackend("shop", ServiceBackendPort(number=80)))


@pytest.fixture
def installed(product: Product, cluster: ControlPlane) -> ControlPlane:
    """The control plane with the product's kinds."""
    del product
    return cluster


@pytest.fixture
def transport(installed: ControlPlane) -> Iterator[Transport]:
    transport = connect(str(installed.admin))
    yield transport
    transport.close()


@pytest.fixture
def client(transport: Transport) -> KubeClient:
    return KubeClient(transport)


@pytest.fixture
def informed() -> Iterator[Callable[[Transport], InformedFacts]]:
    followed: list[Cluster] = []

    def start(transport: Transport) -> InformedFacts:
        cluster = Cluster(transport)
        facts = InformedFacts(cluster, Settings())
        cluster.start()
        followed.append(cluster)
        assert eventually(lambda: facts.synced)
        return facts

    yield start
    for cluster in followed:
        cluster.stop()


def create(client: KubeClient, obj: KubeObject) -> None:
    client.create(obj, field_manager=MANAGER)


def ingress(namespace: str, name: str, *, annotations: dict[str, str], labels: dict[str, str]) -> Ingress:
    return Ingress(
        metadata=ObjectMeta(name=name, namespace=namespace, annotations=annotations, labels=labels),
        spec=IngressSpec(
            tls=(IngressTLS(hosts=(f"{name}.{namespace}.example.com",), secret_name="shop-tls"),),
            rules=(
                IngressRule(
                    host=f"{name}.{namespace}.example.com",
                    http=HTTPIngressRuleValue(paths=(HTTPIngressPath(path="/", path_type="Prefix", backend=BACKEND),)),
                ),
            ),
        ),
    )


def test_claims_of_ingresses(
    transport: Transport, client: KubeClient, informed: Callable[[Transport], InformedFacts], namespace: str
) -> None:
    """Who names a host or a Secret, and whether a certificate is asked for; a challenge's route claims nothing."""
    facts = informed(transport)
    create(client, ingress(namespace, "shop", annotations={ISSUER: "le", "note": "x" * 1000}, labels={}))
    create(client, ingress(namespace, "plain", annotations={}, labels={"app": "x"}))
    create(client, ingress(namespace, "route", annotations={}, labels={"acme.cert-manager.io/http01-solver": "true"}))
    assert eventually(lambda: len(facts.ingresses_of_secret(namespace, "shop-tls")) == 2)

    claims = {claim.name: claim.is_wanted for claim in facts.ingresses_of_secret(namespace, "shop-tls")}
    assert claims == {"shop": True, "plain": False}
    assert [claim.name for claim in facts.ingresses_of_host(f"shop.{namespace}.example.com")] == ["shop"]
    assert facts.ingresses_of_host(f"route.{namespace}.example.com") == ()
    assert facts.ingresses_of_secret("elsewhere", "shop-tls") == ()


def test_certificates_issuers_and_namespaces(
    transport: Transport, client: KubeClient, informed: Callable[[Transport], InformedFacts], namespace: str
) -> None:
    """A Certificate by its name and by its Secret, an issuer by its reference, a namespace's own actions."""
    facts = informed(transport)
    meta = ObjectMeta(name="shop", namespace=namespace)
    spec = CertificateSpec(secret_name="shop-tls", issuer_ref=IssuerReference("own"), dns_names=("shop.example.com",))
    create(client, Certificate(metadata=meta, spec=spec))
    create(
        client,
        Issuer(metadata=ObjectMeta(name="own", namespace=namespace), spec=IssuerSpec(self_signed=SelfSignedIssuer())),
    )
    client.patch(
        Namespace, "", namespace, {"metadata": {"annotations": {"certshim.io/admission": "host-claimed=deny"}}}
    )
    assert eventually(lambda: facts.certificate(namespace, "shop") is not None)
    assert eventually(lambda: facts.admission_of(namespace) == "host-claimed=deny")
    assert eventually(lambda: "own" in facts.issuer_names(namespace, "Issuer"))

    assert [held.spec for held in facts.certificates_of_secret(namespace, "shop-tls")] == [spec]
    assert facts.issuer(namespace, IssuerReference("own")) is not None
    assert facts.issuer(namespace, IssuerReference("own", kind="ClusterIssuer")) is None
    assert facts.issuer(namespace, IssuerReference("own", group="example.com")) is None
    assert facts.admission_of("elsewhere") == ""


def test_secrets_by_name_and_kind(
    transport: Transport, client: KubeClient, informed: Callable[[Transport], InformedFacts], namespace: str
) -> None:
    """Of a Secret it is known whether it is for TLS; its data is never asked for."""
    facts = informed(transport)
    data = {"tls.crt": b"", "tls.key": b""}
    create(client, Secret(metadata=SecretMeta(name="pair", namespace=namespace), type=TLS_SECRET, data=data))
    create(client, Secret(metadata=SecretMeta(name="password", namespace=namespace), type="Opaque"))
    assert eventually(lambda: facts.secret_type(namespace, "pair") == TLS_SECRET)
    assert eventually(lambda: facts.secret_type(namespace, "password") == OTHER_SECRET)

    assert facts.secret_type(namespace, "missing") is None


def test_without_the_right_to_list_secrets(
    installed: ControlPlane, informed: Callable[[Transport], InformedFacts], namespace: str
) -> None:
    """Nothing is said about Secrets then, and everything else works."""
    installed.kubectl("create", "clusterrole", f"{namespace}-reader", "--verb=list,watch",
        "--resource=issuers.cert-manager.io,clusterissuers.cert-manager.io,certificates.cert-manager.io",
        "--resource=ingresses.networking.k8s.io,namespaces")  # fmt: skip
    installed.kubectl("create", "clusterrolebinding", f"{namespace}-reader",
        f"--clusterrole={namespace}-reader", f"--user={namespace}")  # fmt: skip
    transport = connect(str(installed.kubeconfig(namespace)))

    facts = informed(transport)

    assert facts.secret_type(namespace, "missing") == UNKNOWN_SECRET
