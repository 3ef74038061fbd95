"""Values and axes as people read them."""

from __future__ import annotations

import itertools
import math

import pytest

from tests.dashboard.units import UNITS, marks, number, tell


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (0.0, "short", "0"),
        (41.26, "short", "41.3"),
        (1234.0, "short", "1.23 K"),
        (0.0, "s", "0 s"),
        (0.0042, "s", "4.2 ms"),
        (0.001, "s", "1 ms"),
        (1.0, "s", "1 s"),
        (59.0, "s", "59 s"),
        (60.0, "s", "1 min"),
        (3599.0, "s", "60 mins"),
        (7 * 86400.0, "s", "1 week"),
        (7776000.0, "s", "12.9 weeks"),
        (-90.0, "s", "-1.5 mins"),
        (88604672.0, "bytes", "84.5 MiB"),
        (0.5, "reqps", "0.5 req/s"),
        (1.0, "ops", "1 ops/s"),
        (math.nan, "s", "none"),
    ],
)
def test_a_value_is_told_in_the_largest_measure_that_it_fills(value: float, unit: str, told: str) -> None:
    assert tell(value, unit) == told


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.12345, "0.123"), (100.0, "100"), (1e-9, "0.000000001"), (-2.5, "-2.5")]
)
def test_a_number_has_three_digits_and_no_idle_zeros(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("top", "unit", "expected"),
    [
        (0.0, "short", (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (1.0, "short", (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (61.0, "short", (0.0, 20.0, 40.0, 60.0, 80.0)),
        (700.0, "s", (0.0, 300.0, 600.0, 900.0)),
        (90 * 2.0**20, "bytes", (0.0, 2.0**25, 2.0**26, 3 * 2.0**25)),
    ],
)
def test_an_axis_is_marked_at_round_values(top: float, unit: str, expected: tuple[float, ...]) -> None:
    assert marks(top, unit) == expected


@pytest.mark.parametrize("unit", sorted(UNITS))
@pytest.mark.parametrize("top", [1e-6, 0.7, 3.0, 59.0, 61.0, 1234.5, 8e5, 9e9])
def test_an_axis_holds_its_top_and_is_evenly_marked(top: float, unit: str) -> None:
    found = marks(top, unit)
    steps = [after - before for before, after in itertools.pairwise(found)]

    assert found[-1] >= top
    assert found[-2] < top
    assert len(steps) <= 5
    assert steps == pytest.approx([steps[0]] * len(steps))
