from __future__ import annotations

import pytest

from certs.api.issuer import ACMESolver, DNS01Solver, HTTP01Ingress, HTTP01Solver, SolverSelector
from certs.api.order import ACMEChallenge
from certs.decide.solver import challenge_type, choose, offered_for, why_none

HTTP = ACMEChallenge(url="https://ca.test/h", token="h", type="http-01")
DNS = ACMEChallenge(url="https://ca.test/d", token="d", type="dns-01")
ALPN = ACMEChallenge(url="https://ca.test/a", token="a", type="tls-alpn-01")
HOST = "a.shop.test"


def http(*, cls: str = "", **selector: object) -> ACMESolver:
    """Return an HTTP-01 solver, told apart by its class."""
    chosen = SolverSelector(**selector) if selector else None  # type: ignore[arg-type] # fields vary by case
    return ACMESolver(selector=chosen, http01=HTTP01Solver(ingress=HTTP01Ingress(ingress_class_name=cls or None)))


def dns(**selector: object) -> ACMESolver:
    """Return a DNS-01 solver."""
    return ACMESolver(selector=SolverSelector(**selector) if selector else None, dns01=DNS01Solver())  # type: ignore[arg-type] # as above


PLAIN = http()
NAMED = http(cls="named", dns_names=(HOST,))
ZONE = http(cls="zone", dns_zones=("shop.test",))
LONG_ZONE = http(cls="long zone", dns_zones=("test", "a.shop.test"))
LABELLED = http(cls="labelled", match_labels={"team": "a"})
TWICE = http(cls="twice", match_labels={"team": "a", "tier": "1"})
LABELS = {"team": "a", "tier": "1", "more": "x"}


@pytest.mark.parametrize(
    ("solvers", "best"),
    [
        pytest.param([PLAIN], PLAIN, id="the only one"),
        pytest.param([PLAIN, http(cls="second")], PLAIN, id="the earlier of equals"),
        pytest.param([PLAIN, NAMED], NAMED, id="exact name over none"),
        pytest.param([LONG_ZONE, TWICE, NAMED], NAMED, id="exact name over zone and labels"),
        pytest.param([TWICE, ZONE], ZONE, id="zone over labels"),
        pytest.param([ZONE, LONG_ZONE], LONG_ZONE, id="longer zone over shorter"),
        pytest.param([PLAIN, LABELLED, TWICE], TWICE, id="more labels over fewer"),
        pytest.param([http(dns_names=("b.shop.test",)), PLAIN], PLAIN, id="another name does not match"),
        pytest.param([http(dns_zones=("op.test",)), PLAIN], PLAIN, id="a suffix that is no zone does not match"),
        pytest.param([http(match_labels={"team": "b"}), PLAIN], PLAIN, id="another label does not match"),
        pytest.param([http(dns_names=(HOST,), match_labels={"team": "b"}), PLAIN], PLAIN, id="every part must match"),
        pytest.param([http(dns_zones=(HOST,))], http(dns_zones=(HOST,)), id="a zone holds its own name"),
    ],
)
def test_best_solver(solvers: list[ACMESolver], best: ACMESolver) -> None:
    """For a name that can be proven over HTTP and DNS, with labels on its Order."""
    chosen = choose(solvers, HOST, LABELS, (ALPN, DNS, HTTP))

    assert chosen is not None
    assert (chosen.solver, chosen.challenge) == (best, HTTP)


@pytest.mark.parametrize(
    ("solvers", "name", "offered", "challenge"),
    [
        pytest.param([PLAIN, dns()], "*.shop.test", (DNS,), DNS, id="wildcard is proven over DNS"),
        pytest.param([dns(dns_names=("*.shop.test",))], "*.shop.test", (DNS,), DNS, id="wildcard by its name"),
        pytest.param([dns(dns_zones=("shop.test",))], "*.shop.test", (DNS,), DNS, id="wildcard by its zone"),
        pytest.param([dns(dns_names=("shop.test",))], "*.shop.test", (DNS,), None, id="wildcard is not its parent"),
        pytest.param([PLAIN], "*.shop.test", (DNS,), None, id="wildcard cannot be proven over HTTP"),
        pytest.param([PLAIN], HOST, (), None, id="nothing offered"),
        pytest.param([PLAIN], HOST, (ALPN,), None, id="something else offered"),
        pytest.param([], HOST, (HTTP, DNS), None, id="no solvers"),
        pytest.param([ACMESolver()], HOST, (HTTP, DNS), None, id="solver without a type"),
    ],
)
def test_solver_must_answer_what_is_offered(
    solvers: list[ACMESolver], name: str, offered: tuple[ACMEChallenge, ...], challenge: ACMEChallenge | None
) -> None:
    """A name that no solver can prove has none."""
    chosen = choose(solvers, name, {}, offered)

    assert (chosen.challenge if chosen else None) == challenge


@pytest.mark.parametrize(
    ("solvers", "name", "offered", "expected"),
    [
        pytest.param(
            [PLAIN],
            "*.shop.test",
            (DNS,),
            "no configured challenge solvers can be used for *.shop.test: solvers[0] (http-01) cannot prove a "
            "wildcard; the CA offers dns-01; add a dns01 solver for it, since a wildcard can be proven over DNS only",
            id="wildcard",
        ),
        pytest.param(
            [NAMED, dns()],
            "b.test",
            (HTTP, ALPN),
            "no configured challenge solvers can be used for b.test: solvers[0] (http-01) is for dnsNames "
            "a.shop.test, solvers[1] (dns-01) cannot prove this name; the CA offers http-01, tls-alpn-01; add a solver "
            "whose selector matches it",
            id="selectors",
        ),
        pytest.param(
            [LABELLED] * 12,
            "192.0.2.1",
            (HTTP,),
            "no configured challenge solvers can be used for 192.0.2.1: "
            + "".join(f"solvers[{i}] (http-01) is for matchLabels team=a, " for i in range(9))
            + "solvers[9] (http-01) is for matchLabels team=a and 2 more; the CA offers http-01; add a solver whose "
            "selector matches it",
            id="very many",
        ),
        pytest.param(
            [],
            "b.test",
            (),
            "no configured challenge solvers can be used for b.test: the issuer has no solvers at all; "
            "the CA offers nothing; add a solver whose selector matches it",
            id="nothing at all",
        ),
    ],
)
def test_why_no_solver_fits(
    solvers: list[ACMESolver], name: str, offered: tuple[ACMEChallenge, ...], expected: str
) -> None:
    """The sentence names the host, what there is, and what to add."""
    assert why_none(solvers, name, offered) == expected


def test_type_of_a_solver() -> None:
    """A solver with neither answers nothing."""
    assert [challenge_type(one) for one in (PLAIN, dns(), ACMESolver())] == ["http-01", "dns-01", ""]


@pytest.mark.parametrize(
    ("name", "types"),
    [
        (HOST, ["http-01", "dns-01"]),
        (f"*.{HOST}", ["dns-01"]),
        ("192.0.2.1", ["http-01"]),
        ("2001:db8::1", ["http-01"]),
    ],
)
def test_what_a_ca_can_offer_follows_from_the_name(name: str, types: list[str]) -> None:
    assert [one.type for one in offered_for(name)] == types
