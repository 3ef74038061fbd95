"""What the API server asks the webhook about: selectors and match conditions, evaluated by the real API server.

Recorders stand in for the two steps, under the rules, selectors and conditions of the manifest but with
`failurePolicy: Fail`, so that a condition that cannot be evaluated is seen; they are asked about namespaces of
this module only.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pytest
import yaml

from tests.cluster import Cluster
from tests.manifests import webhook_configurations
from tests.product import Product
from tests.system.recorder import Recorder
from tests.system.shop import PATHS

pytestmark = pytest.mark.system

SHIM: Final = "system:serviceaccount:cert-manager:certshim-shim"
STEPS: Final = {"ValidatingWebhookConfiguration": "validating", "MutatingWebhookConfiguration": "mutating"}
MODULE: Final = "certshim.test/asked"  # the label of our namespaces

OURS = {"cert-manager.io/issuer": "letsencrypt"}
TLS = ({"hosts": ["a.example"], "secretName": "a"},)
MANY = {f"{'n' * 60}{i}.example.com/{'x' * 60}": "" for i in range(100)}  # long keys make conditions dear

OUR_KEYS = [
    "cert-manager.io/issuer",
    "cert-manager.io/cluster-issuer",
    "cert-manager.io/isuer",
    "acme.cert-manager.io/http01-edit-in-place",
    "certmanager.k8s.io/cluster-issuer",
    "certshim.io/tls",
    "kubernetes.io/tls-acme",
]
NEAR_MISSES = [
    "cert-manger.io/issuer",
    "certmanager.io/issuer",
    "Cert-Manager.io/issuer",
    "cert.manager.io/issuer",
    "crt-manager.io/cluster-issuer",
    "cret-mnaager.io/cluster-issuer",
    "cert-manager.k8s.io/issuer",
    "amce.cret-manager.io/http01-edit-in-place",
    "cetrshmi.io/tls",
    "kubernetes.io/tlsacme",
    "kubernetes.io/TLS-ACME",
    "kuberentes.io/tls-amce",
    "cert-manager",
]


class Asked:
    """Makes and changes objects, and tells what the API server asked about them."""

    def __init__(self, cluster: Cluster, steps: Mapping[str, Recorder]) -> None:
        self._cluster = cluster
        self._steps = steps
        self.namespace = f"asked-{uuid.uuid4().hex[:8]}"

    def ingress(
        self,
        annotations: Mapping[str, str],
        *,
        tls: Sequence[Mapping[str, Any]] = (),
        user: str = "",
        namespace: str = "",
        finalizers: tuple[str, ...] = (),
    ) -> str:
        """Create an Ingress, as the user when one is given, and return its name."""
        name = f"it-{uuid.uuid4().hex[:8]}"
        metadata = {"name": name, "annotations": dict(annotations), "finalizers": list(finalizers)}
        spec = {"rules": [{"host": "a.example"}], **({"tls": list(tls)} if tls else {})}
        body = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}
        self.create(body, *([f"--as={user}"] if user else []), namespace=namespace)
        return name

    def create(self, body: Mapping[str, Any], *flags: str, namespace: str = "") -> None:
        """Create the object."""
        self.kubectl("create", *flags, "-f-", stdin=json.dumps(body), namespace=namespace)

    def patch(self, name: str, patch: Mapping[str, object], *flags: str, kind: str = "ingress") -> None:
        """Merge the patch into the object."""
        self.kubectl("patch", kind, name, "--type=merge", f"--patch={json.dumps(patch)}", *flags)

    def kubectl(self, *arguments: str, stdin: str | None = None, namespace: str = "") -> None:
        """Run kubectl in the namespace."""
        self._cluster.kubectl(*arguments, "--namespace", namespace or self.namespace, stdin=stdin)

    def validating(self, name: str) -> list[str]:
        """Return the operations that the validating step was asked about."""
        return self._operations("validating", name)

    def mutating(self, name: str) -> list[str]:
        """Return the operations that the mutating step was asked about."""
        return self._operations("mutating", name)

    def _operations(self, step: str, name: str) -> list[str]:
        return [operation for operation, of in self._steps[step].asked if of == name]


def recorded(steps: Mapping[str, Recorder]) -> Iterator[dict[str, Any]]:
    """Yield the shipped configurations with recorders in the webhook's place, for our namespaces only."""
    for one in webhook_configurations():
        one["metadata"]["name"] += "-recorded"
        one["webhooks"] = [entry for entry in one["webhooks"] if entry["name"] != "ready.certshim.io"]
        for entry in one["webhooks"]:
            entry["clientConfig"] = steps[STEPS[one["kind"]]].client_config
            entry["failurePolicy"] = "Fail"
            entry["rules"][0]["scope"] = "Namespaced"
            selector = entry.setdefault("namespaceSelector", {})
            selector["matchExpressions"] = [
                *selector.get("matchExpressions", ()),
                {"key": MODULE, "operator": "Exists"},
            ]
        yield one


