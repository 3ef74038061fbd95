"""The switch and the way back, as steps that may be repeated after a crash anywhere.

    their Deployments to zero ─> Lease free ─> their webhook configurations put away ─> ours started
    our Deployments to zero   ─> Lease free ─> their webhook configurations put back ─> theirs started

What must be known for the way back is written in the same request as the change, or before it: the replicas in an
annotation of the Deployment, the configurations in a ConfigMap.  Certificates, Secrets, issuers and requests are not
touched.

The Lease is waited for only while the controller that is to work is at zero.  Once it has replicas, it may be the one
that holds it, and the Lease is what keeps it apart from pods that are still ending.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from certs.api.injectable import INJECTED
from shim.adopt.findings import is_cert_managers
from shim.adopt.seen import (
    ADMISSION,
    CONFIGURATION,
    CONFIGURATION_KINDS,
    Seen,
    Tree,
    is_controller,
    name_of,
    place_of,
    see,
    see_running,
)
from shim.kube.errors import AlreadyExists, Conflict, NotFound
from shim.kube.transport import MERGE_PATCH, Transport

REPLICAS: Final = "certshim.io/adopted-replicas"
KEPT: Final = "certshim-adopted"  # the ConfigMap
WAIT: Final = 120.0  # seconds for pods to end and a Lease of 60 s to run out
LOOK: Final = 0.5
_WITHIN: Final = 30.0
_ATTEMPTS: Final = 10  # a rollout writes a status some times a second
_STARTED_WITH: Final = {"certshim-webhook": 2, "certshim-shim": 2}
_INSTALLED_BY: Final = "kubectl apply --server-side --force-conflicts -f manifests/install/certshim.yaml"

Say = Callable[[str], None]


class Unfinished(Exception):
    """A step could not be taken; the message says which, and what to do."""


class Switch:
    """Takes the steps over one API server, and says each."""

    def __init__(self, transport: Transport, namespace: str, say: Say, *, wait: float = WAIT) -> None:
        self._transport = transport
        self._namespace = namespace
        self._say = say
        self._wait = wait

    def over(self) -> None:
        """From cert-manager to certshim; raises KubeError or Unfinished."""
        seen = see(self._transport)
        theirs = tuple(one for one in seen.configurations if is_cert_managers(one))
        ours = tuple(one for one in seen.configurations if one not in theirs)
        if theirs:
            self._require_namespace()
        for one in seen.theirs:
            self._stop(one)
        self._await_end(lambda now: now.theirs, coming=seen.ours)
        for one in theirs:
            self._put_away(one)
        for one in ours:
            self._drop_injection(one)
        self._start(seen.ours)
        if len(seen.ours) < len(_STARTED_WITH):
            self._say(f"now install certshim: {_INSTALLED_BY}")
        elif len(ours) < len(CONFIGURATION_KINDS):
            self._say(
                "now apply certshim's manifest again, or upgrade its Helm release: nothing checks Certificates and "
                f"issuers until its webhook configurations {CONFIGURATION} are back ({_INSTALLED_BY})"
            )

    def back(self) -> None:
        """From certshim to cert-manager; raises KubeError or Unfinished."""
        seen = see(self._transport)
        for one in seen.ours:
            self._stop(one)
        self._await_end(lambda now: now.ours, coming=seen.theirs)
        self._put_back(seen.configurations)
        self._start(seen.theirs)
        if not seen.theirs:
            self._say("cert-manager's Deployments are not there any more: install it again, over what is there")

    def _stop(self, deployment: Tree) -> None:
        """Scale it to zero and remember what it had, of the same version: its status is written at any moment."""
        for _ in range(_ATTEMPTS):
            replicas = deployment["spec"].get("replicas", 1)
            if not replicas:
                self._say(f"Deployment {place_of(deployment)} is at zero already")
                return
            metadata = {
                "annotations": {REPLICAS: str(replicas)},
                "resourceVersion": deployment["metadata"]["resourceVersion"],
            }
            try:
                self._patch(_path(deployment), {"metadata": metadata, "spec": {"replicas": 0}})
            except Conflict:
                deployment = self._send("GET", _path(deployment))
                continue
            self._say(f"Deployment {place_of(deployment)}: scaled from {replicas} to zero")
            return
        raise Unfinished(
            f"cannot scale Deployment {place_of(deployment)} to zero: it was changed meanwhile, {_ATTEMPTS} times; "
            "find out who does, then run the same command again"
        )

    def _start(self, deployments: tuple[Tree, ...]) -> None:
        for one in deployments:
            kept = (one["metadata"].get("annotations") or {}).get(REPLICAS, "")
            default = _STARTED_WITH.get(name_of(one), 0)
            replicas = int(kept) if kept.isdecimal() else default
            if one["spec"].get("replicas", 1):
                continue
            if not replicas:
                self._say(
                    f"Deployment {place_of(one)} stays at zero, where it was before: "
                    f"kubectl scale deployment -n {one['metadata']['namespace']} {name_of(one)} --replicas=… starts it"
                )
                continue
            change = {"metadata": {"annotations": {REPLICAS: None}}, "spec": {"replicas": replicas}}
            self._patch(_path(one), change)
            self._say(f"Deployment {place_of(one)}: scaled to {replicas}")

    def _await_end(self, leaving: Callable[[Seen], tuple[Tree, ...]], coming: tuple[Tree, ...]) -> None:
        deadline = time.monotonic() + self._wait
        has_begun = any(is_controller(one) and one["spec"].get("replicas", 1) for one in coming)
        while obstacles := tuple(_obstacles(see_running(self._transport), leaving, look_at_lease=not has_begun)):
            if time.monotonic() > deadline:
                raise Unfinished(
                    f"not ended within {self._wait:g} s: {', '.join(obstacles)}; "
                    "find out why, then run the same command again: it goes on from here"
                )
            time.sleep(LOOK)

    def _require_namespace(self) -> None:
        """Refuse before anything is stopped: without a copy of the configurations there would be no way back."""
        try:
            self._send("GET", f"/api/v1/namespaces/{self._namespace}")
        except NotFound as error:
            raise Unfinished(
                f"cannot keep a copy of cert-manager's webhook configurations in namespace {self._namespace}, which is "
                "not there: create it, or name the one that certshim is or will be in (--install-namespace)"
            ) from error

    def _put_away(self, configuration: Tree) -> None:
        """Keep a copy, then delete it: while nobody answers, the API server would refuse all changes of our kinds."""
        kept: Tree = {"webhooks": configuration.get("webhooks", [])}
        metadata = configuration["metadata"]
        kept["metadata"] = {key: metadata[key] for key in ("name", "labels", "annotations") if key in metadata}
        body = {"data": {_kept_as(configuration): msgspec.json.encode(kept).decode()}}
        path = f"/api/v1/namespaces/{self._namespace}/configmaps"
        try:
            place = {"name": KEPT, "namespace": self._namespace}
            new = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, **body}
            self._send("POST", path, new)
        except AlreadyExists:
            self._patch(f"{path}/{KEPT}", body)
        self._send("DELETE", f"{ADMISSION}/{configuration['plural']}/{metadata['name']}")
        self._say(f"{configuration['plural']} {metadata['name']}: removed, a copy is in ConfigMap {KEPT}")

    def _drop_injection(self, configuration: Tree) -> None:
        """Ours, applied over theirs: the annotation that is left would keep our webhook from writing its CA."""
        notes = configuration["metadata"].get("annotations") or {}
        asking = {key: None for key in notes if key in INJECTED}
        if asking:
            path = f"{ADMISSION}/{configuration['plural']}/{name_of(configuration)}"
            self._patch(path, {"metadata": {"annotations": asking}})
            self._say(f"{configuration['plural']} {name_of(configuration)}: {', '.join(asking)} removed")

    def _put_back(self, present: tuple[Tree, ...]) -> None:
        """Put back what was kept; `present` are the configurations of both that are there."""
        path = f"/api/v1/namespaces/{self._namespace}/configmaps/{KEPT}"
        try:
            kept: dict[str, str] = self._send("GET", path).get("data") or {}
        except NotFound:
            if any(is_cert_managers(one) for one in present):
                return  # never removed, or put back by a run that was interrupted
            self._say(
                f"there is no ConfigMap {self._namespace}/{KEPT}: upgrade the Helm release of cert-manager, "
                "or apply its manifest, to have its webhook configurations back"
            )
            return
        for one in present:
            if not is_cert_managers(one) and _kept_as(one) not in kept:  # ours, where theirs has another name
                self._send("DELETE", f"{ADMISSION}/{one['plural']}/{name_of(one)}")
                self._say(f"{one['plural']} {name_of(one)}: removed, nobody answers for certshim any more")
        for key, text in kept.items():
            plural = key.partition(".")[0]
            configuration: Tree = msgspec.json.decode(text)
            where = f"{ADMISSION}/{plural}"
            name = name_of(configuration)
            with suppress(NotFound):
                self._send("DELETE", f"{where}/{name}")
            self._send("POST", where, configuration)
            self._say(f"{plural} {name}: put back")
        self._send("DELETE", path)

    def _patch(self, path: str, change: Tree) -> None:
        self._send("PATCH", path, change, MERGE_PATCH)

    def _send(self, method: str, path: str, body: Tree | None = None, content_type: str = "application/json") -> Tree:
        answer = self._transport.request(
            method,
            path,
            attempt=f"cannot {method.lower()} {path}",
            body=msgspec.json.encode(body) if body is not None else None,
            content_type=content_type,
            query={"fieldManager": "certshim-adopt"} if method in ("PATCH", "POST") else None,
            within=_WITHIN,
        )
        found: Tree = msgspec.json.decode(answer.body)
        return found


def _kept_as(configuration: Tree) -> str:
    """Return the key of a copy in the ConfigMap: the kind, and the name where it is another than usual."""
    plural, name = configuration["plural"], name_of(configuration)
    return str(plural) if name == CONFIGURATION else f"{plural}.{name}"


def _obstacles(seen: Seen, leaving: Callable[[Seen], tuple[Tree, ...]], *, look_at_lease: bool) -> Iterator[str]:
    for one in leaving(seen):
        if one.get("status", {}).get("replicas", 0):
            yield f"pods of Deployment {place_of(one)}"
    for lease in seen.leases if look_at_lease else ():
        if holder := held_by(lease, datetime.now(UTC)):
            yield f"Lease {place_of(lease)}, held by {holder}"


def held_by(lease: Tree, now: datetime) -> str:
    """Return who holds the lease at that moment, empty when it is free."""
    spec = lease["spec"]
    renewed = spec.get("renewTime")
    if not spec.get("holderIdentity") or not renewed:
        return ""
    until = datetime.fromisoformat(renewed) + timedelta(seconds=spec.get("leaseDurationSeconds", 60))
    return str(spec["holderIdentity"]) if until > now else ""


def _path(deployment: Tree) -> str:
    metadata = deployment["metadata"]
    return f"/apis/apps/v1/namespaces/{metadata['namespace']}/deployments/{metadata['name']}"
