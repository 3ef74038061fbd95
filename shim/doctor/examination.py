"""The whole examination of an installation, part by part."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from typing import Final
from urllib.parse import quote

from certs.api.crd import KINDS, definition, definition_name
from shim.doctor import judging
from shim.doctor.hops import Hop
from shim.doctor.looking import Looking, Reply, Tree
from shim.doctor.rights import SHIM, WEBHOOK, Right

CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ADMISSION: Final = "/apis/admissionregistration.k8s.io/v1"
CONFIGURATIONS: Final = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
NAMES: Final = ("cert-manager-webhook", "certshim-webhook")
LEASE: Final = "cert-manager-controller"
CONTROLLER: Final = "app.kubernetes.io/name=cert-manager,app.kubernetes.io/component=controller"


def examine(looking: Looking, namespace: str, lease_namespace: str) -> Iterator[Hop]:
    """Give the parts, from the API server outwards; what is asked next may depend on what was answered."""
    reached = judging.api_server(looking.get("/version"))
    yield reached
    if reached.verdict == "failed":
        return
    times = looking.time()
    now = judging.now_of(times)
    yield judging.clock(times)
    wanted = {definition_name(kind.resource): definition(kind) for kind in KINDS}
    yield from judging.definitions({name: looking.get(f"{CRDS}/{name}") for name in wanted}, wanted)
    yield judging.others(looking.get(f"/apis/apps/v1/deployments?labelSelector={quote(CONTROLLER)}"))
    deployments = {
        name: looking.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
        for name in ("certshim-webhook", "certshim-shim")
    }
    for name, reply in deployments.items():
        yield judging.deployment(name, reply, version("certshim"))
    yield from _webhook(looking, namespace, now)
    yield judging.lease(
        lease_namespace, looking.get(f"/apis/coordination.k8s.io/v1/namespaces/{lease_namespace}/leases/{LEASE}"), now
    )
    shim, webhook = deployments["certshim-shim"], deployments["certshim-webhook"]
    yield _rights(looking, _user(shim, namespace, "certshim-shim"), _resources(shim, namespace), SHIM)
    yield _rights(looking, _user(webhook, namespace, "certshim-webhook"), namespace, WEBHOOK)
    replies = [looking.get(f"/apis/cert-manager.io/v1/{kind}") for kind in ("clusterissuers", "issuers")]
    yield from judging.issuers(replies)
    found = [one for reply in replies for one in reply.tree.get("items", ())]
    yield from judging.ingress_classes(found, looking.get("/apis/networking.k8s.io/v1/ingressclasses"))


def _webhook(looking: Looking, namespace: str, now: datetime) -> Iterator[Hop]:
    secret = looking.get(f"/api/v1/namespaces/{namespace}/secrets/certshim-webhook-ca")
    yield judging.authority(secret, now)
    bundle = _bundle(secret)
    for kind in CONFIGURATIONS:
        for name in NAMES:
            reply = looking.get(f"{ADMISSION}/{kind.lower()}s/{name}")
            yield judging.configuration(kind, name, reply, bundle)
    path = f"/apis/cert-manager.io/v1/namespaces/{namespace}/certificates"
    yield judging.admission(
        looking.dry_run(path, certificate(namespace, "24h")),
        # Durations are judged by the webhook alone: the CRD's own rules let it pass.
        looking.dry_run(path, certificate(namespace, "1s")),
    )


def _bundle(secret: Reply) -> bytes | None:
    text = secret.tree.get("data", {}).get("ca.crt")
    return base64.b64decode(text) if text else None


def certificate(namespace: str, duration: str) -> Tree:
    """Return a Certificate that is never stored."""
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "certshim-doctor", "namespace": namespace},
        "spec": {
            "secretName": "certshim-doctor",
            "dnsNames": ["certshim-doctor.example.com"],
            "duration": duration,
            "issuerRef": {"name": "certshim-doctor"},
        },
    }


def _user(deployment: Reply, namespace: str, usual: str) -> str:
    """Return whom the API server takes its pods for."""
    account = _pod(deployment).get("serviceAccountName") or usual
    return f"system:serviceaccount:{namespace}:{account}"


def _resources(shim: Reply, namespace: str) -> str:
    """Return where the Secrets of ClusterIssuers are, and what the shim remembers."""
    flag = "--cluster-resource-namespace="
    arguments = (word for one in _pod(shim).get("containers", ()) for word in one.get("args", ()))
    named = next((word.removeprefix(flag) for word in arguments if word.startswith(flag)), "")
    return namespace if named in ("", "$(POD_NAMESPACE)") else named


def _pod(deployment: Reply) -> Tree:
    found: Tree = deployment.tree.get("spec", {}).get("template", {}).get("spec", {})
    return found


def _rights(looking: Looking, user: str, namespace: str, rights: tuple[Right, ...]) -> Hop:
    def answers() -> Iterator[judging.Answer]:
        for right in rights:
            where = namespace if right.here else ""
            for verb in right.verbs:
                may = looking.may(user, verb, right.resource, right.group, where, right.name)
                what = f"{verb} {right.resource}{f'.{right.group}' if right.group else ''}"
                yield judging.Answer(what, may, right.serves)
                if may is None:
                    return

    return judging.rights(user, answers())
