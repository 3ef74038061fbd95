"""Values as people read them, by Grafana's ids of units; and the marks of an axis.

Grafana has hundreds of units; these are the ones that the dashboard uses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

_SHORT: Final = ((1e12, " Tri"), (1e9, " Bil"), (1e6, " Mil"), (1e3, " K"))
_BYTES: Final = ((1024.0**4, " TiB"), (1024.0**3, " GiB"), (1024.0**2, " MiB"), (1024.0, " KiB"))
_TIMES: Final = (
    *((365 * 86400.0, " years"), (7 * 86400.0, " weeks"), (86400.0, " days"), (3600.0, " hours"), (60.0, " mins")),
    *((1.0, " s"), (1e-3, " ms"), (1e-6, " µs")),
)
# Marks may stand at these, times powers of ten; of time, at what clocks are divided by.
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_OF_TIME: Final = (60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0, 43200.0, 86400.0, 7 * 86400.0)
_OF_BYTES: Final = tuple(2.0**power for power in range(50))


def number(value: float) -> str:
    """Return three significant digits, without zeros that say nothing.

    >>> [number(value) for value in (0, 0.12345, 3.0, 41.26, 1234.0)]
    ['0', '0.123', '3', '41.3', '1234']
    """
    if value == 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _scaled(value: float, scale: tuple[tuple[float, str], ...], without: str = "") -> str:
    """Return a value in the largest measure that it has at least one of."""
    for size, name in scale:
        if abs(value) >= size:
            return f"{number(value / size)}{name}"
    return f"{number(value)}{without}"


def _time(value: float) -> str:
    text = _scaled(value, _TIMES, " s")
    return text.removesuffix("s") if text.startswith("1 ") and len(text) > len("1 ms") else text


UNITS: Final[Mapping[str, Callable[[float], str]]] = {
    "short": lambda value: _scaled(value, _SHORT),
    "s": _time,
    "bytes": lambda value: _scaled(value, _BYTES, " B"),
    "reqps": lambda value: f"{_scaled(value, _SHORT)} req/s",
    "ops": lambda value: f"{_scaled(value, _SHORT)} ops/s",
}


def tell(value: float, unit: str) -> str:
    """Return a value with its unit; of NaN, that there is none.

    >>> tell(7776000, "s"), tell(0.0042, "s"), tell(88604672, "bytes"), tell(0.5, "reqps")
    ('12.9 weeks', '4.2 ms', '84.5 MiB', '0.5 req/s')
    """
    return "none" if math.isnan(value) else UNITS[unit](value)


def marks(top: float, unit: str, most: int = 5) -> tuple[float, ...]:
    """Return the values, from 0 on, at which an axis up to `top` is marked; the last is the axis' end.

    At most as many above 0 as asked for; `top` of 0 or less counts as 1.

    >>> marks(0.9, "reqps"), marks(700, "s"), marks(90 * 2**20, "bytes", 3)[1:]
    ((0.0, 0.2, 0.4, 0.6, 0.8, 1.0), (0.0, 300.0, 600.0, 900.0), (33554432.0, 67108864.0, 100663296.0))
    """
    top = top if top > 0 else 1.0
    step = _step(top / most, unit)
    count = math.ceil(round(top / step, 9))
    return tuple(round(step * index, 12) for index in range(count + 1))


def _step(least: float, unit: str) -> float:
    """Return the next step of a unit that is no less."""
    if unit == "s" and least > 30:
        return next((step for step in _OF_TIME if step >= least), _OF_TIME[-1] * math.ceil(least / _OF_TIME[-1]))
    if unit == "bytes":
        return next(step for step in _OF_BYTES if step >= least)
    power: float = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in _STEPS if step * power >= least * (1 - 1e-9))
