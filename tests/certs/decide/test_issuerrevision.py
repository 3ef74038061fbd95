"""Whether an Order has failed by another spec of its issuer than there is now."""

from __future__ import annotations

import msgspec
import pytest

from certs.api.issuer import Issuer
from certs.api.order import ACMEState, OrderStatus
from certs.decide.issuerrevision import ISSUER_REVISION, is_superseded, issuer_revision
from tests.certs.decide.objects import issuer, order


def revised(generation: int, uid: str = "uid-of-issuer") -> Issuer:
    made = issuer()
    metadata = msgspec.structs.replace(made.metadata, generation=generation, uid=uid)
    return msgspec.structs.replace(made, metadata=metadata)


OLD, NEW, ANEW = revised(1), revised(2), revised(1, "another")


@pytest.mark.parametrize(
    ("state", "made_by", "now", "expected"),
    [
        pytest.param(ACMEState.ERRORED, OLD, NEW, True, id="refused, and mended"),
        pytest.param(ACMEState.INVALID, OLD, NEW, True, id="not proven, and mended"),
        pytest.param(ACMEState.INVALID, OLD, ANEW, True, id="the issuer was made anew"),
        pytest.param(ACMEState.INVALID, NEW, NEW, False, id="still the same"),
        pytest.param(ACMEState.PENDING, OLD, NEW, False, id="under way"),
        pytest.param(ACMEState.ERRORED, OLD, None, False, id="the issuer is gone"),
        pytest.param(ACMEState.ERRORED, None, NEW, False, id="an Order that does not say"),
    ],
)
def test_a_failure_is_superseded(
    state: ACMEState,
    made_by: Issuer | None,
    now: Issuer | None,
    expected: bool,  # noqa: FBT001  a case's value
) -> None:
    made = order(status=OrderStatus(state=state))
    annotations = {ISSUER_REVISION: issuer_revision(made_by)} if made_by is not None else {}
    made = msgspec.structs.replace(made, metadata=msgspec.structs.replace(made.metadata, annotations=annotations))

    assert is_superseded(made, now) is expected
