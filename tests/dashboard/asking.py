"""What the panels are about: their queries, put to a Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from tests.cluster.prometheus import Prometheus, Series
from tests.dashboard.drawing import Drawn
from tests.dashboard.panels import Panel, Target
from tests.dashboard.plot import Window


def answers(prometheus: Prometheus, panels: Iterable[Panel], window: Window) -> list[tuple[Panel, tuple[Drawn, ...]]]:
    """Return what Prometheus says to each panel: of a plot over the window, else at its end; NoAnswer."""
    return [(panel, tuple(_drawn(prometheus, panel, window))) for panel in panels]


def _drawn(prometheus: Prometheus, panel: Panel, window: Window) -> Iterable[Drawn]:
    for target in panel.targets:
        for series in _series(prometheus, panel, target, window):
            yield Drawn(target.name(series.labels), series)


def _series(prometheus: Prometheus, panel: Panel, target: Target, window: Window) -> tuple[Series, ...]:
    if panel.kind == "timeseries":
        return prometheus.between(target.expr, window.start, window.end, window.step)
    return prometheus.at(target.expr, window.end)
