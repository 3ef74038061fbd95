"""Ask for a token as the CA will, to find out whether the way to the responder stands.

One look per check, with short deadlines; when to check again is the decision's business.  Redirects are
followed as the CA follows them: to http and https, with any certificate, ten at most.  What comes
back is compared and never repeated to anybody: a body from outside has no place in a status.
Names are resolved by the system, or by the nameservers that the admin names.
"""

from __future__ import annotations

import http.client
import ipaddress
import ssl
import time
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

import dns.exception
import dns.resolver
from dns.nameserver import Do53Nameserver

from shim.deadline import TimedResponse

TIMEOUT: Final = 3.0
# All redirects together: a worker waits for it.
WITHIN: Final = 10.0
# A key authorization is under 200 bytes; whatever is longer is something else.
MOST: Final = 4096
MOST_REDIRECTS: Final = 10
REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))


class _Reply(NamedTuple):
    status: int
    location: str
    body: bytes


class NotReachable(Exception):
    """The token could not be fetched as the CA would; the text says why."""


class _Connection(http.client.HTTPConnection):
    """A connection whose answer must be complete in time."""

    response_class = TimedResponse


class _TLSConnection(_Connection):
    """The same over TLS, to an address, with the name that proxies choose the certificate by."""

    def __init__(self, address: str, port: int, *, name: str, timeout: float) -> None:
        super().__init__(address, port, timeout=timeout)
        self._name = name
        # The certificate is what is about to be issued: none can be expected yet (RFC 8555 §8.3).
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    def connect(self) -> None:
        """Connect, and shake hands."""
        super().connect()
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self._name)


def _in_url(host: str) -> str:
    """Return the host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def _redirected(url: str, location: str) -> str:
    """Return where a redirect leads; raises NotReachable where a CA does not follow."""
    try:
        target = urljoin(url, location)
        parts = urlsplit(target)
        follows = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        target, follows = location, False
    if not follows:
        raise NotReachable(f"redirected from '{url}' to '{target}', where a CA does not follow")
    return target


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """By which nameservers (`host:port`; none: the system's) and on which port to reach hosts, in how many seconds."""

    nameservers: tuple[str, ...] = ()
    port: int = 80
    timeout: float = TIMEOUT

    def fetch(self, host: str, path: str, *, expected: str) -> None:
        """Fetch the path from the host over plain HTTP; raises NotReachable unless the body is what is expected."""
        url = f"http://{_in_url(host)}{path}"
        end = time.monotonic() + WITHIN
        for _ in range(MOST_REDIRECTS + 1):
            if time.monotonic() > end:
                raise NotReachable(f"redirects took more than {WITHIN:.0f} s, the last to '{url}'")
            reply = self._get(url)
            if reply.status not in REDIRECTS:
                break
            url = _redirected(url, reply.location)
        else:
            raise NotReachable(f"more than {MOST_REDIRECTS} redirects, the last to '{url}'")
        if reply.status != http.client.OK:
            raise NotReachable(f"wrong status code '{reply.status}' for '{url}', expected '200'")
        if reply.body.strip() != expected.encode():
            raise NotReachable(f"did not get the expected response from '{url}', but {len(reply.body)} other bytes")

    def _get(self, url: str) -> _Reply:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            headers = {"Host": _in_url(host) + (f":{port}" if port else ""), "User-Agent": "certshim-self-check"}
            connection = self._connection(parts.scheme, host, port)
            try:
                connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""), headers=headers)
                response = connection.getresponse()
                return _Reply(response.status, response.getheader("Location", ""), response.read(MOST))
            finally:
                connection.close()
        except http.client.HTTPException as error:
            # Not the text of the error, which repeats what came back.
            raise NotReachable(
                f"failed to perform self check GET request '{url}': no HTTP answer ({type(error).__name__})"
            ) from error
        except (OSError, ValueError) as error:
            # ValueError: what a redirect names need be neither a URL nor a name that can be asked for.
            why = str(error) or type(error).__name__
            raise NotReachable(f"failed to perform self check GET request '{url}': {why}") from error

    def _connection(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        address = self._address(host)
        if scheme == "http":
            return _Connection(address, port or self.port, timeout=self.timeout)
        return _TLSConnection(address, port or 443, name=host, timeout=self.timeout)

    def _address(self, host: str) -> str:
        """Return an address of the host; the system resolves it when no nameservers are set."""
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            pass
        if not self.nameservers:
            return host
        resolver = dns.resolver.Resolver(configure=False)
        places = (nameserver.rpartition(":") for nameserver in self.nameservers)
        resolver.nameservers = [Do53Nameserver(server.strip("[]"), int(port)) for server, _, port in places]
        resolver.lifetime = self.timeout
        try:
            for kind in ("A", "AAAA"):
                answer = resolver.resolve(host, kind, tcp=True, raise_on_no_answer=False)
                for record in answer.rrset or ():
                    return str(record)
        except dns.exception.DNSException as error:
            raise NotReachable(f"cannot resolve {host}: {str(error) or type(error).__name__}") from error
        raise NotReachable(f"cannot resolve {host}: it has neither an A nor an AAAA record")
