"""Live hosts beside dead ones: whether who works has to wait for who never will.

Half of the dead names do not resolve, the others lead to an address where connections are left hanging, as behind a
firewall that drops.  They come at the same moment as the live ones, in another team's namespace and in the same, and
once more the live ones come when the dead ones have been tried.

To make two hundred objects costs a share of the cores whatever becomes of them.  How much is shown by as many Ingresses
that ask for no certificate: below that nobody can come.  The live ones alone are measured before and after each
of these, since a machine that others use is never the same for long; what is told is the ratio to the mean of the two.
CPU is that of all processes until the last of the live ones is ready, and depends less on what else runs.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, NamedTuple

from bench.arrivals import Arrival
from bench.kit import INGRESSES, Kit, ingress
from bench.measurement import Measurement, lower
from tests.cluster import APIFailure
from tests.cluster.silence import SILENT, silence

LIVE: Final = 20
DEAD: Final = 200
CLIENTS: Final = 4
PATIENCE: Final = 300.0  # seconds, on a machine that others use, too
IDLE: Final = 0.15  # of a core: what looking at the dead ones again costs
LOOK: Final = 2.0  # seconds
MOST_TOGETHER: Final = 1.5  # times as long as alone
MOST_BESIDE: Final = 1.5

Make = Callable[[Kit, str, int], dict[str, Any]]


class Taken(NamedTuple):
    """What it took until the last of the live ones was ready: seconds, and seconds of CPU in all processes."""

    seconds: float
    cpu: float

    def over(self, *alone: Taken) -> Taken:
        """Return both in relation to the mean of these."""
        seconds, cpu = (sum(values) / len(alone) for values in zip(*alone, strict=True))
        return Taken(self.seconds / seconds, self.cpu / cpu)


def measure(kit: Kit, issuer: str) -> list[Measurement]:
    """Return how long the live hosts take alone, when others come at the same moment, and beside old dead ones."""
    dead = f"{DEAD} dead ones"
    with silence(kit.cluster.caddy.http_port):
        alone = [_alone(kit, issuer)]
        found = [lower(f"{LIVE} live hosts alone", alone[0].seconds, "s")]
        found += _together(kit, issuer, alone, f"{DEAD} Ingresses that ask for nothing", _unasking)
        found += _together(kit, issuer, alone, f"{dead} elsewhere", _dead, aim=MOST_TOGETHER)
        found += _together(kit, issuer, alone, f"{dead} in their namespace", _dead, apart=False, aim=MOST_TOGETHER)
        crowded, quiet = kit.namespace(issuer), kit.namespace(issuer)  # while nothing is left to tidy up
        for index in range(DEAD):
            _create(kit, crowded, _dead(kit, issuer, index))
        kit.arrivals.told(crowded, DEAD, seconds=PATIENCE)
        _settle(kit)
        beside = _live(kit, issuer, quiet)
        _clear(kit, crowded)
    alone.append(_alone(kit, issuer))
    return [*found, *_against(f"{LIVE} live hosts while {dead} wait", beside, alone[-2:], MOST_BESIDE)]


def _together(
    kit: Kit, issuer: str, alone: list[Taken], what: str, make: Make, *, apart: bool = True, aim: float | None = None
) -> list[Measurement]:
    """Measure the live ones created together with others, then alone again, which is added to `alone`."""
    own = kit.namespace(issuer)
    others = kit.namespace(issuer) if apart else own
    bodies = [make(kit, issuer, index) for index in range(DEAD)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        flood = [pool.submit(_create, kit, others, body) for body in bodies]
        taken = _live(kit, issuer, own)
        for one in flood:
            one.result()
    _clear(kit, others)
    alone.append(_alone(kit, issuer))
    return _against(f"{LIVE} live hosts created together with {what}", taken, alone[-2:], aim)


def _against(name: str, taken: Taken, alone: list[Taken], aim: float | None) -> list[Measurement]:
    ratio = taken.over(*alone)
    return [
        lower(name, taken.seconds, "s"),
        lower(f"{name}: time, against alone", ratio.seconds, "", aim),
        lower(f"{name}: CPU, against alone", ratio.cpu, ""),
    ]


def _alone(kit: Kit, issuer: str) -> Taken:
    return _live(kit, issuer, kit.namespace(issuer))


def _live(kit: Kit, issuer: str, namespace: str) -> Taken:
    """Create some live hosts, and wait until all of them are ready."""
    names = [f"live-{secrets.token_hex(3)}" for _ in range(LIVE)]
    before, began = kit.cpu(), time.monotonic()
    for name in names:
        kit.create(namespace, name, issuer)
    ready = max(kit.arrivals.wait([Arrival(namespace, f"{name}-tls", 1) for name in names], seconds=PATIENCE))
    after = kit.cpu()
    return Taken(ready - began, sum(after.values()) - sum(before.values()))


def _dead(kit: Kit, issuer: str, index: int) -> dict[str, Any]:
    """Return an Ingress for a host at which nobody answers, or that has no address."""
    body = ingress(f"dead-{index}", issuer, kit.cluster.ingress_class)
    host = f"{body['spec']['rules'][0]['host']}."
    if index % 2:
        kit.cluster.names.set("set-servfail", host=host)
    else:
        kit.cluster.names.set("add-a", host=host, addresses=[SILENT])
    return body


def _unasking(kit: Kit, issuer: str, index: int) -> dict[str, Any]:
    """Return an Ingress that asks for no certificate."""
    body = ingress(f"plain-{index}", issuer, kit.cluster.ingress_class)
    del body["metadata"]["annotations"]
    return body


def _clear(kit: Kit, namespace: str) -> None:
    """Have a namespace deleted, and wait until that is over and the shim has little to do."""
    path = f"/api/v1/namespaces/{namespace}"
    kit.cluster.api.delete(path)
    end = time.monotonic() + PATIENCE
    with suppress(APIFailure):  # it is not found any more
        while kit.cluster.api.get(path) and time.monotonic() < end:
            time.sleep(LOOK)
    _settle(kit)


def _settle(kit: Kit) -> None:
    """Wait until all dead names have been tried, and the shim has little to do."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        before = kit.cpu()["shim"]
        time.sleep(LOOK)
        if kit.cpu()["shim"] - before < IDLE * LOOK:
            return
    raise TimeoutError(f"the shim is not done with {DEAD} names after {PATIENCE:g} s")


def _create(kit: Kit, namespace: str, body: dict[str, Any]) -> None:
    kit.cluster.api.post(INGRESSES.format(namespace), body)
