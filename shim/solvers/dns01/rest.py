"""One request to a vendor's HTTP API: bounded in time and size, its status given a class, nothing else interpreted.

`HTTP` holds the connections, which all writers share; `API` is one vendor's API under one set of credentials.
Redirects are not followed: they would carry credentials to somebody else.  Proxies come from the environment.
Of what a vendor says when it refuses, only its error code reaches a sentence: a word of letters and digits.
"""

from __future__ import annotations

import re
import ssl
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import certifi
import msgspec
from urllib3 import HTTPHeaderDict, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from certs.api.meta import SecretKeySelector
from certs.decoders import decode
from certs.outcomes import Failure, RateLimited, Transient, WaitingForUser
from shim.acme.deadline import pool
from shim.acme.retry_after import retry_after
from shim.solvers.dns01 import Change, Credentials

# Vendors answer within a second or two; Azure's resource manager has been seen to take ten.
WITHIN: Final = 20.0
MAX_BODY: Final = 4 << 20  # a page of records is about 100 KiB
_CONNECTIONS: Final = 4  # kept per host
_CODE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: HTTPHeaderDict
    body: bytes


class HTTP:
    """Connections to any vendor, with the system's authorities; threads may share it."""

    def __init__(
        self,
        *,
        user_agent: str = "certshim",
        within: float = WITHIN,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        self.within = within
        self._headers = {"User-Agent": user_agent}
        self._proxies = urllib.request.getproxies() if proxies is None else proxies
        self._context = _tls_context()
        self._pools: dict[str, PoolManager] = {}

    def send(
        self, attempt: str, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """Send one request and return its answer, whatever its status; `attempt` begins the sentence of an error.

        Raises Transient when there is no complete answer in time, or one that is too long.
        """
        try:
            response = self.pool(url).request(
                method,
                url,
                body=body or None,
                headers={**self._headers, **(headers or {})},
                timeout=Timeout(total=self.within),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,  # we ask for no compression; a bomb stays small
            )
            content = response.read(MAX_BODY + 1)
        except HTTPError as error:
            host = urlsplit(url).hostname
            raise Transient(f"{attempt}: no complete answer from {host}: check network policies and proxies") from error
        if len(content) > MAX_BODY:
            response.close()
            raise Transient(f"{attempt}: the answer of {urlsplit(url).hostname} is longer than {MAX_BODY} bytes")
        response.release_conn()
        return Answer(response.status, response.headers, content)

    def pool(self, url: str) -> PoolManager:
        """Return the pool for a URL, through the environment's proxy if it asks for one."""
        parts = urlsplit(url)
        bypassed = not self._proxies or urllib.request.proxy_bypass(parts.netloc, dict(self._proxies))
        proxy = "" if bypassed else self._proxies.get(parts.scheme) or self._proxies.get("all", "")
        if proxy not in self._pools:  # two threads may both make one; the second one stays
            self._pools[proxy] = pool(proxy, maxsize=_CONNECTIONS, ssl_context=self._context)
        return self._pools[proxy]


@cache
def connections() -> HTTP:
    """Return the connections of all writers; writers are many, and a TLS context costs a megabyte."""
    return HTTP()


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath):
        context.load_verify_locations(certifi.where())
    return context


def _no_code(_: bytes) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class API:
    """A vendor's API under one set of credentials.

    `who` says whose credentials they are (`the token in Secret "x"`), `needs` what they must be allowed;
    `code` finds the vendor's error code in a body, the empty text where there is none.
    """

    http: HTTP
    vendor: str
    url: str  # without a final slash
    who: str
    needs: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    code: Callable[[bytes], str] = _no_code

    def ask(
        self,
        attempt: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        accept: frozenset[int] = frozenset(),
    ) -> Answer:
        """Send one request; raise the class of any status that is neither 2xx nor in `accept`."""
        url = f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")
        body = b"" if json is None else msgspec.json.encode(json)
        about = {"Accept": "application/json", **({"Content-Type": "application/json"} if body else {})}
        answer = self.http.send(attempt, method, url, headers={**about, **self.headers, **(headers or {})}, body=body)
        if 200 <= answer.status < 300 or answer.status in accept:
            return answer
        raise self.failure(attempt, answer)

    def failure(self, attempt: str, answer: Answer) -> Failure:
        """Return the class and the sentence of an answer that is no success."""
        code = self.error_code(answer)
        said = f"{answer.status} {code}" if code else f"{answer.status}"
        until = retry_after(answer.headers, datetime.now(UTC))
        if answer.status in {401, 403}:
            return WaitingForUser(f"{attempt}: {self.vendor} refuses {self.who} ({said}): allow it {self.needs}")
        if until is not None and answer.status in {429, 503}:
            return RateLimited(f"{attempt}: {self.vendor} asks to slow down ({said})", until=until)
        if answer.status in {408, 409, 412, 429} or answer.status >= 500:
            return Transient(f"{attempt}: {self.vendor} could not do it now ({said})")
        if 300 <= answer.status < 400:
            return WaitingForUser(f"{attempt}: {self.vendor} is elsewhere ({said}): write the address it redirects to")
        return WaitingForUser(f"{attempt}: {self.vendor} does not accept it ({said}): check the solver's fields")

    def error_code(self, answer: Answer) -> str:
        """Return the vendor's error code, if it is a word."""
        try:
            code = self.code(answer.body)
        except msgspec.MsgspecError:
            return ""
        return code if _CODE.fullmatch(code) else ""

    def read(self, attempt: str, answer: Answer, kind: type[T]) -> T:
        """Return the body decoded; raises Transient when it is something else."""
        try:
            return decode(answer.body, kind, strict=False)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Transient(f"{attempt}: {self.vendor} answered with something unexpected") from error


def attempt_at(vendor: str, change: Change) -> str:
    """Return how the sentences of a change's failures begin."""
    return f"cannot change the TXT records of {change.name} at {vendor}"


def where(ref: SecretKeySelector) -> str:
    """Return a Secret and its key as sentences name them."""
    return f'Secret "{ref.name}" (key "{ref.key}")'


def secret_text(credentials: Credentials, ref: SecretKeySelector) -> str:
    """Return a secret that goes into a header, without the white space that files end with.

    Raises WaitingForUser for what no header can carry: it is a wrong file more often than a strange token.
    """
    text = credentials.secret(ref).strip()
    if not text or not text.isascii() or not text.isprintable():
        raise WaitingForUser(f"{where(ref)} must hold one line of printable ASCII: write the token there, and only it")
    return text


def segment(text: str) -> str:
    """Return a text as one segment of a path, whatever it holds."""
    return quote(text, safe="@")


def quoted(value: str) -> str:
    """Return a value as a character string of a zone file, RFC 1035 §5.1."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
