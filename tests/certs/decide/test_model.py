"""All states that a Certificate can come to: crashes at each act, a store that lags, others' doings, the clock.

Each walk is exhaustive within its bounds.  CERTSHIM_MODEL_TROUBLES and CERTSHIM_MODEL_TICKS add to the bounds; one more
makes a walk twenty times as long, so `--timeout=0` has to be given with them.
"""

from __future__ import annotations

import os
from itertools import product

import pytest

from tests.certs.decide.model import CERTIFICATE, SPECS, Budget, CertificateWord, Issuer, State, put
from tests.certs.decide.modelwalk import Walk
from tests.certs.decide.objects import NOW

MORE_TROUBLES = int(os.environ.get("CERTSHIM_MODEL_TROUBLES", "0"))
MORE_TICKS = int(os.environ.get("CERTSHIM_MODEL_TICKS", "0"))

STEPS = {
    "OrderKey",
    "StoreNextKey",
    "DeleteNextKey",
    "CreateRequest",
    "DeleteRequest",
    "WriteTemporary",
    "WriteSecret",
    "ReuseSecret",
    "RewriteSecret",
    "SetCertificateStatus",
}
ENDS = {"settled", "gave up", "waits"}
BOTH = (False, True)
WORDS = ("one name", "two names")


def starts(
    budget: Budget,
    *,
    in_process: tuple[bool, ...] = BOTH,
    mill: tuple[bool, ...] = BOTH,
    temporary: tuple[bool, ...] = BOTH,
) -> tuple[State, ...]:
    """Return Certificates of which there is nothing yet, one for each kind of issuer and of making keys."""
    more = Budget(budget.troubles + MORE_TROUBLES, budget.ticks + MORE_TICKS)
    return tuple(
        State(
            server=put((), CERTIFICATE, CertificateWord("one name", temporary=is_temporary)),
            now=NOW,
            issuer=Issuer(in_process=here),
            has_mill=has_mill,
            budget=more,
        )
        for here, has_mill, is_temporary in product(in_process, mill, temporary)
    )


def walked(begin: tuple[State, ...], specs: tuple[str, ...], *, least: int) -> Walk:
    """Walk, tell how far it was, and see that it was as far as expected: a walk that shrinks shows nothing."""
    walk = Walk(begin, specs)
    walk.run()

    print(f"{walk.states} states, {walk.moves} moves, {walk.decisions.asked} questions")  # noqa: T201  with -s or a failure
    print(dict(walk.taken), dict(walk.ends))  # noqa: T201
    assert walk.states >= least
    return walk


def test_each_state_leads_to_a_good_end_whatever_befalls_it_once() -> None:
    """One trouble at any moment, whatever crashes: in the end all is well, or given up."""
    walk = walked(starts(Budget(troubles=1, ticks=0)), tuple(SPECS), least=30_000)

    assert set(walk.taken) == STEPS
    assert set(walk.ends) == ENDS


def test_each_state_leads_to_a_good_end_whenever_the_process_sleeps() -> None:
    """The clock goes twice past a moment, the back-off, the renewal or the expiry, whatever crashes."""
    walk = walked(starts(Budget(troubles=0, ticks=2), mill=(False,)), WORDS, least=20_000)

    assert set(walk.ends) == ENDS


@pytest.mark.parametrize("in_process", BOTH, ids=["elsewhere", "in process"])
def test_trouble_may_come_at_any_time(in_process: bool) -> None:  # noqa: FBT001  a parameter of the test
    """One trouble and one step of the clock, in any order: a failure and the end of its pause, an expired renewal."""
    begin = starts(Budget(troubles=1, ticks=1), in_process=(in_process,), mill=(False,), temporary=(False,))
    walk = walked(begin, ("one name", "another algorithm"), least=5_000)

    assert set(walk.ends) == ENDS


@pytest.mark.parametrize("in_process", BOTH, ids=["elsewhere", "in process"])
def test_troubles_do_not_come_alone(in_process: bool) -> None:  # noqa: FBT001  a parameter of the test
    """Two troubles: a change of the spec and back, a deletion and a refusal."""
    begin = starts(Budget(troubles=2, ticks=0), in_process=(in_process,), mill=(False,), temporary=(False,))
    walk = walked(begin, WORDS, least=5_000)

    assert set(walk.ends) == ENDS


def test_another_place_and_whatever_befalls_the_certificate_on_the_way_there() -> None:
    """Two troubles, one of them mostly a new secretName: only what is asked for and current is used again."""
    begin = starts(Budget(troubles=2, ticks=0), in_process=(False,), mill=(False,), temporary=(False,))
    walk = walked(begin, ("one name", "another place"), least=5_000)

    assert walk.taken["ReuseSecret"] > 50
    assert set(walk.ends) == ENDS


def test_another_place_at_any_time() -> None:
    """A new secretName at any moment, and the clock past the renewal or the expiry."""
    begin = starts(Budget(troubles=1, ticks=1), in_process=(False,), mill=(False,), temporary=(False,))
    walk = walked(begin, ("one name", "another place"), least=5_000)

    assert walk.taken["ReuseSecret"]
    assert set(walk.ends) == ENDS
