"""The long form: random faults for so many minutes, one or two at a time, and a verdict every two minutes.

    python -m tests.soak [--minutes 30] [--certificates 120] [--seed N]

Ends with 0 when all held, with 1 when something did not; what did not is printed, with the seed.  The logs of the shims
are kept in `build/soak/`.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

from tests.cluster import Cluster
from tests.product import Product
from tests.soak.arena import Arena, Rate
from tests.soak.faults import Fault
from tests.soak.load import Going

KEPT: Final = Path("build/soak")
SPELL: Final = 120.0  # seconds of faults between two verdicts
PAUSE: Final = (0.0, 4.0)  # seconds between two faults
TOGETHER: Final = 0.3  # how often a second fault joins the first
DISTURBANCES: Final = 2.0  # a second
QUIET: Final = 21.0  # seconds for which requests are counted: every brief Certificate is renewed twice in it
RECOVERED: Final = 180.0  # seconds; an ACME order that failed for want of a responder starts over, after a back-off
SHARES: Final = {"ca": 0.6, "self": 0.2, "acme": 0.15, "brief": 0.05}


class Tally:
    """What struck how often, and how long the recoveries took."""

    def __init__(self) -> None:
        self.struck: dict[str, int] = defaultdict(int)
        self.recoveries: list[float] = []
        self.began = time.monotonic()

    def say(self, what: str) -> None:
        """Print a line with the time since the start."""
        passed = int(time.monotonic() - self.began)
        print(f"{passed // 60:3}:{passed % 60:02}  {what}", flush=True)  # noqa: T201  the program's output

    def table(self, arena: Arena, before: Rate, after: Rate) -> str:
        """Return the summary."""
        rows = [
            *((f"{name}, times", number) for name, number in sorted(self.struck.items())),
            *((f"Certificates: {name}, times", number) for name, number in sorted(arena.load.done.items())),
            ("writes of others", arena.meddlers.written),
            ("lives of the shims", sum(replica.lives for replica in arena.replicas.all)),
            ("connections reset", sum(replica.relay.cuts for replica in arena.replicas.all)),
            ("versions of TLS Secrets looked at", arena.invariants.pairs),
            ("requests and Orders seen", sum(map(len, arena.invariants.made.values()))),
            ("watches that had to begin anew", arena.gaps),
            ("longest recovery, s", f"{max(self.recoveries, default=0):.1f}"),
            ("quiet, before", before),
            ("quiet, after", after),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:{width}}  {value}" for name, value in rows)


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--certificates", type=int, default=120)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    given = parser.parse_args()
    tally = Tally()
    tally.say(f"seed {given.seed}")
    with Cluster() as cluster:
        product = Product(cluster)
        product.install()
        with Arena(cluster, product, "shim", seed=given.seed, replicas=2, acme=True) as arena:
            try:
                problems = _soak(arena, tally, given.minutes * 60, given.certificates)
            except AssertionError as error:
                problems = [str(error), *arena.invariants.breaches]
            _keep_logs(arena)
    for problem in problems:
        tally.say(f"WRONG: {problem}")
    tally.say(f"seed {given.seed}: {f'{len(problems)} problems' if problems else 'all held'}, logs in {KEPT}")
    return 1 if problems else 0


def _soak(arena: Arena, tally: Tally, seconds: float, certificates: int) -> list[str]:
    arena.create({sort: max(1, round(share * certificates)) for sort, share in SHARES.items()})
    tally.say(f"{len(arena.load.places)} Certificates ready after {arena.recovery(RECOVERED):.1f} s")
    before = after = arena.requests(QUIET)
    faults = arena.faults()
    problems: list[str] = []
    ends_at = time.monotonic() + seconds
    while not problems and time.monotonic() < ends_at:
        with Going(arena.load.disturb, rate=DISTURBANCES):
            _spell(arena, faults, tally, min(ends_at, time.monotonic() + SPELL))
        tally.recoveries.append(arena.recovery(RECOVERED))
        after = arena.requests(QUIET)
        problems = arena.problems(before=before, after=after)
        tally.say(f"recovered in {tally.recoveries[-1]:.1f} s, {after.per_second:.2f} requests a second")
    print(f"\n{tally.table(arena, before, after)}\n")  # noqa: T201  the program's output
    return problems


def _spell(arena: Arena, faults: tuple[Fault, ...], tally: Tally, until: float) -> None:
    """Have faults strike until then."""
    chance = arena.chance
    while time.monotonic() < until:
        chosen = chance.sample(faults, 2 if chance.random() < TOGETHER else 1)
        lasts = max(chance.uniform(*fault.lasts) for fault in chosen)
        tally.say(f"{' and '.join(fault.name for fault in chosen)}, for {lasts:.1f} s")
        try:
            for fault in chosen:
                tally.struck[fault.name] += 1
                fault.strike()
            time.sleep(lasts)
        finally:
            for fault in chosen:
                fault.heal()
        time.sleep(chance.uniform(*PAUSE))


def _keep_logs(arena: Arena) -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    for replica in arena.replicas.all:
        shutil.copy(replica.process.log, KEPT)


if __name__ == "__main__":
    sys.exit(main())