@pytest.fixture(scope="module")
def asked(cluster: Cluster, product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """A namespace in which the recorders are asked what the webhook would be asked."""
    with (
        Recorder(tmp_path_factory.mktemp("validating")) as validating,
        Recorder(tmp_path_factory.mktemp("mutating")) as mutating,
    ):
        steps = {"validating": validating, "mutating": mutating}
        made = Asked(cluster, steps)
        configurations = yaml.safe_dump_all(recorded(steps))
        make_namespace(cluster, made.namespace)
        cluster.kubectl("apply", "--server-side", "-f-", stdin=configurations)
        try:
            in_effect(made)
            yield made
        finally:
            cluster.kubectl("delete", "-f-", stdin=configurations)
            cluster.api.delete(f"/api/v1/namespaces/{made.namespace}")


def make_namespace(cluster: Cluster, name: str, **labels: str) -> None:
    """Make one of our namespaces."""
    cluster.api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": {MODULE: "", **labels}}})


def in_effect(asked: Asked) -> None:
    """Wait until the API server, which learns of configurations by a watch, asks all of them."""
    deadline = time.monotonic() + 20
    while True:
        ingress, request = asked.ingress(OURS), certificate_request(asked)
        seen = [step(name) for step in (asked.validating, asked.mutating) for name in (ingress, request)]
        if all(seen):
            return
        assert time.monotonic() < deadline, "the API server does not ask the recorders"
        time.sleep(0.2)


def certificate_request(asked: Asked) -> str:
    """Create a CertificateRequest."""
    return our_object(asked, "CertificateRequest", {"request": "LS0tLQ==", "issuerRef": {"name": "x"}})


def our_object(asked: Asked, kind: str, spec: Mapping[str, Any], *, namespace: str = "") -> str:
    """Create an object of ours and return its name."""
    name = f"it-{uuid.uuid4().hex[:8]}"
    version = PATHS[kind].removeprefix("/apis/").partition("/namespaces")[0]
    asked.create(
        {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}, namespace=namespace
    )
    return name


# -- Ingresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", OUR_KEYS)
def test_both_steps_are_asked_about_our_annotations(asked: Asked, key: str) -> None:
    """Whatever follows our prefixes: there may be something to fill in, and something to tell."""
    name = asked.ingress({"nginx.ingress.kubernetes.io/ssl-redirect": "true", key: "x"})

    assert (asked.mutating(name), asked.validating(name)) == (["CREATE"], ["CREATE"])


@pytest.mark.parametrize("key", NEAR_MISSES)
def test_the_validating_step_is_asked_about_near_misses(asked: Asked, key: str) -> None:
    """People should be told of a misspelled annotation; nothing can be filled in because of one."""
    name = asked.ingress({"nginx.ingress.kubernetes.io/ssl-redirect": "true", key: "x"})

    assert (asked.mutating(name), asked.validating(name)) == ([], ["CREATE"])


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        {"nginx.ingress.kubernetes.io/ssl-redirect": "true"},
        {"kubernetes.io/ingress.class": "nginx", "external-dns.alpha.kubernetes.io/hostname": "a.example"},
        {"note": "managed by cert-manager.io/issuer"},
        MANY,
    ],
    ids=["none", "foreign", "foreign-two", "only-in-a-value", "many"],
)
def test_nobody_is_asked_about_others(asked: Asked, annotations: dict[str, str]) -> None:
    """An Ingress that is none of our business never waits for us, whatever is done with it."""
    name = asked.ingress(annotations)
    asked.patch(name, {"spec": {"rules": [{"host": "b.example"}]}})

    assert (asked.mutating(name), asked.validating(name)) == ([], [])


