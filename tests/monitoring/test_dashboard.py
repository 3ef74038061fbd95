"""The dashboard: each expression is one that Prometheus can read, and asks about what the processes tell."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.debian import find
from tests.metricspage import names, shim_registry, webhook_registry
from tests.monitoring.test_rules import METRIC, ROOT, run

pytestmark = pytest.mark.system  # it needs a program that is fetched


@pytest.fixture(scope="module")
def panels() -> list[dict[str, Any]]:
    """The panels."""
    made: list[dict[str, Any]] = json.loads((ROOT / "manifests/monitoring/dashboard.json").read_text())["panels"]
    return made


def expressions(panels: list[dict[str, Any]]) -> list[str]:
    """Return the queries of all panels."""
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_prometheus_can_read_each_expression(panels: list[dict[str, Any]], tmp_path: Path) -> None:
    """As rules that record them."""
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(expressions(panels))]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    assert f"SUCCESS: {len(rules)} rules found" in run(find("prometheus", "promtool"), "check", "rules", path)


def test_panels_ask_about_what_is_told(panels: list[dict[str, Any]]) -> None:
    """Every metric is one that the processes register."""
    told = names(shim_registry()) | names(webhook_registry())

    assert {name for expr in expressions(panels) for name in METRIC.findall(expr)} <= told


def test_panels_do_not_overlap(panels: list[dict[str, Any]]) -> None:
    """Each has a number and a place of its own within the 24 columns."""
    places = [panel["gridPos"] for panel in panels]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


def test_figures_have_colours_of_their_own(panels: list[dict[str, Any]]) -> None:
    """Where none is said, Grafana colours everything from 80 on red: certificates, and seconds until something ends."""
    stats = [panel for panel in panels if panel["type"] == "stat"]
    defaults = {panel["title"]: panel["fieldConfig"]["defaults"] for panel in stats}

    assert all(said["color"]["mode"] == "fixed" or said["thresholds"]["steps"] for said in defaults.values())


def test_what_is_plotted_together_is_of_one_unit(panels: list[dict[str, Any]]) -> None:
    """A panel has one axis, so its queries all count, or all take seconds."""
    for panel in (panel for panel in panels if panel["type"] == "timeseries"):
        in_seconds = {"_seconds" in target["expr"] and "cpu" not in target["expr"] for target in panel["targets"]}
        assert in_seconds == {panel["fieldConfig"]["defaults"]["unit"] == "s"}, panel["title"]
