"""Who reaches whom at which port: tried from inside the pods, since a policy means what connects and what does not."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from tests.node.image import REFERENCE
from tests.node.installation import NAMESPACE, SHIM, WEBHOOK, Installation

ELSEWHERE: Final = "elsewhere"
MONITORING: Final = "monitoring"
SITE_PORT: Final = 8080  # at which the pods of those two namespaces serve
STRAY_PORT: Final = 7000  # of the product's pods, at which they never listen, and a test has them do so
OPEN: Final = "open"
CUT: Final = "cut"
_LISTEN: Final = f"""
import socket, subprocess, sys, time
def answers():
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", {STRAY_PORT})) == 0
if not answers():
    quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    subprocess.Popen([sys.executable, "-m", "http.server", "{STRAY_PORT}"], start_new_session=True, **quiet)
while not answers():
    time.sleep(0.1)
"""
# Whether to reject or to drop is for who enforces; three seconds are what a busy machine needs to answer, and more.
_TRY: Final = f"""
import json, socket, sys
def tried(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except OSError:
        return "{CUT}"
    return "{OPEN}"
print(json.dumps({{address: tried(address) for address in sys.argv[1:]}}))
"""


@dataclass(frozen=True, slots=True)
class Way:
    """From the pods of a kind to a port of others or of an address; pods are a Deployment's or a namespace's."""

    origin: str
    target: str
    port: int


@dataclass(frozen=True, slots=True)
class _Pod:
    namespace: str
    name: str
    address: str


class Ways:
    """The pods of the product and those of two other namespaces, one on each node, and what they reach."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._cluster = installation.cluster

    @contextmanager
    def strangers(self) -> Iterator[None]:
        """Run the pods of the other namespaces: web servers in the product's own image, as it has Python."""
        for namespace in (ELSEWHERE, MONITORING):
            self._cluster.api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
            for node in ("one", "two"):
                self._cluster.api.post(_path(namespace), _stranger(node))
        for namespace in (ELSEWHERE, MONITORING):
            ready = ("wait", "--for=condition=Ready", "pod", "--all", "--timeout=50s")
            self._cluster.kubectl(*ready, "-n", namespace)
        yield
        for namespace in (ELSEWHERE, MONITORING):
            self._cluster.kubectl("delete", "namespace", namespace, "--wait=false")

    def listen(self) -> None:
        """Have the product's pods listen where they never do."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda pod: self._run(pod, _LISTEN), [*self._pods(SHIM), *self._pods(WEBHOOK)]))

    def look(self, ways: Collection[Way]) -> dict[Way, str]:
        """Try each way from each pod to each; "open" or "cut" where all agree, else which pods differ."""
        pods = {name: self._pods(name) for way in ways for name in (way.origin, way.target)}
        addresses = {way: [f"{one.address}:{way.port}" for one in pods[way.target]] for way in ways}
        origins = {pod: origin for origin in {way.origin for way in ways} for pod in pods[origin]}

        def tried(pod: _Pod) -> dict[str, str]:
            asked = {address for way in ways if way.origin == origins[pod] for address in addresses[way]}
            found: dict[str, str] = json.loads(self._run(pod, _TRY, *sorted(asked)))
            return found

        with ThreadPoolExecutor() as pool:
            found = dict(zip(origins, pool.map(tried, origins), strict=True))
        return {
            way: _verdict(
                {
                    f"{pod.name} to {address}": found[pod][address]
                    for pod in pods[way.origin]
                    for address in addresses[way]
                    if not address.startswith(f"{pod.address}:")  # to itself a pod goes past all policies
                }
            )
            for way in ways
        }

    def _pods(self, name: str) -> list[_Pod]:
        """Return the pods that a name stands for; an address stands for itself."""
        if name in {SHIM, WEBHOOK}:
            found, namespace = self._installation.pods(name), NAMESPACE
        elif name in {ELSEWHERE, MONITORING}:
            found, namespace = self._cluster.api.get(_path(name))["items"], name
        else:
            return [_Pod("", "", name)]
        return [_Pod(namespace, pod["metadata"]["name"], pod["status"]["podIP"]) for pod in found]

    def _run(self, pod: _Pod, script: str, *arguments: str) -> str:
        return self._cluster.kubectl("exec", "-n", pod.namespace, pod.name, "--", "python3", "-c", script, *arguments)


def _verdict(found: dict[str, str]) -> str:
    answers = set(found.values())
    return answers.pop() if len(answers) == 1 else f"differs: {found}"


def _path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def _stranger(node: str) -> dict[str, Any]:
    command = ["python3", "-m", "http.server", str(SITE_PORT), "--directory", "/etc"]
    container = {"name": "site", "image": REFERENCE, "imagePullPolicy": "IfNotPresent", "command": command}
    spec = {"nodeName": node, "containers": [container], "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"site-{node}"}, "spec": spec}
