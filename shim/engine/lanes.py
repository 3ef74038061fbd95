"""Which of the waiting keys is next: lanes, turns between namespaces, and no starvation.

Keys that may run now wait on one of five levels.  A key's level is its lane, or one lower when it
keeps failing, so that it waits behind everything of its kind that works; the fifth level is where
failing ROUTINE keys sink to.

    pick:  the first level that has keys, unless another was passed over EIGHT times in a row;
           of that level the namespace whose turn it is;  of that namespace the key that waited longest

Each level is a ring of namespaces, each namespace a line of keys (`ring`): ten thousand keys of one tenant
put one key, not ten thousand, before another tenant's first.  Everything here is O(1) in the number of
keys, and a key can also leave the middle of a line when a better lane asks for it.

No locks and no time of its own: `WorkQueue` brings both.
"""

from __future__ import annotations

from typing import Final

from shim.engine.reconciler import Key, Lane
from shim.engine.ring import Ring

LEVEL_NAMES: Final = (*(lane.name.lower() for lane in Lane), "sunk")
LEVELS: Final = len(LEVEL_NAMES)

# Eight: under a flood each lower level gets a ninth of the picks, and the first keeps more than half.
# Smaller starves those who look; larger makes a poll, somebody's next step, wait visibly.
PATIENCE: Final = 8

# A level that ran out of patience may find the other lower levels impatient before it.
LONGEST_PASSED_OVER: Final = PATIENCE + LEVELS - 2

# Two failures in a row are bad luck (a restart of the other side); three are a habit.
SINKS_AFTER: Final = 3


def level_of(lane: Lane, failures: int) -> int:
    """Return the level on which a key waits that asks for `lane` and failed so often in a row."""
    return lane + (1 if failures >= SINKS_AFTER else 0)


class _Level:
    """The keys that wait on a level, with the moment since which each does."""

    def __init__(self) -> None:
        self.keys: Ring[Key, float] = Ring()
        self.passed_over = 0

    def left(self) -> None:
        """Note that a key has gone: who has none is passed over by nobody."""
        if not self.keys:
            self.passed_over = 0


class Lanes:
    """The keys that may run now."""

    def __init__(self) -> None:
        self._levels = tuple(_Level() for _ in range(LEVELS))
        self._level_of: dict[Key, int] = {}

    def put(self, key: Key, level: int, since: float) -> None:
        """Let a key wait on a level.  One that waits already keeps its time, and its place unless `level` is better."""
        waits_on = self._level_of.get(key)
        if waits_on is not None:
            if waits_on <= level:
                return
            left = self._levels[waits_on]
            since = left.keys.take(key)
            left.left()
        self._level_of[key] = level
        self._levels[level].keys.put(key.namespace, key, since)

    def pick(self) -> tuple[Key, float, int] | None:
        """Take out the key whose turn it is, with the moment since which it waited, and on which level.

        None: nobody waits.
        """
        waiting = [level for level in self._levels if level.keys]
        if not waiting:
            return None
        chosen = max(waiting, key=lambda level: level.passed_over)
        if chosen.passed_over < PATIENCE:
            chosen = waiting[0]
        for level in waiting:
            level.passed_over = 0 if level is chosen else level.passed_over + 1
        key, since = chosen.keys.take_next()
        chosen.left()
        return key, since, self._level_of.pop(key)

    def sizes(self) -> tuple[int, ...]:
        """Return how many keys wait on each level."""
        return tuple(len(level.keys) for level in self._levels)

    def oldest(self) -> float | None:
        """Return the moment since which the first of the waiting waits.  O(namespaces): for a scrape, not for a pick.

        Within a namespace's line it looks at the first alone; behind it may stand, for a moment,
        a key that came from a lower level and waited longer.
        """
        return min((since for level in self._levels for since in level.keys.heads()), default=None)

    def __contains__(self, key: Key) -> bool:
        return key in self._level_of

    def __len__(self) -> int:
        return len(self._level_of)
