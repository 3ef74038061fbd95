"""What a controller remembers about objects between turns, and may forget at any moment.

Never anything that a correct next step depends on: only what spares a question that has been asked already
(how an authorization stood, when it may be asked again).  A new process starts with none and asks.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final, Generic, TypeVar

NoteT = TypeVar("NoteT")

# More than can be under way at once; the oldest are forgotten first.
_MOST: Final = 50_000


class Memory(Generic[NoteT]):
    """Notes by the uid of the object that they are about (or another name of it); safe from several threads."""

    def __init__(self) -> None:
        self._notes: OrderedDict[str, NoteT] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, uid: str) -> NoteT | None:
        """Return the note, or None."""
        return self._notes.get(uid)

    def put(self, uid: str, note: NoteT) -> None:
        """Keep a note in place of an older one."""
        with self._lock:
            self._notes[uid] = note
            self._notes.move_to_end(uid)
            if len(self._notes) > _MOST:
                self._notes.popitem(last=False)

    def take(self, uid: str) -> NoteT | None:
        """Return the note and forget it, or return None."""
        with self._lock:
            return self._notes.pop(uid, None)

    def drop(self, uid: str) -> None:
        """Forget; nothing there is fine."""
        with self._lock:
            self._notes.pop(uid, None)
