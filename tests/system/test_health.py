"""What both processes say of themselves while something is really wrong, and once it is mended.

By what they say: a person reads the reason, the kubelet the status.  `/livez` fails only for what a restart would mend.
"""

from __future__ import annotations

import itertools
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import requests
import yaml

from shim.vitals import CLOCKS_APART
from tests.cluster import Cluster, Process
from tests.product import LOOPBACK, NAMESPACE, Product, on_its_own
from tests.system.roles import without_right
from tests.system.shop import PATIENCE, eventually
from tests.system.test_takeover import LEASES

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

LEASE_FLAGS: Final = (
    "--leader-election-lease-duration=8s",
    "--leader-election-renew-deadline=6s",
    "--leader-election-retry-period=500ms",
)
ALONE: Final = "--leader-elect=false"
RECOVERED: Final = 45.0  # seconds; who was refused for a while asks again after 15 s at most, twice on a loaded machine
INGRESSES: Final = "ingresses.networking.k8s.io"
NUMBERS: Final = itertools.count(1)


class Told(NamedTuple):
    """A page: its status, the word for probes, the lines for people."""

    status: int
    short: str
    lines: list[str]


def told(url: str, page: str) -> Told:
    """Return what a process answers; both forms must come to the same."""
    short, long = (requests.get(f"{url}/{page}{query}", timeout=5) for query in ("", "?verbose"))
    if short.status_code != long.status_code:  # it changed between the two
        return told(url, page)
    return Told(short.status_code, short.text, long.text.splitlines())


def is_alive(url: str) -> bool:
    return told(url, "livez")[:2] == (200, "ok\n")


def is_ready(url: str) -> bool:
    return told(url, "readyz")[:2] == (200, "ok\n")


def line(url: str, check: str, page: str = "readyz") -> str:
    """Return the line of a check."""
    (found,) = (one for one in told(url, page).lines if one.startswith((f"[+]{check} ", f"[-]{check} ")))
    return found


def becomes(url: str, check: str, expected: str) -> None:
    """Wait until that is the line of a check; AssertionError with what it is instead."""
    deadline = time.monotonic() + RECOVERED
    while line(url, check) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert line(url, check) == expected


@pytest.fixture(scope="module")
def ground() -> Iterator[tuple[Cluster, Product]]:
    """A control plane of its own: rights are taken away here, and the refusals would stand in the common audit log."""
    with on_its_own() as made:
        yield made


@pytest.fixture
def cluster(ground: tuple[Cluster, Product]) -> Cluster:
    return ground[0]


@pytest.fixture
def product(ground: tuple[Cluster, Product]) -> Product:
    return ground[1]


@contextmanager
def running(cluster: Cluster, name: str, command: Sequence[str | Path]) -> Iterator[Process]:
    """A process, from its first answer on."""
    process = cluster.run(f"{name}-{next(NUMBERS)}", command)
    try:
        yield process
    finally:
        process.kill()


@contextmanager
def away(cluster: Cluster) -> Iterator[None]:
    """Without an API server, and with one again afterwards."""
    cluster.kill_apiserver()
    try:
        yield
    finally:
        cluster.restart_apiserver()


@contextmanager
def admission(product: Product) -> Iterator[None]:
    """The API server asks the webhook."""
    product.apply_admission()
    try:
        yield
    finally:
        product.withdraw_admission()


def test_what_is_started_while_the_api_server_is_away(cluster: Cluster, product: Product) -> None:
    """It is not ready, and says what it waits for; no restart would mend that, and none is needed later."""
    shim, webhook = product.shim_health, product.webhook_health
    with admission(product), ExitStack() as both:
        commands = product.shim_command(ALONE), product.webhook_command()
        with away(cluster):
            for command, url in zip(commands, (shim, webhook), strict=True):
                both.enter_context(running(cluster, str(command[1]), command)).wait_until(partial(is_alive, url))
            eventually(lambda: "the API server cannot be reached" in line(shim, "stores"), "the shim has tried")

            assert told(shim, "readyz").status == 503
            assert line(shim, "stores").startswith("[-]stores failed: not complete yet: ")
            assert INGRESSES in line(shim, "stores")
            assert told(webhook, "readyz").status == 503
            assert line(webhook, "serving-certificate").endswith("failed: there is no serving certificate yet")
            assert line(webhook, "called-by-api-server").startswith("[-]")
            assert is_alive(shim)
            assert is_alive(webhook)

        eventually(lambda: is_ready(shim) and is_ready(webhook), "both are ready", RECOVERED)


