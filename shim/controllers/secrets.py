"""Read Secrets without keeping other people's in memory.

Ours carry a label and are watched in full.  Of all others only the metadata is watched; the data of one
that an object of ours refers to is fetched when it is needed, once for each version of it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from certs.api.core import Secret, SecretMetadata
from shim.kube.client import Client
from shim.kube.errors import NotFound
from shim.kube.store import Store

_FETCHED: Final = 256  # account keys, CA pairs, keystore passwords: few, and small


class Secrets:
    """Secrets by namespace and name, from the stores or, for those that are not ours, from the server."""

    def __init__(self, ours: Store[Secret], others: Store[SecretMetadata], client: Client) -> None:
        self._ours = ours
        self._others = others
        self._client = client
        self._fetched: OrderedDict[tuple[str, str], Secret] = OrderedDict()
        self._lock = threading.Lock()

    def version(self, namespace: str, name: str) -> str:
        """Return the resourceVersion of a Secret, empty when it is not there; asks nobody."""
        known = self._ours.get(namespace, name) or self._others.get(namespace, name)
        return known.metadata.resource_version if known is not None else ""

    def get(self, namespace: str, name: str) -> Secret | None:
        """Return the Secret with its data, or None; blocks for one request when it is not ours and not yet known."""
        ours = self._ours.get(namespace, name)
        if ours is not None:
            return ours
        known = self._others.get(namespace, name)
        if known is None:
            return None
        with self._lock:
            fetched = self._fetched.get((namespace, name))
        if fetched is not None and fetched.metadata.resource_version == known.metadata.resource_version:
            return fetched
        try:
            secret = self._client.get(Secret, namespace, name)
        except NotFound:
            return None
        with self._lock:
            self._fetched[(namespace, name)] = secret
            if len(self._fetched) > _FETCHED:
                self._fetched.popitem(last=False)
        return secret
