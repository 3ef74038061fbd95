"""A webhook process and a client with its hands on the bytes.

Run as a program it is the webhook with the deadlines of the command line: `wire.py PORT PLAIN IDLE WHOLE DRAIN [HOST]`.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from webhook.deadlines import Deadlines
from webhook.server import Server
from webhook.settings import Listen, Settings


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[int]:
    """Run a webhook that listens there, and end it; gives the pid."""
    process = subprocess.Popen(command)  # noqa: S603 - ours
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                connect(port).close()
                break
            except OSError:
                time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=15)


def connect(port: int, host: str = "127.0.0.1") -> ssl.SSLSocket:
    """Return a TLS connection; the certificate is self-made, and not what is tested here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection((host, port), timeout=10))


def head(length: int | str, path: str = "/validate", content_type: str = "application/json", more: str = "") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{more}\r\n"
    ).encode()


def answer(connection: socket.socket, *, bodiless: bool = False) -> tuple[int, bytes]:
    """Return status and body of the next answer; (0, nothing) when the server hangs up."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(1)
        if not chunk:
            return 0, b""
        data += chunk
    lines = data.decode().lower().split("\r\n")
    length = next((int(line.split(": ")[1]) for line in lines if line.startswith("content-length")), 0)
    body = b""
    while len(body) < length and not bodiless:
        body += connection.recv(length - len(body))
    return int(lines[0].split()[1]), body


def has_hung_up(connection: socket.socket) -> bool:
    """Wait for the end of what the server sends."""
    try:
        return connection.recv(1) == b""
    except (ssl.SSLEOFError, ConnectionResetError):
        return True


def post(port: int, body: bytes, **options: str) -> tuple[int, bytes]:
    with connect(port) as connection:
        connection.sendall(head(len(body), **options) + body)
        return answer(connection)


def main(port: str, plain: str, idle: str, whole: str, drain: str, host: str = "127.0.0.1") -> None:
    settings = Settings(bind=Listen(host, int(port)), plain=(Listen(host, int(plain)),), standalone=True)
    Server(settings, Deadlines(idle=float(idle), whole=float(whole), drain=float(drain))).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
