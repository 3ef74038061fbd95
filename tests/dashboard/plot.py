"""One plot as SVG: axes with marks, a line for each series with a faint area below it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from typing import Final

from tests.dashboard.units import marks, tell

Points = Sequence[tuple[float, float]]

PALETTE: Final = (
    *("#6fbf73", "#e8c547", "#5aa2f0", "#f2994a", "#e5576b", "#4fc3d9", "#b58be0", "#a3c940", "#e58fb8", "#8fa3c9"),
    *("#2f8f5b", "#b08f1f", "#3c6fc0", "#b5651d", "#a83250", "#2a8394", "#7a52b3", "#6f8f1f", "#a84f80", "#5d6f94"),
)
LEFT: Final = 76.0  # for the marks' texts
BOTTOM: Final = 22.0
MARGIN: Final = 8.0
# Each has as many in an hour at most; the first that makes six marks or fewer is taken.
_TIME_STEPS: Final = (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Window:
    """What is looked at: from when to when (seconds since 1970), and the seconds between two points."""

    start: float
    end: float
    step: float


def svg(lines: Sequence[Points], window: Window, unit: str, *, width: float, height: float) -> str:
    """Return the plot of series, which have the colours of the palette in their order."""
    scale = _Scale(window, marks(_top(lines), unit, most=4 if height < 170 else 5), width, height)
    parts = [
        *_frame(scale, unit),
        *(
            shape
            for index, points in enumerate(lines)
            for run in runs(points, window.step)
            for shape in _shapes(scale, run, PALETTE[index % len(PALETTE)])
        ),
    ]
    return f'<svg width="{width:g}" height="{height:g}">{"".join(parts)}</svg>'


def runs(points: Points, step: float) -> list[list[tuple[float, float]]]:
    """Return the parts of a series without gaps: NaN is one, and so is more than a step and a half without a point.

    >>> runs([(0, 1), (1, 2), (2, float("nan")), (3, 1), (9, 1)], 1)
    [[(0, 1), (1, 2)], [(3, 1)], [(9, 1)]]
    """
    found: list[list[tuple[float, float]]] = []
    before = -math.inf
    for at, value in points:
        if not math.isfinite(value):
            continue
        if at - before > 1.5 * step:
            found.append([])
        found[-1].append((at, value))
        before = at
    return found


def time_marks(window: Window) -> tuple[tuple[float, str], ...]:
    """Return at which whole moments the axis of time is marked, and how: hours and minutes, UTC."""
    step = next((step for step in _TIME_STEPS if (window.end - window.start) / step <= 6), _TIME_STEPS[-1])
    first = math.ceil(window.start / step) * step
    form = "%H:%M:%S" if step < 60 else "%H:%M"
    moments = range(first, math.floor(window.end) + 1, step)
    return tuple((float(at), datetime.fromtimestamp(at, UTC).strftime(form)) for at in moments)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From seconds and values to pixels."""

    window: Window
    marks: tuple[float, ...]
    width: float
    height: float

    @property
    def floor(self) -> float:
        return self.height - BOTTOM

    def x(self, at: float) -> float:
        share = (at - self.window.start) / (self.window.end - self.window.start)
        return round(LEFT + share * (self.width - LEFT - MARGIN), 1)

    def y(self, value: float) -> float:
        return round(self.floor - value / self.marks[-1] * (self.floor - MARGIN), 1)


def _top(lines: Sequence[Points]) -> float:
    return max((value for points in lines for _, value in points if math.isfinite(value)), default=0.0)


def _frame(scale: _Scale, unit: str) -> Iterator[str]:
    """Yield lines and texts of both axes."""
    right = scale.width - MARGIN
    for value in scale.marks:
        y = scale.y(value)
        yield f'<path class="grid" d="M{LEFT:g} {y}H{right:g}"/>'
        yield f'<text x="{LEFT - 6:g}" y="{y + 4}" text-anchor="end">{escape(tell(value, unit))}</text>'
    for at, text in time_marks(scale.window):
        x = scale.x(at)
        yield f'<path class="grid" d="M{x} {MARGIN:g}V{scale.floor:g}"/>'
        yield f'<text x="{x}" y="{scale.height - 5:g}" text-anchor="middle">{text}</text>'


def _shapes(scale: _Scale, run: Points, color: str) -> Iterator[str]:
    """Yield area and line of a part without gaps; a dot where there is one point."""
    at = [(scale.x(moment), scale.y(value)) for moment, value in run]
    if len(at) == 1:
        yield f'<circle cx="{at[0][0]}" cy="{at[0][1]}" r="2" fill="{color}"/>'
        return
    path = "L".join(f"{x} {y}" for x, y in _without_repeats(at))
    yield f'<path fill="{color}" fill-opacity="0.08" d="M{at[0][0]} {scale.floor}L{path}L{at[-1][0]} {scale.floor}Z"/>'
    yield f'<path fill="none" stroke="{color}" stroke-width="1.3" stroke-linejoin="round" d="M{path}"/>'


def _without_repeats(at: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Leave out the points within a level stretch: they draw nothing."""
    kept = [
        after
        for (before, after), later in zip(pairwise(at), at[2:], strict=False)
        if not before[1] == after[1] == later[1]
    ]
    return [at[0], *kept, at[-1]]
