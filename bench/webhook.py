"""CPU per review: a real standalone server over TLS, loaded from another process on kept-alive connections.

The mix is what an API server sends: a Certificate created (2.1 KB), an Ingress created (4 KB, most of it
`managedFields`), an Ingress updated (8.7 KB with the old object).  What is measured is the CPU that the
server's processes used, divided by the reviews: on a shared machine the one number that can be trusted.
Of memory two sums are told, peak and share (`bench.procfs`): the peak counts a page twice when both have it.
"""

from __future__ import annotations

import multiprocessing
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

from bench.measurement import Measurement, lower
from bench.procfs import cpu_seconds, family, peak_mb, pss_mb
from tests.webhook.reviews import certificate, ingress, review, with_managed_fields

CERTSHIM = Path(sys.executable).with_name("certshim")
CONNECTIONS = 4
WARM_UP = 500
REVIEWS = 6000
LOAD_WITHIN = 120.0  # seconds; it takes some three


def mix() -> list[tuple[str, bytes]]:
    """Return path and body of the three reviews."""
    tls = [{"hosts": ["shop.example.com"], "secretName": "shop-tls"}]
    created = with_managed_fields(ingress(), 3300)
    updated = with_managed_fields(ingress(tls=tls), 3900)
    group = "networking.k8s.io"
    return [
        ("/validate", review("certificates", "Certificate", with_managed_fields(certificate(), 1400))),
        ("/mutate", review("ingresses", "Ingress", created, group=group)),
        ("/validate", review("ingresses", "Ingress", updated, group=group, operation="UPDATE", old=updated)),
    ]


def measure() -> list[Measurement]:
    """Start a server, load it, and return CPU per review and memory."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    server = subprocess.Popen([CERTSHIM, "webhook", "--standalone", f"--bind=127.0.0.1:{port}"])
    try:
        _wait(port)
        _load(port, WARM_UP)
        processes = family(server.pid)
        before = sum(map(cpu_seconds, processes))
        _load(port, REVIEWS)
        used = sum(map(cpu_seconds, processes)) - before
        peak, share = sum(map(peak_mb, processes)), sum(map(pss_mb, processes))
    finally:
        server.terminate()
        server.wait(timeout=15)
    return [
        lower("webhook CPU per review", used / REVIEWS * 1e6, "µs", 110),
        lower("webhook peak RSS, both processes", peak, "MB"),
        lower("webhook PSS, both processes", share, "MB", 90),
    ]


def _load(port: int, reviews: int) -> None:
    load = multiprocessing.get_context("spawn").Process(target=send, args=(port, reviews))
    load.start()
    load.join(LOAD_WITHIN)
    load.kill()  # changes nothing when it has ended
    assert load.exitcode == 0, "the load process failed"


def send(port: int, reviews: int) -> None:
    """Send so many reviews in turn over a few kept-alive connections."""
    requests = [_request(path, body) for path, body in mix()]
    connections = [_connect(port) for _ in range(CONNECTIONS)]
    for round_ in range(0, reviews, CONNECTIONS):
        for i, connection in enumerate(connections):
            connection.sendall(requests[(round_ + i) % len(requests)])
        for connection in connections:
            _answer(connection)


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


def _wait(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            _connect(port).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("the webhook did not start within 20 s")
