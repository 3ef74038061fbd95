"""The way of `--acme-http01-mode=pod`: a pod that answers it for each Challenge, a Service and a route.

For clusters whose proxies cannot reach the shim.

    ensure: Service ─> Pod ─> route ──(pod ready: its watch wakes the Challenge)──> self check … final
    take_away: route ─> Pod ─> Service

The Service is made first and taken away last, so it alone tells whether anything is left, and nobody needs to see pods
for that.  Pods are followed from the first Challenge on that wants one, and not before: a cluster that never does gives
us no right to read them.  A Challenge that is deleted takes all three with it, by their owner reference.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from certs.api.challenge import Challenge
from certs.api.core import Service
from certs.api.gateway import HTTPRoute
from certs.api.ingress import Ingress
from certs.api.issuer import HTTP01Solver
from certs.api.meta import KubeObject, controller_of
from certs.api.pod import Pod
from certs.decide import solverpod
from certs.decide.effects import one_line
from certs.decide.http01mode import Mode
from certs.decide.solverpod import Obstacle
from certs.outcomes import Transient, WaitingForUser
from certs.route import PathTypeOf
from shim.kube.client import Client
from shim.kube.errors import AlreadyExists, Forbidden, Invalid
from shim.solvers.http01 import FIELD_MANAGER
from shim.solvers.http01.podimage import PodImage
from shim.solvers.http01.podobjects import (
    MADE_FROM,
    solver_http_route,
    solver_ingress,
    solver_name,
    solver_pod,
    solver_service,
)
from shim.solvers.http01.podsettings import PodSettings
from shim.stores import Stores

# How long a worker waits for the first list of pods, seconds.
LISTED_WITHIN: Final = 1.5
RBAC: Final = "apply manifests/options/http01-pods.yaml"
# What the API server says when it refuses a pod, and what helps.
REMEDIES: Final = (
    ("violates PodSecurity", "mend podTemplate.spec.securityContext of the solver, or the level of the namespace"),
    ("exceeded quota", "raise the quota of the namespace, or lower the resources in the podTemplate of the solver"),
    ("cannot create resource", RBAC),
)
# Behind it stands why; before it, twice what was attempted.
REFUSED: Final = " is forbidden: "
SAID: Final = 300  # of what is behind it, so that remedy and next attempt have room
OTHERWISE: Final = "mend the podTemplate of the solver, or what refuses it"

Demand = Callable[[float], bool]
Route = Ingress | HTTPRoute


class Pods:
    """Pod, Service and route of each Challenge; see `shim.solvers.http01.Way`.

    `demand` has pods followed, and returns whether all are known, within so many seconds.
    """

    def __init__(
        self,
        stores: Stores,
        client: Client,
        settings: PodSettings,
        image: PodImage,
        path_type: PathTypeOf,
        demand: Demand,
    ) -> None:
        self._stores = stores
        self._client = client
        self._settings = settings
        self._image = image
        self._path_type = path_type
        self._demand = demand

    @property
    def default(self) -> Mode:
        """Who answers where neither solver nor issuer says it."""
        return self._settings.mode

    def is_ready(self, challenge: Challenge) -> bool:
        """Do all three stand as they should?  Whether the pod answers is `waits_for`'s to say."""
        if not self._demand(0) or self._stores.solver_pods.why_absent or not self._image.known:
            return False
        pod = self._pod(challenge)
        return (
            pod is not None
            and not self._is_outdated(challenge, pod)
            and self._missing_service(challenge) is None
            and self._missing_route(challenge) is None
        )

    def ensure(self, challenge: Challenge) -> None:
        """Make what is missing, mend what differs, and replace a pod that has ended or is of other settings."""
        self._check(challenge)
        self._image.find()
        self._see_pods(challenge)
        self._apply(self._missing_service(challenge))
        self._ensure_pod(challenge)
        self._apply(self._missing_route(challenge))

    def waits_for(self, challenge: Challenge) -> Obstacle | None:
        """Return why the pod does not answer; a change of it wakes the Challenge."""
        pod = self._pod(challenge)
        return solverpod.obstacle(pod) if pod is not None else None

    def answers_since(self, challenge: Challenge) -> datetime | None:
        """Return since when it does, as far as its node has said."""
        pod = self._pod(challenge)
        return solverpod.ready_since(pod) if pod is not None else None

    def obstacle(self, challenge: Challenge) -> str:
        """Return the same as a sentence, for a look that has failed meanwhile."""
        obstacle = self.waits_for(challenge)
        return obstacle.why if obstacle is not None else ""

    def is_clear(self, challenge: Challenge) -> bool:
        """Is the Service gone, and so the rest?"""
        service = self._stores.services.get(challenge.metadata.namespace, solver_name(challenge))
        return service is None or not _is_of(challenge, service)

    def take_away(self, challenge: Challenge) -> None:
        """Delete all three."""
        namespace, name = challenge.metadata.namespace, solver_name(challenge)
        for kind in (_route_kind(challenge), Pod, Service):
            self._client.delete(kind, namespace, name)

    def _check(self, challenge: Challenge) -> None:
        solver = _solver(challenge)
        if solver.ingress is not None and solver.ingress.name:
            raise WaitingForUser(
                f'{_attempt(challenge)} and Ingress "{solver.ingress.name}": pods are led to by Ingresses of their own '
                "only; leave http01.ingress.name out of the solver (of an Ingress: its annotation), or have the "
                "responder answer",
                reason="PresentError",
            )
        if _route_kind(challenge) is HTTPRoute and self._stores.gateway_api.why_absent:
            raise WaitingForUser(
                f"{_attempt(challenge)} and an HTTPRoute: {self._stores.gateway_api.why_absent}; "
                "install the Gateway API, or use http01.ingress in the solver",
                reason="PresentError",
            )

    def _see_pods(self, challenge: Challenge) -> None:
        """Have them followed; their arrival, once we may see them, wakes the Challenge."""
        is_known = self._demand(LISTED_WITHIN)
        why_absent = self._stores.solver_pods.why_absent
        if why_absent:
            raise WaitingForUser(f"{_attempt(challenge)}: {why_absent}; {RBAC}", reason="PresentError")
        if not is_known:
            raise Transient(
                f"{_attempt(challenge)}: pods could not be listed within {LISTED_WITHIN:g} s", reason="PresentError"
            )

    def _pod(self, challenge: Challenge) -> Pod | None:
        return self._stores.pods.get(challenge.metadata.namespace, solver_name(challenge))

    def _wanted(self, challenge: Challenge) -> Pod:
        return solver_pod(challenge, self._settings, self._image.known)

    def _is_outdated(self, challenge: Challenge, pod: Pod) -> bool:
        """Was it made by other settings, as those with which it cannot start?  One that answers is good enough."""
        made_from = self._wanted(challenge).metadata.annotations[MADE_FROM]
        return pod.metadata.annotations.get(MADE_FROM) != made_from and _can_be_replaced(pod)

    def _ensure_pod(self, challenge: Challenge) -> None:
        pod = self._pod(challenge)
        if pod is not None:
            if not solverpod.has_ended(pod) and not self._is_outdated(challenge, pod):
                return
            metadata = pod.metadata
            self._client.delete(Pod, metadata.namespace, metadata.name, uid=metadata.uid)
        self._create(challenge, self._wanted(challenge))

    def _create(self, challenge: Challenge, pod: Pod) -> None:
        try:
            self._client.create(pod, field_manager=FIELD_MANAGER)
        except AlreadyExists:
            # Made before a crash, and not yet seen; or the one before is still on its way out, and its end wakes us.
            self._client.get(Pod, pod.metadata.namespace, pod.metadata.name)
        except (Forbidden, Invalid) as error:
            said = str(error)
            why = one_line(said.partition(REFUSED)[2] or said, SAID)
            remedy = next((remedy for sign, remedy in REMEDIES if sign in said), OTHERWISE)
            attempt = f"{_attempt(challenge)}, which the API server refuses"
            raise Transient(f"{attempt}: {why}; {remedy}", reason="PresentError") from error

    def _missing_service(self, challenge: Challenge) -> Service | None:
        wanted = solver_service(challenge, self._settings)
        known = self._stores.services.get(wanted.metadata.namespace, wanted.metadata.name)
        return wanted if known is None or not _same_service(known, wanted) else None

    def _missing_route(self, challenge: Challenge) -> Route | None:
        namespace, name = challenge.metadata.namespace, solver_name(challenge)
        if _route_kind(challenge) is HTTPRoute:
            route = solver_http_route(challenge, self._settings)
            known = self._stores.http_routes.get(namespace, name)
            return None if known is not None and known.spec == route.spec and _has(known, route) else route
        ingress = solver_ingress(challenge, self._settings, self._path_type)
        existing = self._stores.ingresses.get(namespace, name)
        return None if existing is not None and _same(existing, ingress) and _has(existing, ingress) else ingress

    def _apply(self, missing: Service | Route | None) -> None:
        if missing is not None:
            self._client.apply(missing, field_manager=FIELD_MANAGER)


