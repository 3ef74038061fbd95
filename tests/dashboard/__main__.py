"""Make the picture: `python -m tests.dashboard [--minutes 12] [--seed N] [--into docs/pictures/dashboard.png]`."""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.cluster import Cluster
from tests.cluster.browser import Browser
from tests.cluster.prometheus import Scraped
from tests.dashboard.asking import answers
from tests.dashboard.drawing import WIDTH, height, page
from tests.dashboard.panels import read
from tests.dashboard.plot import Window
from tests.dashboard.scenario import PEBBLE, Scenario
from tests.product import LOOPBACK, Product

ROOT: Final = Path(__file__).parents[2]
DASHBOARD: Final = ROOT / "manifests" / "monitoring" / "dashboard.json"
PICTURE: Final = ROOT / "docs" / "pictures" / "dashboard.png"
RATE: Final = 0.7  # acts a second
BURST_EACH: Final = 90.0  # seconds
INTERVAL: Final = 2  # seconds between two scrapes: enough for one on a busy machine
POINTS: Final = 240  # of a line
SETTLING: Final = 300.0  # seconds over which the panels take rates: before, these would look as if they grew
AFTERWARDS: Final = 5.0  # seconds for the last scrapes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenario under Prometheus' eyes, and draw what it has seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.dashboard", description=__doc__)
    parser.add_argument("--minutes", type=float, default=12, help="more than five, which are not drawn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--into", type=Path, default=PICTURE)
    given = parser.parse_args(arguments)
    document, chance = json.loads(DASHBOARD.read_text()), random.Random(given.seed)  # noqa: S311  chance, not secrecy
    with Cluster(pebble=PEBBLE) as cluster:
        product = Product(cluster)
        product.install()
        prometheus = cluster.prometheus("prometheus", *start(cluster, product), interval=INTERVAL)
        window = watch(Scenario(cluster, product, chance), chance, given.minutes * 60)
        html = page(document["title"], answers(prometheus, read(document), window), window)
    photograph(html, given.into, tall=height(read(document)))
    print(f"{given.into}: {given.into.stat().st_size / 1024:.0f} kB")  # noqa: T201  the program's output
    return 0


def start(cluster: Cluster, product: Product) -> tuple[Scraped, ...]:
    """Start two replicas of the shim and a webhook; return where their metrics are."""
    product.start_shim("--acme-http01-self-check-grace=5s")
    health, metrics, responder = (f"{LOOPBACK}:{cluster.ports.free()}" for _ in range(3))
    standby = product.shim_command(
        f"--acme-http01-responder-listen-address={responder}",
        f"--internal-healthz-listen-address={health}",
        f"--metrics-listen-address={metrics}",
    )
    cluster.run("shim-standby", standby)
    product.start_webhook()
    return (
        Scraped(product.shim_metrics.removeprefix("http://"), {"job": "shim", "pod": "certshim-shim-a"}),
        Scraped(metrics, {"job": "shim", "pod": "certshim-shim-b"}),
        Scraped(product.webhook_metrics.removeprefix("http://"), {"job": "webhook", "pod": "certshim-webhook-a"}),
    )


def watch(scenario: Scenario, chance: random.Random, seconds: float) -> Window:
    """Have things go on for so long, and return the time that is drawn: all but the first minutes."""
    with scenario:
        began = time.time()
        bursts = 0
        while (passed := time.time() - began) < seconds:
            scenario.act()
            if passed > BURST_EACH * (bursts + 1):
                scenario.burst()
                bursts += 1
            time.sleep(chance.expovariate(RATE))
        time.sleep(AFTERWARDS)
        ended = time.time()
    shown_from = began + min(SETTLING, seconds / 2)
    return Window(shown_from, ended, max(float(INTERVAL), round((ended - shown_from) / POINTS)))


def photograph(html: str, into: Path, *, tall: int) -> None:
    """Save a page of that height as PNG."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "dashboard.html"
        file.write_text(html)
        with Browser(Path(folder), width=WIDTH, height=tall) as browser:
            browser.open(file.as_uri())
            browser.until("document.readyState === 'complete' && document.querySelector('section') !== null")
            browser.picture(into)


if __name__ == "__main__":
    sys.exit(main())
