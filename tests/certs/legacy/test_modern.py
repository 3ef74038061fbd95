"""Objects of certmanager.k8s.io/v1alpha1 as they are today, and what cannot be carried over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from certs.api.meta import ObjectMeta
from certs.legacy.kinds import TWINS, AnyLegacy, LegacyCertificate, LegacyIssuer
from certs.legacy.modern import Modern, modern
from certs.problems import Problems
from shim.convert.converting import convert

CASES = Path(__file__).parents[2] / "cases" / "legacy"
USAGES = ["digital signature", "key encipherment", "server auth", "client auth"]
HTTP01: dict[str, Any] = {"http01": {"ingress": {}}}


def issuer(**acme: Any) -> LegacyIssuer:
    return LegacyIssuer(metadata=ObjectMeta(name="le", namespace="team"), spec={"acme": acme})


def certificate(annotations: dict[str, str] | None = None, **spec: Any) -> LegacyCertificate:
    metadata = ObjectMeta(name="web", namespace="team", annotations=annotations or {})
    return LegacyCertificate(metadata=metadata, spec={"secretName": "web-tls", "issuerRef": {"name": "le"}, **spec})


def made(obj: AnyLegacy) -> Modern:
    result = modern(obj)
    assert isinstance(result, Modern), str(result)
    return result


def refused(obj: AnyLegacy) -> str:
    result = modern(obj)
    assert isinstance(result, Problems)
    return "\n".join(f"{problem}; {problem.remedy}" for problem in result)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"solvers": [HTTP01]}, {"solvers": [HTTP01]}),
        ({"http01": {}}, {"solvers": [HTTP01]}),
        ({"http01": None}, {"solvers": [HTTP01]}),
        (
            {"http01": {"serviceType": "ClusterIP"}},
            {"solvers": [{"http01": {"ingress": {"serviceType": "ClusterIP"}}}]},
        ),
        (
            {"dns01": {"providers": [{"name": "x", "clouddns": {"project": "p"}}]}},
            {"solvers": [{"dns01": {"cloudDNS": {"project": "p"}}}]},
        ),
        (
            {"solvers": [{"dns01": {"acmedns": {"host": "h"}, "cnameStrategy": "Follow"}}]},
            {"solvers": [{"dns01": {"acmeDNS": {"host": "h"}, "cnameStrategy": "Follow"}}]},
        ),
        (
            {"server": "https://acme-v01.api.letsencrypt.org/directory"},
            {"server": "https://acme-v02.api.letsencrypt.org/directory"},
        ),
        ({"email": "a@example.com", "dns01": {"providers": []}}, {"email": "a@example.com"}),
    ],
    ids=["solvers", "http01", "null", "service type", "one provider", "renamed", "v1 of the protocol", "no means"],
)
def test_acme_issuer(old: dict[str, Any], new: dict[str, Any]) -> None:
    """The means are solvers, and the rest keeps its name."""
    assert made(issuer(**old)).spec == {"acme": new}


@pytest.mark.parametrize(
    "old",
    [
        {"http01": {}, "dns01": {"providers": [{"name": "cf", "cloudflare": {"email": "x"}}]}},
        {"dns01": {"providers": [{"name": "a", "clouddns": {"project": "p"}}, {"name": "b", "route53": {}}]}},
        {"http01": {}, "solvers": [HTTP01]},
    ],
    ids=["both", "two providers", "means and solvers"],
)
def test_several_means_cannot_be_carried_over(old: dict[str, Any]) -> None:
    """The refusal holds the solvers to write instead, where the names are all that is missing."""
    told = refused(issuer(**old))

    assert "write instead, in cert-manager.io/v1: solvers: [" in told
    solvers = yaml.safe_load(told.partition("solvers: ")[2])
    assert all(solver.keys() <= {"selector", "dns01", "http01"} for solver in solvers)
    assert '"name"' not in told
    assert "clouddns" not in told


def test_what_vault_did_not_use_is_gone() -> None:
    """Both ways of logging in were values, and empty where the other was meant."""
    auth = {
        "tokenSecretRef": {"name": "vault", "key": "token"},
        "appRole": {"path": "", "roleId": "", "secretRef": {"name": ""}},
    }
    old = LegacyIssuer(
        metadata=ObjectMeta(name="v"), spec={"vault": {"server": "https://v", "path": "p", "auth": auth}}
    )

    assert made(old).spec["vault"]["auth"] == {"tokenSecretRef": {"name": "vault", "key": "token"}}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {"privateKey": {"rotationPolicy": "Never"}, "usages": USAGES}),
        (
            {"keyAlgorithm": "ecdsa", "keySize": 384, "keyEncoding": "pkcs8"},
            {
                "privateKey": {"algorithm": "ECDSA", "size": 384, "encoding": "PKCS8", "rotationPolicy": "Never"},
                "usages": USAGES,
            },
        ),
        ({"keySize": 0}, {"privateKey": {"rotationPolicy": "Never"}, "usages": USAGES}),
        (
            {"organization": ["Shop"], "commonName": "x", "usages": ["any"]},
            {
                "privateKey": {"rotationPolicy": "Never"},
                "subject": {"organizations": ["Shop"]},
                "commonName": "x",
                "usages": ["any"],
            },
        ),
        (
            {"dnsNames": ["a.example.com", "b.example.com"], "isCA": True},
            {
                "privateKey": {"rotationPolicy": "Never"},
                "dnsNames": ["a.example.com", "b.example.com"],
                "isCA": True,
                "commonName": "a.example.com",
            },
        ),
        (
            {"dnsNames": [f"{'a' * 60}.example.com"], "usages": ["any"]},
            {
                "privateKey": {"rotationPolicy": "Never"},
                "dnsNames": [f"{'a' * 60}.example.com"],
                "usages": ["any"],
            },
        ),
        (
            {"duration": "8760h", "usages": ["any"]},
            {
                "privateKey": {"rotationPolicy": "Never"},
                "duration": "8760h",
                "renewBefore": "720h",
                "usages": ["any"],
            },
        ),
        (
            {"duration": "24h", "usages": ["any"]},
            {"privateKey": {"rotationPolicy": "Never"}, "duration": "24h", "usages": ["any"]},
        ),
        (
            {"issuerRef": {"name": "le", "group": "certmanager.k8s.io"}, "usages": ["any"]},
            {"issuerRef": {"name": "le"}, "privateKey": {"rotationPolicy": "Never"}, "usages": ["any"]},
        ),
    ],
    ids=["bare", "key", "no size", "organization", "CA", "long name", "a year", "a day", "group"],
)
def test_certificate(old: dict[str, Any], new: dict[str, Any]) -> None:
    """What an absent field meant is written down where it means something else today."""
    assert made(certificate(**old)).spec == {"secretName": "web-tls", "issuerRef": {"name": "le"}, **new}


@pytest.mark.parametrize(
    ("config", "annotations"),
    [
        ([], {}),
        ([{"domains": ["a"], "http01": {}}], {}),
        (
            [{"domains": ["a"], "http01": {"ingressClass": "nginx"}}],
            {"acme.cert-manager.io/http01-override-ingress-class": "nginx"},
        ),
        (
            [{"domains": ["a"], "http01": {"ingress": "web"}}, {"domains": ["b"], "http01": {"ingress": "web"}}],
            {"acme.cert-manager.io/http01-override-ingress-name": "web"},
        ),
    ],
    ids=["none", "any", "class", "ingress"],
)
def test_http01_in_one_way_is_said_by_an_annotation(config: list[dict[str, Any]], annotations: dict[str, str]) -> None:
    """The solver of the issuer is overridden, as the Certificate chose."""
    result = made(certificate(acme={"config": config}))

    assert result.annotations == annotations
    assert "acme" not in result.spec


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (
            [{"domains": ["a.example.com"], "dns01": {"provider": "cf"}}],
            'solver for "cf" "selector": {"dnsNames":["a.example.com"]}, and remove acme.config here',
        ),
        (
            [
                {"domains": ["a"], "http01": {"ingressClass": "x"}},
                {"domains": ["b"], "http01": {"ingressClass": "y"}},
            ],
            "make a Certificate for each of the ways",
        ),
    ],
    ids=["provider", "two classes"],
)
def test_other_ways_cannot_be_carried_over(config: list[dict[str, Any]], told: str) -> None:
    """Which name is proven how is the issuer's business today."""
    assert told in refused(certificate(acme={"config": config}))