def test_more_annotations_than_a_condition_can_look_at(asked: Asked) -> None:
    """As many as the API server stores: asked about, and no error of the condition, which would stand for a no."""
    most = {f"{'n' * 60}{i}.example.com/x": "" for i in range(3000)}

    name = asked.ingress(most)

    assert asked.validating(name) == ["CREATE"]


def test_the_validating_step_is_asked_about_tls_without_annotation(asked: Asked) -> None:
    """The Secret may be one that nobody makes; when that entry goes, there is nothing to say."""
    name = asked.ingress({}, tls=TLS)
    asked.patch(name, {"spec": {"rules": [{"host": "b.example"}]}})
    asked.patch(name, {"metadata": {"labels": {"team": "a"}}})
    asked.patch(name, {"spec": {"tls": None}})

    assert (asked.mutating(name), asked.validating(name)) == ([], ["CREATE", "UPDATE"])


@pytest.mark.parametrize(
    ("patch", "validating", "mutating"),
    [
        ({"spec": {"rules": [{"host": "b.example"}]}}, True, True),
        ({"spec": {"tls": list(TLS)}}, True, True),
        ({"metadata": {"annotations": {"cert-manager.io/issuer": "other"}}}, True, True),
        ({"metadata": {"annotations": {"nginx.ingress.kubernetes.io/ssl-redirect": "true"}}}, True, True),
        ({"metadata": {"annotations": None}}, True, False),
        ({"metadata": {"labels": {"team": "a"}}}, False, False),
        ({"metadata": {"finalizers": ["example.com/held"]}}, False, False),
    ],
    ids=["rules", "tls", "our-annotation", "other-annotation", "annotations-gone", "label", "finalizer"],
)
def test_asks_about_changes_of_spec_and_annotations(
    asked: Asked,
    patch: dict[str, Any],
    validating: bool,  # noqa: FBT001 - a column of the table
    mutating: bool,  # noqa: FBT001 - likewise
) -> None:
    """An update is reviewed when the verdict could have changed, including that our annotations went away."""
    name = asked.ingress(OURS)
    asked.patch(name, patch)
    asked.patch(name, {"metadata": {"finalizers": None}})

    assert asked.validating(name) == ["CREATE", *(["UPDATE"] if validating else [])]
    assert asked.mutating(name) == ["CREATE", *(["UPDATE"] if mutating else [])]


def test_asks_when_annotations_come(asked: Asked) -> None:
    """An Ingress becomes our business by an update."""
    name = asked.ingress({})
    asked.patch(name, {"metadata": {"annotations": OURS}})

    assert (asked.mutating(name), asked.validating(name)) == (["UPDATE"], ["UPDATE"])


def test_nobody_is_asked_about_status(asked: Asked) -> None:
    """Ingress controllers write the status often, and it is nothing to us."""
    name = asked.ingress(OURS)
    asked.patch(name, {"status": {"loadBalancer": {"ingress": [{"ip": "10.1.2.3"}]}}}, "--subresource=status")

    assert (asked.mutating(name), asked.validating(name)) == (["CREATE"], ["CREATE"])


