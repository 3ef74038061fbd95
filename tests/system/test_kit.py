"""The kit does what its users rely on: the API server, the CA, DNS and the proxy are real, and leave nothing behind."""

from __future__ import annotations

import http.server
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import dns.message
import dns.query
import pytest
import requests
import urllib3

from tests.cluster import SHORT_PROFILE, APIFailure, Cluster, KubectlFailed, PebbleSettings
from tests.cluster.pki import CA, Pair
from tests.cluster.processes import KIT_VARIABLE

pytestmark = pytest.mark.system

_REPOSITORY = Path(__file__).parents[2]


def test_api_server_answers_the_admin(cluster: Cluster) -> None:
    """Kubectl as admin sees the API server's real version."""
    assert "Server Version: v1.37.2" in cluster.kubectl("version")


def test_rbac_refuses_a_nobody(cluster: Cluster) -> None:
    """A user without a role may not list Secrets, and the message names the user."""
    nobody = cluster.kubeconfig("nobody")

    with pytest.raises(KubectlFailed, match='User "nobody" cannot list resource "secrets"'):
        cluster.kubectl("get", "secrets", kubeconfig=nobody)


def test_group_of_a_client_certificate_counts(cluster: Cluster) -> None:
    """The groups given for a user are the ones the API server sees."""
    member = cluster.kubeconfig("somebody", groups=["a-team"])

    assert "a-team" in cluster.kubectl("auth", "whoami", kubeconfig=member)


def test_service_account_token_works(cluster: Cluster, namespace: str) -> None:
    """A service account's kubeconfig makes its bearer that service account."""
    cluster.kubectl("create", "serviceaccount", "worker", "-n", namespace)

    whoami = cluster.kubectl("auth", "whoami", kubeconfig=cluster.service_account_kubeconfig(namespace, "worker"))

    assert f"system:serviceaccount:{namespace}:worker" in whoami


def test_audit_log_has_the_request(cluster: Cluster, namespace: str) -> None:
    """A user's request is in the audit log, with who, what and the answer."""
    user = cluster.kubeconfig("audited")
    mark = cluster.audit_mark()
    with pytest.raises(KubectlFailed):
        cluster.kubectl("get", "secret", "x", "-n", namespace, kubeconfig=user)

    def seen() -> bool:
        wanted = ("audited", "get", "secrets", "x", HTTPStatus.FORBIDDEN)
        return wanted in {
            (e.user.username, e.verb, e.object_ref.resource, e.object_ref.name, e.response_status.code)
            for e in cluster.audit(mark)
        }

    _eventually(seen)


def test_pebble_directory_is_trusted_by_its_root(cluster: Cluster) -> None:
    """The CA's directory verifies against the root that the kit hands out, and offers the one profile."""
    directory = requests.get(cluster.ca.directory_url, verify=str(cluster.ca.root_file), timeout=5).json()

    assert directory["newOrder"].startswith("https://127.0.0.1:")
    assert list(directory["meta"]["profiles"]) == ["default"]


def test_pebble_forgets_everything_in_a_restart(cluster: Cluster) -> None:
    """After a restart the directory is at the same address and the issuing root is another."""
    before, address = cluster.ca.root(), cluster.ca.directory_url

    cluster.restart_pebble()

    assert cluster.ca.directory_url == address
    assert cluster.ca.root() != before


def test_second_pebble_has_its_own_settings(cluster: Cluster) -> None:
    """Another Pebble runs beside the first, with other profiles."""
    second = cluster.pebble("pebble-short", PebbleSettings(profiles=SHORT_PROFILE))

    directory = requests.get(second.directory_url, verify=str(second.root_file), timeout=5).json()
    assert list(directory["meta"]["profiles"]) == ["short"]
    assert second.directory_url != cluster.ca.directory_url


def test_every_name_is_here(cluster: Cluster) -> None:
    """DNS answers any name with loopback, and what was set with what was set."""
    cluster.names.set("set-txt", host="_acme-challenge.kit.test.", value="proof")

    def ask(name: str, kind: str) -> str:
        query = dns.message.make_query(name, kind)
        return str(dns.query.tcp(query, "127.0.0.1", port=cluster.names.port, timeout=5).answer[0][0])

    assert ask("anything.at.all.test.", "A") == "127.0.0.1"
    assert ask("_acme-challenge.kit.test.", "TXT") == '"proof"'


def test_router_serves_an_ingress(cluster: Cluster, namespace: str, backend_port: int) -> None:
    """A host of an Ingress is served from a program on loopback, and other hosts are not."""
    host = f"{namespace}.test"
    _create_ingress(cluster, namespace, host, backend_port)

    _eventually(lambda: _get(cluster, host).text == "hello from the backend")

    assert _get(cluster, f"other-{host}").status_code == HTTPStatus.NOT_FOUND


def test_router_serves_the_certificate_of_the_secret(cluster: Cluster, namespace: str, backend_port: int) -> None:
    """HTTPS answers with the fake certificate until the Secret is there, and then with the Secret's."""
    host, ca = f"{namespace}.test", CA("kit test CA")
    _create_ingress(cluster, namespace, host, backend_port, secret="served")
    _eventually(lambda: "Fake Certificate" in _served_certificate(cluster, host))

    _create_tls_secret(cluster, namespace, "served", ca.server(host))

    _eventually(lambda: _get_https(cluster, host, ca.pem) == b"hello from the backend")


