"""Two candidates, one Lease, one clock that the test moves."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from certs.api.core import Lease
from shim.kube.election import LeaseTimes
from shim.kube.kubeclient import KubeClient
from shim.kube.lease import Elector
from shim.kube.transport import Transport
from tests.fakes.apiserver import Close, FakeAPIServer, Silence, Status
from tests.fakes.history import Plain

LEASES = ("coordination.k8s.io/v1", "leases")
KEY = ("system", "shim")


@dataclass
class Clock:
    """Both clocks, moved together."""

    seconds: float = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)


@dataclass
class Candidate:
    """An elector whose turns the test takes, and what it was told."""

    elector: Elector
    told: list[str] = field(default_factory=list)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def candidate(transport: Transport, clock: Clock | None, identity: str, times: LeaseTimes | None = None) -> Candidate:
    """Return one that lives by that clock, or by that on the wall."""
    told: list[str] = []
    elector = Elector(
        KubeClient(transport),
        namespace=KEY[0],
        name=KEY[1],
        identity=identity,
        on_elected=lambda: told.append("elected"),
        on_lost=lambda: told.append("lost"),
        times=times,
        monotonic=clock.monotonic if clock is not None else time.monotonic,
        now=clock.now if clock is not None else partial(datetime.now, UTC),
    )
    return Candidate(elector, told)


def running(transport: Transport, times: LeaseTimes | None = None) -> Candidate:
    """Start one in its thread, by the clock on the wall."""
    one = candidate(transport, None, "one", times)
    one.elector.start()
    return one


def spec(server: FakeAPIServer) -> Plain:
    found: Plain = server.history.get(LEASES, KEY)["spec"]
    return found


def test_the_first_one_leads(server: FakeAPIServer, transport: Transport, clock: Clock) -> None:
    """Without a Lease the first candidate makes it and is elected."""
    one = candidate(transport, clock, "one")
    due_at = one.elector.turn()

    assert (one.told, one.elector.is_leader) == (["elected"], True)
    assert spec(server)["holderIdentity"] == "one"
    assert due_at == clock.seconds + 15


def test_the_second_one_waits(server: FakeAPIServer, transport: Transport, clock: Clock) -> None:
    """While the leader renews, a standby never takes over, however long it goes on."""
    one, two = candidate(transport, clock, "one"), candidate(transport, clock, "two")
    for _ in range(10):
        one.elector.turn()
        two.elector.turn()
        clock.seconds += 15

    assert (one.told, two.told) == (["elected"], [])
    assert spec(server)["holderIdentity"] == "one"
    assert server.count("patch") == 9


def test_a_renewal_is_one_request(server: FakeAPIServer, transport: Transport, clock: Clock) -> None:
    """The leader does not read before it renews."""
    one = candidate(transport, clock, "one")
    one.elector.turn()
    clock.seconds += 15
    before = len(server.seen)
    one.elector.turn()

    assert [seen.verb for seen in server.seen[before:]] == ["patch"]


def test_a_standby_takes_over_from_the_dead(server: FakeAPIServer, transport: Transport, clock: Clock) -> None:
    """A leader that renews no more is followed within its lease, as measured since the standby saw it."""
    one, two = candidate(transport, clock, "one"), candidate(transport, clock, "two")
    one.elector.turn()
    two.elector.turn()
    clock.seconds += 59
    two.elector.turn()
    assert two.told == []
    clock.seconds += 1
    two.elector.turn()

    assert two.told == ["elected"]
    assert not one.elector.is_leader
    assert (spec(server)["holderIdentity"], spec(server)["leaseTransitions"]) == ("two", 1)


def test_a_released_lease_is_taken_at_once(server: FakeAPIServer, transport: Transport, clock: Clock) -> None:
    """Releasing empties the holder, and the next turn of a standby takes it; nobody is told of a loss."""
    one, two = candidate(transport, clock, "one"), candidate(transport, clock, "two")
    one.elector.turn()
    two.elector.turn()
    one.elector.release()
    assert "holderIdentity" not in spec(server)
    two.elector.turn()

    assert (one.told, one.elector.is_leader) == (["elected"], False)
    assert two.told == ["elected"]


def test_a_missed_renewal_loses(server: FakeAPIServer, transport: Transport, clock: Clock) -> None:
    """A leader that cannot renew stops before the lease runs out, and says so once."""
    one = candidate(transport, clock, "one")
    began = clock.seconds
    one.elector.turn()
    server.script("patch", *(Status(500) for _ in range(20)))
    server.script("get", *[Close()] * 20)
    while (due_at := one.elector.turn()) and one.elector.is_leader:
        clock.seconds = due_at
    one.elector.turn()

    assert clock.seconds - began == 40
    assert one.told == ["elected", "lost"]


def test_it_is_no_leader_while_a_renewal_hangs(server: FakeAPIServer, transport: Transport, clock: Clock) -> None:
    """Leadership ends by the clock, even if no turn ends."""
    one = candidate(transport, clock, "one")
    one.elector.turn()
    clock.seconds += 39.9
    assert one.elector.is_leader
    clock.seconds += 0.1

    assert not one.elector.is_leader


def test_a_hanging_renewal_is_given_up_in_time(server: FakeAPIServer, transport: Transport, clock: Clock) -> None:
    """A request may take half of what is left between losing the lease and its end, not the client's own deadline."""
    times = LeaseTimes(lease_for=1.2, renew_within=1.0, renew_after=0.5)
    one = candidate(transport, clock, "one", times)
    one.elector.turn()
    server.script("patch", Silence())
    clock.seconds += 0.5
    began = time.monotonic()
    one.elector.turn()

    assert time.monotonic() - began < 1


