"""Pod, Service and Ingress of one Challenge, as pure functions; named and labelled as cert-manager's are.

    proxy ──(Ingress: host, the token's path)──> Service ──(labels)──> Pod: `certshim solver`

All are owned by the Challenge and go with it.  Their one name is made of its uid, so that a repeated create finds
what it made, and a Challenge that is made anew does not find its predecessor's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from certs.api.challenge import Challenge
from certs.api.core import Service, ServicePort, ServiceSpec
from certs.api.gateway import HTTPBackendRef, HTTPPathMatch, HTTPRoute, HTTPRouteMatch, HTTPRouteRule
from certs.api.ingress import (
    HTTPIngressPath,
    HTTPIngressRuleValue,
    Ingress,
    IngressBackend,
    IngressRule,
    IngressServiceBackend,
    IngressSpec,
    ServiceBackendPort,
)
from certs.api.issuer import (
    HTTP01Ingress,
    HTTP01Solver,
    PodSecurityContext,
    PodTemplate,
    ResourceRequirements,
    SeccompProfile,
    TemplateMeta,
)
from certs.api.issuer import PodSpec as TemplateSpec
from certs.api.meta import ObjectMeta, encode, owner_reference
from certs.api.pod import (
    Capabilities,
    Container,
    ContainerPort,
    ContainerSecurityContext,
    EnvVar,
    HTTPGetAction,
    Pod,
    PodSpec,
    Probe,
)
from certs.decide.solverpod import CONTAINER
from certs.names import adler32_label
from certs.route import PORT as PORT_NAME
from certs.route import PREFIX, PathTypeOf, rule_host
from shim.solvers.http01 import DOMAIN_LABEL, SOLVER_LABEL, RoutedHost
from shim.solvers.http01.httproute import http_route
from shim.solvers.http01.ingress import CLASS_ANNOTATION, ROUTE_ANNOTATIONS
from shim.solvers.http01.podsettings import PodSettings

TOKEN_LABEL: Final = "acme.cert-manager.io/http-token"  # noqa: S105  a label's name
MADE_FROM: Final = "acme.certshim.io/made-from"
PORT: Final = 8089
COMMAND: Final = ("certshim", "solver")
# The program ends within a second; what is longer is for a signal that comes before it is handled.
ENDS_WITHIN: Final = 5
PROBED_EVERY: Final = 1  # seconds: the CA is asked as soon as the pod is ready
# A sidecar would hold the CA up, and an autoscaler need not keep a node for a pod that lives for seconds.
POD_ANNOTATIONS: Final = {
    "sidecar.istio.io/inject": "false",
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
}
# Istio's, of versions that had authentication policies by Service.
SERVICE_ANNOTATIONS: Final = {f"auth.istio.io/{PORT}": "NONE"}
SOURCES: Final = "/whitelist-source-range"


def solver_name(challenge: Challenge) -> str:
    """Return the name of all three."""
    digest = hashlib.sha256(challenge.metadata.uid.encode()).hexdigest()[:10]
    return f"cm-acme-http-solver-{digest}"


def own_labels(challenge: Challenge) -> dict[str, str]:
    """Return the labels by which the three belong together; nobody's template or setting changes them."""
    return {
        SOLVER_LABEL: "true",
        DOMAIN_LABEL: adler32_label(challenge.spec.dns_name),
        TOKEN_LABEL: adler32_label(challenge.spec.token),
    }


def solver_pod(challenge: Challenge, settings: PodSettings, image: str) -> Pod:
    """Return the pod, with a digest of itself: another one means that the settings have changed since it was made."""
    template = _pod_template(challenge)
    given = template.metadata or TemplateMeta()
    spec = template.spec or TemplateSpec()
    pod = Pod(
        metadata=_metadata(
            challenge,
            labels={**settings.extra_labels, **given.labels},
            annotations={**POD_ANNOTATIONS, **given.annotations},
        ),
        spec=PodSpec(
            containers=(_container(challenge, spec.resources or ResourceRequirements(), settings, image),),
            restart_policy="OnFailure",
            termination_grace_period_seconds=ENDS_WITHIN,
            enable_service_links=False,
            automount_service_account_token=False,
            service_account_name=spec.service_account_name,
            node_selector={"kubernetes.io/os": "linux", **spec.node_selector},
            affinity=spec.affinity,
            tolerations=spec.tolerations,
            priority_class_name=spec.priority_class_name,
            runtime_class_name=settings.runtime_class_name,
            image_pull_secrets=spec.image_pull_secrets,
            security_context=spec.security_context
            or PodSecurityContext(
                run_as_non_root=settings.run_as_non_root, seccomp_profile=SeccompProfile(type="RuntimeDefault")
            ),
        ),
    )
    digest = hashlib.sha256(encode(pod)).hexdigest()[:16]
    annotations = {**pod.metadata.annotations, MADE_FROM: digest}
    return msgspec.structs.replace(pod, metadata=msgspec.structs.replace(pod.metadata, annotations=annotations))


