"""Failures of which the wire tells: what the product says of servers that refuse, fail, are silent or not there.

What differs from run to run (ports and addresses of loopback) is put back to the names of the page's examples.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import dns.rcode
import msgspec
import pytest

from certs.api.certificate import KeyAlgorithm
from certs.api.challenge import Challenge
from certs.api.core import SecretMeta
from certs.api.gateway import HTTPRouteStatus, RouteCondition, RouteParentStatus
from certs.api.issuer import (
    ACMESolver,
    DNS01Webhook,
    HTTP01GatewayHTTPRoute,
    HTTP01Ingress,
    HTTP01Solver,
    ParentReference,
)
from certs.api.meta import ObjectMeta
from certs.decide.request import CreateOrder, ObservedRequest
from certs.outcomes import Failure
from certs.pki.keys import encode_key
from shim.acme.gateway import Gateway
from shim.acme.signing import AccountKey
from shim.acme.transport import Settings, Transport, Trust
from shim.controllers.request import RequestController
from shim.controllers.world import World as Shim
from shim.keys import generate_key
from shim.kube.errors import KubeError
from shim.kube.transport import connect
from shim.solvers.dns01 import Change
from shim.solvers.dns01.propagation import NotYet, Propagation
from shim.solvers.dns01.questions import Questions
from shim.solvers.dns01.rest import HTTP as VENDOR
from shim.solvers.dns01.rest import attempt_at
from shim.solvers.dns01.webhook import Webhook
from shim.solvers.dns01.zones import Zones
from shim.solvers.http01 import RoutedHost
from shim.solvers.http01.httproute import http_route
from shim.solvers.http01.layers import Layers
from shim.solvers.http01.podimage import PodImage
from shim.solvers.http01.pods import Pods
from shim.solvers.http01.podsettings import PodSettings
from shim.solvers.http01.responders import Responders
from shim.solvers.http01.solver import HTTP01
from shim.solvers.selfcheck import NotReachable, SelfCheck
from tests.certs.decide import objects as made
from tests.fakes.apiserver import Answer, Close, FakeAPIServer, Silence, Status
from tests.fakes.dns import Server, World
from tests.fakes.site import KEY, PATH, Site, say
from tests.fakes.site import Answer as Page
from tests.shim.conftest import Put

HOST: Final = "a.example"
RECORD: Final = f"_acme-challenge.{HOST}"
LOOPBACK: Final = "127.0.0.1"
RESOLVER, FIRST = "127.0.0.2", "127.0.0.3"
# Seconds for an answer where there is none, and where there is one, however busy the machine.
WITHIN, PATIENT = 0.3, 5.0
EDGE: Final = HTTP01Solver(
    gateway_http_route=HTTP01GatewayHTTPRoute(parent_refs=(ParentReference(name="public", namespace="infra"),))
)


@dataclass(frozen=True, slots=True)
class Stage:
    """A fake API server, and the shim's view of it."""

    api: FakeAPIServer
    shim: Shim
    put: Put


Hear = Callable[[Stage], str]


def failing(act: Callable[[], object]) -> str:
    """Return the sentence with which it fails."""
    with pytest.raises((Failure, KubeError, NotReachable, NotYet)) as raised:
        act()
    return str(raised.value)


def nobody() -> int:
    """Return a port on which nobody listens."""
    site = Site()
    site.close()
    return site.port


# --- the CA and the API server ---------------------------------------------------------------------------------------


def without_ca(port: int) -> str:
    """Return what is said of a CA at that port of loopback."""
    key = AccountKey(encode_key(generate_key(KeyAlgorithm.ECDSA)))
    place = f"http://{LOOPBACK}:{port}"
    transport = Transport(Trust(), Settings(connect_seconds=WITHIN, total_seconds=WITHIN, environment_proxies={}))
    said = failing(Gateway(f"{place}/dir", key, transport).directory)
    transport.close()
    return said.replace(place, "https://ca.example")


def silent_ca() -> str:
    with socket.create_server((LOOPBACK, 0)) as silent:
        return without_ca(silent.getsockname()[1])