def test_what_runs_when_the_api_server_goes_away(cluster: Cluster, product: Product) -> None:
    """It stays ready, since it answers with what it had and no other would be better off; and says that it does."""
    shim, webhook = product.shim_health, product.webhook_health
    with admission(product), ExitStack() as both:
        commands = product.shim_command(ALONE), product.webhook_command()
        for command, url in zip(commands, (shim, webhook), strict=True):
            both.enter_context(running(cluster, str(command[1]), command)).wait_until(partial(is_ready, url))
        with away(cluster):
            eventually(lambda: "not followed" in line(shim, "api-server"), "the shim notices")
            eventually(lambda: "as they were" in line(webhook, "informers"), "the webhook notices")

            assert line(shim, "api-server").startswith(
                "[+]api-server ok: not followed at the moment, the stores answer with what they had: "
            )
            assert is_ready(shim)
            assert is_ready(webhook)
            assert is_alive(shim)
            assert is_alive(webhook)

        becomes(shim, "api-server", "[+]api-server ok")
        becomes(webhook, "informers", "[+]informers ok")


def test_a_kind_that_may_not_be_read(cluster: Cluster, product: Product) -> None:
    """It is named; once the right is back, the shim is ready without a restart."""
    url = product.shim_health
    with (
        without_right(cluster, INGRESSES) as restore,
        running(cluster, "shim", product.shim_command(ALONE)) as process,
    ):
        process.wait_until(lambda: is_alive(url))
        expected = f"[-]stores failed: not complete yet: {INGRESSES}; the API server cannot be reached or refuses: "
        eventually(lambda: line(url, "stores").startswith(expected), "all others are read")

        assert told(url, "readyz")[:2] == (503, line(url, "stores").replace("[-]stores failed", "stores") + "\n")
        assert is_alive(url)
        restore()
        eventually(lambda: is_ready(url), "it is ready", RECOVERED)


def test_a_lease_that_is_lost_in_the_middle_of_work(cluster: Cluster, product: Product) -> None:
    """It says so for as long as it ends, and is not restarted for it; the next process stands by, and is ready."""
    url = product.shim_health
    with silent_ca() as ca, running(cluster, "shim", product.shim_command(*LEASE_FLAGS)) as process:
        process.wait_until(lambda: is_ready(url))
        eventually(lambda: line(url, "leader") == "[+]leader ok: this replica works", "it leads")
        issuer = product.issuer("silent", "default")
        issuer["spec"]["acme"]["server"] = f"https://{LOOPBACK}:{ca.getsockname()[1]}/dir"
        cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(issuer))
        asking, _ = ca.accept()

        hold_lease(cluster, "somebody-else")
        eventually(lambda: told(url, "readyz").status == 503, "it notices")

        assert line(url, "shutdown") == "[-]shutdown failed: the lease was lost, another replica goes on"
        assert line(url, "leader") == "[+]leader ok: standing by, another replica works"
        assert is_alive(url)
        eventually(lambda: not process.running, "it ends")
        asking.close()

    with running(cluster, "shim", product.shim_command(*LEASE_FLAGS)) as process:
        hold_lease(cluster, "somebody-else")
        process.wait_until(lambda: is_ready(url))
        assert line(url, "leader") == "[+]leader ok: standing by, another replica works"


def test_a_wall_clock_that_jumps(cluster: Cluster, product: Product) -> None:
    """Only a restart takes the new time over, so it is the one thing here that makes the process ill."""
    url, jump = product.shim_health, int(2 * CLOCKS_APART)
    command = [sys.executable, "-m", "tests.skewed", str(jump), *product.shim_command(ALONE)[1:]]
    with running(cluster, "shim", command) as process:
        process.wait_until(lambda: is_ready(url))
        assert line(url, "clock", "livez") == "[+]clock ok"

        os.kill(process.pid, signal.SIGUSR1)
        eventually(lambda: told(url, "livez").status == 503, "it notices")

        sentence = f"the wall clock has jumped by +{jump} s since the start; a restart takes the new time over"
        assert told(url, "livez")[:2] == (503, f"clock: {sentence}\n")
        assert is_ready(url)


def test_somebody_else_who_is_to_write_the_bundle(cluster: Cluster, product: Product) -> None:
    """A new webhook is not ready, says whose annotation it is and what to run, and is ready once that was run."""
    url = product.webhook_health
    kind, name = "validatingwebhookconfiguration", "cert-manager-webhook"
    with admission(product):
        cluster.kubectl("annotate", kind, name, f"cert-manager.io/inject-ca-from-secret={NAMESPACE}/other")
        with running(cluster, "webhook", product.webhook_command()) as process:
            process.wait_until(lambda: is_alive(url))
            eventually(lambda: "cannot write caBundle" in line(url, "called-by-api-server"), "it says why")
            command = line(url, "called-by-api-server").rpartition("run: kubectl ")[2]

            assert told(url, "readyz").status == 503
            assert is_alive(url)
            cluster.kubectl(*command.split())
            eventually(lambda: is_ready(url), "it is ready", RECOVERED)


# -- what is done to them --------------------------------------------------------------------------------------------


@contextmanager
def silent_ca() -> Iterator[socket.socket]:
    """Somebody who takes connections and says nothing."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        listening.settimeout(PATIENCE)
        yield listening


def hold_lease(cluster: Cluster, holder: str) -> None:
    """Write the lease as another replica would that has just got it."""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 60, "acquireTime": now, "renewTime": now}
    cluster.api.merge(LEASES, {"spec": spec})
