"""The whole way of a certificate, through all decisions, without and with interruptions."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.api.meta import find_condition, is_true
from certs.decide import certificate as decision
from certs.outcomes import Wait
from certs.pki.keys import decode_key, matches
from certs.pki.x509 import read_chain
from tests.certs.decide.objects import DAY, HOST, NOW, certificate, next_key
from tests.certs.decide.world import World

# Each example walks a hundred steps that read keys and certificates: a millisecond each.
FEW = settings(max_examples=25)
TWO_HOSTS = (HOST, "www.example.org")


def assert_settled(world: World, revision: int = 1) -> None:
    """Everything is as after an issuance that nothing disturbed."""
    status = world.certificate.status
    held = world.secrets["shop-tls"].data
    assert is_true(status.conditions, "Ready")
    assert find_condition(status.conditions, "Issuing") is None
    assert (status.revision, status.next_private_key_secret_name) == (revision, None)
    assert matches(decode_key(held["tls.key"]), read_chain(held["tls.crt"])[0])
    assert set(world.secrets) == {"shop-tls"}
    assert not world.challenges
    assert isinstance(decision.decide(world.observed(), world.now), Wait)


def test_an_issuance_takes_its_steps_in_order() -> None:
    """Whatever must survive a crash is written before the act that depends on it."""
    world = World(certificate())

    world.run()

    assert_settled(world)
    assert world.steps == [
        "StoreNextKey",
        "SetCertificateStatus",  # Issuing=True
        "CreateRequest",
        "SetRequestStatus",  # Approved and Pending
        "CreateOrder",
        "NewOrder",
        "Authorize",
        "EnsureRoute",
        "SelfCheck",
        "Answer",
        "Look",
        "Finalize",
        "Poll",
        "Poll",
        "Download",
        "SetRequestStatus",  # Issued
        "WriteSecret",
        "SetCertificateStatus",  # Ready=True
        "DeleteNextKey",
        "DeleteChallenge",
    ]
    assert world.writes == 15
    assert (world.keys, world.ca.new_orders) == (1, 1)


def test_renewal_brings_a_new_key_and_keeps_the_old_pair_until_then() -> None:
    """The second issuance starts at two thirds and ends with revision 2; only one request is kept."""
    world = World(certificate())
    world.run()
    old = world.secrets["shop-tls"]
    assert world.certificate.status.renewal_time is not None
    world.now = world.certificate.status.renewal_time

    while world.steps.count("WriteSecret") == 1 and len(world.steps) < 60:
        assert world.secrets["shop-tls"] == old
        assert is_true(world.certificate.status.conditions, "Ready")
        if not any(turn() for turn in world.actors()):
            assert world.sleep()
    world.run()

    assert world.certificate.status.renewal_time > world.now
    assert_settled(world, revision=2)
    assert world.secrets["shop-tls"].data["tls.key"] != old.data["tls.key"]
    assert list(world.requests) == ["shop-2"]


@pytest.mark.parametrize("lost", ["shop-tls", "next key", "requests"])
@FEW
@given(after=st.integers(min_value=1, max_value=30))
def test_what_somebody_deletes_is_made_again(lost: str, after: int) -> None:
    """Whenever it is deleted, the issuance ends with a pair that matches."""
    world = World(certificate())
    for _ in range(after):
        if not any(turn() for turn in world.actors()):
            world.sleep()
    match lost:
        case "requests":
            world.requests.clear()
        case "next key":
            world.secrets = {name: one for name, one in world.secrets.items() if name == "shop-tls"}
        case _:
            world.secrets.pop(lost, None)

    world.run()

    assert_settled(world, world.certificate.status.revision or 0)


@FEW
@given(data=st.data())
def test_no_interruption_costs_a_second_order_or_key(data: st.DataObject) -> None:
    """In any order of turns, forgotten at any moment: the same end, with one order and one key."""
    world = World(certificate(dns_names=TWO_HOSTS))
    for _ in range(data.draw(st.integers(min_value=0, max_value=60), label="turns")):
        actors = world.actors()
        if not data.draw(st.sampled_from(actors))() and not any(turn() for turn in actors):
            world.sleep()
        if data.draw(st.booleans(), label="forgets"):
            world.forget()

    world.run()

    assert_settled(world)
    assert (world.keys, world.ca.new_orders) == (1, 1)


@FEW
@given(forgets=st.lists(st.booleans(), min_size=40, max_size=40))
def test_a_process_that_is_killed_all_the_time_gets_there_too(forgets: list[bool]) -> None:
    """Progress is in what is stored, not in what is remembered; a poll that is forgotten is asked again."""
    world = World(certificate())
    for forget in forgets:
        if forget and world.steps[-1:] not in (["Answer"], ["Finalize"], ["Poll"], ["Look"], ["SelfCheck"]):
            world.forget()
        if not any(turn() for turn in world.actors()) and not world.sleep():
            break

    world.run()

    assert_settled(world)
    assert world.ca.new_orders == 1


@FEW
@given(turns=st.integers(min_value=3, max_value=25))
def test_a_lagging_garbage_collector_decides_nothing(turns: int) -> None:
    """The Order of a deleted request of the same name does not decide about the new one."""
    world = World(certificate(), collects=False)
    for _ in range(turns):
        if not any(turn() for turn in world.actors()):
            world.sleep()
    world.requests.clear()

    world.run()
    world.collect()

    assert_settled(world)


def test_a_next_key_of_the_incumbent_is_used() -> None:
    """An issuance that another controller began goes on with the key that the status names."""
    world = World(certificate())
    world.turn_certificate()
    world.turn_certificate()
    world.secrets = {"shop-x7k2p": next_key(world.certificate, "shop-x7k2p", "made-1")}
    status = msgspec.structs.replace(world.certificate.status, next_private_key_secret_name="shop-x7k2p")
    world.certificate = msgspec.structs.replace(world.certificate, status=status)

    world.run()

    assert_settled(world)
    assert world.keys == 1


def test_the_clock_of_the_walk_is_short() -> None:
    """With a CA and routes that answer at once, an issuance waits for milliseconds only."""
    world = World(certificate())

    world.run()

    assert world.now - NOW < timedelta(seconds=1)
    assert world.certificate.status.renewal_time == NOW - DAY + 60 * DAY
