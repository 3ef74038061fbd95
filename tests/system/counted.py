"""A proxy on loopback in front of the API server that tells the test of each write, before the client hears of it.

    client ──HTTP, as nobody──> counted ──TLS, as the admin──> API server
                                   └ told: the write is done, the answer is still here

So a client that is killed by what is told dies between that write and the next thing that it would have done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import requests
import yaml

from tests.cluster import Cluster

LOOPBACK: Final = "127.0.0.1"
_WITHIN: Final = 20.0
_PASSED_ON: Final = ("Content-Type", "Accept")

# Gets what was written, as `PATCH /apis/…`.
Told = Callable[[str], None]


class Counted:
    """Use it as a context; `kubeconfig` leads through it.  One client at a time."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.told: Told = lambda _write: None
        self._cluster = cluster
        self._server = ThreadingHTTPServer((LOOPBACK, 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="counted")
        self.kubeconfig = folder / "counted.kubeconfig"
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "kit", "cluster": {"server": f"http://{LOOPBACK}:{self._server.server_port}"}}],
            "users": [{"name": "nobody", "user": {}}],
            "contexts": [{"name": "kit", "context": {"cluster": "kit", "user": "nobody"}}],
            "current-context": "kit",
        }
        self.kubeconfig.write_text(yaml.safe_dump(document))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        counted, server, ca = self, self._cluster.apiserver, str(self._cluster.apiserver.users.ca_file)
        pair = (str(server.admin.certificate), str(server.admin.key))

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = _WITHIN

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
                with requests.Session() as session:
                    session.trust_env = False
                    answer = session.request(
                        self.command,
                        server.url + self.path,
                        data=body,
                        headers=headers,
                        verify=ca,
                        cert=pair,
                        timeout=_WITHIN,
                    )
                if self.command != "GET" and answer.ok:
                    counted.told(f"{self.command} {self.path.partition('?')[0]}")
                try:
                    self.send_response(answer.status_code)
                    self.send_header("Content-Type", answer.headers["Content-Type"])
                    self.send_header("Content-Length", str(len(answer.content)))
                    self.end_headers()
                    self.wfile.write(answer.content)
                except OSError:  # the client is gone, as the test wanted
                    self.close_connection = True

            do_GET = do_POST = do_PATCH = do_DELETE = _pass_on  # noqa: N815  http.server's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
