"""E-mail addresses as certificates carry them (RFC 5280 §4.2.1.6: rfc822Name), checked as the API checks them.

The reader is Go's `net/mail.ParseAddress` as far as its verdicts and sentences go: an address alone is fine; what it
can read and is more than that (a display name, angle brackets, quotes, a comment, spaces around it) is told
apart from what it cannot.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from certs.goprint import quoted

MORE: Final = "make sure the supplied value only contains the email address itself"
NO_ADDRESS: Final = "mail: no address"
NO_BRACKET: Final = "mail: no angle-addr"
NO_AT: Final = "mail: missing '@' or angle-addr"
NO_WORD: Final = "mail: missing word in phrase: mail: invalid string"
UNCLOSED: Final = "mail: unclosed angle-addr"

# Letters of an atom (RFC 5322 §3.2.3): whatever is visible, without the specials; beyond ASCII everything.
_ATEXT: Final = r"(?:[^\x00-\x20\x7f()<>\[\]:;@\\,\".])"
_ATOM: Final = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_LOOSE: Final = re.compile(rf"(?:{_ATEXT}|\.)+")
_SPACES: Final = " \t"
_QUOTED: Final = re.compile(r'"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\x09\x20-\x7e])*)"')


def is_email_address(text: str) -> bool:
    """Is it a bare address, with no display name and no angle brackets?"""
    return not email_problem(text)


def email_problem(text: str) -> str:
    """Return why it is no bare address, in Go's words, or nothing."""
    rest = text.lstrip(_SPACES)
    if not rest:
        return NO_ADDRESS
    spec = _addr_spec(rest)
    if spec is None:
        return _with_name(rest)
    address, rest = spec
    return _after(rest) or ("" if address == text else MORE)


def _after(rest: str) -> str:
    """Return what is wrong with what stands behind an address: only spaces and comments may."""
    rest = rest.lstrip(_SPACES)
    while rest.startswith("("):
        end = rest.find(")")
        if end < 0:
            return "mail: misformatted parenthetical comment"
        rest = rest[end + 1 :].lstrip(_SPACES)
    return f"mail: expected single address, got {quoted(rest)}" if rest else ""


def _addr_spec(text: str) -> tuple[str, str] | None:
    """Return the address at the beginning and what follows it; None when there is none."""
    local = _QUOTED.match(text) or _ATOM.match(text)
    if local is None or not text.startswith("@", local.end()):
        return None
    is_quoted = text.startswith('"')
    name = re.sub(r"\\(.)", r"\1", local[1]) if is_quoted else local[0]
    rest = text[local.end() + 1 :].lstrip(_SPACES)
    if not name:
        return None
    domain = _domain(rest)
    # A quoted name is told without its quotes, so it never equals what was written.
    return (f"{name}@{domain}", rest[len(domain) :]) if domain else None


def _domain(rest: str) -> str:
    """Return the domain at the beginning, or nothing: an atom that no dot follows, or an IPv4 literal."""
    if rest.startswith("["):
        literal = rest[: rest.find("]") + 1]
        try:
            ipaddress.IPv4Address(literal[1:-1])
        except ValueError:
            return ""
        return literal
    loose = _LOOSE.match(rest)
    return loose[0] if loose is not None and _ATOM.fullmatch(loose[0]) else ""


def _with_name(text: str) -> str:
    """Return what is wrong with something that can only be a name with an address in brackets behind it."""
    name, rest = _phrase(text)
    if not rest.startswith("<"):
        if not name:
            return NO_WORD
        return NO_AT if _LOOSE.fullmatch(name) else NO_BRACKET
    spec = _addr_spec(rest[1:].lstrip(_SPACES))
    if spec is None:
        return "mail: no addr-spec" if not rest[1:].strip(_SPACES) else "mail: invalid string"
    if not spec[1].lstrip(_SPACES).startswith(">"):
        return UNCLOSED
    return _after(spec[1].lstrip(_SPACES)[1:]) or MORE


def _phrase(text: str) -> tuple[str, str]:
    """Return the words at the beginning, joined by single spaces, and what follows them."""
    words = []
    rest = text
    while word := _QUOTED.match(rest) or _LOOSE.match(rest):
        words.append(word[1] if rest.startswith('"') and word.re is _QUOTED else word[0])
        rest = rest[word.end() :].lstrip(_SPACES)
    return " ".join(words), rest