def no_quota(stage: Stage) -> str:
    request, controller = made.request(), RequestController(stage.shim)
    metadata = msgspec.structs.replace(request.metadata, namespace="shop")
    request = msgspec.structs.replace(request, metadata=metadata)
    stage.api.script("create", Status(403, "Forbidden", "exceeded quota"))
    observed = ObservedRequest(request, made.issuer(), order_name="web-1")
    return failing(lambda: controller.act(observed, CreateOrder("web-1"), made.NOW))


def refused_by_apiserver(stage: Stage, message: str) -> str:
    stage.api.script("create", Status(403, "Forbidden", message))
    metadata = ObjectMeta(name="web-1", namespace="shop")
    order = msgspec.structs.replace(made.order(), metadata=metadata)
    return failing(lambda: stage.shim.client.create(order, field_manager="x"))


def failing_apiserver(stage: Stage, fault: Silence | Close | Answer, verb: str = "get") -> str:
    stage.api.script(verb, *[fault] * 9)  # what is only hung up on is asked again
    client = stage.shim.client.within(WITHIN)  # type: ignore[attr-defined]
    secret = msgspec.structs.replace(made.secret(), metadata=SecretMeta(name="web-tls", namespace="shop"))
    order = msgspec.structs.replace(made.order(), metadata=ObjectMeta(name="web-1", namespace="shop"))
    if verb == "get":
        return failing(lambda: client.get(type(secret), "shop", "web-tls")).replace(f"{WITHIN:g} s", "10 s")
    return failing(lambda: client.update_status(order, field_manager="x"))


# --- HTTP-01 ---------------------------------------------------------------------------------------------------------


def pods(stage: Stage) -> Pods:
    """Return the way of pods."""
    stores, client = stage.shim.stores, stage.shim.client
    return Pods(stores, client, PodSettings(), PodImage(client, "certshim:1", {}), lambda _: "Prefix", lambda _: True)


def challenge(solver: HTTP01Solver) -> Challenge:
    """Return a Challenge with that solver."""
    return made.challenge(HOST, solver=ACMESolver(http01=solver))


def http01(stage: Stage) -> HTTP01:
    """Return the way of a responder."""
    return HTTP01(stage.shim.stores, stage.shim.client, Responders(("shim.certs.svc",), 8089), SelfCheck())


def refused_pod(stage: Stage) -> str:
    stage.api.script("create", Status(403, "Forbidden", 'pods "x" is forbidden: violates PodSecurity "restricted"'))
    return failing(lambda: pods(stage).ensure(made.challenge(HOST)))


def pod_may_not_be_made(stage: Stage) -> str:
    said = 'pods is forbidden: User "x" cannot create resource "pods" in API group ""'
    stage.api.script("create", Status(403, "Forbidden", said))
    return failing(lambda: pods(stage).ensure(made.challenge(HOST)))


def unseen_pods(stage: Stage) -> str:
    stage.shim.stores.solver_pods.miss("cannot list pods: pods is forbidden")
    return failing(lambda: pods(stage).ensure(made.challenge(HOST)))


def no_carrier(stage: Stage) -> str:
    return failing(lambda: http01(stage).ensure(challenge(HTTP01Solver(ingress=HTTP01Ingress(name="web")))))


def no_gateway_api(stage: Stage) -> str:
    stage.shim.stores.gateway_api.miss("404 page not found")
    return failing(lambda: http01(stage).ensure(challenge(EDGE)))


def no_gateway_api_for_pods(stage: Stage) -> str:
    stage.shim.stores.gateway_api.miss("404 page not found")
    return failing(lambda: pods(stage).ensure(challenge(EDGE)))


def gateway_refuses(stage: Stage) -> str:
    no = RouteCondition("Accepted", "False", reason="NotAllowedByListeners", message="no listener takes it")
    route = http_route(RoutedHost("web", HOST, EDGE), (), 8089)
    parent = RouteParentStatus(route.spec.parent_refs[0], conditions=(no,))
    stage.put(msgspec.structs.replace(route, status=HTTPRouteStatus((parent,))))
    way = http01(stage)._way(challenge(EDGE))
    return way.obstacle(challenge(EDGE)).replace(route.metadata.name, "shop-x")


