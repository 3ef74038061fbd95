"""`certshim adopt` is killed (SIGKILL) after each of its writes, either way, and run again, either way.

There are no nodes, so `Pods` plays what follows a Deployment: its status a moment later, and a Lease that the pods of
a controller hold while they run.  Everything else is real.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from shim.adopt.switching import KEPT, REPLICAS, Switch
from shim.kube.transport import connect
from tests.cluster import APIFailure, Cluster
from tests.product import CERTSHIM, NAMESPACE, Product
from tests.system.counted import Counted
from tests.system.shop import eventually
from tests.system.test_adopt import DEPLOYMENTS, OURS, STOPPED, THEIRS, configuration, deployment, replicas

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

ADMISSION: Final = "/apis/admissionregistration.k8s.io/v1"
PLURALS: Final = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
LEASE: Final = "cert-manager-controller"
CONTROLLERS: Final = ("cert-manager", "certshim-shim")
LAST: Final = "last-of-the-test"  # a label: what has it ends the watch
FOLLOWS_AFTER: Final = 0.2  # seconds until pods begin or have ended
PATIENCE: Final = 30.0  # seconds that a second run may wait
MOST_WRITES: Final = 20
WAY_BACK: Final = {"--switch": "--back", "--back": "--switch"}


class Pods:
    """Plays the pods of all Deployments, and takes note when the controllers of both are there at once."""

    def __init__(self, cluster: Cluster) -> None:
        self.overlaps: list[str] = []
        self._api = cluster.apiserver.as_user(cluster.apiserver.admin)
        self._wanted: dict[str, int] = {}
        self._running: dict[str, int] = {}
        self._stopping = threading.Event()
        self._stream = self._api.stream(DEPLOYMENTS, watch="true", timeoutSeconds=280)
        self._watcher = threading.Thread(target=self._watch, name="pods watch", daemon=True)
        self._thread = threading.Thread(target=self._follow, name="pods", daemon=True)

    def start(self) -> None:
        self._watcher.start()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._api.merge(f"{DEPLOYMENTS}/{CONTROLLERS[0]}", {"metadata": {"labels": {LAST: ""}}})
        self._watcher.join()
        self._stream.close()
        self._api.close()

    def are_settled(self) -> bool:
        return self._wanted == self._running and len(self._wanted) == len(STOPPED)

    def _watch(self) -> None:
        for line in self._stream.iter_lines():
            found = json.loads(line)["object"]
            name = found["metadata"]["name"]
            if LAST in found["metadata"]["labels"]:
                return
            self._wanted[name] = found["spec"]["replicas"]
            self._running[name] = found.get("status", {}).get("replicas", 0)
            here = [one for one in CONTROLLERS if self._wanted.get(one) or self._running.get(one)]
            if len(here) > 1:
                self.overlaps.append(f"wanted {self._wanted}, running {self._running}")

    def _follow(self) -> None:
        while not self._stopping.wait(FOLLOWS_AFTER):
            for name, wanted in list(self._wanted.items()):
                if self._running[name] == wanted:
                    continue
                if name in CONTROLLERS:
                    self._hold(f"{name}-pod" if wanted else None)
                self._api.merge(f"{DEPLOYMENTS}/{name}/status", {"status": {"replicas": wanted}})

    def _hold(self, holder: str | None) -> None:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        spec = {"holderIdentity": holder, "leaseDurationSeconds": 60, "acquireTime": now, "renewTime": now}
        self._api.merge(f"{LEASES}/{LEASE}", {"spec": spec})


class Scene:
    """Both installations, and the command."""

    def __init__(self, cluster: Cluster, counted: Counted, pods: Pods) -> None:
        self._cluster = cluster
        self._counted = counted
        self.pods = pods
        self.kept = self.configurations()
        self.said: list[str] = []

    def kill(self, mode: str, number: int) -> str:
        """Run it and kill it once its write of that number is done; return that write, empty if it had fewer."""
        command = [str(CERTSHIM), "adopt", "--kubeconfig", str(self._counted.kubeconfig), mode, "--yes"]
        writes: list[str] = []
        with subprocess.Popen(  # noqa: S603  our own
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as running:

            def strike(write: str) -> None:
                writes.append(write)
                if len(writes) == number:
                    running.kill()
                    running.wait()

            self._counted.told = strike
            told, _ = running.communicate(timeout=60)
        self._counted.told = lambda _write: None
        if running.returncode < 0:
            return writes[-1]
        assert running.returncode == 0, told
        return ""

    def run(self, mode: str) -> None:
        """Run it to its end."""
        self.said.clear()
        transport = connect(str(self._cluster.admin))
        switch = Switch(transport, NAMESPACE, self.said.append, wait=PATIENCE)
        (switch.over if mode == "--switch" else switch.back)()
        transport.close()

    def configurations(self) -> dict[str, Any]:
        """Return what of cert-manager's webhook configurations is somebody's, by kind."""
        found = {}
        for plural in PLURALS:
            try:
                one = self._cluster.api.get(f"{ADMISSION}/{plural}/cert-manager-webhook")
            except APIFailure:
                continue
            metadata = one["metadata"]
            found[plural] = (metadata["annotations"], metadata["labels"], one["webhooks"])
        return found

    def is_right_after(self, mode: str) -> None:
        """Assert that all is as after one run of that mode that nobody disturbed."""
        eventually(self.pods.are_settled, "the pods follow")
        notes = {
            one["metadata"]["name"]: one["metadata"].get("annotations", {}).get(REPLICAS)
            for one in self._cluster.api.get(DEPLOYMENTS)["items"]
        }
        nothing = dict.fromkeys(STOPPED)
        config_map = self._kept_map()
        if mode == "--switch":
            assert replicas(self._cluster) == STOPPED | OURS
            assert notes == nothing | {name: str(number) for name, number in THEIRS.items()}
            assert self.configurations() == {}
            assert set(config_map) == set(PLURALS)
        else:
            assert replicas(self._cluster) == STOPPED | THEIRS
            # Remembered from their last run on; what was never started has nothing to be remembered.
            assert {name: note for name, note in notes.items() if name in THEIRS} == dict.fromkeys(THEIRS)
            assert self.configurations() == self.kept
            assert config_map == {}
        assert not self.pods.overlaps

    def _kept_map(self) -> dict[str, str]:
        try:
            found: dict[str, str] = self._cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}/configmaps/{KEPT}")["data"]
        except APIFailure:
            return {}
        return found


@contextmanager
def both_installed(product: Product, cluster: Cluster) -> Iterator[None]:
    """Their Deployments as they run, ours at zero, their webhook configurations, and a Lease."""
    validating = configuration()
    validating["metadata"]["labels"] = {"app.kubernetes.io/instance": "cert-manager"}
    mutating = json.loads(json.dumps(validating))
    mutating["kind"] = "MutatingWebhookConfiguration"
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {}}
    objects = [
        deployment("cert-manager", "controller", "cert-manager-controller", 2),
        deployment("cert-manager-webhook", "webhook", "cert-manager-webhook", 1),
        deployment("cert-manager-cainjector", "cainjector", "cert-manager-cainjector", 1),
        deployment("certshim-webhook", "webhook", "certshim", 0),
        deployment("certshim-shim", "shim", "certshim", 0),
        validating,
        mutating,
        lease | {"metadata": {"name": LEASE, "namespace": "kube-system"}},
    ]
    product.withdraw_admission()
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump_all(objects))
    try:
        yield
    finally:
        cluster.kubectl("delete", "deployment", "--all", "-n", NAMESPACE)
        cluster.kubectl("delete", "lease", LEASE, "-n", "kube-system")
        cluster.kubectl("delete", "configmap", KEPT, "-n", NAMESPACE, "--ignore-not-found")
        product.withdraw_admission()


@pytest.fixture
def scene(product: Product, cluster: Cluster, tmp_path: Path) -> Iterator[Scene]:
    with both_installed(product, cluster), Counted(cluster, tmp_path) as counted:
        pods = Pods(cluster)
        pods.start()
        eventually(pods.are_settled, "the pods of cert-manager run")
        yield Scene(cluster, counted, pods)
        pods.stop()


def test_the_same_command_goes_on_from_wherever_it_was_killed(scene: Scene) -> None:
    """There and back, killed after each write in turn: the second run ends as one undisturbed run does."""
    writes: dict[str, list[str]] = {"--switch": [], "--back": []}
    for number in range(1, MOST_WRITES):
        for mode, seen in writes.items():
            seen.append(scene.kill(mode, number))
            scene.run(mode)
            scene.is_right_after(mode)
            assert not any("is not there" in said or "there is no ConfigMap" in said for said in scene.said)
        if not any(seen[-1] for seen in writes.values()):
            break

    assert [sum(map(bool, seen)) for seen in writes.values()] == [3 + 2 * 2 + 2, 2 + 2 + 1 + 3]


@pytest.mark.parametrize("mode", list(WAY_BACK))
def test_the_other_command_undoes_it_wherever_it_was_killed(scene: Scene, mode: str) -> None:
    """All that was stopped runs again, all that was kept is back, and nothing is left of the attempt."""
    if mode == "--back":
        scene.run("--switch")
    for number in range(1, MOST_WRITES):
        write = scene.kill(mode, number)
        scene.run(WAY_BACK[mode])
        scene.is_right_after(WAY_BACK[mode])
        if not write:
            break
    else:
        pytest.fail("it never came to its end")


def test_a_run_after_the_end_finds_nothing_to_do(scene: Scene) -> None:
    """Who works by then holds the Lease, and that is not waited for."""
    for mode in WAY_BACK:
        scene.run(mode)
        eventually(scene.pods.are_settled, "the pods follow")
        began = time.monotonic()
        scene.run(mode)

        assert time.monotonic() - began < PATIENCE / 2
        scene.is_right_after(mode)