def test_being_pushed_aside_loses_at_once(server: FakeAPIServer, transport: Transport, clock: Clock) -> None:
    """When somebody else's name is in the Lease, the next renewal finds out."""
    one = candidate(transport, clock, "one")
    one.elector.turn()
    server.history.merge(LEASES, KEY, {"spec": {"holderIdentity": "rude"}})
    clock.seconds += 15
    clock.seconds = one.elector.turn()
    one.elector.turn()

    assert one.told == ["elected", "lost"]
    assert spec(server)["holderIdentity"] == "rude"


def test_a_deleted_lease_is_made_again(server: FakeAPIServer, transport: Transport, clock: Clock) -> None:
    """A leader whose Lease was deleted makes a new one and goes on."""
    one = candidate(transport, clock, "one")
    one.elector.turn()
    server.history.delete(LEASES, KEY, {})
    clock.seconds += 15
    clock.seconds = one.elector.turn()
    one.elector.turn()

    assert one.told == ["elected"]
    assert one.elector.is_leader
    assert spec(server)["holderIdentity"] == "one"


def test_of_two_that_take_only_one_succeeds(server: FakeAPIServer, transport: Transport, clock: Clock) -> None:
    """Both decide on the same version of a free Lease; the second write is refused."""
    dead = candidate(transport, clock, "dead")
    dead.elector.turn()
    dead.elector.release()
    one, two = candidate(transport, clock, "one"), candidate(transport, clock, "two")
    seen = KubeClient(transport).get(Lease, *KEY)
    one.elector.turn()
    stale = candidate(transport, clock, "stale")

    assert seen.spec.holder_identity is None
    for late in (two, stale):
        late.elector.turn()
        assert late.told == []


def test_times_have_a_fraction(server: FakeAPIServer, transport: Transport, clock: Clock) -> None:
    """A MicroTime without a fraction would be refused by a real server, so there always is one."""
    candidate(transport, clock, "one").elector.turn()

    assert spec(server)["renewTime"] == "2026-01-01T00:16:40.000001Z"


def test_a_thread_does_it_too(server: FakeAPIServer, transport: Transport) -> None:
    """Started, it becomes leader by itself; stopped, it releases."""
    one = running(transport)
    assert server.wait_until(lambda: one.elector.is_leader)
    one.elector.stop()

    assert one.told == ["elected"]
    assert "holderIdentity" not in spec(server)


def test_who_has_lost_runs_no_more(server: FakeAPIServer, transport: Transport) -> None:
    """Its work is being stopped: elected again meanwhile, it would begin what cannot be begun twice."""
    one = running(transport, LeaseTimes(lease_for=2.0, renew_within=1.5, renew_after=0.1))
    assert server.wait_until(lambda: one.elector.is_leader)
    server.history.merge(LEASES, KEY, {"spec": {"holderIdentity": "rude"}})
    assert server.wait_until(lambda: "lost" in one.told)
    server.history.merge(LEASES, KEY, {"spec": {"holderIdentity": None}})

    assert server.wait_until(lambda: one.elector.has_ended)
    one.elector.stop()
    assert one.told == ["elected", "lost"]
    assert "holderIdentity" not in spec(server)


def test_a_lease_that_is_held_too_long_is_seen(server: FakeAPIServer, transport: Transport, clock: Clock) -> None:
    """For /livez: an elector that hangs does not know that its lease has ended; a standby has none."""
    one, standby = candidate(transport, clock, "one"), candidate(transport, clock, "two")
    one.elector.turn()
    clock.seconds += 85

    assert one.elector.overdue_for == 25.0
    assert standby.elector.overdue_for is None
    assert not one.elector.has_ended
