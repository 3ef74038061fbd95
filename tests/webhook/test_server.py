"""A real server process on the wire: what is malformed, slow or cut off never stops it."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.webhook.reviews import certificate, ingress, review

CERTSHIM = Path(sys.executable).with_name("certshim")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def connect(port: int) -> ssl.SSLSocket:
    """Return a TLS connection; the certificate is self-made, and not what is tested here."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10))


def head(length: int | str, path: str = "/validate", content_type: str = "application/json") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def answer(connection: ssl.SSLSocket) -> tuple[int, bytes]:
    """Return status and body of the next answer; (0, nothing) when the server hangs up."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return 0, b""
        data += chunk
    top, _, body = data.partition(b"\r\n\r\n")
    lines = top.decode().lower().split("\r\n")
    length = int(next(line.split(": ")[1] for line in lines if line.startswith("content-length")))
    while len(body) < length:
        body += connection.recv(65536)
    return int(lines[0].split()[1]), body


def post(port: int, body: bytes, **options: str) -> tuple[int, bytes]:
    with connect(port) as connection:
        connection.sendall(head(len(body), **options) + body)
        return answer(connection)


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """The port of a standalone webhook."""
    port = free_port()
    process = subprocess.Popen([CERTSHIM, "webhook", "--standalone", f"--bind=127.0.0.1:{port}"])  # noqa: S603 - ours
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                connect(port).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=15)


@pytest.fixture(autouse=True)
def _still_answers(server: int) -> Iterator[None]:
    """After each test, whatever it did, a good review is answered within a second."""
    yield
    began = time.monotonic()
    status, body = post(server, review("certificates", "Certificate", certificate()))
    assert (status, json.loads(body)["response"]["allowed"]) == (200, True)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("body", "options", "status"),
    [
        pytest.param(b"", {}, 400, id="empty"),
        pytest.param(b"not JSON", {}, 400, id="not JSON"),
        pytest.param(b"\xff\xfe{}", {}, 400, id="not UTF-8"),
        pytest.param(b"{}", {}, 400, id="no review"),
        pytest.param(b"[" * 100_000, {}, 400, id="deep nesting"),
        pytest.param(
            b'{"kind":"Pod","apiVersion":"v1","request":{"uid":"1","kind":{},"operation":"CREATE"}}',
            {},
            400,
            id="wrong kind",
        ),
        pytest.param(b"{}", {"content_type": "text/plain"}, 415, id="wrong content type"),
        pytest.param(b"{}", {"path": "/nowhere"}, 404, id="wrong path"),
    ],
)
def test_malformed_body_gets_a_clean_refusal(server: int, body: bytes, options: dict[str, str], status: int) -> None:
    began = time.monotonic()

    got, answered = post(server, body, **options)

    assert (got, json.loads(answered)["code"]) == (status, status)
    assert time.monotonic() - began < 1


def test_wrong_method_is_refused(server: int) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /validate HTTP/1.1\r\nHost: x\r\n\r\n")

        assert answer(connection)[0] == 405


def test_ten_megabytes_are_refused_and_the_client_reads_why(server: int) -> None:
    """The refusal is not lost in a reset although the client is still sending."""
    began = time.monotonic()

    status, body = post(server, b"x" * 10_000_000)

    assert (status, json.loads(body)["code"]) == (413, 413)
    assert time.monotonic() - began < 2


def test_endless_chunks_are_refused(server: int) -> None:
    """A body without a declared length is bounded as it comes."""
    with connect(server) as connection:
        connection.sendall(head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
        for _ in range(40):
            connection.sendall(b"19000\r\n" + b"x" * 0x19000 + b"\r\n")

        assert answer(connection)[0] == 413


def test_three_megabytes_are_judged(server: int) -> None:
    """The largest object that the API server takes is answered, not dropped."""
    names = [f"host-{i}.example.com" for i in range(100_000)]

    status, body = post(server, review("certificates", "Certificate", certificate(dnsNames=names)))

    assert (status, json.loads(body)["response"]["allowed"]) == (200, True)


@pytest.mark.parametrize(
    "sent", [b"POST /validate HTTP/1.1\r\nHost: x\r\nConte", head(2000) + b'{"kind":'], ids=["head", "body"]
)
def test_half_a_request_is_closed_after_a_deadline(server: int, sent: bytes) -> None:
    with connect(server) as connection:
        connection.settimeout(8)
        connection.sendall(sent)

        assert answer(connection)[0] in {0, 408}


def test_dripping_body_is_closed_after_a_deadline(server: int) -> None:
    """Bytes that keep coming do not buy more time."""
    with connect(server) as connection:
        connection.settimeout(0.3)
        connection.sendall(head(2000))
        began = time.monotonic()
        while is_open(connection) and time.monotonic() - began < 10:
            pass

    assert 4 < time.monotonic() - began < 7


def is_open(connection: ssl.SSLSocket) -> bool:
    """Send one more byte, and tell whether the server neither answers nor hangs up within the time limit."""
    try:
        connection.sendall(b"{")
        answer(connection)
    except TimeoutError:
        return True
    except OSError:
        return False
    return False


def test_idle_connections_stop_nobody(server: int) -> None:
    """The API server keeps connections on which it has not asked anything yet."""
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(connect(server))
        plain = socket.create_connection(("127.0.0.1", server))
        stack.enter_context(plain)
        plain.sendall(b"\x16\x03\x01")  # the beginning of a handshake

        status, _ = post(server, review("certificates", "Certificate", certificate()))

    assert status == 200


def test_connection_is_kept_for_the_next_review(server: int) -> None:
    body = review("ingresses", "Ingress", ingress(), group="networking.k8s.io")
    with connect(server) as connection:
        for _ in range(3):
            connection.sendall(head(len(body), path="/mutate") + body)
            status, answered = answer(connection)

            assert status == 200
            assert json.loads(answered)["response"]["patchType"] == "JSONPatch"


def test_old_tls_is_refused(server: int) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1

    with socket.create_connection(("127.0.0.1", server)) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain)
