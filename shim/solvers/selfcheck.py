"""Ask for a token as the CA will, to find out whether the way to the responder stands.

One look per check, with a short deadline; when to check again is the decision's business.  Redirects are
followed as the CA follows them: to http and https, with any certificate, ten at most.  What comes
back is compared and never repeated to anybody: a body from outside has no place in a status.
Names are resolved by the system, or by the nameservers that the admin names.
"""

from __future__ import annotations

import http.client
import ipaddress
import ssl
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

import dns.exception
import dns.resolver

TIMEOUT: Final = 3.0
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


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """How to reach hosts: by which nameservers (`host:port`; empty: the system's), and on which port."""

    nameservers: tuple[str, ...] = ()
    port: int = 80

    def fetch(self, host: str, path: str, *, expected: str) -> None:
        """Fetch the path from the host over plain HTTP; raises NotReachable unless the body is what is expected."""
        url = f"http://{host}{path}"
        for _ in range(MOST_REDIRECTS):
            reply = self._get(url)
            if reply.status not in REDIRECTS:
                break
            url = urljoin(url, reply.location)
        else:
            raise NotReachable(f"more than {MOST_REDIRECTS} redirects, the last to '{url}'")
        if reply.status != http.client.OK:
            raise NotReachable(f"wrong status code '{reply.status}' for '{url}', expected '200'")
        if reply.body.strip() != expected.encode():
            raise NotReachable(f"did not get the expected response from '{url}', but {len(reply.body)} other bytes")

    def _get(self, url: str) -> _Reply:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise NotReachable(f"redirected to '{url}', where a CA does not follow")
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {"Host": parts.netloc, "User-Agent": "certshim-self-check"}
        try:
            connection = self._connection(parts.scheme, parts.hostname, parts.port)
            try:
                connection.request("GET", path, headers=headers)
                response = connection.getresponse()
                return _Reply(response.status, response.getheader("Location", ""), response.read(MOST))
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            why = str(error) or type(error).__name__
            raise NotReachable(f"failed to perform self check GET request '{url}': {why}") from error

    def _connection(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        address = self._address(host)
        if scheme == "http":
            return http.client.HTTPConnection(address, port or self.port, timeout=TIMEOUT)
        # The certificate is what is about to be issued: none can be expected yet (RFC 8555 §8.3).
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(address, port or 443, timeout=TIMEOUT, context=context)

    def _address(self, host: str) -> str:
        """Return an address of the host; the system resolves it when no nameservers are set."""
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            pass
        if not self.nameservers:
            return host
        resolver = dns.resolver.Resolver(configure=False)
        server, _, port = self.nameservers[0].rpartition(":")
        resolver.nameservers = [server.strip("[]")]
        resolver.port = int(port)
        resolver.lifetime = TIMEOUT
        try:
            for kind in ("A", "AAAA"):
                answer = resolver.resolve(host, kind, tcp=True, raise_on_no_answer=False)
                for record in answer.rrset or ():
                    return str(record)
        except dns.exception.DNSException as error:
            raise NotReachable(f"cannot resolve {host}: {str(error) or type(error).__name__}") from error
        raise NotReachable(f"cannot resolve {host}: it has neither an A nor an AAAA record")
