"""Token buckets: never more than the CA allows, and a turn for everybody."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from certs.decide.ledger import MOST_STORED, Ledger
from certs.decide.ratelimits import Charge, Limit, of_failures, of_order
from tests.certs.decide.objects import NOW

HOUR = timedelta(hours=1)
ORDERS = Charge("orders", "")
LIMITS = {"orders": Limit(3, 3 * HOUR), "domain": Limit(2, 20 * HOUR), "failures": Limit(1, HOUR)}
NAMES = ["a.example.org"]


def ledger() -> Ledger:
    return Ledger(LIMITS)  # type: ignore[arg-type]  # a plain dictionary


def order(number: int, host: str = "") -> tuple[Charge, ...]:
    return of_order([host or f"a.example-{number}.org"])


def test_there_is_room_until_it_is_used_up_then_each_has_a_turn_of_its_own() -> None:
    book = ledger()

    turns = [book.enter(f"order-{number}", order(number), (), NOW).at - NOW for number in range(6)]

    assert [turn / HOUR for turn in turns] == [0, 0, 0, 1, 2, 3]


def test_a_turn_is_kept_and_comes() -> None:
    book = ledger()
    for number in range(4):
        book.enter(f"order-{number}", order(number), (), NOW)

    again = book.enter("order-3", order(3), (), NOW + HOUR / 2)
    then = book.enter("order-3", order(3), (), NOW + HOUR)

    assert again.at == NOW + HOUR
    assert again.why == "the CA limits the new orders of this account to 3 in 3h0m0s"
    assert then.at == NOW + HOUR  # now


def test_who_waits_for_one_limit_takes_nothing_of_the_others_meanwhile() -> None:
    """Ten hours for the domain must not have other domains wait for the account's orders."""
    book = ledger()
    for number in range(3):
        book.enter(f"order-{number}", order(number, "a.example.org"), (), NOW)

    turn = book.enter("another", order(9), (), NOW)

    assert book.enter("order-2", order(2, "a.example.org"), (), NOW).at == NOW + 10 * HOUR
    assert turn.at == NOW


def test_an_order_that_comes_to_nothing_gives_back_what_certificates_count() -> None:
    book = ledger()
    book.enter("one", order(1, "a.example.org"), (), NOW)
    book.enter("two", order(2, "b.example.org"), (), NOW)
    book.ended("one", issued=False)
    book.ended("two", issued=True)

    assert book.left(Charge("domain", "example.org"), NOW) == 1
    assert book.left(ORDERS, NOW) == 1


def test_who_comes_again_takes_no_other_tokens() -> None:
    """The network is down: twenty attempts of one Order are one order."""
    book = ledger()
    for minute in range(20):
        assert book.enter("one", order(1), (), NOW + timedelta(minutes=minute)).at == NOW + timedelta(minutes=minute)

    assert book.left(ORDERS, NOW) == 2


def test_who_goes_while_waiting_makes_room_for_who_comes() -> None:
    book = ledger()
    for number in range(5):
        book.enter(f"order-{number}", order(number), (), NOW)

    assert book.ended("order-3", issued=False)
    assert not book.ended("order-3", issued=False)
    assert book.enter("order-5", order(5), (), NOW).at == NOW + 2 * HOUR


def test_a_limit_may_be_taken_away_meanwhile() -> None:
    book = ledger()
    book.enter("one", order(1), (), NOW)
    book.limits = {}

    assert book.ended("one", issued=False)
    assert book.enter("two", order(2), (), NOW).at == NOW


def test_failed_proofs_are_waited_for() -> None:
    book = ledger()
    assert book.enter("one", order(1), of_failures(NAMES), NOW).at == NOW
    book.failed(of_failures(NAMES), NOW)

    turn = book.enter("two", order(2), of_failures(NAMES), NOW)

    assert turn.at == NOW + HOUR
    assert turn.why == 'the CA limits failed proofs of "a.example.org" to 1 in 1h0m0s'
    assert book.enter("three", order(3), of_failures(["b.example.org"]), NOW).at == NOW


