"""Decoders of JSON by type, each made once and by one thread.

msgspec learns a struct's fields when it is first asked for, by running Python; two threads that ask for the same struct
at the same moment can crash the process (msgspec 0.22.0, seen with three threads and a webhook configuration).
"""

from __future__ import annotations

import threading
from typing import Any, Final, TypeVar

import msgspec

AnyT = TypeVar("AnyT")

_MADE: Final[dict[tuple[Any, bool], msgspec.json.Decoder[Any]]] = {}
_ONE_AT_A_TIME: Final = threading.Lock()


def decode(body: bytes | str | msgspec.Raw, kind: type[AnyT], *, strict: bool = True) -> AnyT:
    """Return the body as that type, from any thread; msgspec.DecodeError when it is none."""
    made = _MADE.get((kind, strict))
    if made is None:
        with _ONE_AT_A_TIME:
            made = _MADE.setdefault((kind, strict), msgspec.json.Decoder(kind, strict=strict))
    decoded: AnyT = made.decode(body)
    return decoded
