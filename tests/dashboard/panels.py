"""What the dashboard's JSON says: its panels, as far as they are drawn.

A kind of panel, a unit, an override or a transformation that is unknown here would be drawn wrong, so it is refused.
How lines look (width, tooltips, the order of a legend's rows) is not read: there is one way to draw them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.dashboard.units import UNITS

COLUMNS: Final = 24  # of Grafana's grid
KINDS: Final = frozenset(("stat", "table", "timeseries"))
PLACEMENTS: Final = frozenset(("bottom", "right"))
_LABEL: Final = re.compile(r"{{\s*(\w+)\s*}}")


class Unknown(ValueError):
    """The JSON says what cannot be drawn; the message names the panel and the setting."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel is, in columns and rows of the grid."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True)
class Target:
    """A query and how its series are called, with labels as `{{name}}`."""

    expr: str
    legend: str

    def name(self, labels: Mapping[str, str]) -> str:
        """Return what a series is called in the legend.

        >>> Target("up", "{{job}} of {{pod}}").name({"job": "shim", "pod": "a"})
        'shim of a'
        """
        return _LABEL.sub(lambda found: labels.get(found[1], ""), self.legend).strip()


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which value on a figure has a colour; the first of a panel is from minus infinity on."""

    value: float
    color: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; `columns` maps labels to the heads of a table's columns, in their order, and `Value` is the value."""

    title: str
    kind: str
    place: Place
    unit: str
    targets: tuple[Target, ...]
    thresholds: tuple[Threshold, ...] = ()
    fixed_color: str = ""
    legend: str = "bottom"
    columns: Mapping[str, str] | None = None

    def color(self, value: float) -> str:
        """Return the name of the colour that a value has; empty when it has none of its own."""
        if self.fixed_color:
            return self.fixed_color
        reached = [step.color for step in self.thresholds if value >= step.value]
        return reached[-1] if reached else ""


def read(document: Mapping[str, Any]) -> tuple[Panel, ...]:
    """Return the panels of a dashboard in the order of the file; Unknown when one cannot be drawn."""
    return tuple(_panel(panel) for panel in document["panels"])


def _panel(panel: Mapping[str, Any]) -> Panel:
    title, kind, defaults = panel["title"], panel["type"], panel["fieldConfig"]["defaults"]
    if kind not in KINDS:
        raise Unknown(f"panel {title!r} is of type {kind!r}, and drawn are {', '.join(sorted(KINDS))}")
    if defaults["unit"] not in UNITS:
        raise Unknown(f"panel {title!r} has unit {defaults['unit']!r}, and known are {', '.join(sorted(UNITS))}")
    if panel["fieldConfig"]["overrides"]:
        raise Unknown(f"panel {title!r} has overrides in its fieldConfig, and none are drawn")
    color = defaults.get("color", {})
    return Panel(
        title=title,
        kind=kind,
        place=Place(**panel["gridPos"]),
        unit=defaults["unit"],
        targets=tuple(Target(target["expr"], target["legendFormat"]) for target in panel["targets"]),
        thresholds=_thresholds(defaults),
        fixed_color=color["fixedColor"] if color.get("mode") == "fixed" else "",
        legend=_legend(panel),
        columns=_columns(panel) if kind == "table" else None,
    )


def _thresholds(defaults: Mapping[str, Any]) -> tuple[Threshold, ...]:
    steps = defaults.get("thresholds", {}).get("steps", ())
    return tuple(
        Threshold(float("-inf") if step["value"] is None else float(step["value"]), step["color"]) for step in steps
    )


def _legend(panel: Mapping[str, Any]) -> str:
    placement = panel["options"].get("legend", {}).get("placement", "bottom")
    if placement not in PLACEMENTS:
        raise Unknown(f"panel {panel['title']!r} has its legend at {placement!r}, and drawn are bottom and right")
    return str(placement)


def _columns(panel: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the columns that the transformation `organize` leaves, by label."""
    for transformation in panel.get("transformations", ()):
        if transformation["id"] != "organize":
            raise Unknown(f"panel {panel['title']!r} has the transformation {transformation['id']!r}")
        order: Mapping[str, int] = transformation["options"]["indexByName"]
        hidden: Mapping[str, bool] = transformation["options"]["excludeByName"]
        names: Mapping[str, str] = transformation["options"]["renameByName"]
        shown = [label for label in sorted(order, key=order.__getitem__) if not hidden.get(label)]
        return {label: names.get(label, label) for label in shown}
    raise Unknown(f"panel {panel['title']!r} is a table and has no transformation that orders its columns")