def test_the_ca_knows_better() -> None:
    book = ledger()
    book.refused((ORDERS,), NOW + HOUR / 2)

    assert book.enter("one", order(1), (), NOW).at == NOW + HOUR / 2
    assert book.enter("two", order(2), (), NOW).at == NOW + 1.5 * HOUR


def test_a_renewal_that_replaces_is_never_kept_waiting() -> None:
    book = ledger()
    book.refused((ORDERS, Charge("domain", "example.org")), NOW + 5 * HOUR)

    assert book.enter("one", of_order(NAMES, replaces=True), (), NOW).at == NOW


def test_what_is_stored_comes_back_and_what_is_full_is_not_stored() -> None:
    book, later = ledger(), NOW + timedelta(minutes=90)
    for number in range(2):
        book.enter(f"order-{number}", order(number, "a.example.org"), (), NOW)
    other = ledger()
    other.load(book.dump(NOW))

    assert other.full_at == book.full_at
    assert Ledger(LIMITS).dump(later) == "{}"  # type: ignore[arg-type]
    assert list(book.full_at) == [Charge("domain", "example.org"), ORDERS]
    book.dump(NOW + 3 * HOUR)
    assert list(book.full_at) == [Charge("domain", "example.org")]


def test_what_cannot_be_read_is_left_out() -> None:
    book = ledger()
    for text in ("", "[]", "{", '{"orders": "soon"}', '{"others": "2026-01-01T00:00:00Z"}', '{"orders": 5}'):
        book.load(text)

    assert not book.full_at


def test_very_many_domains_stay_within_a_config_map() -> None:
    book = ledger()
    for number in range(MOST_STORED + 500):
        book.failed((Charge("failures", f"{'a' * 63}.{'b' * 63}.{number}.example.org"),), NOW)

    assert len(book.dump(NOW)) < 1_000_000


@given(
    st.lists(st.integers(0, 7200), min_size=1, max_size=60),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_never_more_than_the_ca_allows(pauses: list[int], most: int, hours: int) -> None:
    """Whenever they come, those that have gone in any span are no more than a full bucket and what came back."""
    limit = Limit(most, hours * HOUR)
    book, now, gone = Ledger({"orders": limit}), NOW, list[datetime]()
    waiting: list[str] = []
    for number, pause in enumerate(pauses):
        now += timedelta(seconds=pause)
        waiting.append(str(number))
        for uid in list(waiting):
            if book.enter(uid, (ORDERS,), (), now).at <= now:
                gone.append(now)
                waiting.remove(uid)

    for first, start in enumerate(gone):
        for last, end in enumerate(gone[first:], first):
            allowed = most + (end - start) // limit.refill
            assert last - first + 1 <= allowed


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-3600, 3600)), max_size=30))
def test_a_clock_that_goes_back_does_no_harm(comings: list[tuple[str, int]]) -> None:
    """Nobody waits longer than for an empty bucket and those who wait already."""
    book, now, latest = Ledger({"orders": Limit(2, 2 * HOUR)}), NOW, NOW
    for uid, seconds in comings:
        now += timedelta(seconds=seconds)
        latest = max(latest, now)
        turn = book.enter(uid, (ORDERS,), (), now)
        assert turn.at <= latest + 4 * HOUR  # an empty bucket, and two who wait already


def test_a_clock_that_was_years_ahead_is_forgotten() -> None:
    book = ledger()
    for number in range(3):
        book.enter(f"order-{number}", order(number), (), NOW + 3650 * 24 * HOUR)

    assert book.enter("now", order(9), (), NOW).at == NOW + HOUR


@given(st.permutations(range(6)))
def test_the_order_of_coming_decides_nothing_but_the_turns(sequence: list[int]) -> None:
    book = ledger()

    turns = sorted(book.enter(str(number), order(number), (), NOW).at for number in sequence)

    assert turns == sorted(ledger_turns())


def ledger_turns() -> list[datetime]:
    book = ledger()
    return [book.enter(str(number), order(number), (), NOW).at for number in range(6)]