def fetched(answer: Page | None, responder: int | None = None) -> str:
    """Return what a self check says of a site that answers so; None: nobody is there."""
    site = Site()
    if answer is None:
        site.close()
    else:
        site.pages[PATH] = answer
    layers = Layers(SelfCheck((), site.port, loopback=True), Responders((LOOPBACK,), responder) if responder else None)
    said = failing(lambda: layers.look(LOOPBACK, PATH, expected=KEY, obstacle=lambda: ""))
    if answer is not None:
        site.close()
    places: Mapping[str, str] = {f"{LOOPBACK}:{responder}": "10.0.0.7:8089", LOOPBACK: HOST, "e/token": "e/x"}
    for here, there in places.items():
        said = said.replace(here, there)
    return said


def resolved(server: Server) -> str:
    """Return what a self check says of a name, of which this nameserver answers."""
    with World({RESOLVER: server}) as world:
        check = SelfCheck((world.at(RESOLVER),), timeout=PATIENT)
        return failing(lambda: check.fetch(HOST, PATH, expected=KEY))


def unresolved() -> str:
    """Return what a self check says of a name when the nameserver takes the question, and says nothing."""
    with socket.create_server((LOOPBACK, 0)) as silent:
        check = SelfCheck((f"{LOOPBACK}:{silent.getsockname()[1]}",), timeout=WITHIN)
        return failing(lambda: check.fetch(HOST, PATH, expected=KEY))


# --- DNS-01 ----------------------------------------------------------------------------------------------------------


def looked_up(act: Callable[[Zones], object], server: Server, *, resolver_is_silent: bool = False) -> str:
    """Return what is said of a zone that has this server."""
    is_silent = resolver_is_silent or server.silent
    known = {("example", "NS"): ["ns1.example."], ("ns1.example", "A"): [FIRST]}
    with World({RESOLVER: Server(known, silent=resolver_is_silent), FIRST: server}) as world:
        zones = Zones(Questions((world.at(RESOLVER),), world.port, timeout=WITHIN if is_silent else PATIENT))
        said = failing(lambda: act(zones))
        return said.replace(world.at(FIRST), "192.0.2.53:53").replace(world.at(RESOLVER), "192.0.2.53:53")


def seen(zones: Zones) -> None:
    """Look for the value."""
    Propagation(zones).check(RECORD, "x")


def unfollowed(zones: Zones) -> None:
    """Look for a value that was written beside a CNAME."""
    Propagation(zones, in_place=True).check(RECORD, "x")


def lame(zones: Zones) -> None:
    """Look for the value once the zone is known, and its server has stopped answering."""
    Propagation(zones, (f"{FIRST}:{zones.questions.port}",)).check(RECORD, "x")


def delegated_lamely() -> str:
    """Return what is said when the server of a zone that is known has the zone no more."""
    server = Server(zones=("example",))

    def act(zones: Zones) -> None:
        zones.zone(RECORD)
        server.is_lame = True
        Propagation(zones).check(RECORD, "x")

    return looked_up(act, server)


def aliased(names: dict[str, str]) -> Server:
    """Return the server of a zone with these CNAMEs."""
    return Server({(name, "CNAME"): [f"{target}."] for name, target in names.items()}, zones=("example",))


def target(zones: Zones) -> None:
    """Ask where the value is to be written."""
    zones.target(RECORD, follow=True)


def no_vendor(_: Stage) -> str:
    port = nobody()
    http = VENDOR(within=WITHIN, proxies={})
    attempt = attempt_at("Cloudflare", Change("example", RECORD))
    return failing(lambda: http.send(attempt, "GET", f"http://{LOOPBACK}:{port}/")).replace(
        LOOPBACK, "api.cloudflare.com"
    )


def asked_solver(stage: Stage, answer: Status | Answer) -> str:
    """Have a webhook solver asked, and the API server answer that."""
    stage.api.script("create", answer)
    with TemporaryDirectory() as folder:
        transport = connect(stage.api.kubeconfig(Path(folder) / "kubeconfig"))
    solver = DNS01Webhook("acme.vendor.example", "vendor-dns")
    webhook = Webhook(transport, solver, HOST, "shop", ambient=False, within=PATIENT)
    try:
        return failing(lambda: webhook.change(Change("example", RECORD, add=frozenset(("x",)))))
    finally:
        transport.close()