def test_router_is_quick(cluster: Cluster, namespace: str, backend_port: int) -> None:
    """From the creation of an Ingress to its answer it takes less than half a second (idle: some 20 ms)."""
    _create_service(cluster, namespace, backend_port)
    seconds = []
    for number in range(5):
        host = f"quick-{number}.{namespace}.test"
        began = time.monotonic()
        cluster.api.post(f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses", _ingress(f"q{number}", host))
        _eventually(lambda host=host: _get(cluster, host).ok)  # type: ignore[misc]  # a default binds the loop's value
        seconds.append(time.monotonic() - began)

    assert sorted(seconds)[2] < 0.5, seconds


def test_api_server_comes_back_with_its_objects(cluster: Cluster, namespace: str) -> None:
    """A killed API server refuses connections, and after the restart knows what it knew."""
    cluster.kill_apiserver()
    try:
        with pytest.raises(requests.ConnectionError):
            cluster.api.get("/readyz")
    finally:
        cluster.restart_apiserver()

    assert cluster.api.get(f"/api/v1/namespaces/{namespace}")["metadata"]["name"] == namespace


def test_versions_expire(cluster: Cluster, namespace: str) -> None:
    """After `expire_versions` a watch from an old version gets 410 as an event, an old page token as a status."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for name in ("a", "b"):
        cluster.api.post(path, {"metadata": {"name": name}})
    page = cluster.api.get(path, limit=1)["metadata"]

    cluster.expire_versions()

    with cluster.api.stream(path, watch="true", resourceVersion=page["resourceVersion"]) as answer:
        event = next(answer.iter_lines(chunk_size=None))
    assert b'"type":"ERROR"' in event
    assert b'"code":410' in event
    with pytest.raises(APIFailure) as failure:
        cluster.api.get(path, limit=1, **{"continue": page["continue"]})
    assert failure.value.code == HTTPStatus.GONE


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
def test_nothing_is_left_behind(how: signal.Signals) -> None:
    """However the program that started a kit ends, no process of it remains; asked to end, it removes its files too."""
    code = (
        "import time; from tests.cluster import Cluster\n"
        "with Cluster() as c:\n"
        "    print(c.directory, flush=True)\n"
        "    time.sleep(60)\n"
    )
    argv = [sys.executable, "-c", code]
    with subprocess.Popen(argv, cwd=_REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as owner:  # noqa: S603 - our own interpreter
        assert owner.stdout is not None
        directory = Path(owner.stdout.readline().strip())
        running = _processes_of(directory)
        owner.send_signal(how)

    assert len(running) == 8  # etcd, API server, controllers, challtestsrv, Pebble, two Caddys, router
    _eventually(lambda: not _processes_of(directory))
    assert directory.exists() == (how is signal.SIGKILL)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def backend_port() -> Iterator[int]:
    """The port of a small HTTP server on loopback."""

    class Hello(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"hello from the backend"
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _eventually(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.01)


def _create_service(cluster: Cluster, namespace: str, port: int) -> None:
    spec = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": 80, "targetPort": port}]}
    cluster.api.post(f"/api/v1/namespaces/{namespace}/services", {"metadata": {"name": "hello"}, "spec": spec})


def _ingress(name: str, host: str, secret: str = "") -> dict[str, object]:
    backend = {"service": {"name": "hello", "port": {"number": 80}}}
    spec: dict[str, object] = {
        "ingressClassName": Cluster.ingress_class,
        "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}],
    }
    if secret:
        spec["tls"] = [{"hosts": [host], "secretName": secret}]
    return {"metadata": {"name": name}, "spec": spec}


def _create_ingress(cluster: Cluster, namespace: str, host: str, port: int, secret: str = "") -> None:
    _create_service(cluster, namespace, port)
    cluster.api.post(f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses", _ingress("hello", host, secret))


def _create_tls_secret(cluster: Cluster, namespace: str, name: str, pair: Pair) -> None:
    secret = {
        "metadata": {"name": name},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": pair.certificate.decode(), "tls.key": pair.key.decode()},
    }
    cluster.api.post(f"/api/v1/namespaces/{namespace}/secrets", secret)


def _get(cluster: Cluster, host: str) -> requests.Response:
    return requests.get(f"http://127.0.0.1:{cluster.caddy.http_port}/", headers={"Host": host}, timeout=5)


def _get_https(cluster: Cluster, host: str, root: bytes) -> bytes:
    port = cluster.caddy.https_port
    with urllib3.HTTPSConnectionPool(
        "127.0.0.1", port, server_hostname=host, assert_hostname=host, ca_cert_data=root.decode(), retries=False
    ) as pool:
        try:
            return pool.request("GET", "/", headers={"Host": host}).data
        except urllib3.exceptions.SSLError:
            return b""


def _served_certificate(cluster: Cluster, host: str) -> str:
    """Return the subject's text of whatever certificate is served for the host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", cluster.caddy.https_port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=host) as tls,
    ):
        return (tls.getpeercert(binary_form=True) or b"").decode("latin-1")


def _processes_of(directory: Path) -> list[int]:
    """Return the processes that carry the kit's mark in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if f"{KIT_VARIABLE}={directory}".encode() in environment.split(b"\0"):
            found.append(int(process.name))
    return found
