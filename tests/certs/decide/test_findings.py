"""From what was found out about a name to what is wrong with it, how sure that is, and what to do."""

from __future__ import annotations

import pytest

from certs.decide.caa import Asking, CAARecord
from certs.decide.findings import (
    CA,
    Address,
    CAAAnswer,
    DNSAnswer,
    DNSState,
    Layer,
    RouteAnswer,
    Surveyed,
    findings,
    outlook,
)

NAME = "shop.example.com"
PUBLIC, PRIVATE = CA("Let's Encrypt", is_public=True), CA("ca.corp.example")
HERE = "have an A or AAAA record of it lead to the proxy of this cluster, or use a dns01 solver"
DOUBTFUL = (
    "the CAA records of example.com let letsencrypt.org issue by dns-01 only, and the solver is one for http-01; "
    'add one there: 0 issue "letsencrypt.org"'
)
FORBIDDEN = (CAARecord(0, "issue", "sectigo.com"),)


def surveyed(state: DNSState, *addresses: Address, trusted: bool = True, method: str = "http-01") -> Surveyed:
    return Surveyed(NAME, method, dns=DNSAnswer(state, addresses, trusted=trusted, why="ns answers SERVFAIL"))


@pytest.mark.parametrize(
    ("one", "ca", "sure", "what"),
    [
        pytest.param(surveyed(DNSState.MISSING), PUBLIC, True, "does not exist in the DNS", id="NXDOMAIN"),
        pytest.param(
            surveyed(DNSState.MISSING, trusted=False), PUBLIC, False, "does not exist in the DNS", id="NXDOMAIN inside"
        ),
        pytest.param(surveyed(DNSState.EMPTY), PUBLIC, True, "has neither an A nor an AAAA record", id="no address"),
        pytest.param(
            surveyed(DNSState.FOUND, Address("10.0.0.7")),
            PUBLIC,
            True,
            "leads to 10.0.0.7, no public address, where Let's Encrypt cannot reach it",
            id="private",
        ),
        pytest.param(
            surveyed(DNSState.FOUND, Address("10.0.0.7"), trusted=False),
            PUBLIC,
            False,
            "leads to 10.0.0.7, no public address, where Let's Encrypt cannot reach it",
            id="private, of an internal resolver",
        ),
        pytest.param(
            surveyed(DNSState.FOUND, Address("127.0.0.1", "a loopback address")),
            PRIVATE,
            True,
            "leads to 127.0.0.1, a loopback address, where ca.corp.example cannot reach it",
            id="loopback",
        ),
        pytest.param(
            surveyed(DNSState.FOUND, Address("fd00::1"), Address("100.64.0.1")),
            PUBLIC,
            True,
            "leads to fd00::1, no public address, where Let's Encrypt cannot reach it",
            id="none of several",
        ),
    ],
)
def test_a_name_that_leads_nowhere(one: Surveyed, ca: CA, sure: bool, what: str) -> None:  # noqa: FBT001  a table
    (found,) = findings((one,), ca)

    assert (found.name, found.layer, found.sure) == (NAME, Layer.DNS, sure)
    assert found.sentence == f'"{NAME}" {what}; {HERE}'


@pytest.mark.parametrize(
    ("one", "ca"),
    [
        pytest.param(Surveyed(NAME, "http-01"), PUBLIC, id="nothing is known"),
        pytest.param(surveyed(DNSState.FOUND, Address("8.8.8.8")), PUBLIC, id="public"),
        pytest.param(surveyed(DNSState.FOUND, Address("10.0.0.7"), Address("8.8.8.8")), PUBLIC, id="one is public"),
        pytest.param(surveyed(DNSState.FOUND, Address("10.0.0.7")), PRIVATE, id="private, for a CA inside"),
        pytest.param(surveyed(DNSState.MISSING, method="dns-01"), PUBLIC, id="NXDOMAIN, proven over DNS"),
        pytest.param(surveyed(DNSState.EMPTY, method="dns-01"), PUBLIC, id="no address, proven over DNS"),
        pytest.param(
            Surveyed(NAME, "http-01", caa=CAAAnswer(NAME, FORBIDDEN, Asking(()), trusted=True)),
            PUBLIC,
            id="CAA, and a CA that does not say who it is",
        ),
        pytest.param(Surveyed(NAME, "http-01", caa=CAAAnswer("", (), Asking(("a.example",)))), PUBLIC, id="no CAA"),
        pytest.param(Surveyed(NAME, "http-01", route=RouteAnswer()), PUBLIC, id="the responder answers"),
    ],
)
def test_nothing_is_wrong(one: Surveyed, ca: CA) -> None:
    assert findings((one,), ca) == ()


