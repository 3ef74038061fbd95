"""The forward proxy that an environment names (`https_proxy` and the like), as urllib3 wants it.

Go's programs take credentials in the proxy's URL, and a proxy without a scheme, so environments have both;
urllib3 leaves the one out and refuses the other.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit


class Proxy(NamedTuple):
    """Where it is, without credentials, and the headers that carry them."""

    url: str
    headers: Mapping[str, str]


def proxy(named: str) -> Proxy:
    """Return the proxy of that name; http where it says no scheme.

    >>> proxy("http://user:p%40ss@proxy.test:3128")
    Proxy(url='http://proxy.test:3128', headers={'proxy-authorization': 'Basic dXNlcjpwQHNz'})
    >>> proxy("proxy.test:3128")
    Proxy(url='http://proxy.test:3128', headers={})
    """
    parts = urlsplit(named if "://" in named else f"http://{named}")
    credentials, _, place = parts.netloc.rpartition("@")
    if not credentials or parts.scheme not in {"http", "https"}:
        return Proxy(parts.geturl(), {})
    user, _, password = credentials.partition(":")
    basic = base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode("ascii")
    return Proxy(parts._replace(netloc=place).geturl(), {"proxy-authorization": f"Basic {basic}"})
