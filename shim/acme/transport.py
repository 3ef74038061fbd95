"""One HTTP exchange with an ACME server: bounded in time and size, watched, nothing interpreted.

One transport serves all accounts that trust the same authorities: it holds the connections, and the
TLS context, which costs ten milliseconds and a megabyte to make.  Threads may share it.

Redirects are not followed: a signature names the URL it is for (RFC 8555 §6.4).  Neither cookies nor
`.netrc` are used.  Proxies come from the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).
"""

from __future__ import annotations

import hashlib
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import certifi
import urllib3
from urllib3 import BaseHTTPResponse, HTTPHeaderDict, PoolManager, Timeout
from urllib3.exceptions import HTTPError, InsecureRequestWarning, NewConnectionError
from urllib3.exceptions import TimeoutError as PoolTimeoutError

from certs.outcomes import Transient, WaitingForUser
from shim.acme.deadline import pool

MAX_JSON: Final = 1 << 20  # an order of a hundred names is about 30 KiB
_FAILED: Final = 999  # what the metric tells as status when there was no answer
_CONNECTIONS: Final = 8  # kept per host; more may be open for a moment


@dataclass(frozen=True, slots=True)
class Exchange:
    """What happened, for the metrics; `action` in the words of the API's ACME metrics, `status` 999 without answer."""

    action: str
    method: str
    status: int
    seconds: float
    scheme: str
    host: str


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to believe: the system's authorities, or only those of the PEM bundle, or everybody."""

    ca_bundle: bytes = b""
    skip_tls_verify: bool = False

    @property
    def fingerprint(self) -> str:
        """A short text that is equal for equal settings."""
        return f"{self.skip_tls_verify}:{hashlib.sha256(self.ca_bundle).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `received_at` is aware UTC by our own clock."""

    url: str
    status: int
    headers: HTTPHeaderDict
    body: bytes
    received_at: datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _unwatched(_: Exchange) -> None:
    pass


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Settings:
    """How to speak to servers.

    `total_seconds` bounds an exchange; some CAs sign within newOrder or finalize and take half a minute.
    `observe` is called after each exchange, from the thread that made it; `may_send` is asked right before it: whoever
    has lost the lease meanwhile must not order what another orders.
    """

    user_agent: str = "certshim"
    connect_seconds: float = 10.0
    total_seconds: float = 60.0
    now: Callable[[], datetime] = _utc_now
    observe: Callable[[Exchange], None] = _unwatched
    may_send: Callable[[], bool] = _always
    environment_proxies: Mapping[str, str] = field(default_factory=urllib.request.getproxies)


def address(url: str) -> tuple[str, str]:
    """Return scheme and host (with its port) of an http or https URL, two empty texts for anything else."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "", ""
    return parts.scheme, parts.netloc.rpartition("@")[2]


class Transport:
    """Connections to ACME servers under one kind of trust."""

    def __init__(self, trust: Trust, settings: Settings) -> None:
        self.settings = settings
        self._trust = trust
        self._context = _tls_context(trust)
        self._pools: dict[str, PoolManager] = {}

    def exchange(
        self,
        attempt: str,
        action: str,
        method: str,
        url: str,
        *,
        deadline: float,
        body: bytes = b"",
        accept: str = "application/json",
        limit: int = MAX_JSON,
    ) -> Answer:
        """Send one request and return its answer, whatever its status.

        `attempt` begins the sentence of an error, `deadline` is a moment of `time.monotonic`.
        Raises `Transient` when there is no complete answer by then, or one longer than `limit` bytes;
        `WaitingForUser` when the URL is none.
        """
        scheme, host = address(url)
        if not host:
            raise WaitingForUser(
                f"{attempt}: {url!r} is no http or https URL: correct spec.acme.server", reason="InvalidConfig"
            )
        if not self.settings.may_send():
            raise Transient(f"{attempt}: this process does not hold the lease any more; another goes on")
        started, status = time.monotonic(), _FAILED
        try:
            response = self._send(method, url, host=host, deadline=deadline, body=body, accept=accept)
            content = _read(response, attempt, limit)
            status = response.status
        except HTTPError as error:
            raise Transient(f"{attempt}: {_reason(error)}", reason="ACMEUnreachable") from error
        finally:
            seconds = time.monotonic() - started
            self.settings.observe(Exchange(action, method, status, seconds, scheme, host))
        return Answer(url, status, response.headers, content, self.settings.now())

    def close(self) -> None:
        """Close the idle connections."""
        for manager in list(self._pools.values()):
            manager.clear()

    def _send(self, method: str, url: str, *, host: str, deadline: float, body: bytes, accept: str) -> BaseHTTPResponse:
        left = max(deadline - time.monotonic(), 0.001)
        headers = {"User-Agent": self.settings.user_agent, "Accept": accept, "Accept-Language": "en"}
        if body:
            headers["Content-Type"] = "application/jose+json"  # RFC 8555 §6.2
        return self._pool(url, host).request(
            method,
            url,
            body=body or None,
            headers=headers,
            timeout=Timeout(connect=min(self.settings.connect_seconds, left), total=left),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,  # we ask for no compression; a bomb stays small
        )

    def _pool(self, url: str, host: str) -> PoolManager:
        proxy = self._proxy(url, host)
        if proxy not in self._pools:  # two threads may both make one; the second one stays
            self._pools[proxy] = pool(proxy, maxsize=_CONNECTIONS, ssl_context=self._context)
        return self._pools[proxy]

    def _proxy(self, url: str, host: str) -> str:
        proxies = self.settings.environment_proxies
        if not proxies or urllib.request.proxy_bypass(host, dict(proxies)):
            return ""
        return proxies.get(urlsplit(url).scheme) or proxies.get("all", "")


def _read(response: BaseHTTPResponse, attempt: str, limit: int) -> bytes:
    body = response.read(limit + 1)
    if len(body) > limit:
        response.close()  # the rest of it is not worth reading, so the connection cannot be used again
        raise Transient(f"{attempt}: the answer is longer than {limit} bytes", reason="ACMEUnreachable")
    response.release_conn()
    return body


def _reason(error: HTTPError) -> str:
    if isinstance(error, NewConnectionError):  # which urllib3 has among the timeouts: it was refused, or has no address
        return f"{str(error).partition(': ')[2]}: check its address, network policies and proxies"
    if isinstance(error, PoolTimeoutError | TimeoutError) or isinstance(error.__cause__, TimeoutError):
        return "no complete answer in time: check its address, network policies and proxies"
    if isinstance(error, urllib3.exceptions.SSLError):
        return f"{error}: if it uses a private CA, put that into spec.acme.caBundle"
    return f"{error}: check its address, network policies and proxies"


def _tls_context(trust: Trust) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=trust.ca_bundle.decode("ascii") or None)
    except (ssl.SSLError, ValueError) as error:
        raise WaitingForUser(
            f"cannot use spec.acme.caBundle: {error}: it must hold PEM certificates", reason="InvalidConfig"
        ) from error
    if trust.skip_tls_verify:
        # The user has asked for it by name; a warning for each request tells nobody anything.
        urllib3.disable_warnings(InsecureRequestWarning)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif not trust.ca_bundle and not _has_system_authorities():
        context.load_verify_locations(certifi.where())
    return context


def _has_system_authorities() -> bool:
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or paths.capath)
