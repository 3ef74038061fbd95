"""One measured figure, as it stands in `build/bench.json`, and the little arithmetic that figures need."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypedDict


class Measurement(TypedDict):
    """One figure; `aim` None where there is none yet."""

    name: str
    value: float
    unit: str
    aim: float | None
    better: Literal["lower", "higher"]


def lower(name: str, value: float, unit: str, aim: float | None = None) -> Measurement:
    """Return a figure that is better when lower, rounded to what such a measurement can tell."""
    return Measurement(name=name, value=significant(value), unit=unit, aim=aim, better="lower")


def higher(name: str, value: float, unit: str, aim: float | None = None) -> Measurement:
    """Return a figure that is better when higher."""
    return Measurement(name=name, value=significant(value), unit=unit, aim=aim, better="higher")


def is_met(measurement: Measurement) -> bool | None:
    """Tell whether the aim is met; None when there is none."""
    aim, value = measurement["aim"], measurement["value"]
    if aim is None:
        return None
    return value <= aim if measurement["better"] == "lower" else value >= aim


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many per cent of all do not exceed (nearest rank: no interpolation).

    >>> percentile([3, 1, 2, 4], 50)
    2
    >>> percentile([3, 1, 2, 4], 99)
    4
    """
    if not values:
        raise ValueError("there is no percentile of nothing")
    rank = max(math.ceil(len(values) * percent / 100), 1)
    return sorted(values)[rank - 1]


def significant(value: float) -> float:
    """Return the value with three significant digits, never fewer than its whole part has.

    >>> significant(0.123456), significant(12.3456), significant(12345.6)
    (0.123, 12.3, 12346)
    """
    if value == 0:
        return 0
    digits = 2 - math.floor(math.log10(abs(value)))
    return round(value, digits) if digits > 0 else round(value)
