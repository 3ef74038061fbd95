"""Each row of what can be seen, by its own sentence, and the page that is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from shim.chain.advice import advice_on, symptom_of
from shim.chain.symptom import Symptom
from shim.chain.symptoms import TABLE
from shim.cli import troubleshooting

PAGE = Path(__file__).parents[3] / "docs" / "troubleshooting.md"
TOLD = tuple(one for one in TABLE if one.pattern is not None)
URL = "http://a.test/.well-known/acme-challenge/x"


@pytest.mark.parametrize("row", TOLD, ids=lambda row: row.id)
def test_each_row_is_found_by_its_own_sentence(row: Symptom) -> None:
    """As a Challenge of its type says it, as an Order repeats it, and behind what stands before it in a Certificate."""
    for sentence in (row.example, f"The request has failed: {row.example} (next attempt at 2026-07-01 10:00:00 UTC)"):
        assert symptom_of(sentence, row.solver) is row
        assert symptom_of(sentence) is row


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_each_row_says_cause_and_remedy(row: Symptom) -> None:
    assert row.cause.endswith(".")
    assert "{" not in row.mend.format(host="a", namespace="b", ingress="c", request="d")


def test_no_id_is_there_twice() -> None:
    assert len({one.id for one in TABLE}) == len(TABLE)


@pytest.mark.parametrize(
    ("sentence", "solver", "id"),
    [
        (f"wrong status code '404' for '{URL}', expected '200'", "HTTP-01", "not-found"),
        (f"10.0.0.1: Invalid response from {URL}: 404", "HTTP-01", "not-found"),
        (f"wrong status code '503' for '{URL}', expected '200'", "HTTP-01", "bad-gateway"),
        (f"wrong status code '401' for '{URL}', expected '200'", "HTTP-01", "other-answer"),
        (f"failed to perform self check GET request '{URL}': timed out", "HTTP-01", "port-80"),
        (f"Fetching {URL}: Timeout during connect (likely firewall problem)", "", "port-80"),
        ("cannot resolve a.test: no nameserver has answered in time", "HTTP-01", "resolver-silent"),
        ("cannot resolve a.test: SERVFAIL", "HTTP-01", "servfail"),
        ("cannot find the zone of a.test: 192.0.2.1 answers SERVFAIL about a.test", "DNS-01", "zone-unknown"),
        ("cannot change a.test in zone test at 192.0.2.1:53: no answer within 10 s", "DNS-01", "dns-api"),
        ("cannot change a.test in zone test at 192.0.2.1:53: Connection refused", "", "dns-api"),
        ("cannot get Secret shop/web: no answer within 10 s", "", "api-server"),
        ("cannot create Order shop/web: HTTPConnectionPool: Read timed out", "", "api-server"),
        (
            "cannot create an order for a.test at ca.test: Connection refused: check its address, network policies",
            "",
            "acme-unreachable",
        ),
        ("something timed out, and nobody knows what", "HTTP-01", None),
        ("something timed out, and nobody knows who says it", "", None),
        ("something that nobody knows", "", None),
    ],
)
def test_like_sentences_are_told_apart(sentence: str, solver: str, id: str | None) -> None:  # noqa: A002
    found = symptom_of(sentence, solver)

    assert (found.id if found is not None else None) == id


def test_a_row_of_one_solver_is_not_told_of_the_other() -> None:
    """Port 80 has no part in a proof over DNS."""
    for one in TOLD:
        if one.solver == "HTTP-01":
            found = symptom_of(one.example, "DNS-01")
            assert found is None or found.solver != "HTTP-01"


def test_advice_has_cause_and_names() -> None:
    told = advice_on("no valid A records", host="a.test", namespace="team", ingress="web", request="web-1")

    assert told.startswith("The DNS has no address for the name")
    assert "kubectl get ingress web -n team" in told


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == troubleshooting.page()
