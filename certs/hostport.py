"""Addresses of servers as Go's package net reads them, because the API's validation is that and no more.

`split_host_port` is Go's `net.SplitHostPort`, down to the texts of the errors: it looks for colons and brackets and
at nothing else, so `:53` and `a:b` pass.  `require_url` asks of a URL what `url.ParseRequestURI` asks, and a host;
`url_host` what `url.Parse` makes of one.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import unquote_to_bytes

_MISSING_PORT: Final = "missing port in address"

# White space as Unicode defines it, and Go; Python counts the separators U+001C to U+001F, too.
_SPACE: Final = "\t\n\v\f\r \u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))

# RFC 3986 §3.2: what Go lets stand in userinfo and host without an escape, and in the host a few characters more.
# Beyond ASCII everything may stand there, escaped or not; of ASCII only the percent sign may be escaped in a host.
_USERINFO: Final = re.compile(r"(?:[A-Za-z0-9\-._:~!$&'()*+,;=@]|%[0-9A-Fa-f]{2})*\Z")
_HOST: Final = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=\]<>\"\u0080-\U0010ffff]|%25|%[89A-Fa-f][0-9A-Fa-f])*\Z")
_ZONE: Final = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:\[\]<>\"\u0080-\U0010ffff]*\Z")
_ZONE_ESCAPED: Final = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:\[\]<>\"% ]\Z")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_PORT: Final = re.compile(r"(?::[0-9]*)?\Z")
_PATH: Final = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*\Z", re.DOTALL)
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def split_host_port(address: str) -> tuple[str, str]:
    """Return host (without its brackets) and port; a ValueError has Go's text.

    >>> split_host_port("[2001:db8::1]:53"), split_host_port(":53")
    (('2001:db8::1', '53'), ('', '53'))
    """
    colon = address.rfind(":")
    if colon < 0:
        raise _bad(address, _MISSING_PORT)
    if address.startswith("["):
        return _split_bracketed(address, colon)
    host = address[:colon]
    if ":" in host:
        raise _bad(address, "too many colons in address")
    _refuse_brackets(address, address, address)
    return host, address[colon + 1 :]


def _split_bracketed(address: str, colon: int) -> tuple[str, str]:
    end = address.find("]")
    if end < 0:
        raise _bad(address, "missing ']' in address")
    if end + 1 != colon:
        after = address[end + 1 : end + 2]
        raise _bad(address, "too many colons in address" if after == ":" else _MISSING_PORT)
    _refuse_brackets(address, address[1:], address[end + 1 :])
    return address[1:end], address[colon + 1 :]


def _refuse_brackets(address: str, opening_in: str, closing_in: str) -> None:
    if "[" in opening_in:
        raise _bad(address, "unexpected '[' in address")
    if "]" in closing_in:
        raise _bad(address, "unexpected ']' in address")


def has_host(nameserver: str) -> bool:
    """Does it name a server, with or without a port?  The port may be anything.

    What has no port that can be split off counts as a host, its brackets taken off, whatever it is: `a b`, `[[::1]]`.
    """
    nameserver = nameserver.strip(_SPACE)
    try:
        host, _ = split_host_port(nameserver)
    except ValueError as error:
        # Go looks for these words in the whole sentence, in which the address stands, too.
        host = nameserver.strip("[]") if "missing port" in str(error) else ""
    return bool(host)


def require_url(url: str) -> None:
    """Raise ValueError unless it is an absolute URL with a host, as `url.ParseRequestURI` reads it."""
    problem = _url_problem(url)
    if problem:
        raise ValueError(f"parse {url!r}: {problem}")


def _url_problem(url: str) -> str:
    if _CONTROL.search(url):
        return "invalid control character in URL"
    authority, _, path = url.partition("://")[2].partition("?")[0].partition("/")
    userinfo, _, host = authority.rpartition("@")
    if not _USERINFO.match(userinfo):
        return "invalid userinfo"
    if not host:
        return "no host in URL"
    return _host_problem(host) or ("" if _PATH.match(path) else "invalid URL escape in path")


def url_host(url: str) -> str:
    """Return host and port of a URL, relative or not, as `url.Parse` reads them: escapes undone.  In ASCII only.

    Raises ValueError for what is no URL.

    >>> url_host("spiffe://example.org/ns/team"), url_host("mailto:a@example.org")
    ('example.org', '')
    """
    url, _, fragment = url.partition("#")
    if _CONTROL.search(url):
        raise ValueError("net/url: invalid control character in URL")
    if url.startswith(":"):
        raise ValueError("missing protocol scheme")
    found = _SCHEME.match(url)
    scheme = found[1] if found else ""
    rest = url[len(scheme) + 1 if scheme else 0 :].partition("?")[0]
    if not rest.startswith("/"):
        if scheme or url == "*":
            return _checked_escapes("", fragment)
        if ":" in rest.partition("/")[0]:
            raise ValueError("first path segment in URL cannot contain colon")
    host = ""
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
        userinfo, _, host = authority.rpartition("@")
        if not _USERINFO.match(userinfo):
            raise ValueError("net/url: invalid userinfo")
        problem = _host_problem(host, has_strict_colons=scheme.lower() in {"http", "https"})
        if problem:
            raise ValueError(problem)
    return _checked_escapes(host, rest, fragment)


def _checked_escapes(host: str, *parts: str) -> str:
    """Return the host without its escapes; ValueError for escapes in the other parts that are none."""
    if not all(map(_PATH.match, parts)):
        raise ValueError("invalid URL escape")
    return unquote_to_bytes(host).decode("latin-1")


def _host_problem(host: str, *, has_strict_colons: bool = True) -> str:
    bracket = host.rfind("[")
    if bracket > 0:
        return "invalid IP-literal"
    if bracket == 0:
        address, closing, port = host[1:].rpartition("]")
        if not closing:
            return "missing ']' in host"
        valid = _is_ipv6(address)
    else:
        # Databases are named with several hosts and ports; of those Go looks at the last port only.
        colon = host.find(":") if has_strict_colons else host.rfind(":")
        address, port = (host[:colon], host[colon:]) if colon >= 0 else (host, "")
        valid = _HOST.match(address if has_strict_colons else address.replace(":", "")) is not None
    if not _PORT.match(port):
        return f"invalid port {port!r} after host"
    return "" if valid else "invalid host"


def _is_ipv6(text: str) -> bool:
    address, escaped, zone = text.partition("%25")  # RFC 6874 §2: the escape that introduces a zone
    if "%" in address or (escaped and not _is_zone(zone)):
        return False
    try:
        IPv6Address(address)
    except ValueError:
        return False
    return True


def _is_zone(text: str) -> bool:
    """Is it a zone?  Escaped may be what may stand there anyway, a percent sign and, for Windows, a space."""
    unescaped = _ESCAPE.sub(lambda escape: "" if _ZONE_ESCAPED.match(chr(int(escape[1], 16))) else "%", text)
    return bool(text) and _ZONE.match(unescaped) is not None


def _bad(address: str, problem: str) -> ValueError:
    return ValueError(f"address {address}: {problem}" if address else problem)