def test_nobody_is_asked_about_what_the_shim_writes(asked: Asked) -> None:
    """What the shim writes comes from an Ingress that was judged; being judged by itself could stop it."""
    name = asked.ingress(OURS, tls=TLS, user=SHIM)
    asked.patch(name, {"spec": {"rules": [{"host": "b.example"}]}}, f"--as={SHIM}")

    assert (asked.mutating(name), asked.validating(name)) == ([], [])


def test_nobody_is_asked_about_deletion(asked: Asked) -> None:
    """Neither the request nor the last updates of an Ingress that goes away."""
    name = asked.ingress(OURS, tls=TLS, finalizers=("example.com/held",))
    asked.kubectl("delete", "ingress", name, "--wait=false")
    asked.patch(name, {"metadata": {"annotations": {"note": "last words"}}})
    asked.patch(name, {"metadata": {"finalizers": None}})

    assert (asked.mutating(name), asked.validating(name)) == (["CREATE"], ["CREATE"])


@pytest.mark.parametrize("label", ["cert-manager.io/disable-validation", "certmanager.k8s.io/disable-validation"])
def test_a_namespace_can_be_left_out(asked: Asked, cluster: Cluster, label: str) -> None:
    """By the label that cert-manager reads, and by the one that it read before v0.11: Ingresses and our kinds."""
    namespace = f"left-out-{uuid.uuid4().hex[:8]}"
    make_namespace(cluster, namespace, **{label: "true"})
    issuer = our_object(asked, "Issuer", {"selfSigned": {}}, namespace=namespace)
    ingress = asked.ingress(OURS, tls=TLS, namespace=namespace)

    assert [(asked.mutating(name), asked.validating(name)) for name in (issuer, ingress)] == [([], [])] * 2
    cluster.api.delete(f"/api/v1/namespaces/{namespace}")


# -- our kinds ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Issuer", {"selfSigned": {}}),
        ("Certificate", {"secretName": "x", "issuerRef": {"name": "x"}, "dnsNames": ["a.example"]}),
        ("Order", {"request": "LS0tLQ==", "issuerRef": {"name": "x"}}),
    ],
)
def test_the_validating_step_is_asked_about_our_kinds(asked: Asked, kind: str, spec: dict[str, Any]) -> None:
    """Each creation, and each update: of the spec, of a label, of the status; not the deletion."""
    name = our_object(asked, kind, spec)
    asked.patch(name, {"metadata": {"labels": {"team": "a"}}}, kind=kind)
    asked.patch(name, {"status": {"conditions": None}}, "--subresource=status", kind=kind)
    asked.kubectl("delete", kind, name)

    assert asked.validating(name) == ["CREATE", "UPDATE", "UPDATE"]
    assert asked.mutating(name) == []


def test_the_mutating_step_is_asked_about_new_requests(asked: Asked) -> None:
    """Who asks is written once."""
    name = certificate_request(asked)
    asked.patch(name, {"metadata": {"labels": {"team": "a"}}}, kind="CertificateRequest")

    assert (asked.mutating(name), asked.validating(name)) == (["CREATE"], ["CREATE", "UPDATE"])


def test_what_is_promised_when_the_webhook_does_not_answer() -> None:
    """Our kinds wait for it, five seconds at most; Ingresses pass, after three."""
    promised = {
        (one["kind"], entry["name"]): (entry["failurePolicy"], entry["timeoutSeconds"], entry["sideEffects"])
        for one in webhook_configurations()
        for entry in one["webhooks"]
        if entry["name"] != "ready.certshim.io"
    }

    assert promised == {
        (kind, name): (policy, seconds, "None")
        for kind in STEPS
        for name, policy, seconds in (("webhook.cert-manager.io", "Fail", 5), ("ingress.certshim.io", "Ignore", 3))
    }
