"""How pauses grow between attempts that nobody asks for: doubled each time, to a longest."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

# No pause of ours is shorter than its longest by more; and the longest first one doubled so often is a timedelta still.
_MOST_DOUBLINGS: Final = 24


def doubled(first: timedelta, times: int, longest: timedelta) -> timedelta:
    """Return the first pause doubled so many times, the longest at most.

    >>> minute = timedelta(minutes=1)
    >>> [doubled(timedelta(seconds=5), times, minute).seconds for times in (0, 1, 2, 3, 4, 10**6)]
    [5, 10, 20, 40, 60, 60]
    """
    return min(first * (1 << min(max(times, 0), _MOST_DOUBLINGS)), longest)
