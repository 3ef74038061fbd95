"""A real server process on the wire, as shipped: what is malformed, slow or cut off never stops it."""

from __future__ import annotations

import json
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.webhook.reviews import certificate, ingress, review
from tests.webhook.wire import answer, connect, free_port, has_hung_up, head, post, running

CERTSHIM = Path(sys.executable).with_name("certshim")
GOOD = review("certificates", "Certificate", certificate())


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """The port of a standalone webhook."""
    port = free_port()
    with running([str(CERTSHIM), "webhook", "--standalone", f"--bind=127.0.0.1:{port}"], port):
        yield port


@pytest.fixture(autouse=True)
def _still_answers(server: int) -> Iterator[None]:
    """After each test, whatever it did, a good review is answered within a second."""
    yield
    began = time.monotonic()
    status, body = post(server, GOOD)
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
    assert time.monotonic() - began < 1


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
def test_half_a_request_is_refused_within_a_second(server: int, sent: bytes) -> None:
    """With the deadlines that are shipped."""
    with connect(server) as connection:
        began = time.monotonic()
        connection.sendall(sent)
        status, body = answer(connection)

        assert (status, json.loads(body)["code"]) == (408, 408)
        assert has_hung_up(connection)
        assert time.monotonic() - began < 1


def test_idle_connections_stop_nobody(server: int) -> None:
    """The API server keeps connections on which it has not asked anything yet."""
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connect(server))
        plain = socket.create_connection(("127.0.0.1", server))
        stack.enter_context(plain)
        plain.sendall(b"\x16\x03\x01")  # the beginning of a handshake

        status, _ = post(server, GOOD)

    assert status == 200


def test_connection_is_kept_for_the_next_review(server: int) -> None:
    body = review("ingresses", "Ingress", ingress(), group="networking.k8s.io")
    with connect(server) as connection:
        for _ in range(3):
            connection.sendall(head(len(body), path="/mutate?timeout=10s") + body)
            status, answered = answer(connection)

            assert status == 200
            assert json.loads(answered)["response"]["patchType"] == "JSONPatch"


def test_requests_sent_at_once_are_answered_in_turn(server: int) -> None:
    with connect(server) as connection:
        connection.sendall((head(len(GOOD)) + GOOD) * 3 + head(2) + b"{}")

        assert [answer(connection)[0] for _ in range(4)] == [200, 200, 200, 400]


def test_connection_is_closed_when_the_client_asks_for_it(server: int) -> None:
    with connect(server) as connection:
        connection.sendall(head(len(GOOD), more="Connection: close\r\n") + GOOD)

        assert answer(connection)[0] == 200
        assert has_hung_up(connection)


def test_client_is_told_to_go_on(server: int) -> None:
    """Some clients hold a body back until they hear 100 (RFC 9110 §10.1.1)."""
    with connect(server) as connection:
        connection.sendall(head(len(GOOD), more="Expect: 100-continue\r\n"))
        first = answer(connection)[0]
        connection.sendall(GOOD)

        assert (first, answer(connection)[0]) == (100, 200)


def test_head_has_no_body(server: int) -> None:
    with connect(server) as connection:
        for _ in range(2):  # a body would be taken for the second answer
            connection.sendall(b"HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n")

            assert answer(connection, bodiless=True)[0] == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"\x00\x01\r\n\r\n", 400, id="no HTTP"),
        pytest.param(b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n", 414, id="long line"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431, id="many headers"),
        pytest.param(head(2, more="Content-Length: 3\r\n"), 400, id="two lengths"),
        pytest.param(head("9" * 5000), 400, id="length of thousands of digits"),
        pytest.param(head(2, more="Transfer-Encoding: chunked\r\n"), 400, id="length and chunks"),
    ],
)
def test_what_is_no_request_is_refused(server: int, sent: bytes, status: int) -> None:
    with connect(server) as connection:
        connection.sendall(sent)
        got, body = answer(connection)

    assert (got, json.loads(body)["code"]) == (status, status)


def test_old_tls_is_refused(server: int) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1

    with socket.create_connection(("127.0.0.1", server)) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain)
