"""Extensions that a signing request asks for, read as the incumbent reads them (RFC 5280 §4.2.1).

What it looks into is told here in full: key usages, basic constraints, name constraints, alternative names.  All other
extensions it passes on as they are, so nothing is said about them.
"""

from __future__ import annotations

from typing import Final

from certs.goprint import quoted
from certs.hostport import url_host
from certs.pki import der
from certs.pki.der import Bits, Cursor, Malformed

KEY_USAGE: Final = "2.5.29.15"
ALTERNATIVE_NAMES: Final = "2.5.29.17"
BASIC_CONSTRAINTS: Final = "2.5.29.19"
NAME_CONSTRAINTS: Final = "2.5.29.30"
EXTENDED_KEY_USAGE: Final = "2.5.29.37"

# RFC 5280 §4.2.1.6: the identifiers of general names.
_EMAIL: Final = 0x81
_DNS: Final = 0x82
_URI: Final = 0x86
_ADDRESS: Final = 0x87
_PERMITTED: Final = 0xA0
_EXCLUDED: Final = 0xA1

_ADDRESSES: Final = (4, 16)  # octets
_NAMES: Final = {_EMAIL: "rfc822Name", _DNS: "dNSName", _URI: "uniformResourceIdentifier"}


def read_key_usage(value: bytes) -> Bits:
    """Return the bits of the key usage; raises Malformed."""
    cursor = Cursor(value, "key usage")
    bits = der.bit_string(cursor.take(der.BIT_STRING))
    cursor.require_end()
    return bits


def read_extended_key_usage(value: bytes) -> list[str]:
    """Return the object identifiers of the purposes; raises Malformed."""
    cursor = Cursor(value, "extended key usage")
    purposes = der.contents(cursor.take(der.SEQUENCE), der.OID, "extended key usage")
    cursor.require_end()
    return [der.oid(purpose) for purpose in purposes]


def read_basic_constraints(value: bytes) -> bool:
    """Return whether it asks to be a CA; raises Malformed."""
    cursor = Cursor(value, "basic constraints")
    fields = Cursor(cursor.take(der.SEQUENCE), "basic constraints")
    cursor.require_end()
    is_ca = fields.take_optional(der.BOOLEAN)
    answer = is_ca is not None and der.boolean(is_ca)
    length = fields.take_optional(der.INTEGER)
    if length is not None:
        der.int64(length)
    return answer


def check_alternative_names(value: bytes) -> None:
    """Raise Malformed unless each name can be read; kinds of names unknown to Go pass unread."""
    what = "subject alternative names"
    outer = next(der.simple_elements(value, what), None)  # what stands behind it is not looked at
    if outer is None or outer.identifier != der.SEQUENCE:
        raise Malformed(f"malformed {what}: no sequence")
    for name in der.simple_elements(outer.content, what):
        if name.identifier in _NAMES and not name.content.isascii():
            raise Malformed(f"SAN {_NAMES[name.identifier]} is malformed")
        if name.identifier == _ADDRESS and len(name.content) not in _ADDRESSES:
            raise Malformed(f"cannot parse IP address of length {len(name.content)}")
        if name.identifier == _URI:
            _check_uri(name.content.decode())


def _check_uri(uri: str) -> None:
    shown = quoted(uri)
    try:
        host = url_host(uri)
    except ValueError as error:
        raise Malformed(f"cannot parse URI {shown}: parse {shown}: {error}") from error
    if host and (not all("!" <= letter <= "~" for letter in host) or not all(host.split("."))):
        raise Malformed(f"cannot parse URI {shown}: invalid domain")


def check_name_constraints(value: bytes) -> None:
    """Raise Malformed unless the trees are of kinds that Go knows, and can be read."""
    cursor = Cursor(value, "name constraints")
    fields = Cursor(cursor.take(der.SEQUENCE), "name constraints")
    cursor.require_end()
    trees = [fields.take_optional(kind) or b"" for kind in (_PERMITTED, _EXCLUDED)]
    fields.require_end()
    if not any(trees):
        raise Malformed("malformed name constraints: empty")
    for tree in trees:
        for subtree in der.contents(tree, der.SEQUENCE, "name constraints"):
            base = next(der.simple_elements(subtree, "name constraints"), None)
            if base is None:
                raise Malformed("malformed name constraints: an empty tree")
            _check_subtree(base.identifier, base.content)


def _check_subtree(identifier: int, content: bytes) -> None:
    match identifier:
        case 0x81 | 0x82 | 0x86:
            if not content.isascii():
                raise Malformed("invalid constraint value: it is not in ASCII")
        case 0x87:
            half = len(content) // 2
            if len(content) % 2 or half not in _ADDRESSES:
                raise Malformed(f"IP constraint contained value of length {len(content)}")
            mask = content[half:]
            if "01" in f"{int.from_bytes(mask):0{8 * half}b}":
                raise Malformed(f"IP constraint contained invalid mask {mask.hex()}")
        case _:
            raise Malformed(f"unsupported NameConstraints tag: {identifier}")
