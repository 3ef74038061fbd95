"""The dashboard on the running product, through a real Prometheus: each panel has something to show."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster import Cluster, Process
from tests.cluster.browser import Browser
from tests.cluster.prometheus import NoAnswer, Prometheus, Scraped
from tests.dashboard.__main__ import DASHBOARD
from tests.dashboard.asking import answers
from tests.dashboard.drawing import WIDTH, Drawn, page
from tests.dashboard.panels import Panel, read
from tests.dashboard.plot import Window
from tests.dashboard.scenario import ACTS, Scenario
from tests.product import Product
from tests.system.shop import eventually

pytestmark = pytest.mark.system
WITHIN = 60.0  # seconds; some ten on a machine that does nothing else
PANELS = read(json.loads(DASHBOARD.read_text()))


@pytest.fixture(scope="module")
def webhook(product: Product) -> Iterator[Process]:
    """A webhook that the API server calls."""
    process = product.start_webhook()
    yield process
    product.withdraw_admission()
    process.stop()


@pytest.fixture(scope="module")
def prometheus(cluster: Cluster, product: Product, shim: Process, webhook: Process) -> Iterator[Prometheus]:
    """One that scrapes both, with the labels of the target that the operator's relabelling makes."""
    yield cluster.prometheus(
        "prometheus",
        Scraped(product.shim_metrics.removeprefix("http://"), {"job": "shim", "pod": "one", "namespace": "theirs"}),
        Scraped(product.webhook_metrics.removeprefix("http://"), {"job": "webhook", "pod": "two"}),
    )
    cluster.process("prometheus").stop()


@pytest.fixture(scope="module")
def scenario(cluster: Cluster, product: Product, webhook: Process) -> Iterator[Scenario]:
    """What the picture of the docs is taken of."""
    with Scenario(cluster, product, random.Random(1)) as begun:  # noqa: S311  chance, not secrecy
        yield begun


@dataclass(slots=True)
class Look:
    """What the panels showed when they were last looked at."""

    panels: list[tuple[Panel, tuple[Drawn, ...]]]

    @property
    def empty(self) -> list[str]:
        """The titles of those without a value."""
        return [panel.title for panel, drawn in self.panels if all(math.isnan(one.last) for one in drawn)]


@pytest.fixture(scope="module")
def look(prometheus: Prometheus, scenario: Scenario) -> Look:
    """A cluster at work: all that the scenario knows again and again, until no panel is empty or it is of no use."""
    look = Look([])
    deadline = time.monotonic() + WITHIN
    while not look.panels or (look.empty and time.monotonic() < deadline):
        for act in ACTS:
            getattr(scenario, act)()
        time.sleep(1)  # the time between two scrapes
        now = time.time()
        look.panels = answers(prometheus, PANELS, Window(now - 30, now, 1.0))
    return look


def test_each_panel_shows_something_of_a_cluster_at_work(look: Look) -> None:
    """Nothing is asked by a label that is not there, or of what is never told."""
    assert look.empty == []


def test_each_line_has_a_name_of_its_own(look: Look) -> None:
    """The legend of a plot tells its lines apart."""
    names = {panel.title: [one.name for one in drawn] for panel, drawn in look.panels if panel.kind == "timeseries"}

    assert [title for title, legend in names.items() if len(set(legend)) < len(legend)] == []
    assert [title for title, legend in names.items() if "" in legend] == []


def test_a_certificate_is_counted_in_its_own_namespace(prometheus: Prometheus, scenario: Scenario) -> None:
    """`honorLabels`: not in that of the shim."""
    scenario.sign()
    found = eventually(lambda: prometheus.at("certmanager_certificate_ready_status", time.time()), "it is scraped")

    assert "theirs" not in {series.labels["namespace"] for series in found}


def test_a_query_that_is_none_is_told(prometheus: Prometheus) -> None:
    with pytest.raises(NoAnswer, match=r"sum\(: .*parse error"):
        prometheus.at("sum(", time.time())


def test_the_page_is_drawn_by_a_browser_without_a_fault(tmp_path: Path, look: Look) -> None:
    """As wide as it is said to be, one section for each panel."""
    now = time.time()
    file = tmp_path / "dashboard.html"
    file.write_text(page("certshim", look.panels, Window(now - 30, now, 1.0)))
    with Browser(tmp_path, width=WIDTH, height=1000) as browser:
        browser.open(file.as_uri())
        browser.until(f"document.querySelectorAll('section').length === {len(PANELS)}")

        assert browser.run("document.documentElement.scrollWidth") == WIDTH
        assert browser.console == []
