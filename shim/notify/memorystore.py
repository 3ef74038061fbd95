"""Where is kept what was told: one ConfigMap in the cluster resource namespace, written when something has changed."""

from __future__ import annotations

from typing import Final

from certs.api.core import ConfigMap
from certs.api.meta import ObjectMeta
from certs.decide.incidents import Memory, dump, load
from shim.kube.client import Client
from shim.kube.errors import NotFound

NAME: Final = "certshim-notifications"
MANAGER: Final = "certshim-notifications"
KEY: Final = "incidents"


class MemoryStore:
    """Reads and writes it; KubeError when that cannot be done: then nothing must be sent."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._stored: str | None = None

    def read(self) -> Memory:
        """Return what the process before has told."""
        try:
            text = self._client.get(ConfigMap, self._namespace, NAME).data.get(KEY, "")
        except NotFound:
            return {}
        self._stored = text
        return load(text)

    def write(self, memory: Memory) -> None:
        """Store it, unless it is stored, or there never was anything."""
        text = dump(memory)
        if text == self._stored or (self._stored is None and not memory):
            return
        metadata = ObjectMeta(name=NAME, namespace=self._namespace)
        self._client.apply(ConfigMap(metadata=metadata, data={KEY: text}), field_manager=MANAGER)
        self._stored = text
