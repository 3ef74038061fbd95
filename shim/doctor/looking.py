"""Ask the API server about the parts of an installation, with the rights of whoever asks.

What looks creates nothing but as a dry run.  Objects are read as they are (`Tree`), since they are
those of an installation that may be of any age, or of somebody else's making.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from shim.kube.errors import KubeError, NotFound
from shim.kube.transport import JSON, MERGE_PATCH, Transport

Tree = dict[str, Any]
WITHIN: Final = 15.0  # seconds for one answer; a webhook that does not answer takes five of them


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one request; `error` is empty when it was answered with an object."""

    tree: Tree
    error: str = ""
    code: int = 0

    @property
    def is_missing(self) -> bool:
        """Is it known that there is no such object?"""
        return self.code == 404


@dataclass(frozen=True, slots=True)
class ServerTime:
    """The API server's clock, to the second, and ours before and after it was asked."""

    server: datetime
    before: datetime
    after: datetime


class Looking:
    """Questions to one API server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, path: str) -> Reply:
        """Read an object or a list."""
        return self._ask("GET", path)

    def dry_run(self, path: str, obj: Mapping[str, Any]) -> Reply:
        """Create an object without storing it: admission is asked as ever."""
        return self._ask("POST", path, obj, {"dryRun": "All"})

    def put(self, path: str, obj: Mapping[str, Any]) -> Reply:
        """Replace an object."""
        return self._ask("PUT", path, obj)

    def merge(self, path: str, patch: Mapping[str, Any]) -> Reply:
        """Change an object by a merge patch."""
        return self._ask("PATCH", path, patch, content_type=MERGE_PATCH)

    def may(self, user: str, verb: str, resource: str, group: str, namespace: str = "", name: str = "") -> bool | None:
        """May the user do this?  None when it cannot be asked."""
        resource, _, subresource = resource.partition("/")
        attributes = {"verb": verb, "group": group, "resource": resource, "subresource": subresource}
        attributes |= {"namespace": namespace, "name": name}
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{user.split(':')[2]}", "system:authenticated"]
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "groups": groups, "resourceAttributes": attributes},
        }
        reply = self._ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        return None if reply.error else bool(reply.tree.get("status", {}).get("allowed"))

    def time(self) -> ServerTime | None:
        """Return the API server's clock; None when it does not tell."""
        before = datetime.now(UTC)
        try:
            answer = self._transport.request("GET", "/version", attempt="cannot read the version", within=WITHIN)
            server = parsedate_to_datetime(answer.headers.get("Date", ""))
        except (KubeError, ValueError):
            return None
        return ServerTime(server.astimezone(UTC), before, datetime.now(UTC))

    def _ask(
        self,
        method: str,
        path: str,
        obj: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> Reply:
        try:
            body = self._transport.request(
                method,
                path,
                attempt=f"{method} {path}",
                query=query,
                body=msgspec.json.encode(obj) if obj is not None else None,
                content_type=content_type,
                within=WITHIN,
            ).body
            tree = msgspec.json.decode(body)
        except NotFound as error:
            return Reply({}, str(error), 404)
        except KubeError as error:
            return Reply({}, str(error), error.code)
        except msgspec.DecodeError as error:
            return Reply({}, f"{method} {path}: the answer is no JSON: {error}")
        return Reply(tree if isinstance(tree, dict) else {})


def until(ready: Callable[[], str], seconds: float, interval: float) -> Iterator[str]:
    """Yield what stands in the way until nothing does, or the time is over; asked once at least."""
    deadline = time.monotonic() + seconds
    while said := ready():
        yield said
        left = deadline - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(interval, left))
