"""What is on the page."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from tests.cluster.prometheus import Series
from tests.dashboard.drawing import Drawn, height, page
from tests.dashboard.panels import Panel, Place, Target
from tests.dashboard.plot import Window, runs, svg, time_marks

NAN = float("nan")
WINDOW = Window(0.0, 600.0, 60.0)


def panel(kind: str, *, legend: str = "bottom", columns: Mapping[str, str] | None = None, color: str = "") -> Panel:
    place = Place(x=0, y=0, w=12, h=8)
    target = Target("up", "")
    return Panel(kind, kind, place, "short", (target,), fixed_color=color, legend=legend, columns=columns)


def drawn(name: str, *values: float, **labels: str) -> Drawn:
    return Drawn(name, Series(labels, tuple((60.0 * index, value) for index, value in enumerate(values))))


def rows(html: str) -> list[str]:
    """Return the texts of the rows of a table."""
    return [re.sub(r"<[^>]+>", " ", row).strip() for row in re.findall(r"<tr>(.*?)</tr>", html)]


def test_a_panel_without_an_answer_says_so() -> None:
    assert "No data" in page("t", [(panel("timeseries"), [])], WINDOW)


def test_a_figure_is_the_last_value() -> None:
    html = page("t", [(panel("stat", color="blue"), [drawn("", 3, 4, NAN)])], WINDOW)

    assert re.search(r'class="stat" style="color:#[0-9a-f]{6}">4<', html)


def test_names_of_others_cannot_become_html() -> None:
    html = page("<t>", [(panel("timeseries"), [drawn("<script>", 1, 2)])], WINDOW)

    assert "<script>" not in html
    assert "<t>" not in html


def test_a_legend_beside_has_the_greatest_first_and_says_how_many_are_left() -> None:
    many = [drawn(f"number {value}", value) for value in range(30)]
    found = rows(page("t", [(panel("timeseries", legend="right"), many)], WINDOW))

    assert found[1].split() == ["number", "29", "29"]
    assert found[-1] == f"… {30 - (len(found) - 2)} more"


def test_a_table_has_the_labels_as_columns() -> None:
    columns = {"issuer": "Issuer", "Value": "Expires in"}
    found = rows(page("t", [(panel("table", columns=columns), [drawn("", 7, issuer="internal", pod="a")])], WINDOW))

    assert [row.split() for row in found] == [["Issuer", "Expires", "in"], ["internal", "7"]]


def test_a_page_is_as_high_as_its_last_panel() -> None:
    low, high = panel("stat"), Panel("", "stat", Place(0, 20, 1, 4), "s", ())

    assert height([high, low]) - height([low]) == (24 - 8) * 27


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], []),
        ([(0, 1), (60, 2)], [[(0, 1), (60, 2)]]),
        ([(0, 1), (60, NAN), (120, 2)], [[(0, 1)], [(120, 2)]]),
        ([(0, 1), (300, 2), (360, 3)], [[(0, 1)], [(300, 2), (360, 3)]]),
        ([(0, float("inf"))], []),
    ],
    ids=["nothing", "no gap", "NaN", "missing", "endless"],
)
def test_a_line_has_gaps_where_there_is_nothing(
    points: list[tuple[float, float]], expected: list[list[tuple[float, float]]]
) -> None:
    assert runs(points, 60.0) == expected


def test_a_level_line_is_drawn_by_its_ends_and_a_step_stays_a_step() -> None:
    level = svg([[(60.0 * index, 1.0) for index in range(11)]], WINDOW, "short", width=400, height=200)
    step = svg([[(0, 0), (60, 0), (120, 1), (180, 1), (240, 1)]], WINDOW, "short", width=400, height=200)

    assert line(level) == 2
    assert line(step) == 4


def line(html: str) -> int:
    """Return how many points the one line of a plot has."""
    (path,) = re.findall(r'stroke-linejoin="round" d="M([^"]+)"', html)
    return str(path).count("L") + 1


@pytest.mark.parametrize(
    ("seconds", "first", "number"), [(90.0, "00:00:00", 7), (600.0, "00:00", 6), (86400.0, "00:00", 7)]
)
def test_the_axis_of_time_is_marked_at_whole_moments(seconds: float, first: str, number: int) -> None:
    marks = time_marks(Window(0.0, seconds, 1.0))

    assert marks[0] == (0.0, first)
    assert len(marks) == number
