"""etcd: one member, no fsync (the data lives as long as the kit), compaction on request."""

from __future__ import annotations

from pathlib import Path

import requests

from tests.cluster.ports import Ports
from tests.cluster.processes import Launcher, Process

_TIMEOUT = 10.0


class Etcd:
    """The store behind the API server."""

    def __init__(self, program: Path, directory: Path, ports: Ports, launcher: Launcher) -> None:
        self.url = f"http://127.0.0.1:{ports.free()}"
        self._peer_url = f"http://127.0.0.1:{ports.free()}"
        self._program = program
        self._directory = directory
        self._launcher = launcher

    def start(self) -> Process:
        """Start it and wait until it serves."""
        process = self._launcher.start("etcd", [self._program, *self._flags()])
        process.wait_until(lambda: requests.get(f"{self.url}/health", timeout=_TIMEOUT).ok)
        return process

    def compact(self) -> int:
        """Forget every revision before the current one, which is returned.

        By the JSON gateway of etcd's v3 API (`/v3/kv/range`, `/v3/kv/compaction`).
        """
        answer = self._call("range", {"key": "AA==", "limit": 1, "count_only": True})
        revision = int(answer["header"]["revision"])
        self._call("compaction", {"revision": revision, "physical": True})
        return revision

    def _call(self, method: str, body: dict[str, object]) -> dict[str, dict[str, str]]:
        answer = requests.post(f"{self.url}/v3/kv/{method}", json=body, timeout=_TIMEOUT)
        answer.raise_for_status()
        decoded: dict[str, dict[str, str]] = answer.json()
        return decoded

    def _flags(self) -> list[str]:
        return [
            f"--data-dir={self._directory / 'etcd'}",
            f"--listen-client-urls={self.url}",
            f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls={self._peer_url}",
            f"--initial-advertise-peer-urls={self._peer_url}",
            f"--initial-cluster=default={self._peer_url}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]
