"""How many requests went to the API server, by what they did and how they ended; metrics read it when asked.

The labels come from our own paths and verbs: as many series as there are kinds of requests.  Only what extends the API
server, such as a DNS-01 webhook solver, is called as an issuer says; what is beyond `MOST_KINDS` is counted as `other`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

_WRITES: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
NO_ANSWER: Final = "none"
OTHER: Final = "other"
MOST_KINDS: Final = 1000  # ours are some two hundred, each with one ending or two


class Kind(NamedTuple):
    """What is counted together: `status` is `2xx` to `5xx`, or `none` without an answer."""

    verb: str
    group: str
    resource: str
    status: str


class Traffic:
    """The counts.  May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Kind] = Counter()

    def count(self, method: str, path: str, query: Mapping[str, str], status: int | None) -> None:
        """Count one request; None: there was no answer."""
        kind = classify(method, path, query, status)
        with self._lock:
            if kind not in self._counts and len(self._counts) >= MOST_KINDS:
                kind = kind._replace(group=OTHER, resource=OTHER)
            self._counts[kind] += 1

    def counts(self) -> Mapping[Kind, int]:
        """Return the counts as they are now."""
        with self._lock:
            return dict(self._counts)


def classify(method: str, path: str, query: Mapping[str, str], status: int | None) -> Kind:
    """Return what a request is, in the words of the API server's own rules (verb, group, resource/subresource).

    >>> classify("PUT", "/apis/cert-manager.io/v1/namespaces/shop/certificates/web/status", {}, 200)
    Kind(verb='update', group='cert-manager.io', resource='certificates/status', status='2xx')
    >>> classify("GET", "/api/v1/secrets", {"watch": "true"}, None)
    Kind(verb='watch', group='', resource='secrets', status='none')
    >>> classify("GET", "/version", {}, 503)
    Kind(verb='get', group='', resource='version', status='5xx')
    """
    ended = NO_ANSWER if status is None else f"{status // 100}xx"
    parts = path.strip("/").split("/")
    if parts[0] not in {"api", "apis"} or len(parts) < (3 if parts[0] == "api" else 4):
        return Kind(_WRITES.get(method, "get"), "", parts[0], ended)
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
    if rest[0] == "namespaces" and len(rest) > 2:
        rest = rest[2:]
    resource = f"{rest[0]}/{rest[2]}" if len(rest) > 2 else rest[0]
    if method != "GET":
        return Kind(_WRITES.get(method, method.lower()), group, resource, ended)
    if "watch" in query:
        return Kind("watch", group, resource, ended)
    return Kind("get" if len(rest) > 1 else "list", group, resource, ended)
