"""The types of ACME problems (RFC 8555 §6.7, registry "ACME Error Types"), and which of them a sentence names."""

from __future__ import annotations

import re
from typing import Final

TYPES: Final = frozenset(
    (
        "accountDoesNotExist",
        "alreadyReplaced",
        "badCSR",
        "badNonce",
        "badPublicKey",
        "badSignatureAlgorithm",
        "caa",
        "compound",
        "connection",
        "dns",
        "dnssec",
        "externalAccountRequired",
        "incorrectResponse",
        "invalidContact",
        "invalidProfile",
        "malformed",
        "orderNotReady",
        "rateLimited",
        "rejectedIdentifier",
        "serverInternal",
        "tls",
        "unauthorized",
        "unsupportedContact",
        "unsupportedIdentifier",
        "userActionRequired",
    )
)
_NAMED: Final = re.compile(rf"(?:^|: )({'|'.join(sorted(TYPES))})(?::|$| \()")


def type_in(reason: str) -> str:
    """Return the first type of problem that a sentence of ours names, or nothing.

    >>> type_in("cannot make an order: caa: records of shop.test forbid it: let them allow this CA")
    'caa'
    """
    named = _NAMED.search(reason)
    return named.group(1) if named else ""
