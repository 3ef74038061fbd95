"""Fifty requests a second at the API server that need the webhook, and what became of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Self

import requests

from tests.cluster import API, APIFailure, Cluster

RATE: Final = 50  # requests a second
THREADS: Final = 5


class Load:
    """Dry-run creates, half of them of a kind that is refused when nobody answers, half completed by an answer."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(THREADS)]
        self.failures: list[str] = []
        self.answers = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        users = self._cluster.apiserver.users
        api = self._cluster.apiserver.as_user(users.by_certificate(f"load-{number}", ["system:masters"]))
        due = time.monotonic()
        while not self._stopping.is_set():
            due += THREADS / RATE
            problem = self._ask(api, even=self.answers % 2 == 0)
            self.answers += 1
            if problem:
                self.failures.append(f"{datetime.now(UTC):%X} {problem}")
            self._stopping.wait(max(0.0, due - time.monotonic()))
        api.close()

    def _ask(self, api: API, *, even: bool) -> str:
        try:
            if even:
                api.post(f"/apis/cert-manager.io/v1/namespaces/{self._namespace}/certificates?dryRun=All", CERTIFICATE)
                return ""
            path = f"/apis/networking.k8s.io/v1/namespaces/{self._namespace}/ingresses?dryRun=All"
            return "" if "tls" in api.post(path, INGRESS)["spec"] else "the webhook was not asked about an Ingress"
        except (APIFailure, requests.RequestException) as error:
            return str(error)


CERTIFICATE: Final[Mapping[str, Any]] = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "Certificate",
    "metadata": {"name": "load"},
    "spec": {"secretName": "load", "issuerRef": {"name": "x"}, "dnsNames": ["load.example.com"]},
}
INGRESS: Final[Mapping[str, Any]] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "load", "annotations": {"cert-manager.io/issuer": "x"}},
    "spec": {"rules": [{"host": "load.example.com"}]},
}
