"""Sees every version of every object of one resource, by a plain watch that resumes where it was cut.

Only when the API server has forgotten that place (410, after a restart of it) is there a gap, which is counted, and
everything is listed anew.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, Protocol

from tests.cluster import API, APIFailure

_LASTS: Final = 3  # seconds that one watch lasts: how long it takes to end
_AGAIN: Final = 0.1  # seconds until the next try while there is no answer


class Sees(Protocol):
    """Who is told."""

    def listed(self, kind: str, objects: Sequence[Mapping[str, Any]]) -> None:
        """All there are."""

    def changed(self, kind: str, obj: Mapping[str, Any], *, gone: bool) -> None:
        """A new version, or the last one of an object that is gone."""


class _Expired(Exception):
    """The API server knows that version no more."""


class Watcher:
    """One thread, one resource; `gaps` counts how often versions may have been missed."""

    def __init__(self, api: API, kind: str, path: str, sees: Sees, **query: str) -> None:
        self.gaps = 0
        self._api = api
        self._kind = kind
        self._path = path
        self._query = query
        self._sees = sees
        self._version = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch {kind}", daemon=True)

    def start(self) -> None:
        """List, and go on in a thread of its own."""
        self._persist(self._list)  # right after its start the API server says 429, "storage is (re)initializing"
        self._thread.start()

    def end(self) -> None:
        """Have it end; does not wait."""
        self._stopping.set()

    def stop(self) -> None:
        """End, within the time that one watch lasts."""
        self.end()
        if self._thread.is_alive():
            self._thread.join()
        self._api.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except _Expired:
                self.gaps += 1
                self._persist(self._list)
            except (OSError, APIFailure, ValueError):  # ValueError: cut in the middle of a line
                self._stopping.wait(_AGAIN)

    def _persist(self, act: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                return act()
            except (OSError, APIFailure, ValueError):
                self._stopping.wait(_AGAIN)
        return None

    def _list(self) -> None:
        answer = self._api.get(self._path, **self._query)
        self._version = answer["metadata"]["resourceVersion"]
        self._sees.listed(self._kind, answer["items"])

    def _follow(self) -> None:
        query: dict[str, str | int] = {
            **self._query,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": _LASTS,
        }
        with self._api.stream(self._path, resourceVersion=self._version, **query) as answer:
            if answer.status_code == HTTPStatus.GONE:
                raise _Expired
            answer.raise_for_status()
            for line in answer.iter_lines():
                self._take(json.loads(line))

    def _take(self, event: Mapping[str, Any]) -> None:
        obj = event["object"]
        if event["type"] == "ERROR":
            if obj.get("code") == HTTPStatus.GONE:
                raise _Expired
            raise APIFailure(str(obj.get("message")), int(obj.get("code", 0)))
        self._version = obj["metadata"]["resourceVersion"]
        if event["type"] != "BOOKMARK":
            self._sees.changed(self._kind, obj, gone=event["type"] == "DELETED")
