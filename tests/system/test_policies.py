"""The static rules, evaluated by the API server: what is refused when no webhook answers, and that it is never more.

The policy is installed for the namespaces of this module only, and so are the shipped webhook configurations, which
lead to a port where nobody listens.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml

from certs.annotations import KNOWN
from certs.api.admission import AdmissionRequest, GroupVersionKind, GroupVersionResource
from certs.judge import Judge
from certs.staticrules import CHECKS, Check, problem_of, sentence
from tests.cluster import APIFailure, Cluster, KubectlFailed
from tests.cluster.access import API
from tests.manifests import policies, webhook_configurations
from tests.product import Product
from tests.system.shop import eventually

pytestmark = pytest.mark.system

CASES: Final = Path(__file__).parents[1] / "cases" / "admission"
SHIM: Final = "system:serviceaccount:cert-manager:certshim-shim"
MODULE: Final = "certshim.test/policies"  # the label of our namespaces
POLICY: Final = "ValidatingAdmissionPolicy 'ingress.certshim.io'"
ISSUER: Final = "cert-manager.io/issuer"

UNKNOWN = {ISSUER: "le", "cert-manager.io/duraton": "2160h"}
DID_YOU_MEAN = (
    'metadata.annotations[cert-manager.io/duraton]: Invalid value: "cert-manager.io/duraton": '
    "unknown annotation; did you mean cert-manager.io/duration?"
)


class Ingresses:
    """Tries Ingresses in a namespace of ours."""

    def __init__(self, cluster: Cluster, namespace: str, shim: API) -> None:
        self._cluster = cluster
        self._shim = shim
        self.namespace = namespace
        self.path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses"

    def refuses(self, ingress: Mapping[str, Any]) -> bool:
        """Does the policy refuse what the Ingress would become?"""
        try:
            self._cluster.api.apply(f"{self.path}/shop?dryRun=All", self._complete(ingress))
        except APIFailure as failure:
            if POLICY in str(failure):
                return True
            if failure.code != HTTPStatus.UNPROCESSABLE_ENTITY:  # the API's own validation comes first
                raise
        return False

    def refusal(self, ingress: Mapping[str, Any]) -> str:
        """Return with which words the policy refuses to create the Ingress; empty when it does not."""
        return self._refusal("create", "--dry-run=server", ingress=ingress)

    def refusal_of_update(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
        """Return with which words the policy refuses to make one of the other; empty when it does not."""
        self.store(old)
        return self._refusal("replace", "--dry-run=server", ingress=new)

    def refuses_update(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Does the policy refuse to make one of the other?"""
        self.store(old)
        return self.refuses(new)

    def store(self, ingress: Mapping[str, Any]) -> None:
        """Store the Ingress whatever is wrong with it: the shim's own writes are not looked at."""
        self._shim.apply(f"{self.path}/shop", self._complete(ingress))

    def _refusal(self, *arguments: str, ingress: Mapping[str, Any]) -> str:
        try:
            self._kubectl(*arguments, ingress=ingress)
        except KubectlFailed as failure:
            return failure.stderr if POLICY in failure.stderr else ""
        return ""

    def _kubectl(self, *arguments: str, ingress: Mapping[str, Any]) -> None:
        self._cluster.kubectl(*arguments, "-f-", stdin=json.dumps(self._complete(ingress)))

    def _complete(self, ingress: Mapping[str, Any]) -> dict[str, Any]:
        metadata = {**ingress["metadata"], "name": "shop", "namespace": self.namespace}
        return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", **ingress, "metadata": metadata}


def ingress(annotations: Mapping[str, str], **spec: Any) -> dict[str, Any]:
    """Return an Ingress that asks for what the annotations say."""
    return {"metadata": {"annotations": dict(annotations)}, "spec": {"rules": [{"host": "shop.example.com"}], **spec}}


def ours(objects: list[dict[str, Any]], *, url: str = "") -> list[dict[str, Any]]:
    """Return the objects for our namespaces only, and the webhooks by URL."""
    here = {"key": MODULE, "operator": "Exists"}
    for one in objects:
        if one["kind"] == "ValidatingAdmissionPolicy":
            one["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"].append(here)
        for entry in one.get("webhooks", ()):
            entry["clientConfig"] = {"url": url}
            entry["rules"][0]["scope"] = "Namespaced"
            entry.setdefault("namespaceSelector", {}).setdefault("matchExpressions", []).append(here)
    return objects