def _container(challenge: Challenge, given: ResourceRequirements, settings: PodSettings, image: str) -> Container:
    spec, defaults = challenge.spec, settings.resources
    return Container(
        name=CONTAINER,
        image=image,
        command=COMMAND,
        env=(
            EnvVar("CERTSHIM_DOMAIN", spec.dns_name),
            EnvVar("CERTSHIM_TOKEN", spec.token),
            EnvVar("CERTSHIM_KEY", spec.key),
        ),
        ports=(ContainerPort(PORT, PORT_NAME),),
        resources=ResourceRequirements(
            requests={**defaults.requests, **given.requests}, limits={**defaults.limits, **given.limits}
        ),
        readiness_probe=Probe(HTTPGetAction(PORT_NAME, "/healthz"), PROBED_EVERY),
        security_context=ContainerSecurityContext(
            allow_privilege_escalation=False, read_only_root_filesystem=True, capabilities=Capabilities(drop=("ALL",))
        ),
    )


def solver_service(challenge: Challenge, settings: PodSettings) -> Service:
    """Return the Service, by node port unless the solver says otherwise: some proxies reach no other."""
    http01 = challenge.spec.solver.http01
    ways = (http01.ingress, http01.gateway_http_route) if http01 is not None else ()
    service_type = next((way.service_type for way in ways if way is not None), "")
    return Service(
        metadata=_metadata(challenge, labels=settings.extra_labels, annotations=SERVICE_ANNOTATIONS),
        spec=ServiceSpec(
            type=service_type or "NodePort",
            selector=own_labels(challenge),
            ports=(ServicePort(PORT, PORT_NAME, target_port=PORT),),
        ),
    )


def solver_ingress(challenge: Challenge, settings: PodSettings, path_type: PathTypeOf) -> Ingress:
    """Return the Ingress: the host and the one path of the token, exactly where the proxy takes such a path."""
    http01 = challenge.spec.solver.http01
    solver = (http01.ingress if http01 is not None else None) or HTTP01Ingress()
    template = solver.ingress_template
    given = (template.metadata if template is not None else None) or TemplateMeta()
    restricts = any(key.endswith(SOURCES) for key in given.annotations)
    class_name = solver.ingress_class_name or solver.class_ or ""
    by_class = {CLASS_ANNOTATION: solver.class_} if solver.class_ is not None else {}
    path = HTTPIngressPath(
        path=PREFIX + challenge.spec.token,
        path_type="Exact" if path_type(class_name) == "Prefix" else "ImplementationSpecific",
        backend=IngressBackend(
            service=IngressServiceBackend(name=solver_name(challenge), port=ServiceBackendPort(number=PORT))
        ),
    )
    return Ingress(
        metadata=_metadata(
            challenge,
            labels={**settings.extra_labels, **given.labels},
            annotations={**({} if restricts else ROUTE_ANNOTATIONS), **given.annotations, **by_class},
        ),
        spec=IngressSpec(
            ingress_class_name=solver.ingress_class_name,
            rules=(IngressRule(host=rule_host(challenge.spec.dns_name), http=HTTPIngressRuleValue(paths=(path,))),),
        ),
    )


def solver_http_route(challenge: Challenge, settings: PodSettings) -> HTTPRoute:
    """Return the HTTPRoute: the same, at the Gateways of the solver."""
    solver = challenge.spec.solver.http01 or HTTP01Solver()
    labels = solver.gateway_http_route.labels if solver.gateway_http_route is not None else {}
    usual = http_route(RoutedHost(challenge.metadata.namespace, challenge.spec.dns_name, solver), (), PORT)
    match = HTTPRouteMatch(path=HTTPPathMatch(type="Exact", value=PREFIX + challenge.spec.token))
    backend = HTTPBackendRef(name=solver_name(challenge), port=PORT, weight=1)
    return HTTPRoute(
        metadata=_metadata(challenge, labels={**settings.extra_labels, **labels}, annotations={}),
        spec=msgspec.structs.replace(usual.spec, rules=(HTTPRouteRule(matches=(match,), backend_refs=(backend,)),)),
    )


def _pod_template(challenge: Challenge) -> PodTemplate:
    http01 = challenge.spec.solver.http01
    ways = (http01.ingress, http01.gateway_http_route) if http01 is not None else ()
    return next((way.pod_template for way in ways if way is not None and way.pod_template is not None), PodTemplate())


def _metadata(challenge: Challenge, *, labels: Mapping[str, str], annotations: Mapping[str, str]) -> ObjectMeta:
    return ObjectMeta(
        name=solver_name(challenge),
        namespace=challenge.metadata.namespace,
        labels={**labels, **own_labels(challenge)},
        annotations=dict(annotations),
        owner_references=(owner_reference(challenge),),
    )