def test_an_address_needs_no_record() -> None:
    answer = DNSAnswer(DNSState.FOUND, (Address("10.0.0.7"),), trusted=True)

    (found,) = findings((Surveyed("10.0.0.7", "http-01", dns=answer),), PUBLIC)

    assert found.sentence == (
        '"10.0.0.7" is no public address, where Let\'s Encrypt cannot reach it; '
        "use an address that it can reach, or an issuer of your own CA"
    )


@pytest.mark.parametrize("method", ["http-01", "dns-01"])
def test_nameservers_that_fail_are_never_sure(method: str) -> None:
    """It may have passed when the CA asks."""
    (found,) = findings((surveyed(DNSState.FAILING, method=method),), PUBLIC)

    assert not found.sure
    assert found.sentence == f'"{NAME}" cannot be looked up: ns answers SERVFAIL; mend its zone, or its DNSSEC'


@pytest.mark.parametrize(
    ("trusted", "wildcard", "records", "sure", "sentence"),
    [
        (
            True,
            False,
            FORBIDDEN,
            True,
            'the CAA records of example.com let only sectigo.com issue; add one there: 0 issue "letsencrypt.org"',
        ),
        (
            False,
            True,
            FORBIDDEN,
            False,
            'the CAA records of example.com let only sectigo.com issue; add one there: 0 issuewild "letsencrypt.org"',
        ),
        (
            True,
            False,
            (CAARecord(0, "issue", "letsencrypt.org; validationmethods=dns-01"),),
            False,
            DOUBTFUL,
        ),
    ],
    ids=["forbidden", "of an internal resolver", "only the CA can judge"],
)
def test_caa_records(
    trusted: bool,  # noqa: FBT001  a table
    wildcard: bool,  # noqa: FBT001
    records: tuple[CAARecord, ...],
    sure: bool,  # noqa: FBT001
    sentence: str,
) -> None:
    asking = Asking(("letsencrypt.org",), method="http-01", wildcard=wildcard)

    (found,) = findings((Surveyed(NAME, "http-01", caa=CAAAnswer("example.com", records, asking, trusted)),), PUBLIC)

    assert (found.layer, found.sure) == (Layer.CAA, sure)
    assert found.sentence == f'"{NAME}" is not for this CA: {sentence}'


@pytest.mark.parametrize(("nobody", "layer"), [(True, Layer.SILENCE), (False, Layer.ROUTE)])
def test_a_route_is_never_sure(nobody: bool, layer: Layer) -> None:  # noqa: FBT001  a table
    """A CA comes from outside, and may come another way."""
    (found,) = findings((Surveyed(NAME, "http-01", route=RouteAnswer("status 404", nobody=nobody)),), PUBLIC)

    assert (found.layer, found.sure) == (layer, False)
    assert found.sentence.startswith(f'"{NAME}" does not lead to the responder: status 404; ')


@pytest.mark.parametrize(
    ("one", "right"),
    [
        (Surveyed(NAME, "http-01"), set()),
        (surveyed(DNSState.FOUND, Address("8.8.8.8")), {Layer.DNS}),
        (surveyed(DNSState.MISSING), set()),
        (Surveyed(NAME, "http-01", route=RouteAnswer()), {Layer.ROUTE, Layer.SILENCE}),
        (Surveyed(NAME, "http-01", route=RouteAnswer("404")), set()),
        (Surveyed(NAME, "http-01", caa=CAAAnswer("", (), Asking(("a.example",)))), {Layer.CAA}),
        (Surveyed(NAME, "http-01", caa=CAAAnswer(NAME, FORBIDDEN, Asking(("a.example",)))), set()),
    ],
    ids=["not known", "found", "missing", "reached", "elsewhere", "free", "forbidden"],
)
def test_what_is_right_was_seen_to_be(one: Surveyed, right: set[Layer]) -> None:
    """What is not known is neither right nor wrong."""
    assert outlook((one,), PUBLIC).right == {(NAME, layer) for layer in right}


def test_what_is_sure_comes_first() -> None:
    doubtful = Surveyed("a.example.com", "http-01", dns=DNSAnswer(DNSState.MISSING))
    sure = Surveyed("b.example.com", "http-01", dns=DNSAnswer(DNSState.MISSING, trusted=True))

    assert [one.name for one in findings((doubtful, sure), PUBLIC)] == ["b.example.com", "a.example.com"]
