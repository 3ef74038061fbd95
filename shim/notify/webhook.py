"""A message as JSON, version 1; docs/notifications.md describes it.

`X-Certshim-Signature: t=SECONDS,v1=HEX` is HMAC-SHA-256 over `SECONDS.BODY`: whoever has the key can tell that it is
ours, and that it is not an old one sent again.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from shim.notify.config import Webhook
from shim.notify.credentials import ReadSecret, resolve
from shim.notify.message import Line, Message
from shim.notify.posting import post

SIGNATURE: Final = "X-Certshim-Signature"
DEDUPE: Final = "Idempotency-Key"


class WebhookDelivery:
    """Posts to one URL."""

    def __init__(self, config: Webhook, read_secret: ReadSecret, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._read_secret = read_secret
        self._clock = clock

    def send(self, message: Message) -> None:
        """Deliver it."""
        config = self._config
        url = config.url if config.url_from is None else resolve(config.url_from, self._read_secret)
        body, headers = msgspec.json.encode(payload(message)), {DEDUPE: message.id}
        if config.hmac_key_from is not None:
            key = resolve(config.hmac_key_from, self._read_secret)
            headers[SIGNATURE] = signature(body, key, int(self._clock()))
        post(url, body, headers, ca_file=config.ca_file)


def signature(body: bytes, key: str, seconds: int) -> str:
    """Return the header's value."""
    digest = hmac.new(key.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def payload(message: Message) -> dict[str, Any]:
    """Return what is sent."""
    return {
        "version": 1,
        "id": message.id,
        "incident": message.incident,
        "number": message.number,
        "event": message.event,
        "kind": message.kind,
        "severity": message.severity,
        "cluster": message.cluster,
        "issuer": message.issuer,
        "summary": message.subject,
        "since": _moment(message.since),
        "at": _moment(message.at),
        "count": message.count,
        "certificates": [_certificate(line) for line in message.lines],
    }


def _certificate(line: Line) -> dict[str, Any]:
    return {
        "namespace": line.namespace,
        "name": line.name,
        "explanation": line.text,
        "advice": line.advice,
        "notAfter": _moment(line.expires_at) if line.expires_at is not None else None,
    }


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
