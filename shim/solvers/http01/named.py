"""The way of `http01.ingress.name`: the path is put into an Ingress of somebody else's, and taken out at the end.

For proxies that give each Ingress an address of its own, and for `http01-edit-in-place`.

    NotThere ──ensure──> first path of the host's rule ──Challenge final──> gone again

It is one JSON patch each, of the version that was seen: whatever else the Ingress says stays; and another by which the
rules do not count as written by us (`certs.route.disowning`).  What stands is not written again, and a path of somebody
else's is not touched.  Nothing holds a deleted Challenge up, so a path may
be left behind; the responder answers it with 404, and the next Challenge of the host takes it away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from certs.api.challenge import Challenge
from certs.api.ingress import Ingress, ManagedIngress
from certs.outcomes import WaitingForUser
from certs.patch import Operation
from certs.route import (
    PREFIX,
    SERVICE,
    PathTypeOf,
    challenge_path,
    disowning,
    has_path,
    insertion,
    obstacle,
    removal,
    rule_host,
)
from shim.kube.client import Client
from shim.kube.errors import Conflict
from shim.solvers.http01 import FIELD_MANAGER
from shim.solvers.http01.ingress import CLASS_ANNOTATION
from shim.solvers.http01.responders import Entrance
from shim.stores import INGRESS, Stores

# How often to try to give the rules back while others write, too.  Should it not succeed, the next edit does it.
AGAIN: Final = 3


class NamedIngress:
    """A path in an Ingress that is there; see `shim.solvers.http01.Way`."""

    def __init__(self, stores: Stores, client: Client, entrance: Entrance, path_type: PathTypeOf) -> None:
        self._stores = stores
        self._client = client
        self._entrance = entrance
        self._path_type = path_type

    def is_ready(self, challenge: Challenge) -> bool:
        """Does the Ingress lead the host to our Service, and does that stand?"""
        ingress = self._ingress(challenge)
        return (
            ingress is not None
            and has_path(ingress, challenge.spec.dns_name, SERVICE)
            and self._entrance.is_ready(challenge.metadata.namespace)
        )

    def ensure(self, challenge: Challenge) -> None:
        """Put the path in."""
        namespace, name = challenge.metadata.namespace, challenge.spec.dns_name
        ingress = self._ingress(challenge)
        attempt = f'cannot lead the challenge for "{name}" through Ingress "{_named(challenge)}"'
        if ingress is None:
            raise WaitingForUser(
                f"{attempt}: it does not exist in this namespace; create it, or correct http01.ingress.name "
                "(of an Ingress: its annotation)",
                reason="PresentError",
            )
        rival = obstacle(ingress, name, SERVICE)
        if rival:
            where = f'host "{name}"' if rule_host(name) else "its rule without host"
            raise WaitingForUser(
                f"{attempt}: there {rival} has the path {PREFIX} of {where}; remove that path, and it is led to the "
                "responder",
                reason="PresentError",
            )
        self._entrance.ensure(namespace)
        if has_path(ingress, name, SERVICE):
            return
        class_name = ingress.spec.ingress_class_name or ingress.metadata.annotations.get(CLASS_ANNOTATION, "")
        path = challenge_path(SERVICE, self._path_type(class_name))
        self._edit(ingress, insertion(ingress, name, path))

    def obstacle(self, challenge: Challenge) -> str:
        """Return whether the path is there."""
        ingress = self._ingress(challenge)
        if ingress is not None and has_path(ingress, challenge.spec.dns_name, SERVICE):
            return ""
        return f'Ingress "{_named(challenge)}" does not have the path {PREFIX} for "{challenge.spec.dns_name}"'

    def is_clear(self, challenge: Challenge) -> bool:
        """Is the path gone, or still needed?"""
        ingress = self._ingress(challenge)
        return (
            ingress is None
            or not removal(ingress, challenge.spec.dns_name, SERVICE)
            or ingress.metadata.deletion_timestamp is not None
            or self._is_needed(challenge)
        )

    def take_away(self, challenge: Challenge) -> None:
        """Take the path out."""
        ingress = self._ingress(challenge)
        if ingress is None:
            return
        operations = removal(ingress, challenge.spec.dns_name, SERVICE)
        if operations:
            self._edit(ingress, operations)

    def _edit(self, ingress: Ingress, operations: Sequence[Operation]) -> None:
        """Change the Ingress, and leave no trace of ourselves among those who own its fields."""
        namespace, name = ingress.metadata.namespace, ingress.metadata.name
        edited = self._client.json_patch(ManagedIngress, namespace, name, operations, field_manager=FIELD_MANAGER)
        for _ in range(AGAIN):
            disown = disowning(edited, FIELD_MANAGER)
            if not disown:
                break
            try:
                self._client.json_patch(Ingress, namespace, name, disown, field_manager=FIELD_MANAGER)
            except Conflict:
                edited = self._client.get(ManagedIngress, namespace, name)
            else:
                return
        self._client.get(Ingress, namespace, name)

    def _ingress(self, challenge: Challenge) -> Ingress | None:
        return self._stores.ingresses.get(challenge.metadata.namespace, _named(challenge))

    def _is_needed(self, challenge: Challenge) -> bool:
        """Does another Challenge of the host wait for its proof there?"""
        place = f"{challenge.metadata.namespace}/{_named(challenge)}"
        return any(
            other.metadata.uid != challenge.metadata.uid
            and other.spec.dns_name == challenge.spec.dns_name
            and not other.status.state.is_final
            for other in self._stores.challenges.by_index(INGRESS, place)
        )


def _named(challenge: Challenge) -> str:
    http01 = challenge.spec.solver.http01
    return http01.ingress.name if http01 is not None and http01.ingress is not None else ""
