from __future__ import annotations

from typing import Any

import msgspec
import pytest

from certs.api.certificate import Certificate, CertificateStatus
from certs.api.issuer import (
    ACMESolver,
    DNS01Solver,
    HTTP01GatewayHTTPRoute,
    HTTP01Ingress,
    HTTP01Solver,
    SolverSelector,
)
from certs.decide.route import MakeRoute, ObservedRoutes, decide, is_issued_soon, looked_at, routed_names
from certs.outcomes import DONE
from tests.certs.decide.objects import HOST, HTTP01, certificate, condition, issuer

ROUTE = HTTP01.http01
GATEWAY = ACMESolver(
    selector=SolverSelector(dns_names=("b.test",)), http01=HTTP01Solver(gateway_http_route=HTTP01GatewayHTTPRoute())
)
DNS = ACMESolver(selector=SolverSelector(dns_zones=("dns.test",)), dns01=DNS01Solver())
NEITHER = ACMESolver(http01=HTTP01Solver())


def stated(**conditions: str) -> Certificate:
    """Return the Certificate with these conditions."""
    made = tuple(condition(kind, status) for kind, status in conditions.items())
    return msgspec.structs.replace(certificate(), status=CertificateStatus(conditions=made))


@pytest.mark.parametrize(
    ("given", "soon"),
    [
        pytest.param(certificate(), True, id="new"),
        pytest.param(stated(Ready="False"), True, id="not ready"),
        pytest.param(stated(Ready="True", Issuing="True"), True, id="renewed"),
        pytest.param(stated(Ready="True"), False, id="valid"),
        pytest.param(stated(Ready="True", Issuing="False"), False, id="valid, after a renewal that failed"),
    ],
)
def test_a_route_is_made_for_what_is_issued_soon(given: Certificate, *, soon: bool) -> None:
    """An installation that is taken over gets its routes with the renewals, not all at once."""
    assert is_issued_soon(given) is soon


@pytest.mark.parametrize(
    ("names", "solvers", "expected"),
    [
        pytest.param((HOST,), (HTTP01,), [(HOST, ROUTE)], id="one"),
        pytest.param((HOST, "b.test"), (HTTP01, GATEWAY), [(HOST, ROUTE), ("b.test", GATEWAY.http01)], id="two"),
        pytest.param((HOST, "x.dns.test"), (HTTP01, DNS), [(HOST, ROUTE)], id="one over DNS"),
        pytest.param((f"*.{HOST}", HOST), (HTTP01,), [(HOST, ROUTE)], id="a wildcard has none"),
        pytest.param((HOST,), (DNS,), [], id="no solver fits"),
        pytest.param((HOST,), (NEITHER,), [], id="a solver that cannot do it"),
    ],
)
def test_names_that_are_routed(
    names: tuple[str, ...], solvers: tuple[ACMESolver, ...], expected: list[tuple[str, HTTP01Solver]]
) -> None:
    """By the solver that the Order will choose, as far as can be known before the CA is asked."""
    acme = issuer(solvers=solvers).spec.acme
    assert acme is not None

    assert list(routed_names(certificate(dns_names=names), acme)) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"dns_names": ("B.Test", "b.test", "a.test")}, ["b.test", "a.test"], id="capital letters"),
        pytest.param({"dns_names": (), "common_name": "A.test"}, ["a.test"], id="the common name alone"),
        pytest.param(
            {"dns_names": (), "ip_addresses": ("2001:DB8:0::1", "192.0.2.1", "none")},
            ["2001:db8::1", "192.0.2.1"],
            id="addresses",
        ),
    ],
)
def test_names_are_routed_as_the_order_has_them(fields: dict[str, Any], expected: list[str]) -> None:
    """No Ingress takes capital letters, and the Challenge would look for the route under another name."""
    acme = issuer(solvers=(HTTP01,)).spec.acme
    assert acme is not None

    assert [name for name, _ in routed_names(certificate(**fields), acme)] == expected


@pytest.mark.parametrize(
    ("solver", "expected"),
    [
        pytest.param(HTTP01, [HOST], id="over HTTP"),
        pytest.param(msgspec.structs.replace(HTTP01, wait_instead_of_self_check="5s"), [], id="without a self check"),
        pytest.param(DNS, [], id="over DNS"),
    ],
)
def test_names_that_are_looked_at(solver: ACMESolver, expected: list[str]) -> None:
    """At which somebody is to answer to us, too."""
    acme = issuer(solvers=(solver,)).spec.acme
    assert acme is not None

    assert list(looked_at(certificate(dns_names=(HOST, "*.shop.test")), acme)) == expected


def annotated(**annotations: str) -> Certificate:
    """Return the Certificate with these annotations of ACME."""
    keys = {f"acme.cert-manager.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
    given = certificate()
    return msgspec.structs.replace(given, metadata=msgspec.structs.replace(given.metadata, annotations=keys))


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({"http01_override_ingress_name": "shop"}, HTTP01Ingress(name="shop"), id="name"),
        pytest.param({"http01_override_ingress_class": "nginx"}, HTTP01Ingress(class_="nginx"), id="class"),
        pytest.param({"http01_override_ingress_name": "a", "http01_override_ingress_class": "b"}, None, id="both"),
    ],
)
def test_the_route_is_the_one_that_the_order_will_choose(
    annotations: dict[str, str], expected: HTTP01Ingress | None
) -> None:
    """One that nobody needs may cost an address (GKE)."""
    acme = issuer().spec.acme
    assert acme is not None

    routed = list(routed_names(annotated(**annotations), acme))

    assert routed == ([(HOST, HTTP01Solver(ingress=expected))] if expected is not None else [])


def test_routes_are_made_one_after_another() -> None:
    """Each act does one thing."""
    assert ROUTE is not None
    both = ObservedRoutes(certificate(), ((HOST, ROUTE), ("b.test", ROUTE)))

    assert decide(both) == MakeRoute(HOST, ROUTE)
    assert decide(ObservedRoutes(certificate())) == DONE


def test_an_address_is_routed_though_a_solver_over_dns_comes_first() -> None:
    """No CA offers a proof over DNS for it (RFC 8738 §4), so the Order will not choose that solver either."""
    acme = issuer(solvers=(ACMESolver(dns01=DNS01Solver()), HTTP01)).spec.acme
    assert acme is not None

    assert list(routed_names(certificate(dns_names=(HOST,), ip_addresses=("192.0.2.1",)), acme)) == [
        ("192.0.2.1", ROUTE)
    ]


def test_who_lets_others_go_first_makes_no_route() -> None:
    """It is made once the Certificate begins: its status tells then."""
    assert ROUTE is not None

    assert decide(ObservedRoutes(certificate(), ((HOST, ROUTE),), begins=False)) == DONE