def _attempt(challenge: Challenge) -> str:
    return f'cannot present HTTP-01 for "{challenge.spec.dns_name}" by a pod'


def _solver(challenge: Challenge) -> HTTP01Solver:
    return challenge.spec.solver.http01 or HTTP01Solver()


def _route_kind(challenge: Challenge) -> type[Ingress | HTTPRoute]:
    solver = _solver(challenge)
    return HTTPRoute if solver.gateway_http_route is not None and solver.ingress is None else Ingress


def _can_be_replaced(pod: Pod) -> bool:
    return pod.metadata.deletion_timestamp is None and not solverpod.is_ready(pod)


def _is_of(challenge: Challenge, obj: KubeObject) -> bool:
    owner = controller_of(obj.metadata)
    return owner is not None and owner.uid == challenge.metadata.uid


def _same_service(known: Service, wanted: Service) -> bool:
    """Does it lead where it should?  The API server fills in what we leave out."""
    ports = [[(port.name, port.port, port.target_port) for port in one.spec.ports] for one in (known, wanted)]
    return (known.spec.type, known.spec.selector) == (wanted.spec.type, wanted.spec.selector) and ports[0] == ports[1]


def _same(known: Ingress, wanted: Ingress) -> bool:
    """Does it lead where it should?  Others may have added to it: a default class, above all."""
    wanted_class = wanted.spec.ingress_class_name
    return known.spec.rules == wanted.spec.rules and wanted_class in {None, known.spec.ingress_class_name}


def _has(known: KubeObject, wanted: KubeObject) -> bool:
    """Does it carry what it should?  Others may have added to it."""
    mine, theirs = wanted.metadata, known.metadata
    return mine.annotations.items() <= theirs.annotations.items() and mine.labels.items() <= theirs.labels.items()
