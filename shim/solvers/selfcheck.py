"""Ask for a token as the CA will, to find out whether the way to the responder stands.

One look per check, with short deadlines; when to check again is the decision's business.  Redirects are
followed as the CA follows them: to http and https on their own ports, with any certificate, ten at most.  What comes
back is compared and never repeated to anybody: a body from outside has no place in a status.
Names are resolved by the system, or by the nameservers that the admin names.

Whoever may create a Certificate chooses where this request goes.  So addresses at which no CA can reach anybody are
refused after resolving, and what was checked is what is connected to: link-local ones (where clouds keep credentials of
the machine), the metadata service's own, loopback, multicast, unspecified; also in their IPv6 disguises.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

import dns.exception
import dns.resolver
from dns.nameserver import Do53Nameserver

from certs.hosts import is_ip_address
from shim.deadline import TimedResponse

TIMEOUT: Final = 3.0
# A proxy has learnt a route by then, and a person has not begun to wonder.
GRACE: Final = timedelta(seconds=3)
# For a responder of our own: it is in the cluster.
DIRECT_TIMEOUT: Final = 1.0
# All redirects together.
WITHIN: Final = 10.0
# A key authorization is under 200 bytes; whatever is longer is something else.
MOST: Final = 4096
MOST_REDIRECTS: Final = 10
REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))


class _Reply(NamedTuple):
    status: int
    location: str
    body: bytes


# That of AWS; those of others are link-local.
METADATA: Final = ipaddress.ip_address("fd00:ec2::254")
# RFC 6052 §2.1: the last four bytes are the IPv4 address.
NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotReachable(Exception):
    """The token could not be fetched as the CA would; the text says why.

    `from_here` is true when the name resolved and nobody spoke HTTP at its address: what a cluster sees that cannot
    reach its own load balancer from inside (hairpin NAT, PROXY protocol), while the CA can.
    """

    def __init__(self, why: str, *, from_here: bool = False) -> None:
        super().__init__(why)
        self.from_here = from_here


def why_refused(address: str, *, loopback: bool = False) -> str:
    """Return what kind of address it is when it must not be asked, else nothing.  `loopback` lets that kind pass."""
    found: IPAddress = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif found in NAT64:
            found = ipaddress.IPv4Address(found.packed[-4:])
    if found.is_loopback:
        return "" if loopback else "a loopback address"
    kinds = (
        (found.is_link_local, "a link-local address"),
        (found.is_multicast or found == ipaddress.IPv4Address("255.255.255.255"), "a multicast address"),
        # 0.0.0.0/8 is "this network" (RFC 1122 §3.2.1.3), and Linux connects to itself.
        (found.is_unspecified or found in ipaddress.ip_network("0.0.0.0/8"), "an unspecified address"),
        (found == METADATA, "a metadata service"),
    )
    return next((kind for applies, kind in kinds if applies), "")


class _Connection(http.client.HTTPConnection):
    """A connection to the first of some addresses that takes it, whose answer must be complete in time."""

    response_class = TimedResponse

    def __init__(self, addresses: tuple[str, ...], port: int, *, timeout: float) -> None:
        super().__init__(addresses[0], port, timeout=timeout)
        self._addresses = addresses

    def connect(self) -> None:
        """Connect; raises the OSError of the last."""
        end = time.monotonic() + (self.timeout or TIMEOUT)
        for address in self._addresses:
            left = max(end - time.monotonic(), 0.01)
            try:
                self.sock = socket.create_connection((address, self.port), left)
            except OSError:
                if address == self._addresses[-1]:
                    raise
            else:
                self.sock.settimeout(self.timeout)
                return


class _TLSConnection(_Connection):
    """The same over TLS, to an address, with the name that proxies choose the certificate by."""

    def __init__(self, addresses: tuple[str, ...], port: int, *, name: str, timeout: float) -> None:
        super().__init__(addresses, port, timeout=timeout)
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
    """By which nameservers (`host:port`; none: the system's) and on which ports to reach hosts, in how many seconds.

    `loopback` is for a control plane on one machine.  After `grace` the CA is asked although nobody was reached from
    here.
    """

    nameservers: tuple[str, ...] = ()
    port: int = 80
    timeout: float = TIMEOUT
    tls_port: int = 443
    loopback: bool = False
    grace: timedelta = GRACE

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

    def reach(self, host: str) -> None:
        """Connect to the host and hang up; raises NotReachable when its name leads nowhere, or nobody is there."""
        connection = self._connection("http", host, None)
        try:
            connection.connect()
        except OSError as error:
            raise NotReachable(f"cannot connect to '{host}': {error}", from_here=True) from error
        finally:
            connection.close()

    def ask(self, address: str, port: int, host: str, path: str, *, expected: str) -> None:
        """Ask a responder of our own for what `host` is asked for; raises NotReachable unless it gives that.

        The admin has named it, so it may be anywhere; its name is resolved by the system.
        """
        try:
            addresses = (address,) if is_ip_address(address) else _of_system(address)
            reply = _reply(_Connection(addresses, port, timeout=DIRECT_TIMEOUT), path, _in_url(host))
        except (http.client.HTTPException, OSError) as error:
            raise NotReachable(str(error) or type(error).__name__) from error
        if reply.status != http.client.OK or reply.body.strip() != expected.encode():
            raise NotReachable(f"status {reply.status} and {len(reply.body)} bytes that are not the key")

    def _get(self, url: str) -> _Reply:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            connection = self._connection(parts.scheme, host, port)
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            return _reply(connection, target, _in_url(host) + (f":{port}" if port else ""))
        except http.client.HTTPException as error:
            # Not the text of the error, which repeats what came back.
            raise NotReachable(
                f"failed to perform self check GET request '{url}': no HTTP answer ({type(error).__name__})",
                from_here=True,
            ) from error
        except (OSError, ValueError) as error:
            # ValueError: what a redirect names need be neither a URL nor a name that can be asked for.
            why = str(error) or type(error).__name__
            raise NotReachable(
                f"failed to perform self check GET request '{url}': {why}", from_here=isinstance(error, OSError)
            ) from error

    def _connection(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        usual = self.port if scheme == "http" else self.tls_port
        if port is not None and port not in {80, 443, self.port, self.tls_port}:
            raise NotReachable(f"redirected to port {port} of '{host}', where a CA does not follow: 80 and 443 only")
        addresses = self._allowed(host)
        if scheme == "http":
            return _Connection(addresses, port or usual, timeout=self.timeout)
        return _TLSConnection(addresses, port or usual, name=host, timeout=self.timeout)

    def _allowed(self, host: str) -> tuple[str, ...]:
        """Return the addresses of the host that may be asked; raises NotReachable when there is none."""
        addresses = self._addresses(host)
        allowed = tuple(one for one in addresses if not why_refused(one, loopback=self.loopback))
        if not allowed:
            kind = why_refused(addresses[0], loopback=self.loopback)
            raise NotReachable(f"'{host}' leads to {addresses[0]}, {kind}, where no CA can reach it; correct its DNS")
        return allowed

    def _addresses(self, host: str) -> tuple[str, ...]:
        """Return the addresses of the host; the system resolves it when no nameservers are set."""
        try:
            return (str(ipaddress.ip_address(host)),)
        except ValueError:
            pass
        return self._asked(host) if self.nameservers else _of_system(host)

    def _asked(self, host: str) -> tuple[str, ...]:
        resolver = dns.resolver.Resolver(configure=False)
        places = (nameserver.rpartition(":") for nameserver in self.nameservers)
        resolver.nameservers = [Do53Nameserver(server.strip("[]"), int(port)) for server, _, port in places]
        resolver.lifetime = self.timeout
        try:
            for kind in ("A", "AAAA"):
                answer = resolver.resolve(host, kind, tcp=True, raise_on_no_answer=False)
                if answer.rrset:
                    return tuple(str(record) for record in answer.rrset)
        except dns.exception.DNSException as error:
            raise NotReachable(f"cannot resolve {host}: {_why_unresolved(error)}") from error
        raise NotReachable(f"cannot resolve {host}: it has neither an A nor an AAAA record")


def _why_unresolved(error: dns.exception.DNSException) -> str:
    """Return what the nameservers have said, in few words; a library's own sentences name its classes."""
    match error:
        case dns.resolver.NXDOMAIN():
            return "the name does not exist"
        case dns.resolver.NoNameservers():
            said = {str(why) for *_, why, _response in error.kwargs.get("errors", ())}
            return f"its nameservers answer {' and '.join(sorted(said))}" if said else "no nameserver answers"
        case dns.exception.Timeout():
            return "no nameserver has answered in time"
        case _:
            return str(error) or type(error).__name__


def _reply(connection: http.client.HTTPConnection, target: str, host: str) -> _Reply:
    """Return the answer to one GET, and hang up."""
    try:
        connection.request("GET", target, headers={"Host": host, "User-Agent": "certshim-self-check"})
        response = connection.getresponse()
        return _Reply(response.status, response.getheader("Location", ""), response.read(MOST))
    finally:
        connection.close()


def _of_system(host: str) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise NotReachable(f"cannot resolve {host!a}: {why}") from error
    return tuple(dict.fromkeys(str(place[0]) for *_, place in found))
