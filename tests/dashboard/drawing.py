"""The dashboard as a page of HTML and SVG, to be looked at by a browser of a fixed size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final

from tests.cluster.prometheus import Series
from tests.dashboard.panels import COLUMNS, Panel, Place
from tests.dashboard.plot import PALETTE, Window, svg
from tests.dashboard.units import tell

WIDTH: Final = 1400  # pixels
ROW: Final = 27  # pixels of a row of the grid
GAP: Final = 8
HEADER: Final = 44
TITLE: Final = 30
LEGEND: Final = 40  # two lines below a plot
LINE: Final = 18  # of a legend, or of a table
RIGHT: Final = 0.52  # of a panel's width, for a legend beside its plot
COLORS: Final = {
    "green": "#6fbf73",
    "yellow": "#e8c547",
    "orange": "#f2994a",
    "red": "#e5576b",
    "blue": "#5aa2f0",
    "text": "#d5d8de",
}
_STYLE: Final = f"""
* {{ box-sizing: border-box; margin: 0; }}
body {{ background: #14161a; color: {COLORS["text"]}; font: 12px/{LINE}px sans-serif; position: relative; }}
h1 {{ font-size: 18px; line-height: {HEADER}px; padding-left: {GAP + 4}px; }}
h1 span {{ color: #9aa0ab; font-size: 12px; font-weight: normal; margin-left: 16px; }}
section {{ position: absolute; background: #1c1f25; border: 1px solid #2a2e36; border-radius: 3px; overflow: hidden; }}
h2 {{ font-size: 13px; line-height: {TITLE}px; padding-left: 10px; }}
svg {{ display: block; }}
svg text {{ fill: #9aa0ab; font-size: 11px; }}
.grid {{ stroke: #2a2e36; stroke-width: 1; fill: none; }}
.stat {{ font-size: 30px; font-weight: bold; text-align: center; line-height: 56px; }}
.none {{ text-align: center; color: #9aa0ab; padding-top: 24px; }}
.bottom {{ padding: 0 10px; height: {LEGEND}px; overflow: hidden; }}
.bottom span {{ white-space: nowrap; margin-right: 14px; }}
.bottom i, .right i {{ display: inline-block; width: 12px; height: 3px; margin: 0 6px 3px 0; }}
.right {{ position: absolute; right: 8px; top: {TITLE}px; font-size: 11px; }}
table {{ border-collapse: collapse; width: 100%; table-layout: fixed; }}
td, th {{ text-align: left; padding: 0 4px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }}
th {{ color: #9aa0ab; }}
td.value, th.value {{ text-align: right; width: 78px; }}
.wide {{ margin: 0 6px; width: calc(100% - 12px); }}
.wide tr {{ border-top: 1px solid #2a2e36; }}
"""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A series by its name in the legend."""

    name: str
    series: Series

    @property
    def last(self) -> float:
        """The last value that is one, as the legend tells it; NaN when there is none."""
        return next((value for _, value in reversed(self.series.points) if not math.isnan(value)), math.nan)


def page(title: str, answers: Sequence[tuple[Panel, Sequence[Drawn]]], window: Window) -> str:
    """Return the page; it is `height(panels)` pixels high, and WIDTH wide."""
    spell = f"{_clock(window.start)} to {_clock(window.end)} UTC"
    sections = "".join(_section(panel, drawn, window) for panel, drawn in answers)
    return (
        f'<!doctype html><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f"<h1>{escape(title)}<span>{spell}</span></h1>{sections}"
    )


def height(panels: Sequence[Panel]) -> int:
    """Return the page's height in pixels."""
    return HEADER + ROW * max(panel.place.y + panel.place.h for panel in panels) + GAP


def _section(panel: Panel, drawn: Sequence[Drawn], window: Window) -> str:
    left, top, width, tall = _box(panel.place)
    position = f"left:{left}px;top:{top}px;width:{width}px;height:{tall}px"
    if not drawn:
        inner = '<p class="none">No data</p>'
    elif panel.kind == "stat":
        inner = _stat(panel, drawn[0])
    elif panel.kind == "table":
        inner = _table(panel, drawn, rows=(tall - TITLE) // (LINE + 1) - 1)
    else:
        inner = _timeseries(panel, drawn, window, width - 2, tall - 2)
    return f'<section style="{position}"><h2>{escape(panel.title)}</h2>{inner}</section>'


def _box(place: Place) -> tuple[int, int, int, int]:
    """Return left, top, width and height in pixels, with a gap to the next panel."""
    column = (WIDTH - GAP) / COLUMNS
    left, right = (round(GAP + column * x) for x in (place.x, place.x + place.w))
    return left, HEADER + ROW * place.y, right - left - GAP, ROW * place.h - GAP


def _stat(panel: Panel, drawn: Drawn) -> str:
    color = COLORS[panel.color(drawn.last) or "text"]
    return f'<p class="stat" style="color:{color}">{escape(tell(drawn.last, panel.unit))}</p>'


def _table(panel: Panel, drawn: Sequence[Drawn], rows: int) -> str:
    columns = panel.columns or {}
    head = "".join(f"<th{_class(label)}>{escape(name)}</th>" for label, name in columns.items())
    shown = drawn[:rows] if len(drawn) <= rows else drawn[: rows - 1]
    body = "".join(f"<tr>{_cells(panel, columns, one)}</tr>" for one in shown)
    return f'<table class="wide"><tr>{head}</tr>{body}{_more(len(drawn) - len(shown))}</table>'


def _cells(panel: Panel, columns: Mapping[str, str], drawn: Drawn) -> str:
    texts = {**drawn.series.labels, "Value": tell(drawn.last, panel.unit)}
    return "".join(f"<td{_class(label)}>{escape(texts.get(label, ''))}</td>" for label in columns)


def _class(label: str) -> str:
    return ' class="value"' if label == "Value" else ""


def _timeseries(panel: Panel, drawn: Sequence[Drawn], window: Window, width: int, tall: int) -> str:
    points = [one.series.points for one in drawn]
    if panel.legend == "bottom":
        names = "".join(f"<span>{_key(index)}{escape(one.name)}</span>" for index, one in enumerate(drawn))
        plot = svg(points, window, panel.unit, width=width, height=tall - TITLE - LEGEND)
        return f'{plot}<p class="bottom">{names}</p>'
    beside = round(width * RIGHT)
    plot = svg(points, window, panel.unit, width=width - beside - GAP, height=tall - TITLE - GAP)
    return (
        f'{plot}<div class="right" style="width:{beside}px">{_legend(panel, drawn, (tall - TITLE) // LINE - 1)}</div>'
    )


def _legend(panel: Panel, drawn: Sequence[Drawn], rows: int) -> str:
    """Return the table of names and last values, the greatest first, as far as there is place."""
    order = sorted(range(len(drawn)), key=lambda index: -(0.0 if math.isnan(drawn[index].last) else drawn[index].last))
    shown = order if len(order) <= rows else order[: rows - 1]
    lines = "".join(
        f'<tr><td>{_key(index)}{escape(drawn[index].name)}</td><td class="value">'
        f"{escape(tell(drawn[index].last, panel.unit))}</td></tr>"
        for index in shown
    )
    return f'<table><tr><th>Name</th><th class="value">Last</th></tr>{lines}{_more(len(order) - len(shown))}</table>'


def _more(left: int) -> str:
    """Return the line that says what Grafana would let people scroll to."""
    return f"<tr><td>… {left} more</td></tr>" if left else ""


def _key(index: int) -> str:
    return f'<i style="background:{PALETTE[index % len(PALETTE)]}"></i>'


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")
