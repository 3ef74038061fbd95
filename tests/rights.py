"""What the manifests let our service accounts do, and what they did: the audit log held against the roles.

A grant is one verb on one resource of one user, in one namespace or all, of one name or any.  Used is what the API
server allowed; a server-side apply that created its object has used `create` too, which is checked in the same request
and not logged by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from tests.cluster.audit import AuditEvent

DECISION: Final = "authorization.k8s.io/decision"
ROLES: Final = frozenset(("ClusterRole", "Role"))
BINDINGS: Final = frozenset(("ClusterRoleBinding", "RoleBinding"))


class Right(NamedTuple):
    """One verb of one service account on one resource (`secrets`, `certificates/status`) of a group."""

    account: str
    verb: str
    resource: str
    group: str = ""


class Grant(NamedTuple):
    """A right where it holds: an empty namespace is all of them, an empty name any."""

    right: Right
    namespace: str = ""
    name: str = ""

    def covers(self, asked: Grant) -> bool:
        """Is this what allows it?"""
        return self.right == asked.right and self.namespace in {"", asked.namespace} and self.name in {"", asked.name}


def granted(objects: Sequence[Mapping[str, Any]]) -> frozenset[Grant]:
    """Return what the bindings among the objects give to service accounts."""
    rules = {_role(one["kind"], one): one["rules"] for one in objects if one["kind"] in ROLES}
    return frozenset(
        Grant(Right(subject["name"], verb, resource, group), binding["metadata"].get("namespace", ""), name)
        for binding in objects
        if binding["kind"] in BINDINGS
        for subject in binding["subjects"]
        if subject["kind"] == "ServiceAccount"
        for rule in rules[_role_of(binding)]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
        for verb in rule["verbs"]
    )


def unused(grants: Iterable[Grant], events: Iterable[AuditEvent]) -> frozenset[Grant]:
    """Return what is given and no request has needed."""
    asked = frozenset(one for event in events if event.annotations.get(DECISION) == "allow" for one in _asked(event))
    return frozenset(grant for grant in grants if not any(grant.covers(one) for one in asked))


def not_granted(grants: Iterable[Grant], events: Iterable[AuditEvent]) -> frozenset[Grant]:
    """Return what our accounts were refused by RBAC and the manifests never give.

    A right that they do give is refused only where a test has taken it away.  What admission refuses, RBAC allowed.
    """
    given = frozenset(grants)
    accounts = {grant.right.account for grant in given}
    asked = frozenset(one for event in events if event.annotations.get(DECISION) == "forbid" for one in _asked(event))
    return frozenset(
        one for one in asked if one.right.account in accounts and not any(grant.covers(one) for grant in given)
    )


def told(grants: Iterable[Grant]) -> list[str]:
    """Return them as lines, sorted: `certshim-shim: get secrets in cert-manager, named x`."""
    return sorted(map(_line, grants))


def _line(grant: Grant) -> str:
    right = grant.right
    kind = f"{right.resource}.{right.group}" if right.group else right.resource
    where = f" in {grant.namespace}" if grant.namespace else ""
    return f"{right.account}: {right.verb} {kind}{where}{f', named {grant.name}' if grant.name else ''}"


def _asked(event: AuditEvent) -> Iterator[Grant]:
    about, account = event.object_ref, event.user.username.removeprefix("system:serviceaccount:").partition(":")[2]
    if not account or not about.resource:
        return
    resource = f"{about.resource}/{about.subresource}" if about.subresource else about.resource
    asked = Grant(Right(account, event.verb, resource, about.api_group), about.namespace, about.name)
    yield asked
    if event.verb == "patch" and event.response_status.code == HTTPStatus.CREATED:
        yield asked._replace(right=asked.right._replace(verb="create"))


def _role(kind: str, role: Mapping[str, Any]) -> tuple[str, str, str]:
    return kind, role["metadata"].get("namespace", ""), role["metadata"]["name"]


def _role_of(binding: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return kind, namespace and name of the role; that of a RoleBinding may be of either kind."""
    kind = binding["roleRef"]["kind"]
    return kind, binding["metadata"].get("namespace", "") if kind == "Role" else "", binding["roleRef"]["name"]
