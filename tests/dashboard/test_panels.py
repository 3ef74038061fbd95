"""What is read of the JSON, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dashboard.__main__ import DASHBOARD
from tests.dashboard.panels import Panel, Place, Target, Threshold, Unknown, read


def panel(kind: str = "timeseries", **more: Any) -> dict[str, Any]:
    """Return a panel as Grafana writes it."""
    return {
        "title": "Requests",
        "type": kind,
        "gridPos": {"x": 0, "y": 4, "w": 12, "h": 8},
        "fieldConfig": {"defaults": {"unit": "reqps"}, "overrides": []},
        "options": {},
        "targets": [{"refId": "A", "expr": "rate(requests[5m])", "legendFormat": "{{verb}} {{ status }}"}],
        **more,
    }


def test_a_panel_is_read() -> None:
    (found,) = read({"panels": [panel()]})

    assert found == Panel(
        title="Requests",
        kind="timeseries",
        place=Place(x=0, y=4, w=12, h=8),
        unit="reqps",
        targets=(Target("rate(requests[5m])", "{{verb}} {{ status }}"),),
    )


def test_all_of_the_dashboard_can_be_drawn() -> None:
    document = json.loads(DASHBOARD.read_text())

    assert len(read(document)) == len(document["panels"])


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (panel(kind="gauge"), "of type 'gauge'"),
        (panel(fieldConfig={"defaults": {"unit": "percent"}, "overrides": []}), "has unit 'percent'"),
        (panel(fieldConfig={"defaults": {"unit": "s"}, "overrides": [{"matcher": {}}]}), "has overrides"),
        (panel(options={"legend": {"placement": "top"}}), "its legend at 'top'"),
        (panel(kind="table"), "no transformation"),
        (panel(kind="table", transformations=[{"id": "merge"}]), "transformation 'merge'"),
    ],
    ids=["kind", "unit", "overrides", "legend", "columns", "transformation"],
)
def test_what_would_be_drawn_wrong_is_refused(made: dict[str, Any], message: str) -> None:
    with pytest.raises(Unknown, match=f"'Requests'.*{message}"):
        read({"panels": [made]})


@pytest.mark.parametrize(
    ("labels", "name"),
    [({"verb": "get", "status": "2xx"}, "get 2xx"), ({"verb": "get"}, "get"), ({}, "")],
    ids=["all", "one is missing", "none"],
)
def test_a_legend_names_the_labels_that_are_there(labels: dict[str, str], name: str) -> None:
    assert Target("up", "{{verb}} {{ status }}").name(labels) == name


@pytest.mark.parametrize(("value", "color"), [(-1.0, "green"), (0.0, "green"), (1.0, "orange"), (7.0, "orange")])
def test_a_figure_has_the_colour_of_the_last_threshold_that_it_reaches(value: float, color: str) -> None:
    steps = {"mode": "absolute", "steps": [{"value": None, "color": "green"}, {"value": 1, "color": "orange"}]}
    config = {"defaults": {"unit": "s", "thresholds": steps}, "overrides": []}
    (stat,) = read({"panels": [panel("stat", fieldConfig=config)]})

    assert stat.thresholds == (Threshold(float("-inf"), "green"), Threshold(1.0, "orange"))
    assert stat.color(value) == color


def test_the_columns_of_a_table_are_those_that_are_left_in_their_order() -> None:
    options = {
        "excludeByName": {"Time": True},
        "indexByName": {"Value": 2, "Time": 0, "name": 1},
        "renameByName": {"Value": "Expires in"},
    }
    (table,) = read({"panels": [panel("table", transformations=[{"id": "organize", "options": options}])]})

    assert list((table.columns or {}).items()) == [("name", "name"), ("Value", "Expires in")]
