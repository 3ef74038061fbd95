"""Credentials, tokens, connections."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from kubernetes.client.configuration import Configuration

from shim.kube.errors import KubeError, Unavailable
from shim.kube.transport import CREDENTIALS_FOR, Cut, Transport, connect
from tests.fakes.apiserver import FakeAPIServer, Status, Stream


def with_hook(
    server: FakeAPIServer, refresh: Callable[[Configuration], None], clock: Callable[[], float] = lambda: 0.0
) -> Transport:
    """Return a transport whose credentials are refreshed by that hook."""
    configuration = Configuration(host=server.url)
    configuration.api_key = {"BearerToken": "initial", "authorization": "initial"}  # renamed in release 36
    configuration.refresh_api_key_hook = refresh  # type: ignore[assignment]  # declared None by the library
    return Transport(configuration, clock=clock)


def numbered() -> Callable[[Configuration], None]:
    """Return a hook that brings another token each time."""
    numbers = count(1)

    def refresh(settings: Configuration) -> None:
        settings.api_key = dict.fromkeys(settings.api_key, f"Bearer {next(numbers)}")

    return refresh


def test_the_token_of_a_kubeconfig_is_sent(server: FakeAPIServer, transport: Transport) -> None:
    """Credentials come from the library."""
    transport.request("GET", "/api/v1/services", attempt="cannot try")

    assert server.seen[0].headers["authorization"] == "Bearer sesame"


def test_a_token_is_refreshed(server: FakeAPIServer) -> None:
    """The library's hook is asked again after a second, not at each request, so a rotated token is used soon."""
    moments = iter([0.0, 0.9 * CREDENTIALS_FOR, CREDENTIALS_FOR])
    transport = with_hook(server, numbered(), lambda: next(moments))
    for _ in range(3):
        transport.request("GET", "/api/v1/services", attempt="cannot try")
    transport.close()

    assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer 1", "Bearer 1", "Bearer 2"]


def test_a_token_that_is_refused_is_not_used_again(server: FakeAPIServer) -> None:
    """After a 401 the hook is asked at once."""
    transport = with_hook(server, numbered())
    server.script("list", Status(401))
    with pytest.raises(KubeError):
        transport.request("GET", "/api/v1/services", attempt="cannot try")
    transport.request("GET", "/api/v1/services", attempt="cannot try")
    transport.close()

    assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer 1", "Bearer 2"]


def test_a_token_that_cannot_be_read_is_unavailable(server: FakeAPIServer) -> None:
    """A missing token file is told with the attempt, and may be there the next time."""

    def refresh(_settings: Configuration) -> None:
        raise FileNotFoundError("token")

    transport = with_hook(server, refresh)

    with pytest.raises(Unavailable, match=r"^cannot try: no credentials: token"):
        transport.request("GET", "/", attempt="cannot try")


def test_no_kubeconfig_is_told(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(KubeError, match=f"cannot find credentials for the API server in {tmp_path}/missing"):
        connect(str(tmp_path / "missing"))


def test_a_base_path_is_kept(server: FakeAPIServer) -> None:
    """An API server behind a path prefix works."""
    transport = Transport(Configuration(host=f"{server.url}/api/v1/"))
    transport.request("GET", "/services", attempt="cannot try")
    transport.close()

    assert server.seen[0].path == "/api/v1/services"


def test_a_proxy_of_the_environment_is_used(server: FakeAPIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the library finds in the environment applies to us too."""
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    transport = Transport(Configuration(host="http://apiserver.invalid"))
    transport.request("GET", "/api/v1/services", attempt="cannot try")
    transport.close()

    assert server.seen[0].headers["Host"] == "apiserver.invalid"


def test_connections_are_used_again(server: FakeAPIServer, transport: Transport) -> None:
    """Ten requests in a row go over one connection, also after refusals."""
    for path in ["/api/v1/services", "/api/v1/services/none"] * 5:
        try:
            transport.request("GET", path, attempt="cannot try")
        except KubeError:
            continue

    assert len(server._sockets) == 1


def test_a_server_that_hung_up_in_between_is_dialled_again(server: FakeAPIServer, transport: Transport) -> None:
    """An idle connection that was closed is not an error."""
    transport.request("GET", "/api/v1/services", attempt="cannot try")
    server.hang_up()
    assert server.wait_until(lambda: not server._sockets)

    assert transport.request("GET", "/api/v1/services", attempt="cannot try").status == 200


def test_a_cut_is_for_good(transport: Transport) -> None:
    """After the cut nothing is sent any more."""
    cut = Cut()
    cut.make()
    cut.make()

    with pytest.raises(Unavailable, match="stopped"):
        transport.request("GET", "/api/v1/services", attempt="cannot try", cut=cut)


def test_an_abandoned_stream_does_not_return_to_the_pool(server: FakeAPIServer, transport: Transport) -> None:
    """Leaving a watch early closes its connection; the next request is not answered with its rest."""
    server.script("list", Stream((b"one", b"two"), "silence"))
    with transport.stream("/api/v1/services", attempt="cannot try", silence=5) as chunks:
        assert next(chunks) == b"one"

    assert transport.request("GET", "/api/v1/services", attempt="cannot try").body.startswith(b"{")


def test_importing_loads_no_models() -> None:
    """Of the library's 1,500 generated modules none is loaded: memory of the webhook's replicas."""
    code = "import sys, shim.kube.cluster; print(sum(m.startswith('kubernetes.client.models.') for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # ourselves

    assert int(done.stdout) < 10


def test_requests_are_counted(server: FakeAPIServer, transport: Transport) -> None:
    """What they did and how they ended, refusals and lost answers too."""
    server.script("list", Status(401))
    with pytest.raises(KubeError):
        transport.request("GET", "/api/v1/services", attempt="cannot try")
    transport.request("GET", "/api/v1/services", attempt="cannot try")
    away = Transport(Configuration(host="http://127.0.0.1:1"))
    with pytest.raises(KubeError):
        away.request("DELETE", "/api/v1/namespaces/web/secrets/tls", attempt="cannot try")

    assert transport.traffic.counts() == {("list", "", "services", "4xx"): 1, ("list", "", "services", "2xx"): 1}
    assert away.traffic.counts() == {("delete", "", "secrets", "none"): 1}
