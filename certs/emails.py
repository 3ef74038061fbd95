"""E-mail addresses as certificates carry them (RFC 5280 §4.2.1.6: rfc822Name), checked as the API checks them.

The reader is Go's `net/mail.ParseAddress`, verdicts and sentences:

    address   = name-addr / addr-spec / group        with spaces, and comments behind it
    name-addr = [phrase] "<" addr-spec ">"
    group     = phrase ":" [address *("," address)] ";"
    addr-spec = (dot-atom / quoted-string) "@" (dot-atom / "[" IP address "]")

What it can read and is more than the addr-spec alone is told apart from what it cannot.  A word of a phrase that is
encoded (RFC 2047) is taken as it is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from certs.goprint import quoted, quoted_char
from certs.hosts import is_ip_address

MORE: Final = "make sure the supplied value only contains the email address itself"

_SPACES: Final = re.compile(r"[ \t]*")
# RFC 5322 §3.2.3: what is visible, without the specials; beyond ASCII everything.
_ATEXT: Final = r"[^\x00-\x20\x7f()<>\[\]:;@\\,\".]"
_ATOM: Final = re.compile(rf"{_ATEXT}++(?:\.{_ATEXT}++)*+")
_LOOSE_ATOM: Final = re.compile(rf"(?:{_ATEXT}|\.)++")
_IN_QUOTES: Final = re.compile(r'(?:[^"\\\x00-\x08\x0a-\x1f\x7f]++|\\[^\x00-\x08\x0a-\x1f\x7f])*+')
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_IN_BRACKETS: Final = re.compile(r"[^\[\]\\\x00-\x20\x7f]*+")
_COMMENT_TOKEN: Final = re.compile(r"[()]|\\(?=.)", re.DOTALL)


class _Unreadable(ValueError):
    """It is no address; the sentence is Go's."""


def is_email_address(text: str) -> bool:
    """Is it a bare address, with no display name and no angle brackets?"""
    return not email_problem(text)


def email_problem(text: str) -> str:
    """Return why it is no bare address, in Go's words, or nothing."""
    name, at, domain = text.partition("@")
    if at and _ATOM.fullmatch(name) and _ATOM.fullmatch(domain):  # as nearly all are
        return ""
    try:
        return "" if _Reader(text).one_address() == text else MORE
    except _Unreadable as error:
        return f"mail: {error}"


