from __future__ import annotations

from typing import Any

import msgspec
import pytest

from certs.api.challenge import Challenge
from certs.api.gateway import HTTPRoute
from certs.api.issuer import (
    ACMESolver,
    HTTP01GatewayHTTPRoute,
    HTTP01Ingress,
    HTTP01Solver,
    IngressTemplate,
    ParentReference,
    PodSecurityContext,
    PodSpec,
    PodTemplate,
    ResourceRequirements,
    TemplateMeta,
)
from certs.api.meta import KubeObject, encode
from certs.route import PathType
from shim.solvers.http01.podobjects import (
    MADE_FROM,
    solver_http_route,
    solver_ingress,
    solver_name,
    solver_pod,
    solver_service,
)
from shim.solvers.http01.podsettings import PodSettings
from tests.certs.decide.objects import HOST, challenge

SETTINGS = PodSettings()
IMAGE = "certshim:1"
LABELS = {
    "acme.cert-manager.io/http01-solver": "true",
    "acme.cert-manager.io/http-domain": "905643595",
    "acme.cert-manager.io/http-token": "2096826779",
}
NAME = "cm-acme-http-solver-"


def exact(_class_name: str) -> PathType:
    return "Prefix"


def solved_by(host: str = HOST, **ingress: Any) -> Challenge:
    return challenge(host, solver=ACMESolver(http01=HTTP01Solver(ingress=HTTP01Ingress(**ingress))))


def plain(obj: KubeObject) -> dict[str, Any]:
    """Return the object as the API server gets it."""
    made: dict[str, Any] = msgspec.json.decode(encode(obj))
    return made


def owner() -> dict[str, Any]:
    return {
        "apiVersion": "acme.cert-manager.io/v1",
        "kind": "Challenge",
        "name": f"shop-1-1234-{HOST}",
        "uid": f"uid-of-challenge-{HOST}",
        "controller": True,
        "blockOwnerDeletion": True,
    }


def test_pod_is_what_the_spec_says_and_what_a_restricted_namespace_takes() -> None:
    """The program, what it needs to know, and nothing that it does not need."""
    made = plain(solver_pod(challenge(), SETTINGS, IMAGE))

    assert made.pop("metadata") == {
        "name": solver_name(challenge()),
        "namespace": "web",
        "labels": LABELS,
        "annotations": {
            "sidecar.istio.io/inject": "false",
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
            MADE_FROM: solver_pod(challenge(), SETTINGS, IMAGE).metadata.annotations[MADE_FROM],
        },
        "ownerReferences": [owner()],
    }
    assert made["spec"].pop("containers") == [
        {
            "name": "acmesolver",
            "image": IMAGE,
            "command": ["certshim", "solver"],
            "env": [
                {"name": "CERTSHIM_DOMAIN", "value": HOST},
                {"name": "CERTSHIM_TOKEN", "value": f"token-of-{HOST}"},
                {"name": "CERTSHIM_KEY", "value": f"token-of-{HOST}.thumbprint"},
            ],
            "ports": [{"name": "http", "containerPort": 8089}],
            "resources": {
                "requests": {"cpu": "10m", "memory": "64Mi"},
                "limits": {"cpu": "100m", "memory": "64Mi"},
            },
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        }
    ]
    assert made["spec"] == {
        "restartPolicy": "OnFailure",
        "terminationGracePeriodSeconds": 5,
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }


def test_a_template_is_merged_over_it() -> None:
    """Maps key by key; a security context takes the place of ours, and our labels stay, since we find it by them."""
    template = PodTemplate(
        metadata=TemplateMeta(
            annotations={"sidecar.istio.io/inject": "true", "a": "b"},
            labels={"team": "shop", "acme.cert-manager.io/http01-solver": "false"},
        ),
        spec=PodSpec(
            node_selector={"zone": "a", "kubernetes.io/os": "windows"},
            priority_class_name="high",
            service_account_name="solver",
            security_context=PodSecurityContext(run_as_user=1000),
            resources=ResourceRequirements(limits={"cpu": "1"}),
        ),
    )
    made = plain(solver_pod(solved_by(pod_template=template), SETTINGS, IMAGE))
    metadata, spec = made["metadata"], made["spec"]

    assert metadata["annotations"]["sidecar.istio.io/inject"] == "true"
    assert metadata["annotations"]["a"] == "b"
    assert metadata["labels"] == {**LABELS, "team": "shop"}
    assert spec["nodeSelector"] == {"kubernetes.io/os": "windows", "zone": "a"}
    assert (spec["priorityClassName"], spec["serviceAccountName"]) == ("high", "solver")
    assert spec["securityContext"] == {"runAsUser": 1000}
    assert spec["containers"][0]["resources"] == {
        "requests": {"cpu": "10m", "memory": "64Mi"},
        "limits": {"cpu": "1", "memory": "64Mi"},
    }


def test_settings_reach_all_three() -> None:
    """Labels everywhere, below those of the template and ours."""
    settings = PodSettings(
        extra_labels={"team": "platform", "acme.cert-manager.io/http-domain": "1", "x": "y"},
        run_as_non_root=False,
        runtime_class_name="gvisor",
    )
    template = PodTemplate(metadata=TemplateMeta(labels={"team": "shop"}))
    of = solved_by(pod_template=template)
    pod = solver_pod(of, settings, IMAGE)

    assert pod.metadata.labels == {**LABELS, "team": "shop", "x": "y"}
    assert solver_service(of, settings).metadata.labels == {**LABELS, "team": "platform", "x": "y"}
    assert solver_ingress(of, settings, exact).metadata.labels == {**LABELS, "team": "platform", "x": "y"}
    assert plain(pod)["spec"]["securityContext"]["runAsNonRoot"] is False
    assert plain(pod)["spec"]["runtimeClassName"] == "gvisor"


@pytest.mark.parametrize(
    ("settings", "image"),
    [
        pytest.param(SETTINGS, "certshim:2", id="image"),
        pytest.param(PodSettings(runtime_class_name="gvisor"), IMAGE, id="runtime class"),
        pytest.param(PodSettings(extra_labels={"a": "b"}), IMAGE, id="labels"),
    ],
)
def test_a_pod_tells_what_it_was_made_from(settings: PodSettings, image: str) -> None:
    """The same settings make the same pod; others another."""
    before = solver_pod(challenge(), SETTINGS, IMAGE)

    assert solver_pod(challenge(), SETTINGS, IMAGE) == before
    made_from = solver_pod(challenge(), settings, image).metadata.annotations[MADE_FROM]
    assert made_from != before.metadata.annotations[MADE_FROM]


@pytest.mark.parametrize(("said", "expected"), [("", "NodePort"), ("ClusterIP", "ClusterIP")])
def test_service_leads_to_the_pod(said: str, expected: str) -> None:
    """By the labels, of the type that the solver says."""
    made = plain(solver_service(solved_by(service_type=said), SETTINGS))

    assert made["spec"] == {
        "type": expected,
        "selector": LABELS,
        "ports": [{"name": "http", "port": 8089, "targetPort": 8089}],
    }
    assert made["metadata"]["annotations"] == {"auth.istio.io/8089": "NONE"}
    assert made["metadata"]["ownerReferences"] == [owner()]


def test_ingress_leads_one_path_to_the_service() -> None:
    """Exactly the token's."""
    made = plain(solver_ingress(solved_by(ingress_class_name="nginx"), SETTINGS, exact))

    assert made["metadata"]["annotations"] == {"nginx.ingress.kubernetes.io/whitelist-source-range": "0.0.0.0/0,::/0"}
    assert made["metadata"]["ownerReferences"] == [owner()]
    assert made["spec"] == {
        "ingressClassName": "nginx",
        "rules": [
            {
                "host": HOST,
                "http": {
                    "paths": [
                        {
                            "path": f"/.well-known/acme-challenge/token-of-{HOST}",
                            "pathType": "Exact",
                            "backend": {"service": {"name": solver_name(challenge()), "port": {"number": 8089}}},
                        }
                    ]
                },
            }
        ],
    }


