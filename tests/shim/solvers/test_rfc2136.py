"""Dynamic updates to a real `named`, in every way that an issuer may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from certs.api.issuer import RFC2136, DNS01Solver
from certs.api.meta import SecretKeySelector
from certs.outcomes import WaitingForUser
from shim.solvers.dns01 import Change
from shim.solvers.dns01.rfc2136 import build
from tests.cluster.named import SECRET, Named
from tests.contract.dns01 import ZONE, credentials
from tests.contract.dns01.rfc2136 import running, solver

NAME = f"_acme-challenge.{ZONE}"


@pytest.fixture(scope="module")
def named() -> Iterator[Named]:
    with running(ZONE) as made:
        yield made


@pytest.mark.parametrize("protocol", [None, "UDP", "TCP"])
@pytest.mark.parametrize("algorithm", ["HMACMD5", "HMACSHA1", "HMACSHA256", "HMACSHA512"])
def test_every_algorithm_over_every_protocol(named: Named, algorithm: str, protocol: str | None) -> None:
    writer = build(solver(named.address, algorithm, protocol), credentials(tsig=SECRET))
    value = f"{algorithm}-{protocol}"

    writer.change(Change(ZONE, NAME, add=frozenset((value,))))
    assert value in named.values(NAME)

    writer.change(Change(ZONE, NAME, remove=frozenset((value,))))
    assert value not in named.values(NAME)


def test_a_key_that_the_server_does_not_know_is_said(named: Named) -> None:
    config = RFC2136(
        named.address,
        tsig_secret_secret_ref=SecretKeySelector("tsig", "key"),
        tsig_key_name="nobody",
        tsig_algorithm="HMACSHA256",
    )
    writer = build(DNS01Solver(rfc2136=config), credentials(tsig=SECRET))

    with pytest.raises(WaitingForUser, match="the key is not the server's"):
        writer.change(Change(ZONE, NAME, add=frozenset(("x",))))


def test_an_update_without_a_key_is_refused_in_words(named: Named) -> None:
    writer = build(DNS01Solver(rfc2136=RFC2136(named.address)), credentials())

    with pytest.raises(WaitingForUser, match=r"refuses; allow updates of the zone with this key there.*REFUSED"):
        writer.change(Change(ZONE, NAME, add=frozenset(("x",))))