def test_keys_have_todays_names_and_those_of_tools_stay_behind() -> None:
    """Otherwise a tool would take the twin for something of its own, and prune it."""
    old = certificate(
        {
            "certmanager.k8s.io/issue-temporary-certificate": "true",
            "certmanager.k8s.io/nobody-knows": "x",
            "kubectl.kubernetes.io/last-applied-configuration": "{}",
            "argocd.argoproj.io/tracking-id": "x",
            "example.com/team": "shop",
        }
    )
    labels = {"app": "web", "applyset.kubernetes.io/part-of": "x"}
    result = made(msgspec.structs.replace(old, metadata=msgspec.structs.replace(old.metadata, labels=labels)))

    assert result.annotations == {"cert-manager.io/issue-temporary-certificate": "true", "example.com/team": "shop"}
    assert result.labels == {"app": "web"}


OBJECTS = [
    (path.stem, obj)
    for path in sorted(CASES.glob("*.yaml"))
    for obj in yaml.safe_load_all(path.read_text())
    if obj and obj["apiVersion"].startswith("certmanager.k8s.io") and obj["kind"] in ("Issuer", "ClusterIssuer")
]


@pytest.mark.parametrize(("stem", "obj"), OBJECTS, ids=[f"{stem}: {obj['metadata']['name']}" for stem, obj in OBJECTS])
def test_it_says_the_same_as_the_conversion_of_files(stem: str, obj: dict[str, Any]) -> None:
    """What is carried over here is what `certshim convert` writes for that object alone."""
    del stem
    kind = next(kind for kind in TWINS if kind.resource.kind == obj["kind"])
    result = modern(msgspec.convert(obj, kind))
    (converted,) = convert([("x.yaml", yaml.safe_dump(obj).encode())])

    if isinstance(result, Modern):
        assert result.spec == yaml.safe_load(converted.after)["spec"]


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "acme",
        "config",
        "http01",
        "dns01",
        "providers",
        "solvers",
        "server",
        "dnsNames",
        "duration",
        "issuerRef",
        "vault",
    ]
)


@given(st.dictionaries(FIELDS, TREES | st.dictionaries(FIELDS, TREES)))
def test_no_tree_makes_it_raise(spec: dict[str, Any]) -> None:
    """The API server has checked the schema, and whoever posts reviews by hand has not."""
    for kind in TWINS:
        assert isinstance(modern(kind(metadata=ObjectMeta(name="x"), spec=spec)), Modern | Problems)
