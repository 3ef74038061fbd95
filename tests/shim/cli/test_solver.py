"""`certshim solver` as solver pods run it: a process that is told by its environment what to answer."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path

import pytest

from certs.route import PREFIX
from shim.cli.solver import answering

CERTSHIM = Path(sys.executable).with_name("certshim")
HOST = "shop.example.org"
TOKEN = f"{PREFIX}some-token"
TOLD = {"CERTSHIM_DOMAIN": HOST, "CERTSHIM_TOKEN": "some-token", "CERTSHIM_KEY": "some-token.thumbprint"}


def start(told: Mapping[str, str], *args: str) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], **told}
    return subprocess.Popen([CERTSHIM, "solver", *args], env=environment, stderr=subprocess.PIPE, text=True)  # noqa: S603


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def solver(port: int) -> Iterator[subprocess.Popen[str]]:
    process = start(TOLD, f"--listen-address=127.0.0.1:{port}")
    assert process.stderr is not None
    assert f"answering for {HOST} at port {port}" in process.stderr.readline()
    yield process
    process.kill()
    process.communicate()


def ask(port: int, path: str, host: str = HOST, method: str = "GET", *, place: str = "127.0.0.1") -> tuple[int, bytes]:
    connection = HTTPConnection(place, port, timeout=5)
    connection.request(method, path, headers={"Host": host})
    answer = connection.getresponse()
    found = (answer.status, answer.read())
    connection.close()
    return found


def test_the_process_answers_and_ends_at_once_when_it_is_told_to(solver: subprocess.Popen[str], port: int) -> None:
    """The CA, the kubelet's probe, everybody else; then SIGTERM, with a connection open."""
    answers = [ask(port, TOKEN), ask(port, "/healthz", "10.0.0.1"), ask(port, "/else"), ask(port, TOKEN, method="PUT")]
    with socket.create_connection(("127.0.0.1", port)):
        began = time.monotonic()
        solver.send_signal(signal.SIGTERM)
        code = solver.wait(5)

    assert answers == [(200, b"some-token.thumbprint"), (200, b""), (404, b""), (404, b"")]
    assert code == 0
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("host", "path", "answer"),
    [
        pytest.param(HOST, TOKEN, b"the key", id="host"),
        pytest.param("SHOP.example.org:80", TOKEN, b"the key", id="capitals and port"),
        pytest.param("other.example.org", TOKEN, None, id="another host"),
        pytest.param("", TOKEN, None, id="no host"),
        pytest.param(HOST, f"{TOKEN}/", None, id="a longer path"),
        pytest.param(HOST, PREFIX, None, id="no token"),
        pytest.param(HOST, f"{TOKEN}?a=b", None, id="a query"),
        pytest.param("10.0.0.1:8089", "/", b"", id="probe"),
        pytest.param("10.0.0.1:8089", "/healthz", b"", id="probe of health"),
        pytest.param(HOST, "/healthz/", None, id="not quite a probe"),
    ],
)
def test_one_token_is_answered_for_one_host(host: str, path: str, answer: bytes | None) -> None:
    """And probes, whatever host they name; nothing else."""
    found = answering("Shop.example.org", "some-token", "the key")(host, path)

    assert (found.body if found is not None else None) == answer


@pytest.mark.parametrize("domain", ["192.0.2.1", "2001:db8::1"])
def test_an_address_is_a_host(domain: str) -> None:
    """RFC 8738: the CA asks by the address."""
    host = f"[{domain}]:80" if ":" in domain else domain

    assert answering(domain, "some-token", "the key")(host, TOKEN) is not None


def test_what_is_missing_is_told_all_at_once() -> None:
    """With exit code 2, as for every command."""
    process = start({})
    _, told = process.communicate(timeout=10)

    assert process.returncode == 2
    assert [name for name in ("--domain", "--token", "--key") if name in told] == ["--domain", "--token", "--key"]


def test_a_port_that_is_taken_is_told() -> None:
    """In one sentence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start(TOLD, f"--listen-address=127.0.0.1:{taken.getsockname()[1]}")
        _, told = process.communicate(timeout=10)

    assert process.returncode == 1
    assert "cannot listen on 127.0.0.1:" in told
