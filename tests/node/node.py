"""One node: containerd, kubelet and kube-proxy, with network and mounts of their own.

A process that sleeps holds the two namespaces; the node's programs enter them by nsenter and not by
`ip netns exec`, which would mount /sys anew and so hide the cgroups.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.cluster import Cluster, Process, debian
from tests.cluster.access import User
from tests.node import network
from tests.node.isolation import make_cgroups
from tests.node.network import HOST, PODS, SERVICES, Place

PAUSE = "docker.io/library/pause:kit"
# What the programs write outside of the folders that they are told; empty in each node.
_PRIVATE = ("/run", "/var/lib/kubelet", "/var/lib/cni", "/var/lib/containerd", "/var/log")
_MOUNT = "mkdir -p {0} && mount -t tmpfs tmpfs {0}"
_HOLD = " && ".join([*map(_MOUNT.format, _PRIVATE), "exec sleep infinity"])
_NAMESPACE = "k8s.io"  # containerd's, in which kubelet looks for images


@dataclass(frozen=True, slots=True)
class Tools:
    """Debian's programs of a node: in a tree in the cache, or the machine's own."""

    root: Path
    libraries: str

    @property
    def environment(self) -> dict[str, str]:
        """What they need to find each other."""
        path = ":".join(f"{self.root}/{folder}" for folder in ("usr/bin", "usr/sbin", "bin", "sbin"))
        return {"PATH": f"{path}:/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": self.libraries}

    def program(self, name: str) -> Path:
        """Return a program's path."""
        candidates = (
            root / folder / name for root in (self.root, Path("/")) for folder in ("usr/bin", "usr/sbin", "bin")
        )
        return next(path for path in candidates if path.exists())

    def with_iptables(self, folder: Path) -> dict[str, str]:
        """Return the environment in which `iptables` is a program, which it is not before Debian's scripts have run.

        It is the one that writes nftables, as kube-proxy does: newer kernels are often built without the other way.
        """
        folder.mkdir()
        for name in ("iptables", "iptables-save", "iptables-restore"):
            (folder / name).symlink_to(self.program("xtables-nft-multi"))
        environment = {**self.environment, "PATH": f"{folder}:{self.environment['PATH']}"}
        if extensions := next(self.root.glob("usr/lib/*/xtables"), None):
            environment["XTABLES_LIBDIR"] = str(extensions)
        return environment

    @property
    def network_plugins(self) -> Path:
        """The folder of the CNI plug-ins."""
        return next(path for path in (self.root / "usr/lib/cni", Path("/usr/lib/cni")) if path.is_dir())


def find_tools() -> Tools:
    """Return the node's programs, fetched into the cache when they are not on the machine; NoPackage."""
    root = debian.unpacked(
        "containerd", "runc", "containernetworking-plugins", "nftables", "busybox-static", "iptables", "ipset"
    )
    return Tools(root, debian.libraries(root))


