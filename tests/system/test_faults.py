"""Faults on the real control plane, the short form: each strikes at least once, and all ends as it should.

The long form is `make soak`; what is used here stands in `tests/soak`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from tests.cluster import Cluster
from tests.product import Product, on_its_own
from tests.soak.arena import Arena
from tests.soak.faults import LeaderFrozen
from tests.soak.load import Going
from tests.system.shop import eventually

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
QUIET = 4.0  # seconds for which requests are counted
CYCLE = 10.5  # seconds; likewise, where Certificates are renewed by themselves: each once
RECOVERED = 60.0  # seconds; a key whose attempts all failed during a fault waits for half a minute at most


@pytest.fixture(scope="module")
def ground() -> Iterator[tuple[Cluster, Product]]:
    """A control plane of its own: what is broken here, and what others left behind, is nobody else's business."""
    with on_its_own() as made:
        yield made


@pytest.fixture
def seed() -> int:
    """The seed of all choices (pytest-randomly's, so `-p randomly -p "randomly_seed=…"` repeats them)."""
    seed = random.getrandbits(32)
    print(f"seed {seed}")  # noqa: T201  pytest shows it with a failure
    return seed


def test_kill_9_at_random_instants_during_two_hundred_issuances(ground: tuple[Cluster, Product], seed: int) -> None:
    """Every Certificate ends ready, no pair is ever torn, and nothing is asked for twice."""
    with Arena(*ground, "killed", seed=seed, replicas=1) as arena:
        arena.create({"ca": 4})
        arena.recovery(RECOVERED)
        before = arena.requests(QUIET)
        replica = arena.replicas.all[0]
        sorts = ["ca"] * 140 + ["self"] * 56
        arena.chance.shuffle(sorts)
        with Going(lambda: arena.load.create(sorts.pop()) if sorts else None, rate=12):
            while sorts:
                time.sleep(arena.chance.uniform(0.0, 2.5))
                replica.process.kill()
        arena.recovery(RECOVERED)

        assert not arena.problems(before=before, after=arena.requests(QUIET))
        assert not arena.invariants.repeated()
        assert replica.lives > 6
        assert arena.invariants.pairs >= len(arena.load.places)


def test_a_frozen_leader_stands_down_when_it_wakes(ground: tuple[Cluster, Product], seed: int) -> None:
    """It is in the middle of issuances; another takes over, and what the first still does harms nothing."""
    with Arena(*ground, "frozen", seed=seed, replicas=2) as arena:
        arena.create({"ca": 10})
        arena.recovery(RECOVERED)
        before = arena.requests(QUIET)
        frozen = LeaderFrozen(arena.replicas)
        for number in range(2):
            with Going(lambda: arena.load.create("ca"), rate=20):
                time.sleep(arena.chance.uniform(0.2, 1.0))
                frozen.strike()
                assert frozen.frozen is not None
                eventually(lambda: arena.replicas.leader() not in {None, frozen.frozen}, "another leads", 20)
                frozen.heal()
            log = frozen.frozen.process.log
            eventually(lambda: "lease lost" in log.read_text(), f"it stands down, round {number}", 10)  # noqa: B023
            arena.recovery(RECOVERED)

        assert not arena.problems(before=before, after=arena.requests(QUIET))
        assert not arena.invariants.repeated()


def test_whatever_fails_around_the_shim_everything_ends_well(ground: tuple[Cluster, Product], seed: int) -> None:
    """API server, etcd, connections, other writers: each in turn, while Certificates are edited, robbed and renewed."""
    with Arena(*ground, "around", seed=seed, replicas=2) as arena:
        arena.create({"brief": 4, "ca": 30, "self": 10})
        arena.recovery(RECOVERED)
        before = arena.requests(CYCLE)
        faults = [one for one in arena.faults() if not isinstance(one, LeaderFrozen)]
        arena.chance.shuffle(faults)
        with Going(arena.load.disturb, rate=4):
            for fault in faults:
                print(f"{fault.name}, {arena.load.done}")  # noqa: T201  as above
                try:
                    fault.strike()
                    time.sleep(arena.chance.uniform(*fault.lasts))
                finally:
                    fault.heal()
        arena.recovery(RECOVERED)

        assert not arena.problems(before=before, after=arena.requests(CYCLE))
        assert before.counted["create certificaterequests"], "some renew themselves"
        assert min(arena.load.done.values()) > 0
        assert arena.meddlers.written > 10
