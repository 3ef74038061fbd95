"""POST to a receiver's URL: no redirect is followed, no body of an answer is read, no message of ours has the URL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3

from shim import VERSION
from shim.acme.deadline import pool
from shim.notify.config import wrong_url
from shim.notify.delivery import WITHIN, NotDelivered

# What another try does not mend: the receiver has understood, and wants none of it.
_REFUSED: Final = frozenset(
    (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)
)


def post(url: str, body: bytes, headers: Mapping[str, str], *, ca_file: str = "") -> None:
    """Send JSON; NotDelivered unless the answer is a success."""
    if wrong := wrong_url(url):
        raise NotDelivered(f"cannot post: the URL {wrong}")
    parts = urlsplit(url)
    host, attempt = parts.hostname or "", f"cannot post to {parts.scheme}://{parts.hostname}"
    proxy = "" if proxy_bypass(host) else getproxies().get(parts.scheme, "")
    if ca_file and not os.access(ca_file, os.R_OK):
        raise NotDelivered(f"{attempt}: cannot read the caFile {ca_file}")
    try:
        with pool(proxy, ca_certs=ca_file or certifi.where(), retries=False) as manager:
            answer = manager.request(
                "POST",
                url,
                body=body,
                headers={"Content-Type": "application/json", "User-Agent": f"certshim/{VERSION}", **headers},
                timeout=urllib3.Timeout(connect=WITHIN, read=WITHIN),
                redirect=False,
                preload_content=False,
            )
            status = answer.status
            answer.close()
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        # Their texts name the URL.
        raise NotDelivered(f"{attempt}: {_kind(error)}") from None
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise NotDelivered(f"{attempt}: it answered {status}", final=status in _REFUSED)


def _kind(error: Exception) -> str:
    match error:
        case urllib3.exceptions.SSLError():
            return "its certificate is not trusted, or TLS failed; a CA of your own is named by caFile"
        case urllib3.exceptions.NameResolutionError():
            return "the name cannot be resolved"
        case urllib3.exceptions.ProxyError():
            return "the proxy does not let it through"
        case urllib3.exceptions.NewConnectionError():
            return "nobody answers at its port"
        case urllib3.exceptions.TimeoutError() | TimeoutError():
            return f"no answer within {WITHIN:g} s"
        case _:
            return f"the connection failed ({type(error).__name__})"
