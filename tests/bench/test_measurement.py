"""Figures: percentiles, rounding, aims."""

from __future__ import annotations

import pytest

from bench.measurement import Measurement, higher, is_met, lower, percentile, significant


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        pytest.param([7.0], 50, 7.0, id="one value is every percentile"),
        pytest.param([2.0, 1.0], 50, 1.0, id="of two the lower is the median"),
        pytest.param([3.0, 1.0, 2.0], 50, 2.0, id="the order does not matter"),
        pytest.param([float(n) for n in range(1, 21)], 99, 20.0, id="of twenty the slowest is p99"),
        pytest.param([float(n) for n in range(1, 201)], 99, 198.0, id="of two hundred it is not"),
        pytest.param([1.0, 2.0], 0, 1.0, id="zero per cent is the lowest"),
    ],
)
def test_a_percentile_is_one_of_the_values(values: list[float], percent: float, expected: float) -> None:
    assert percentile(values, percent) == expected


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (0.000123456, 0.000123), (0.38745, 0.387), (9.996, 10.0), (83.44, 83.4), (129.4, 129), (12345.6, 12346)],
)
def test_a_figure_has_three_significant_digits(value: float, expected: float) -> None:
    assert significant(value) == expected


@pytest.mark.parametrize(
    ("measurement", "expected"),
    [
        pytest.param(lower("time", 0.9, "s", 1.0), True, id="below"),
        pytest.param(lower("writes", 16, "requests", 16), True, id="just met"),
        pytest.param(lower("time", 1.1, "s", 1.0), False, id="above"),
        pytest.param(higher("rate", 9, "1/s", 10), False, id="too few"),
        pytest.param(higher("rate", 11, "1/s", 10), True, id="enough"),
        pytest.param(lower("time", 5, "s"), None, id="no aim"),
    ],
)
def test_an_aim_is_met_missed_or_not_set(measurement: Measurement, *, expected: bool | None) -> None:
    assert is_met(measurement) is expected