NO_RIGHT: Final = (
    'orders.acme.cert-manager.io is forbidden: User "system:serviceaccount:cert-manager:certshim-shim" cannot create '
    'resource "orders" in API group "acme.cert-manager.io"'
)
NO_ROLES: Final = f'{NO_RIGHT}: RBAC: clusterrole.rbac.authorization.k8s.io "system:basic-user" not found'
NOT_TODAY: Final = 'admission webhook "policy.example.com" denied the request: not on a Friday'
FAILED: Final = b'{"response": {"success": false, "status": {"message": "the signature is wrong"}}}'


# The first of a row is what the page shows.
SAID: Final[tuple[tuple[str, Hear], ...]] = (
    ("acme-unreachable", lambda _: without_ca(nobody())),
    ("acme-unreachable", lambda _: silent_ca()),
    ("order-creating", no_quota),
    ("api-server", lambda stage: failing_apiserver(stage, Silence())),
    ("api-server", lambda stage: failing_apiserver(stage, Close())),
    ("api-server", lambda stage: failing_apiserver(stage, Answer(b"Bad Gateway", 502))),
    ("api-server", lambda stage: failing_apiserver(stage, Silence(), "update")),
    ("api-server", lambda stage: refused_by_apiserver(stage, NO_ROLES)),
    ("no-right", lambda stage: refused_by_apiserver(stage, NO_RIGHT)),
    ("api-refusal", lambda stage: refused_by_apiserver(stage, NOT_TODAY)),
    ("pod-refused", refused_pod),
    ("pod-rights", unseen_pods),
    ("pod-rights", pod_may_not_be_made),
    ("carrier", no_carrier),
    ("gateway", gateway_refuses),
    ("gateway", no_gateway_api),
    ("gateway", no_gateway_api_for_pods),
    ("local-address", lambda _: resolved(Server({(HOST, "A"): [LOOPBACK]}))),
    ("responder", lambda _: fetched(say(502), nobody())),
    ("bad-gateway", lambda _: fetched(say(502))),
    ("not-found", lambda _: fetched(say(404))),
    ("other-answer", lambda _: fetched(say(401))),
    ("other-answer", lambda _: fetched(say(200, b"Welcome"))),
    ("other-answer", lambda _: fetched(say(302, Location="ftp://files.example/"))),
    ("port-80", lambda _: fetched(None)),
    ("servfail", lambda _: resolved(Server(code=dns.rcode.SERVFAIL))),
    ("resolver-silent", lambda _: unresolved()),
    ("resolver-silent", lambda _: resolved(Server(code=dns.rcode.REFUSED))),
    ("no-address", lambda _: resolved(Server())),
    ("no-address", lambda _: resolved(Server({(HOST, "TXT"): ['"x"']}))),
    ("cname-unfollowed", lambda _: looked_up(unfollowed, aliased({RECORD: "b.example"}))),
    ("not-propagated", lambda _: looked_up(seen, Server(zones=("example",)))),
    ("nameserver-lame", lambda _: delegated_lamely()),
    ("nameserver-silent", lambda _: looked_up(lame, Server(silent=True))),
    ("zone-unknown", lambda _: looked_up(seen, Server(), resolver_is_silent=True)),
    ("cname-loop", lambda _: looked_up(target, aliased({RECORD: "b.example", "b.example": RECORD}))),
    ("dns-api", no_vendor),
    ("solver-right", lambda stage: asked_solver(stage, Status(403, "Forbidden", "vendor-dns.acme is forbidden"))),
    ("solver-missing", lambda stage: asked_solver(stage, Status(404, "NotFound", "no such resource"))),
    ("webhook-solver", lambda stage: asked_solver(stage, Answer(FAILED))),
    ("webhook-solver", lambda stage: asked_solver(stage, Answer(b"no endpoints", 503))),
)
# Rows for what only others say, and who.
OTHERS: Final = {
    "policy-denied": "the API server; the system tests provoke it",
    "webhook-gone": "the API server; the system tests provoke it",
    "webhook-denied": "the API server; the system tests provoke it",
    "tls-conflict": "the API server, of our field manager",
    "path-type": "ingress-nginx, https://github.com/kubernetes/ingress-nginx/issues/11176",
}