class Node:
    """A node of a cluster."""

    def __init__(self, place: Place, cluster: Cluster, tools: Tools, *, plane: Path, cgroup: str) -> None:
        self.place = place
        self.folder = cluster.directory / place.name
        self.folder.mkdir()
        self._cluster = cluster
        self._tools = tools
        self._plane = plane
        self._cgroup = cgroup
        self._socket = self.folder / "containerd.sock"
        self._hold: Process | None = None

    @property
    def name(self) -> str:
        """Its name in the cluster."""
        return self.place.name

    def start(self, images: list[Path]) -> None:
        """Start everything, with these docker archives imported; returns before the node is Ready."""
        self._hold = self._cluster.run(
            f"{self.name}-hold", ["/usr/bin/unshare", "--net", "--mount", "/bin/sh", "-c", _HOLD]
        )
        self._hold.wait_until(self._is_held)
        network.connect(self.place, self._hold.pid)
        make_cgroups(self._cgroup)
        containerd = self._run("containerd", self._tools.program("containerd"), f"--config={self._containerd()}")
        containerd.wait_until(lambda: "k8s.io" in self.ctr("namespaces", "list", "-q") or self._socket.exists())
        for image in images:
            self.ctr("images", "import", "--no-unpack", str(image))
        user = self._user(f"system:node:{self.name}", "system:nodes")
        kubelet = [
            f"--config={self._kubelet()}",
            f"--kubeconfig={user.kubeconfig}",
            f"--hostname-override={self.name}",
            f"--node-ip={self.place.address}",
            f"--root-dir={self.folder / 'kubelet'}",
            f"--cert-dir={self.folder / 'pki'}",
        ]
        self._run("kubelet", self._plane / "kubelet", *kubelet)
        start_proxy(self._cluster, self._tools, self._plane, self.name, prefix=self._inside)

    def enforce_policies(self, program: Path) -> None:
        """Start what enforces NetworkPolicies for the pods of this node, and wait for its chains.

        PartFailed where the kernel has not what it needs: nftables with xtables' matches, and ipset.
        """
        user = self._user("netpol", "system:masters")
        environment = self._tools.with_iptables(self.folder / "iptables")
        flags = (f"--node={self.name}", f"--service-cluster-ip-range={SERVICES}")
        started = self._run("netpol", program, f"--kubeconfig={user.kubeconfig}", *flags, env=environment)
        look = [*self._inside, str(self.folder / "iptables/iptables"), "--list-rules", "KUBE-ROUTER-FORWARD"]
        started.wait_until(
            lambda: subprocess.run(look, capture_output=True, check=False, env=environment).returncode == 0
        )

    def stop_kubelet(self) -> None:
        """End the kubelet alone: the pods go on, and nobody tells of them."""
        self._cluster.process(f"{self.name}-kubelet").kill()

    def ctr(self, *arguments: str) -> str:
        """Run containerd's own client."""
        command = [self._tools.program("ctr"), f"--address={self._socket}", f"--namespace={_NAMESPACE}", *arguments]
        inside = [str(word) for word in (*self._inside, *command)]
        done = subprocess.run(inside, capture_output=True, text=True, check=False, env=self._tools.environment)
        if done.returncode != 0:
            raise OSError(f"ctr {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    @property
    def _inside(self) -> tuple[str, ...]:
        assert self._hold is not None
        return ("/usr/bin/nsenter", f"--target={self._hold.pid}", "--net", "--mount", "--")

    def _is_held(self) -> bool:
        assert self._hold is not None
        return "/var/log tmpfs" in Path(f"/proc/{self._hold.pid}/mounts").read_text()

    def _run(self, name: str, *command: str | Path, env: Mapping[str, str] | None = None) -> Process:
        argv = [*self._inside, *command]
        return self._cluster.run(f"{self.name}-{name}", argv, env=env or self._tools.environment)

    def _user(self, name: str, group: str) -> User:
        return self._cluster.apiserver.users.by_certificate(name, [group])

    def _containerd(self) -> Path:
        networks = self.folder / "net.d"
        networks.mkdir()
        (networks / "10-pods.conflist").write_text(json.dumps(self._pod_network()))
        text = f"""\
version = 2
root = "{self.folder}/containerd"
state = "{self.folder}/run"
oom_score = 0
[grpc]
  address = "{self._socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{self._tools.network_plugins}"
    conf_dir = "{networks}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""
        path = self.folder / "containerd.toml"
        path.write_text(text)
        return path

    def _pod_network(self) -> dict[str, object]:
        # Routed and not bridged: answers between two pods of a node pass the rules of kube-proxy, too.
        addresses = {"type": "host-local", "subnet": self.place.pods, "routes": [{"dst": "0.0.0.0/0"}]}
        return {"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "ptp", "ipam": addresses}]}

    def _kubelet(self) -> Path:
        configuration = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "x509": {"clientCAFile": str(self._cluster.apiserver.users.ca_file)},
            },
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self._cgroup}",
            "clusterDNS": [HOST],
            "clusterDomain": "cluster.local",
            "containerRuntimeEndpoint": f"unix://{self._socket}",
            "enforceNodeAllocatable": ["pods"],
            "evictionHard": {"memory.available": "100Mi"},
            "failCgroupV1": False,
            "failSwapOn": False,
            "healthzBindAddress": "127.0.0.1",
            # Twice what a heartbeat takes on a busy machine; the default of 10 s makes a kill slow to be seen.
            "nodeStatusUpdateFrequency": "5s",
            "podLogsDir": str(self.folder / "pod-logs"),
            "resolvConf": "",
            "syncFrequency": "10s",
        }
        path = self.folder / "kubelet.yaml"
        path.write_text(yaml.safe_dump(configuration))
        return path


def start_proxy(cluster: Cluster, tools: Tools, plane: Path, name: str, *, prefix: tuple[str, ...] = ()) -> None:
    """Start a kube-proxy: Services are reached from the namespace that it runs in."""
    user = cluster.apiserver.users.by_certificate("system:kube-proxy")
    argv: list[str | Path] = [
        *prefix,
        plane / "kube-proxy",
        f"--kubeconfig={user.kubeconfig}",
        f"--hostname-override={name}",
        f"--cluster-cidr={PODS}",
        "--proxy-mode=nftables",
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
        "--healthz-bind-address=127.0.0.1:10256",
        "--metrics-bind-address=127.0.0.1:10249",
    ]
    cluster.run(f"{name}-proxy", argv, env=tools.environment)
