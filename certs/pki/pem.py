"""PEM: find the blocks in a text, within limits.

Works as Go's decoder does, because that is what wrote and read these Secrets so far: text around
blocks is skipped.  A block that does not decode is an error here, with a sentence; nothing is
guessed.  The limits keep a hostile Secret from costing seconds of parsing; they are the ones
documented for the API (certificate 36 500, private key 13 000, chain 95 000 bytes).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

MAX_CERTIFICATE: Final = 36_500
MAX_CHAIN: Final = 95_000
MAX_PRIVATE_KEY: Final = 13_000

# How many chains and requests are remembered as read, keyed by their bytes, each: an issuance looks at the same ones
# some thirty times, and reading a chain takes 0.2 ms.  More than the workers have in hand at once, and at most 12 MB
# were all of them as large as is allowed.  Public parts only: private keys are read anew each time.
KEPT: Final = 128

# Headers (RFC 1421, "Proc-Type: …") are not decoded: such a block does not match and so is not there.
_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----[ \t]*\r?\n([A-Za-z0-9+/=\s]*?)-----END \1-----")


class InvalidPEM(ValueError):
    """The bytes are not what they should be; `str()` says what was expected and what is there instead."""


@dataclass(frozen=True, slots=True, repr=False)
class Block:
    """One block: its label (for example CERTIFICATE) and its DER."""

    label: str
    der: bytes

    def __repr__(self) -> str:
        return f"Block({self.label}, {len(self.der)} bytes)"  # may be a private key


def blocks(pem: bytes, what: str, limit: int) -> tuple[Block, ...]:
    """Return all blocks in order; `what` names the thing for the error's sentence, as `certificate chain`."""
    require_size(pem, what, limit)
    found = tuple(Block(match[1].decode(), _decode(match[2], what)) for match in _BLOCK.finditer(pem))
    if not found:
        raise InvalidPEM(f"cannot read {what}: no PEM block in its {len(pem)} bytes")
    return found


def first_block(pem: bytes) -> Block | None:
    """Return the first block that is base64, whatever its label, or None."""
    for match in _BLOCK.finditer(pem):
        try:
            return Block(match[1].decode(), _decode(match[2], "PEM block"))
        except InvalidPEM:
            continue
    return None


def require_size(data: bytes, what: str, limit: int) -> None:
    """Refuse what is longer than the limit."""
    if len(data) > limit:
        raise InvalidPEM(f"cannot read {what}: it has {len(data)} bytes, at most {limit} are allowed")


def encode(label: str, der: bytes) -> bytes:
    """Return one block, lines of 64 characters (RFC 7468 §2)."""
    text = base64.b64encode(der)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return b"\n".join((f"-----BEGIN {label}-----".encode(), *lines, f"-----END {label}-----".encode(), b""))


def _decode(text: bytes, what: str) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error as error:
        raise InvalidPEM(f"cannot read {what}: a PEM block is not base64") from error
