"""The pace at which an Order asks its CA, and how it looks at what it is given."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from certs.api.order import ACMEState
from certs.decide.order import Seen
from certs.pki.x509 import read_chain
from shim.controllers.order import ends_at, is_for, polls_so_far
from tests.certs.decide.objects import certificate, order, request, signed

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "state", "expected"),
    [
        pytest.param(None, ACMEState.READY, 0, id="the first answer"),
        pytest.param(Seen(ACMEState.PENDING, NOW, polls=7), ACMEState.PROCESSING, 0, id="the CSR was taken"),
        pytest.param(Seen(ACMEState.PROCESSING, NOW, polls=0), ACMEState.PROCESSING, 1, id="still at work"),
        pytest.param(Seen(ACMEState.PENDING, NOW, polls=3), ACMEState.PENDING, 4, id="not ready, again and again"),
        pytest.param(Seen(ACMEState.READY, NOW, polls=3), ACMEState.READY, 4, id="the CSR changed nothing"),
    ],
)
def test_the_pace_begins_anew_with_each_state(before: Seen | None, state: ACMEState, expected: int) -> None:
    assert polls_so_far(before, state) == expected


def test_a_chain_that_cannot_be_read_ends_nowhere_and_is_for_nobody() -> None:
    """What is done with it is decided where the request is answered."""
    assert not ends_at(b"no chain", "Root")
    assert not is_for(b"no chain", order())


@pytest.mark.parametrize(("key", "expected"), [("one", True), ("another", False)])
def test_whose_key_a_certificate_is_for(key: str, *, expected: bool) -> None:
    """Two Orders may have been given one order of the CA, which signs for the key of one."""
    chain = signed(request(certificate(), with_key="one"))

    assert is_for(chain, order(request(certificate(), with_key=key))) is expected
    assert ends_at(chain, read_chain(chain)[-1].issuer_common_name)
