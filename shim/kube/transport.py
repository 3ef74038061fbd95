"""Requests to the API server: the only place that touches the `kubernetes` package.

The library keeps what it does well: finding credentials (kubeconfig, in-cluster, exec plug-ins),
TLS, proxies of the environment, and refreshing tokens.  Requests go to its urllib3 pool directly,
as bytes, because building its models costs more than the request.  Every request has a deadline for connecting and
one for the answer; a stream has one for silence.  Nothing is retried here: whoever asked has a schedule of its own.

A request can be cut by another thread (`Cut`), which ends a blocked read at once.  Only the time
between dialling and the end of the TLS handshake cannot be cut; it is bounded by `CONNECT_WITHIN`.

Make a transport after forking, not before: sockets must not be shared between processes.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError

from shim.kube.errors import KubeError, NoCredentials, Unavailable, from_status
from shim.kube.library import import_parts
from shim.kube.traffic import Traffic
from shim.proxy import proxy

import_parts()
from kubernetes.client import rest  # noqa: E402 - see `shim.kube.library`
from kubernetes.client.configuration import Configuration  # noqa: E402
from kubernetes.config.config_exception import ConfigException  # noqa: E402

JSON: Final = "application/json"
JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"

CONNECT_WITHIN: Final = 5.0  # one lost SYN (1 s) and its repetition (3 s) fit in
ANSWER_WITHIN: Final = 30.0  # admission webhooks behind the API server may take 10 s each
# For how long credentials are used without asking the library again, in seconds.  Its hook goes through the whole
# environment (in a pod, some lines for each Service of the namespace), which was a quarter of the CPU of a request.
# It renews minutes before they expire, so a second more does not matter.
CREDENTIALS_FOR: Final = 1.0
SPARE_CONNECTIONS: Final = 16  # beside the workers': one for each informer, the lease, the events

_CHUNK: Final = 65536

_IN_POD: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Answer(NamedTuple):
    """A successful answer, undecoded."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Cut:
    """Lets another thread end the requests of one thread: the blocked one at once, later ones before they start."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._made = threading.Event()

    @property
    def is_made(self) -> bool:
        """Has it been cut?"""
        return self._made.is_set()

    def make(self) -> None:
        """Cut now and for good; idempotent."""
        with self._lock:
            self._made.set()
            if self._socket is not None:
                _shut(self._socket)

    def wait(self, seconds: float) -> bool:
        """Sleep until the time is over (False) or the cut is made (True)."""
        return self._made.wait(seconds)

    def attend(self, sock: socket.socket | None) -> None:
        """Take note of the socket that the next read blocks on; None when the request is over."""
        with self._lock:
            self._socket = sock
            if self.is_made and sock is not None:
                _shut(sock)


def _shut(sock: socket.socket) -> None:
    """Wake whoever reads from it.

    The plain method on purpose: `SSLSocket.shutdown` would also drop the TLS object under the reader's feet.
    """
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return  # not connected any more: nobody is blocked either


_current = threading.local()  # .cut: the Cut of the request that this thread is making


class _Watched:
    """Tells the thread's `Cut` which socket a request went out on (urllib3 has no argument to pass it through)."""

    host: str
    port: int
    sock: socket.socket | None

    def __str__(self) -> str:
        """Return what errors call it."""
        return f"{self.host}:{self.port}"

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send the request, then note the socket."""
        super().request(*args, **kwargs)  # type: ignore[misc]  # mixed in before urllib3's connection
        cut: Cut | None = getattr(_current, "cut", None)
        if cut is not None:
            cut.attend(self.sock)


class _HTTPConnection(_Watched, urllib3.connection.HTTPConnection): ...


class _HTTPSConnection(_Watched, urllib3.connection.HTTPSConnection): ...


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class Transport:
    """One API server.  Thread-safe; `workers` is how many threads ask at the same time."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        workers: int = 8,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        configuration.connection_pool_maxsize = workers + SPARE_CONNECTIONS
        configuration.retries = False
        if configuration.proxy:
            chosen = proxy(configuration.proxy)
            configuration.proxy = chosen.url
            configuration.proxy_headers = {**(configuration.proxy_headers or {}), **chosen.headers}
        self._configuration = configuration
        self._host = configuration.host.rstrip("/")
        self._pool: urllib3.PoolManager = rest.RESTClientObject(configuration).pool_manager
        self._pool.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
        self._pool.connection_pool_kw["socket_options"] = _socket_options()
        self._headers = {"User-Agent": f"certshim/{version('certshim')}"}
        self.traffic = Traffic()
        self._clock = clock
        self._refreshing = threading.Lock()
        self._known: tuple[Mapping[str, str], float] = ({}, float("-inf"))  # credentials, and until when they are used

    def request(
        self,
        method: str,
        path: str,
        *,
        attempt: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        within: float = ANSWER_WITHIN,
        cut: Cut | None = None,
    ) -> Answer:
        """Return the answer, or raise the KubeError that says why there is none.

        `attempt` is the beginning of that sentence, such as "cannot create Secret shop/x".
        """
        deadline = time.monotonic() + within
        with self._answering(
            method, path, query, body, attempt=attempt, content_type=content_type, accept=accept, within=within, cut=cut
        ) as response:
            return Answer(response.status, response.headers, _read(response, deadline))

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        attempt: str,
        silence: float,
        query: Mapping[str, str] | None = None,
        accept: str = JSON,
        cut: Cut | None = None,
    ) -> Iterator[Iterator[bytes]]:
        """Open a watch and give its bytes as they come; KubeError when it fails or is silent for too long."""
        with self._answering(
            "GET", path, query, None, attempt=attempt, content_type=JSON, accept=accept, within=silence, cut=cut
        ) as response:
            try:
                yield response.stream(_CHUNK)
            finally:
                response.close()  # an unfinished stream cannot carry another request

    def read_ca(self) -> bytes:
        """Return the certificates (PEM) by which the API server is known, empty when its credentials name none.

        Read from the file each time: in a pod it is replaced when the CA is.
        """
        file = self._configuration.ssl_ca_cert
        try:
            return Path(file).read_bytes() if file else b""
        except OSError as error:
            raise KubeError(f"cannot read the CA of the API server in {file}: {error}") from error

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.clear()

    @contextmanager
    def _answering(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: bytes | None,
        *,
        attempt: str,
        content_type: str,
        accept: str,
        within: float,
        cut: Cut | None,
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Give the response to a `with` block; whatever goes wrong in it with the network is Unavailable."""
        if cut is not None and cut.is_made:
            raise Unavailable(f"{attempt}: stopped")
        headers = {**self._headers, "Accept": accept, **self._credentials(attempt)}
        if body is not None:
            headers["Content-Type"] = content_type
        url = f"{self._host}{path}{'?' + urlencode(query) if query else ''}"
        timeout = urllib3.Timeout(connect=min(CONNECT_WITHIN, within), read=within)
        status: int | None = None
        _current.cut = cut
        try:
            response = self._pool.urlopen(
                method,
                url,
                body=body,
                headers=headers,
                timeout=timeout,
                preload_content=False,
                retries=False,
                redirect=False,
            )
            status = response.status
            try:
                if response.status >= 300:
                    if response.status == HTTPStatus.UNAUTHORIZED:
                        self._known = {}, float("-inf")
                    raise _refusal(attempt, response, within)
                yield response
            finally:
                response.release_conn()
        except ReadTimeoutError as error:
            raise Unavailable(f"{attempt}: no answer within {within:g} s") from error
        except HTTPError as error:
            raise Unavailable(f"{attempt}: {error}") from error
        finally:
            self.traffic.count(method, path, query or {}, status)
            _current.cut = None
            if cut is not None:
                cut.attend(None)

    def _credentials(self, attempt: str) -> Mapping[str, str]:
        """Return the Authorization header, refreshed by the library when due; none with a client certificate."""
        now = self._clock()
        known, until = self._known
        if now < until:
            return known
        try:
            with self._refreshing:  # its refresh hooks write to the configuration
                known, until = self._known
                if now < until:
                    return known  # another thread has just asked
                settings: Mapping[str, Any] = self._configuration.auth_settings()
                known = {setting["key"]: setting["value"] for setting in settings.values() if setting["value"]}
                self._known = known, now + CREDENTIALS_FOR
        except (ConfigException, OSError) as error:
            raise Unavailable(f"{attempt}: no credentials: {error}") from error
        return known


def connect(kubeconfig: str = "", *, context: str = "", workers: int = 8) -> Transport:
    """Return a transport with the credentials of a kubeconfig file, or found as kubectl finds them.

    Without a path: those of the pod when we run in one, else `KUBECONFIG`, else `~/.kube/config`.
    Raises NoCredentials when there are none.
    """
    configuration = Configuration()
    with _reading(kubeconfig):
        if not kubeconfig and _is_in_pod():
            from kubernetes.config.incluster_config import load_incluster_config  # noqa: PLC0415 - see there

            load_incluster_config(configuration)  # type: ignore[no-untyped-call]  # not annotated
        else:
            from kubernetes.config.kube_config import load_kube_config  # noqa: PLC0415 - 17 MB, not for pods

            load_kube_config(  # type: ignore[no-untyped-call]  # not annotated
                config_file=kubeconfig or None,
                context=context or None,
                client_configuration=configuration,
                persist_config=False,
            )
        _check_token(configuration)
    return Transport(configuration, workers=workers)


def _check_token(configuration: Configuration) -> None:
    """Raise ConfigException for a token that no header can have, as one with the end of its line."""
    tokens = (str(one) for one in configuration.api_key.values())
    if not all(one.isascii() and one.isprintable() for one in tokens):
        raise ConfigException("its token has a line's end, or other characters that no token has")


def namespace_of(kubeconfig: str = "", *, context: str = "") -> str:
    """Return the namespace in which kubectl would look: that of the pod or of the context, else `default`.

    Raises NoCredentials where there is no kubeconfig, or not that context in it.
    """
    if not kubeconfig and _is_in_pod():
        return (_IN_POD / "namespace").read_text(encoding="utf-8").strip()
    from kubernetes.config.kube_config import list_kube_config_contexts  # noqa: PLC0415 - as in `connect`

    with _reading(kubeconfig):
        contexts, current = list_kube_config_contexts(kubeconfig or None)  # type: ignore[no-untyped-call]
        chosen = next((one for one in contexts if one["name"] == context), None) if context else current
        if chosen is None:
            raise ConfigException(f"there is no context {context}")
        return str(chosen["context"].get("namespace") or "default")


@contextmanager
def _reading(kubeconfig: str) -> Iterator[None]:
    """Have whatever is wrong with a kubeconfig be NoCredentials."""
    where = kubeconfig or "the pod, KUBECONFIG or ~/.kube/config"
    attempt = f"cannot find credentials for the API server in {where}"
    try:
        yield
    except (ConfigException, OSError) as error:
        raise NoCredentials(f"{attempt}: {error}") from error
    except _not_understood() as error:
        raise NoCredentials(f"{attempt}: it is no kubeconfig: {' '.join(str(error).split())}") from error


def _not_understood() -> tuple[type[Exception], ...]:
    """Return what the library lets through of a file that is no YAML, or of other members than it looks for."""
    from yaml import YAMLError  # noqa: PLC0415 - evaluated only when something was raised; pods read no YAML

    return YAMLError, AttributeError, LookupError, TypeError, ValueError


def _is_in_pod() -> bool:
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST")) and (_IN_POD / "token").is_file()


def _socket_options() -> list[tuple[int, int, int]]:
    """Return urllib3's own options and TCP keepalive, so that a dead path ends an idle watch in about a minute."""
    return [
        *urllib3.connection.HTTPConnection.default_socket_options,
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    ]


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """Return the whole body; a server that drips does not get more time than one that is silent."""
    parts = []
    for part in response.stream(_CHUNK):
        parts.append(part)
        if time.monotonic() > deadline:
            response.close()
            raise HTTPError("the answer came too slowly")
    return b"".join(parts)


def _refusal(attempt: str, response: urllib3.BaseHTTPResponse, within: float) -> KubeError:
    body = _read(response, time.monotonic() + within)
    after = response.headers.get("Retry-After", "")
    return from_status(attempt, response.status, body, float(after) if after.isdecimal() else None)
