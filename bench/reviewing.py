"""A client that sends reviews as the API server does: kept-alive TLS connections, its query and headers.

It runs in a process of its own, so that its CPU is not taken for the server's.
"""

from __future__ import annotations

import multiprocessing
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple

CONNECTIONS = 4
WITHIN = 180.0  # seconds; a load takes some three


class Sent(NamedTuple):
    """A review to send."""

    path: str
    body: bytes


def closed_loop(port: int, reviews: Sequence[Sent], number: int) -> list[float]:
    """Send so many reviews in turn over a few connections, each as soon as it is free; return the latencies."""
    return _elsewhere(_closed_loop, port, reviews, number)


def open_loop(port: int, reviews: Sequence[Sent], number: int, rate: float) -> list[float]:
    """Send so many reviews at a rate per second over one connection; return the latencies, counted from when due."""
    return _elsewhere(_open_loop, port, reviews, number, rate)


def _elsewhere(work: Callable[..., list[float]], *args: object) -> list[float]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    load = context.Process(target=_report, args=(theirs, work, *args))
    load.start()
    theirs.close()
    try:
        if not ours.poll(WITHIN):
            raise TimeoutError(f"the load did not end within {WITHIN:g} s")
        latencies: list[float] = ours.recv()
    finally:
        load.kill()  # changes nothing when it has ended
        load.join()
    return latencies


def _report(to: Connection, work: Callable[..., list[float]], *args: object) -> None:
    to.send(work(*args))


def _closed_loop(port: int, reviews: Sequence[Sent], number: int) -> list[float]:
    requests = [_request(*review) for review in reviews]
    connections = [_connect(port) for _ in range(CONNECTIONS)]
    latencies = []
    for first in range(0, number, CONNECTIONS):
        began = time.perf_counter()
        for i, connection in enumerate(connections):
            connection.sendall(requests[(first + i) % len(requests)])
        for connection in connections:
            _answer(connection)
            latencies.append(time.perf_counter() - began)
    return latencies


def _open_loop(port: int, reviews: Sequence[Sent], number: int, rate: float) -> list[float]:
    requests = [_request(*review) for review in reviews]
    connection = _connect(port)
    latencies = []
    start = time.perf_counter()
    for i in range(number):
        due = start + i / rate
        time.sleep(max(due - time.perf_counter(), 0))
        connection.sendall(requests[i % len(requests)])
        _answer(connection)
        latencies.append(time.perf_counter() - due)
    return latencies


def _request(path: str, body: bytes) -> bytes:
    """Return the request with the API server's query and headers."""
    lines = (
        f"POST {path}?timeout=10s HTTP/1.1",
        "Host: certshim-webhook.cert-manager.svc:443",
        "User-Agent: kube-apiserver-admission",
        f"Content-Length: {len(body)}",
        "Accept: application/json, */*",
        "Content-Type: application/json",
        "Accept-Encoding: gzip",
    )
    return "\r\n".join((*lines, "", "")).encode() + body


def _connect(port: int) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10))


def _answer(connection: ssl.SSLSocket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    top, _, body = data.partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.1 200"), top
    length = next(int(line.split(b":")[1]) for line in top.lower().split(b"\r\n") if line.startswith(b"content-length"))
    while len(body) < length:
        body += _more(connection)


def _more(connection: ssl.SSLSocket) -> bytes:
    chunk = connection.recv(65536)
    assert chunk, "the server hung up"
    return chunk


def wait_for(port: int) -> None:
    """Block until somebody accepts connections there."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            _connect(port).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError("the webhook did not start within 20 s")