def make_namespace(
    cluster: Cluster,
    shim: API,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Ingresses:
    """Make one of our namespaces."""
    name = f"policies-{uuid.uuid4().hex[:8]}"
    metadata = {"name": name, "labels": {MODULE: "", **(labels or {})}, "annotations": dict(annotations or {})}
    cluster.api.post("/api/v1/namespaces", {"metadata": metadata})
    return Ingresses(cluster, name, shim)


@pytest.fixture(scope="module")
def shim_api(cluster: Cluster) -> Iterator[API]:
    """The API server as the shim's account, but allowed everything."""
    api = cluster.apiserver.as_user(cluster.apiserver.users.by_certificate(SHIM, ["system:masters"]))
    yield api
    api.close()


@pytest.fixture(scope="module")
def ingresses(cluster: Cluster, product: Product, shim_api: API) -> Iterator[Ingresses]:
    """A namespace where the policy holds, and no webhook answers."""
    made = make_namespace(cluster, shim_api)
    url = f"https://127.0.0.1:{cluster.ports.free()}/"
    objects = [*ours(policies()), *ours(webhook_configurations(), url=url)]
    text = yaml.safe_dump_all(objects)
    cluster.kubectl("apply", "--server-side", "-f-", stdin=text)
    try:
        eventually(lambda: made.refusal(ingress(UNKNOWN)), "the policy is in effect")
        yield made
    finally:
        cluster.kubectl("delete", "-f-", stdin=text)
        cluster.api.delete(f"/api/v1/namespaces/{made.namespace}")


# -- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.rule} {check.broken[:30]}")
def test_refuses_what_breaks_a_rule_in_the_words_of_the_webhook(ingresses: Ingresses, check: Check) -> None:
    """The sentence, the value, and what to write instead."""
    assert (
        ingresses.refusal(check.sample)
        .strip()
        .endswith(f"denied request: {sentence(problem_of(check.sample, check.rule))}")
    )


def test_tells_everything_at_once(ingresses: Ingresses) -> None:
    twice = [{"hosts": [host], "secretName": "x"} for host in ("a.example.com", "b.example.com")]
    bad = ingress({**UNKNOWN, "cert-manager.io/renew-before": "1m", "cert-manager.io/private-key-size": "5"}, tls=twice)

    told = ingresses.refusal(bad)

    assert "denied request: 4 problems: " in told
    assert DID_YOU_MEAN in told
    assert '"1m": must be at least 5m' in told
    assert '"5": must be between 2048 and 8192 for RSA' in told
    assert "but is also used in spec.tls[0].secretName" in told


@pytest.mark.parametrize("key", [key for key in KNOWN if not key.startswith("kubernetes.io/")])
def test_names_the_known_annotation_that_is_nearest(ingresses: Ingresses, key: str) -> None:
    """By what they have in common, since CEL has no edit distance."""
    name = key.partition("/")[2]
    misspelled = key.replace(name, f"{name}s" if len(name) < 8 else name[:4] + name[5:])

    assert f"did you mean {key}?" in ingresses.refusal(ingress({ISSUER: "le", misspelled: "x"}))


def test_finds_nothing_near_a_word_of_another_kind(ingresses: Ingresses) -> None:
    told = ingresses.refusal(ingress({ISSUER: "le", "cert-manager.io/frobnicate": "x"}))

    assert "unknown annotation; remove it, nothing reads it" in told


@pytest.mark.parametrize(
    "annotations",
    [
        {f"cert-manager.io/{'x' * 50}{i}": "" for i in range(200)},
        {ISSUER: "le", "cert-manager.io/common-name": "x" * 100_000},
        {ISSUER: "le", "cert-manager.io/duration": "a\nb"},
    ],
    ids=["many", "long", "lines"],
)
def test_refuses_what_is_too_much_to_tell(ingresses: Ingresses, annotations: dict[str, str]) -> None:
    """A message of the API server's own has its limits; the refusal has none."""
    assert ingresses.refusal(ingress(annotations))


# -- what is not refused -----------------------------------------------------------------------------------------


def allowed(new: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> bool:
    """Does the webhook accept it, knowing nothing of the cluster and with no settings?"""
    resource = {"group": "networking.k8s.io", "version": "v1"}
    request = AdmissionRequest(
        uid="",
        kind=GroupVersionKind(**resource, kind="Ingress"),
        resource=GroupVersionResource(**resource, resource="ingresses"),
        operation="UPDATE" if old else "CREATE",
        object=msgspec.Raw(msgspec.json.encode(new)),
        old_object=msgspec.Raw(msgspec.json.encode(old) if old else b""),
    )
    return Judge().validate(request).allowed


def accepted_cases() -> list[Any]:
    """Return all Ingresses of the corpus that the webhook accepts."""
    return [
        pytest.param({"spec": {}, **one}, id=f"{path.stem}: {case['case']}")
        for path in sorted(CASES.glob("ingress*.yaml"))
        for case in yaml.safe_load(path.read_text())
        for one in (case["object"], case.get("old"))
        if one and one.get("kind") == "Ingress" and allowed(one)
    ]


@pytest.mark.parametrize("accepted", accepted_cases())
def test_takes_what_the_webhook_takes(ingresses: Ingresses, accepted: dict[str, Any]) -> None:
    """Of the corpus, as it is before the webhook completes it."""
    assert not ingresses.refuses(accepted)


VALUES: Final[Mapping[str, tuple[str, ...]]] = {
    ISSUER: ("le", "le", ""),
    "cert-manager.io/cluster-issuer": ("le", ""),
    "cert-manager.io/issuer-kind": ("Issuer", "ClusterIssuer"),
    "cert-manager.io/issuer-group": ("example.com",),
    "cert-manager.io/common-name": ("a.example.com", "ü" * 33, "x" * 64),
    "cert-manager.io/alt-names": ("*.a.example.com", "a.example.com, *.b.example.com", "a*.b", "*", "", "*.x.*"),
    "cert-manager.io/duration": ("1h", "59m60s", "3599.9s", "+2h", "-2h", "0", ".5h", "1h30", "90m", "1000000h", "1us"),
    "cert-manager.io/renew-before": ("5m", "4m59s", "300s", "x", "299999ms", "2000h", "3000h"),
    "cert-manager.io/renew-before-percentage": ("30", "+30", "-1", "a", "99999999999", "100"),
    "cert-manager.io/revision-history-limit": ("1", "0", "+3", "-3", "2147483648", " 1"),
    "cert-manager.io/private-key-algorithm": ("RSA", "ECDSA", "Ed25519", "rsa"),
    "cert-manager.io/private-key-encoding": ("PKCS1", "PKCS8", "pkcs8"),
    "cert-manager.io/private-key-size": ("2048", "2047", "8192", "8193", "256", "384", "521", "+256", "0", "x"),
    "cert-manager.io/private-key-rotation-policy": ("Never", "Always", "Sometimes"),
    "cert-manager.io/usages": ("server auth, client auth", "x"),
    "cert-manager.io/issuer-name": ("x",),
    "cert-manager.io/isuer": ("x",),
    "certmanager.k8s.io/issuer": ("x",),
    "certmanager.k8s.io/x": ("x",),
    "certshim.io/tls": ("manual", "auto"),
    "kubernetes.io/tls-acme": ("true", "false"),
    "example.com/x": ("y",),
}
TLS: Final[tuple[Mapping[str, Any], ...]] = (
    {"hosts": ["a.example.com"], "secretName": "a"},
    {"hosts": ["b.example.com"]},
    {"secretName": "c"},
    {},
)


def at_random(chance: random.Random) -> dict[str, Any]:
    """Return an Ingress with a few annotations and entries, each of which may be wrong or not."""
    keys = chance.sample(sorted(VALUES), chance.randrange(1, 6))
    annotations = {key: chance.choice(VALUES[key]) for key in keys}
    if chance.random() < 0.7:
        annotations.setdefault(ISSUER, "le")
    return ingress(annotations, tls=[dict(chance.choice(TLS)) for _ in range(chance.choice((0, 0, 1, 2, 3)))])


def test_never_refuses_what_the_webhook_accepts(ingresses: Ingresses) -> None:
    """Ingresses at random, the same ones each time; a third and more are accepted by the webhook."""
    chance = random.Random(1)  # noqa: S311 - for examples, not for secrets
    tried = [at_random(chance) for _ in range(1000)]

    refused = [ingresses.refuses(one) for one in tried]

    assert [one for one, no in zip(tried, refused, strict=True) if no and allowed(one)] == []
    assert 250 < sum(refused) < 750


def test_never_refuses_an_update_that_the_webhook_accepts(ingresses: Ingresses) -> None:
    """From one Ingress at random to another; what was wrong before is not held against it."""
    chance = random.Random(2)  # noqa: S311 - as above
    pairs = []
    for _ in range(500):
        old, new = at_random(chance), at_random(chance)
        if chance.random() < 0.7:  # most updates change little
            new = {**old, "metadata": {**old["metadata"], "annotations": dict(old["metadata"]["annotations"])}}
            key = chance.choice(sorted(VALUES))
            new["metadata"]["annotations"][key] = chance.choice(VALUES[key])
        pairs.append((old, new))

    refused = [ingresses.refuses_update(old, new) for old, new in pairs]

    assert [pair for pair, no in zip(pairs, refused, strict=True) if no and allowed(pair[1], pair[0])] == []
    assert 50 < sum(refused) < 450


def test_an_update_answers_for_what_it_brings(ingresses: Ingresses) -> None:
    """An object that broke a rule before the rule existed can still get a label, and a new mistake is told alone."""
    old = ingress({**UNKNOWN, "cert-manager.io/renew-before": "1m"})
    labelled = {**old, "metadata": {**old["metadata"], "labels": {"team": "a"}}}
    worse = ingress({**old["metadata"]["annotations"], "cert-manager.io/private-key-size": "5"})

    assert ingresses.refusal_of_update(old, labelled) == ""
    told = ingresses.refusal_of_update(old, worse)
    assert '"5": must be between 2048 and 8192 for RSA' in told
    assert "duraton" not in told
    assert "renew-before" not in told


@pytest.mark.parametrize("label", ["cert-manager.io/disable-validation", "certmanager.k8s.io/disable-validation"])
def test_a_namespace_can_be_left_out(cluster: Cluster, ingresses: Ingresses, shim_api: API, label: str) -> None:
    left_out = make_namespace(cluster, shim_api, labels={label: "true"})

    assert left_out.refusal(ingress(UNKNOWN)) == ""
    assert ingresses.refusal(ingress(UNKNOWN))


@pytest.mark.parametrize(
    ("choice", "refused"),
    [
        ("unknown-annotation=off", False),
        ("host-claimed=deny, unknown-annotation = warn ", False),
        ("unknown-annotation=deny", True),
        ("annotation-value=off", True),
    ],
)
def test_a_namespace_can_choose(
    cluster: Cluster,
    ingresses: Ingresses,
    shim_api: API,
    choice: str,
    refused: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """By the annotation that the webhook reads."""
    lenient = make_namespace(cluster, shim_api, annotations={"certshim.io/admission": choice})

    assert bool(lenient.refusal(ingress(UNKNOWN))) is refused


def test_a_namespace_chooses_for_each_rule(cluster: Cluster, ingresses: Ingresses, shim_api: API) -> None:
    rules = sorted({check.rule for check in CHECKS})
    for rule in rules:
        lenient = make_namespace(cluster, shim_api, annotations={"certshim.io/admission": f"{rule}=off"})

        passed = {check.rule for check in CHECKS if not lenient.refuses(check.sample)}

        assert passed == {rule}


# -- the rest, when no webhook answers ---------------------------------------------------------------------------


def test_an_ingress_is_stored_though_no_webhook_answers(cluster: Cluster, ingresses: Ingresses) -> None:
    """What only the webhook could tell passes; the shim completes it."""
    body = ingress({ISSUER: "nobody-has-heard-of-it"}) | {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress"}
    body["metadata"]["name"] = "stored"

    stored = cluster.api.post(ingresses.path, body)

    assert "tls" not in stored["spec"]


@pytest.mark.parametrize(
    ("kind", "plural", "spec"),
    [
        ("Certificate", "certificates", {"secretName": "x", "issuerRef": {"name": "x"}, "dnsNames": ["a.example"]}),
        ("CertificateRequest", "certificaterequests", {"request": "LS0tLQ==", "issuerRef": {"name": "x"}}),
        ("Issuer", "issuers", {"selfSigned": {}}),
    ],
)
def test_our_kinds_are_refused_while_no_webhook_answers(
    cluster: Cluster, ingresses: Ingresses, kind: str, plural: str, spec: dict[str, Any]
) -> None:
    """And it is said why: nothing of ours is stored unjudged."""
    path = f"/apis/cert-manager.io/v1/namespaces/{ingresses.namespace}/{plural}"
    body = {"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}

    with pytest.raises(APIFailure, match=r'failed calling webhook \\"webhook\.cert-manager\.io\\"'):
        cluster.api.post(path, body)
