"""The ways by which a challenge reaches the responder: a named Ingress, an HTTPRoute, a route of our own made early."""

from __future__ import annotations

import time
from typing import Any, Final

import pytest

from certs.route import PREFIX, SERVICE
from shim.solvers.http01.owners import route_name
from tests.cluster import Cluster, PebbleSettings
from tests.cluster.router import GATEWAY
from tests.system import gateway
from tests.system.shop import PATHS, Shop, eventually

pytestmark = pytest.mark.system
GARBAGE: Final = 90.0  # seconds; the garbage collector begins anew when a kind of object comes or goes
BACKEND: Final = {"service": {"name": "shop", "port": {"number": 80}}}


def issuer(shop: Shop, http01: dict[str, Any], name: str = "pebble", **acme: Any) -> str:
    """Create an Issuer with that solver, and return its name once it is ready."""
    obj = shop.product.issuer(name, shop.namespace)
    obj["spec"]["acme"] |= {"solvers": [{"http01": http01}], **acme}
    shop.apply(obj)
    shop.ready("Issuer", name)
    return name


def certificate(shop: Shop, host: str, *, name: str = "web-tls", by: str = "pebble") -> None:
    """Apply a Certificate for a host."""
    spec = {"secretName": name, "dnsNames": [host], "issuerRef": {"name": by}}
    shop.apply({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": name}, "spec": spec})


def reason(shop: Shop) -> str:
    """Return what the one Challenge waits for."""
    challenges = shop.all("Challenge")
    return str(challenges[0].get("status", {}).get("reason", "")) if challenges else ""


def waits_for(shop: Shop, part: str) -> str:
    """Wait until the Challenge says so, and return all that it says."""
    return eventually(lambda: reason(shop) if part in reason(shop) else "", f"the Challenge says {part!r}", seconds=12)


def paths(shop: Shop, name: str, rule: int = 0) -> list[tuple[str, str]]:
    """Return (path, Service) of a rule of an Ingress."""
    rules = (shop.get("Ingress", name) or {})["spec"]["rules"]
    return [(one["path"], one["backend"]["service"]["name"]) for one in rules[rule]["http"]["paths"]]


def patches(cluster: Cluster, shop: Shop, mark: Any, resource: str = "ingresses") -> int:
    """Return how many writes the shim has made to a kind in the namespace."""
    return sum(
        event.object_ref.namespace == shop.namespace
        and event.object_ref.resource == resource
        and event.verb in {"create", "update", "patch", "delete"}
        and event.user.username.endswith(":certshim-shim")
        for event in cluster.audit(mark)
    )


# -- http01.ingress.name ---------------------------------------------------------------------------------------------


def test_a_named_ingress_carries_the_path_while_it_is_needed(shop: Shop, cluster: Cluster) -> None:
    """It is first in the host's rule, everything else stays, and afterwards the Ingress is as it was before."""
    host, other = shop.host(), shop.host()
    issuer(shop, {"ingress": {"name": "web"}})
    shop.ingress("web", other, host, annotations={})
    before = (shop.get("Ingress", "web") or {})["spec"]
    cluster.names.set("set-servfail", host=f"{host}.")
    mark = cluster.audit_mark()

    certificate(shop, host)

    waits_for(shop, "cannot resolve")
    assert paths(shop, "web", 1) == [(PREFIX, SERVICE), ("/", "shop")]
    assert paths(shop, "web", 0) == [("/", "shop")]
    assert shop.get("Ingress", route_name(host)) is None
    cluster.names.set("clear-servfail", host=f"{host}.")
    assert shop.issued("web-tls").leaf.dns_names == (host,)
    assert eventually(lambda: (shop.get("Ingress", "web") or {})["spec"] == before, "the path is gone again")
    assert patches(cluster, shop, mark) == 4  # in and out, and each time the rules are given back


def test_a_host_without_a_rule_gets_one_for_as_long(shop: Shop) -> None:
    """Behind all others, and it goes with its path."""
    host = shop.host()
    issuer(shop, {"ingress": {"name": "web"}})
    shop.ingress("web", shop.host(), annotations={})
    before = (shop.get("Ingress", "web") or {})["spec"]

    certificate(shop, host)

    assert shop.issued("web-tls").leaf.dns_names == (host,)
    assert eventually(lambda: (shop.get("Ingress", "web") or {})["spec"] == before, "the rule is gone again")


def test_whoever_applies_the_named_ingress_still_has_it(shop: Shop, cluster: Cluster) -> None:
    """By server-side apply without force, during the challenge and after it: the rules do not become ours."""
    host, second = shop.host(), shop.host()
    issuer(shop, {"ingress": {"name": "web"}})
    shop.ingress("web", host, annotations={})
    cluster.names.set("set-servfail", host=f"{host}.")
    certificate(shop, host)
    waits_for(shop, "cannot resolve")

    shop.ingress("web", host, second, annotations={})

    eventually(lambda: paths(shop, "web") == [(PREFIX, SERVICE), ("/", "shop")], "the path is in again")
    assert paths(shop, "web", 1) == [("/", "shop")]
    cluster.names.set("clear-servfail", host=f"{host}.")
    shop.issued("web-tls")
    eventually(lambda: paths(shop, "web") == [("/", "shop")], "the path is gone again")
    shop.ingress("web", host, second, shop.host(), annotations={})
    assert len((shop.get("Ingress", "web") or {})["spec"]["rules"]) == 3


def test_what_is_wrong_with_the_named_ingress_is_said_and_mending_it_is_enough(shop: Shop) -> None:
    """First it is missing, then somebody else has the path."""
    host = shop.host()
    issuer(shop, {"ingress": {"name": "web"}})
    certificate(shop, host)
    assert "create it, or correct http01.ingress.name" in waits_for(shop, "does not exist")

    rival = {"path": PREFIX, "pathType": "Prefix", "backend": BACKEND}
    spec = {"ingressClassName": "nginx", "rules": [{"host": host, "http": {"paths": [rival]}}]}
    web = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"}, "spec": spec}
    shop.apply(web)
    said = waits_for(shop, 'Service "shop" has the path')
    assert f'Ingress "web": there Service "shop" has the path {PREFIX} of host "{host}"' in said
    assert paths(shop, "web") == [(PREFIX, "shop")]

    rival["path"] = "/"
    shop.apply(web)

    assert shop.issued("web-tls").leaf.dns_names == (host,)


def test_nobody_is_fought_with(shop: Shop, cluster: Cluster) -> None:
    """A tool that takes the path out each time meets us three times, and is then told about."""
    host = shop.host()
    issuer(shop, {"ingress": {"name": "web"}})
    shop.ingress("web", host, annotations={})
    spec = (shop.get("Ingress", "web") or {})["spec"]
    cluster.names.set("set-servfail", host=f"{host}.")
    mark = cluster.audit_mark()
    certificate(shop, host)

    for _ in range(3):
        eventually(lambda: len(paths(shop, "web")) == 2, "the path is in")
        cluster.api.merge(PATHS["Ingress"].format(shop.namespace, "web"), {"spec": {"rules": spec["rules"]}})

    assert "somebody undoes the route again and again" in waits_for(shop, "undoes")
    assert paths(shop, "web") == [("/", "shop")]
    assert patches(cluster, shop, mark) >= 6  # and each time the rules are given back
    cluster.names.set("clear-servfail", host=f"{host}.")
    assert shop.issued("web-tls").leaf.dns_names == (host,)


def test_an_ingress_that_is_edited_in_place_needs_no_other(shop: Shop, cluster: Cluster) -> None:
    """From its annotation to the certificate, and again at a renewal; no Ingress of ours is ever made."""
    host = shop.host()
    shop.issuer()
    mark = cluster.audit_mark()

    shop.ingress(
        "web",
        host,
        annotations={"cert-manager.io/issuer": "pebble", "acme.cert-manager.io/http01-edit-in-place": "true"},
    )

    first = shop.issued("web-tls")
    eventually(lambda: paths(shop, "web") == [("/", "shop")], "the path is gone again")
    shop.delete("Secret", "web-tls")
    assert eventually(lambda: shop.stored("web-tls"), "the Secret is back").leaf.serial != first.leaf.serial
    assert [one["metadata"]["name"] for one in shop.all("Ingress")] == ["web"]
    touched = {
        event.object_ref.name
        for event in cluster.audit(mark)
        if (event.object_ref.resource, event.object_ref.namespace) == ("ingresses", shop.namespace)
        and event.user.username.endswith(":certshim-shim")
        and event.verb != "get"
    }
    assert touched == {"web"}


# -- http01.gatewayHTTPRoute -----------------------------------------------------------------------------------------


def test_an_httproute_leads_the_challenge_once_the_api_is_there(shop: Shop, cluster: Cluster) -> None:
    """Before that it is said what is missing; its arrival is noticed by itself."""
    gateway.uninstall(cluster)
    host = shop.host()
    solver = {"gatewayHTTPRoute": {"labels": {"team": "web"}, "parentRefs": [{"name": GATEWAY, "namespace": "edge"}]}}
    issuer(shop, solver)
    certificate(shop, host)
    assert "install the Gateway API" in waits_for(shop, "does not serve httproutes")

    with gateway.installed(cluster):
        assert shop.issued("web-tls").leaf.dns_names == (host,)
        route = shop.get("HTTPRoute", route_name(host)) or {}

    assert route["metadata"]["labels"]["team"] == "web"
    assert [one["name"] for one in route["metadata"]["ownerReferences"]] == ["web-tls"]
    assert route["spec"]["hostnames"] == [host]
    assert route["spec"]["parentRefs"] == [
        {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": GATEWAY, "namespace": "edge"}
    ]
    assert shop.get("Ingress", route_name(host)) is None


def test_a_gateway_that_does_not_take_the_route_is_told(shop: Shop, cluster: Cluster) -> None:
    """Its word stands in the Challenge; a renewal writes the route no second time."""
    with gateway.installed(cluster):
        host = shop.host()
        issuer(shop, {"gatewayHTTPRoute": {"parentRefs": [{"name": "elsewhere"}]}})
        certificate(shop, host)
        route = eventually(lambda: shop.get("HTTPRoute", route_name(host)), "the route is made")
        condition = {
            "type": "Accepted",
            "status": "False",
            "reason": "NotAllowedByListeners",
            "message": "no listener takes routes of this namespace",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        parent = {"parentRef": route["spec"]["parentRefs"][0], "controllerName": "kit", "conditions": [condition]}
        path = f"{PATHS['HTTPRoute'].format(shop.namespace, route_name(host))}/status"
        cluster.api.merge(path, {"status": {"parents": [parent]}})

        said = waits_for(shop, "NotAllowedByListeners")

    assert f'Gateway "{shop.namespace}/elsewhere" does not take HTTPRoute "{route_name(host)}"' in said
    assert "wrong status code '404'" in said


# -- another way -----------------------------------------------------------------------------------------------------

POD: Final = {"metadata": {"labels": {"team": "web"}}, "spec": {"nodeSelector": {"edge": "true"}}}


@pytest.mark.parametrize(
    ("solver", "said"),
    [
        pytest.param({"ingress": {"ingressClassName": "nobody", "podTemplate": POD}}, "'404'", id="class"),
        pytest.param({"ingress": {"name": "absent"}}, "does not exist in this namespace", id="name"),
        pytest.param({"gatewayHTTPRoute": {"parentRefs": [{"name": "nobody"}]}}, "'404'", id="gateway"),
    ],
)
def test_a_solver_that_is_corrected_in_the_issuer_counts_at_once(
    shop: Shop, cluster: Cluster, solver: dict[str, Any], said: str
) -> None:
    """The Challenge that got nowhere is replaced, and only then."""
    with gateway.installed(cluster):
        host = shop.host()
        issuer(shop, solver)
        certificate(shop, host)
        waits_for(shop, said)
        (first,) = shop.all("Challenge")
        assert "Discarded" not in [reason for reason, _ in shop.events("Challenge")]

        issuer(shop, {"ingress": {"ingressClassName": cluster.ingress_class}})

        assert shop.issued("web-tls").leaf.dns_names == (host,)

    discarded = [message for reason, message in shop.events("Challenge") if reason == "Discarded"]
    assert discarded == [f'Issuer "pebble" has another solver for "{host}" by now; its Order makes another Challenge']
    assert first["spec"]["solver"]["http01"].keys() == solver.keys()


# -- routes of our own -----------------------------------------------------------------------------------------------


def test_the_route_is_made_before_there_is_an_order(shop: Shop, cluster: Cluster) -> None:
    """The CA is away, and the proxy has learnt the route already; it belongs to the Certificate."""
    away = cluster.pebble("away", PebbleSettings())
    shop.apply(shop.product.issuer("away", shop.namespace, ca=away))
    shop.ready("Issuer", "away")
    cluster.stop_pebble(away)
    host = shop.host()

    certificate(shop, host, by="away")

    route = eventually(lambda: shop.get("Ingress", route_name(host)), "the route is made", seconds=5)
    assert [one["name"] for one in route["metadata"]["ownerReferences"]] == ["web-tls"]
    assert shop.all("Challenge") == []
    cluster.restart_pebble(away)
    assert shop.issued("web-tls").leaf.dns_names == (host,)


def test_each_object_of_the_way_is_written_once(shop: Shop, cluster: Cluster) -> None:
    """Certificate and Challenge both need the route, and a second Certificate of the namespace at the same moment."""
    first, second = shop.host(), shop.host()
    shop.issuer()
    mark = cluster.audit_mark()

    certificate(shop, first, name="one-tls")
    certificate(shop, second, name="two-tls")

    shop.issued("one-tls")
    shop.issued("two-tls")
    time.sleep(0.5)  # the audit log's last lines
    assert patches(cluster, shop, mark) == 2
    assert patches(cluster, shop, mark, "services") == 1


def test_a_shared_route_stays_for_the_certificate_that_is_left(shop: Shop) -> None:
    """Two Certificates for one host have one route, which goes with the last of them."""
    host = shop.host()
    shop.issuer()
    certificate(shop, host, name="one-tls")
    shop.issued("one-tls")
    certificate(shop, host, name="two-tls")
    shop.issued("two-tls")

    def owners() -> list[str]:
        route = shop.get("Ingress", route_name(host)) or {"metadata": {}}
        return [one["name"] for one in route["metadata"].get("ownerReferences", ())]

    assert owners() == ["one-tls", "two-tls"]
    shop.delete("Certificate", "one-tls")
    assert eventually(lambda: owners() == ["two-tls"], "the garbage collector takes the other out", GARBAGE)
    shop.delete("Certificate", "two-tls")
    assert eventually(lambda: shop.get("Ingress", route_name(host)) is None, "it goes with the last", GARBAGE)


@pytest.mark.parametrize(
    ("controller", "path_type"),
    [("k8s.io/ingress-nginx", "ImplementationSpecific"), ("traefik.io/ingress-controller", "Prefix")],
)
def test_the_path_type_is_what_the_controller_of_the_class_takes(
    shop: Shop, cluster: Cluster, controller: str, path_type: str
) -> None:
    """By the IngressClass that the solver names."""
    class_name, host = controller.partition("/")[2], shop.host()
    cluster.api.apply(
        f"/apis/networking.k8s.io/v1/ingressclasses/{class_name}",
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {"name": class_name},
            "spec": {"controller": controller},
        },
    )
    issuer(shop, {"ingress": {"ingressClassName": class_name}})

    certificate(shop, host)

    route = eventually(lambda: shop.get("Ingress", route_name(host)), "the route is made")
    assert route["spec"]["rules"][0]["http"]["paths"][0]["pathType"] == path_type