@dataclass(slots=True)
class _Reader:
    """A text, and how far it is read."""

    text: str
    at: int = 0

    def one_address(self) -> str:
        """Read the whole text; return the one addr-spec in it, without quotes."""
        addresses = self.addresses(may_be_group=True)
        self.skip_comments()
        if self.at < len(self.text):
            raise _Unreadable(f"expected single address, got {quoted(self.text[self.at :])}")
        if len(addresses) != 1:
            raise _Unreadable("group with multiple addresses" if addresses else "empty group")
        return addresses[0]

    def addresses(self, *, may_be_group: bool) -> list[str]:
        """Read one address, or a group of them."""
        self.skip_spaces()
        if self.is_at_end():
            raise _Unreadable("no address")
        start = self.at
        try:
            spec = self.addr_spec()
        except _Unreadable:
            self.at = start
        else:
            self.skip_spaces()
            self.skip_comment()
            return [spec]
        name = "" if self.is_next("<") else self.phrase()
        self.skip_spaces()
        if may_be_group and self.took(":"):
            return self.group()
        if not self.took("<"):
            is_atom = _LOOSE_ATOM.fullmatch(name) is not None or not name
            raise _Unreadable("missing '@' or angle-addr" if is_atom else "no angle-addr")
        spec = self.addr_spec()
        if not self.took(">"):
            raise _Unreadable("unclosed angle-addr")
        return [spec]

    def group(self) -> list[str]:
        """Read what stands behind the colon."""
        self.skip_spaces()
        if self.took(";"):
            return []
        members = []
        while True:
            members += self.addresses(may_be_group=False)
            self.skip_comments()
            if self.took(";"):
                return members
            if not self.took(","):
                raise _Unreadable("expected comma")

    def addr_spec(self) -> str:
        self.skip_spaces()
        if self.is_at_end():
            raise _Unreadable("no addr-spec")
        name = self.quoted_name() if self.is_next('"') else self.atom()
        if not self.took("@"):
            raise _Unreadable("missing @ in addr-spec")
        self.skip_spaces()
        if self.is_at_end():
            raise _Unreadable("no domain in addr-spec")
        return f"{name}@{self.domain_literal() if self.took('[') else self.atom()}"

    def quoted_name(self) -> str:
        empty = _Unreadable("empty quoted string in addr-spec")  # which Go says of one without end as well
        try:
            name = self.quoted_string()
        except _Unreadable as error:
            raise empty from error
        if not name:
            raise empty
        return name

    def domain_literal(self) -> str:
        """Read what stands behind the bracket."""
        address = self.take(_IN_BRACKETS)
        if self.is_at_end():
            raise _Unreadable("unclosed domain-literal")
        if not self.took("]"):
            raise _Unreadable(f"bad character in domain-literal: {quoted_char(self.text[self.at])}")
        if not is_ip_address(address):
            raise _Unreadable(f"invalid IP address in domain-literal: {quoted(address)}")
        return f"[{address}]"

    def phrase(self) -> str:
        """Read words, of which one at least must be there."""
        words: list[str] = []
        while True:
            self.skip_comments() if words else self.skip_spaces()
            if self.is_at_end():
                break
            start = self.at
            try:
                words.append(self.quoted_string() if self.is_next('"') else self.loose_atom())
            except _Unreadable as error:
                if not words:
                    raise _Unreadable(f"missing word in phrase: mail: {error}") from error
                self.at = start
                break
        return " ".join(words)

    def quoted_string(self) -> str:
        start = self.at + 1
        self.at = start
        self.take(_IN_QUOTES)
        end = self.at
        if self.took('"'):
            return _ESCAPED.sub(r"\1", self.text[start:end])
        bad = end + 1 if self.is_next("\\") else end
        if bad >= len(self.text):
            raise _Unreadable("unclosed quoted-string")
        raise _Unreadable(f"bad character in quoted-string: {quoted_char(self.text[bad])}")

    def atom(self) -> str:
        """Read words with dots between them."""
        atom = self.loose_atom()
        if atom.startswith("."):
            raise _Unreadable("leading dot in atom")
        if ".." in atom:
            raise _Unreadable("double dot in atom")
        if atom.endswith("."):
            raise _Unreadable("trailing dot in atom")
        return atom

    def loose_atom(self) -> str:
        """Read words with dots anywhere."""
        atom = self.take(_LOOSE_ATOM)
        if not atom:
            raise _Unreadable("invalid string")
        return atom

    def skip_comments(self) -> None:
        """Skip spaces and comments."""
        self.skip_spaces()
        while self.skip_comment():
            self.skip_spaces()

    def skip_comment(self) -> bool:
        """Skip a comment, if there is one."""
        if not self.took("("):
            return False
        depth = 1
        while depth:
            token = _COMMENT_TOKEN.search(self.text, self.at)
            if token is None:
                raise _Unreadable("misformatted parenthetical comment")
            depth += {"(": 1, ")": -1}.get(token[0], 0)
            self.at = token.end() + (token[0] == "\\")
        return True

    def skip_spaces(self) -> None:
        self.take(_SPACES)

    def take(self, expression: re.Pattern[str]) -> str:
        """Read as much as fits, maybe nothing."""
        found = expression.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found[0]

    def took(self, char: str) -> bool:
        """Read the character, if it comes next."""
        if not self.is_next(char):
            return False
        self.at += 1
        return True

    def is_next(self, char: str) -> bool:
        return self.text.startswith(char, self.at)

    def is_at_end(self) -> bool:
        return self.at >= len(self.text)
