"""What is there of cert-manager and of certshim, read with the rights of whoever asks; nothing is written.

Objects are read as they are (`Tree`), since they may be of any age.  A kind that is not installed has no objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from shim.kube.errors import NotFound
from shim.kube.transport import Transport

Tree = dict[str, Any]

DEPLOYMENTS: Final = "/apis/apps/v1/deployments"
ADMISSION: Final = "/apis/admissionregistration.k8s.io/v1"
CONFIGURATION_KINDS: Final = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
CONFIGURATION: Final = "cert-manager-webhook"
# What each entry of them is called, whatever the release is.
ENTRY: Final = "webhook.cert-manager.io"
# What cert-manager's chart calls its parts, in the label app.kubernetes.io/component.
COMPONENTS: Final = ("controller", "webhook", "cainjector")
OURS: Final = ("certshim-webhook", "certshim-shim")
_WITHIN: Final = 30.0


@dataclass(frozen=True, slots=True)
class Seen:
    """The two installations and what they work on."""

    theirs: tuple[Tree, ...] = ()  # Deployments
    ours: tuple[Tree, ...] = ()
    configurations: tuple[Tree, ...] = ()  # of cert-manager's kinds
    leases: tuple[Tree, ...] = ()
    issuers: tuple[Tree, ...] = ()
    signing_requests: tuple[Tree, ...] = ()
    gateways: tuple[Tree, ...] = ()
    orders: tuple[Tree, ...] = ()
    challenges: tuple[Tree, ...] = ()
    crds: frozenset[str] = frozenset()
    csi_drivers: frozenset[str] = frozenset()


def see(transport: Transport) -> Seen:
    """Read everything once; raises KubeError when something may not be read."""
    crds = _list(transport, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", metadata_only=True)
    ours, acme = "/apis/cert-manager.io/v1", "/apis/acme.cert-manager.io/v1"
    return replace(
        see_running(transport),
        configurations=tuple(
            {**one, "plural": plural}
            for plural in CONFIGURATION_KINDS
            for one in _list(transport, f"{ADMISSION}/{plural}")
            if is_about_certificates(one)
        ),
        issuers=(*_list(transport, f"{ours}/issuers"), *_list(transport, f"{ours}/clusterissuers")),
        signing_requests=tuple(_list(transport, "/apis/certificates.k8s.io/v1/certificatesigningrequests")),
        gateways=tuple(_list(transport, "/apis/gateway.networking.k8s.io/v1/gateways")),
        orders=tuple(_list(transport, f"{acme}/orders")),
        challenges=tuple(_list(transport, f"{acme}/challenges")),
        crds=frozenset(name_of(one) for one in crds),
        csi_drivers=frozenset(name_of(one) for one in _list(transport, "/apis/storage.k8s.io/v1/csidrivers")),
    )


def see_running(transport: Transport) -> Seen:
    """Read what tells who works: Deployments and Leases alone, which may be looked at again and again."""
    deployments = tuple(_list(transport, DEPLOYMENTS))
    return Seen(
        theirs=tuple(one for one in deployments if is_theirs(one)),
        ours=tuple(one for one in deployments if name_of(one) in OURS),
        leases=tuple(
            one
            for one in _list(transport, "/apis/coordination.k8s.io/v1/leases")
            if name_of(one) == "cert-manager-controller"
        ),
    )


def is_theirs(deployment: Tree) -> bool:
    """Is it a Deployment of cert-manager's?  By labels and containers of its chart, whatever the release is called."""
    labels = deployment["metadata"].get("labels") or {}
    component = labels.get("app.kubernetes.io/component")
    if component not in COMPONENTS or name_of(deployment) in OURS:
        return False
    names = {"controller": "cert-manager", "webhook": "webhook", "cainjector": "cainjector"}
    if f"cert-manager-{component}" in _containers(deployment):  # which no nameOverride changes
        return True
    return names[component] == labels.get("app.kubernetes.io/name") and _is_of_its_chart(deployment)


def is_about_certificates(configuration: Tree) -> bool:
    """Is it a webhook configuration of cert-manager's, by the names of its chart, or ours in its place?"""
    entries = {one["name"] for one in configuration.get("webhooks") or ()}
    return name_of(configuration) == CONFIGURATION or ENTRY in entries


def is_controller(deployment: Tree) -> bool:
    """Is it the Deployment, of either installation, that holds the Lease and works?"""
    component = (deployment["metadata"].get("labels") or {}).get("app.kubernetes.io/component")
    return name_of(deployment) == "certshim-shim" or component == "controller"


def _containers(deployment: Tree) -> tuple[str, ...]:
    return tuple(one.get("name", "") for one in deployment["spec"]["template"]["spec"].get("containers", ()))


def _is_of_its_chart(deployment: Tree) -> bool:
    containers = deployment["spec"]["template"]["spec"].get("containers", ())
    return any("cert-manager" in one.get("name", "") or "cert-manager" in one.get("image", "") for one in containers)


def name_of(obj: Tree) -> str:
    """Return its name."""
    return str(obj["metadata"]["name"])


def place_of(obj: Tree) -> str:
    """Return namespace/name, or the name alone where there is no namespace."""
    namespace = obj["metadata"].get("namespace", "")
    return f"{namespace}/{name_of(obj)}" if namespace else name_of(obj)


def _list(transport: Transport, path: str, *, metadata_only: bool = False) -> Iterator[Tree]:
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1" if metadata_only else "application/json"
    query = {"limit": "500"}
    while True:
        try:
            answer = transport.request(
                "GET", path, attempt=f"cannot list {path}", query=query, accept=accept, within=_WITHIN
            )
        except NotFound:
            return
        page = msgspec.json.decode(answer.body)
        yield from page.get("items") or ()
        following = page["metadata"].get("continue", "")
        if not following:
            return
        query["continue"] = following