@pytest.mark.parametrize(
    ("ingress", "asked"),
    [({"ingress_class_name": "nginx"}, "nginx"), ({"class_": "public"}, "public"), ({}, "")],
    ids=["field", "annotation", "neither"],
)
def test_path_is_not_exact_where_the_proxy_takes_no_such_path(ingress: dict[str, Any], asked: str) -> None:
    """Its class is asked for; the annotation is written where the solver has that one."""
    classes: list[str] = []

    def specific(class_name: str) -> PathType:
        classes.append(class_name)
        return "ImplementationSpecific"

    made = solver_ingress(solved_by(**ingress), SETTINGS, specific)

    assert classes == [asked]
    assert made.spec.rules[0].http is not None
    assert made.spec.rules[0].http.paths[0].path_type == "ImplementationSpecific"
    assert made.metadata.annotations.get("kubernetes.io/ingress.class") == ingress.get("class_")


@pytest.mark.parametrize(
    "key", ["nginx.ingress.kubernetes.io/whitelist-source-range", "haproxy.org/whitelist-source-range"]
)
def test_sources_of_the_template_take_the_place_of_ours(key: str) -> None:
    """Whosever annotation it is."""
    template = IngressTemplate(metadata=TemplateMeta(annotations={key: "10.0.0.0/8"}))

    made = solver_ingress(solved_by(ingress_template=template), SETTINGS, exact)

    assert made.metadata.annotations == {key: "10.0.0.0/8"}


@pytest.mark.parametrize("host", ["10.0.0.1", "2001:db8::1"])
def test_an_address_is_asked_for_without_a_host(host: str) -> None:
    """A rule's host must be a name; one without serves every host."""
    made = solver_ingress(solved_by(host), SETTINGS, exact)

    assert made.spec.rules[0].host == ""


def gateway(host: str = HOST, **fields: Any) -> Challenge:
    parents = (ParentReference(name="public"),)
    solver = HTTP01Solver(gateway_http_route=HTTP01GatewayHTTPRoute(parent_refs=parents, **fields))
    return challenge(host, solver=ACMESolver(http01=solver))


def test_http_route_leads_one_path_to_the_service() -> None:
    """At the Gateways of the solver, with its labels; template and type of the Service are of that solver, too."""
    template = PodTemplate(metadata=TemplateMeta(labels={"team": "shop"}))
    of = gateway(labels={"gateway": "public"}, pod_template=template, service_type="ClusterIP")
    made: HTTPRoute = solver_http_route(of, SETTINGS)

    assert made.metadata.labels == {**LABELS, "gateway": "public"}
    assert plain(made)["metadata"]["ownerReferences"] == [owner()]
    assert plain(made)["spec"] == {
        "parentRefs": [{"name": "public", "group": "gateway.networking.k8s.io", "kind": "Gateway"}],
        "hostnames": [HOST],
        "rules": [
            {
                "matches": [{"path": {"type": "Exact", "value": f"/.well-known/acme-challenge/token-of-{HOST}"}}],
                "backendRefs": [{"name": solver_name(of), "port": 8089, "weight": 1}],
            }
        ],
    }
    assert solver_pod(of, SETTINGS, IMAGE).metadata.labels["team"] == "shop"
    assert solver_service(of, SETTINGS).spec.type == "ClusterIP"


def test_http_route_of_an_address_has_no_host() -> None:
    """A hostname must be a name."""
    assert solver_http_route(gateway("10.0.0.1"), SETTINGS).spec.hostnames == ()


def test_name_is_the_challenges_own() -> None:
    """The same for the same Challenge, another for one that was made anew; short enough for a Service."""
    again = msgspec.structs.replace(
        challenge(), metadata=msgspec.structs.replace(challenge().metadata, uid="uid-of-another")
    )

    assert solver_name(challenge()) == solver_name(challenge())
    assert solver_name(challenge()) != solver_name(again)
    assert solver_name(challenge()).startswith(NAME)
    assert len(solver_name(challenge())) <= 63
