"""May a CA issue for a name, as far as its CAA records go?  RFC 8659, with the parameters of RFC 8657.

    the nearest name upwards that has any CAA record (`climb`)          §3
      └─ a property that is critical and not known?  doubtful            §4.1
      └─ issuewild for a wildcard that has one, else issue; none: free   §4.2, §4.3
           └─ one that names the CA?   no: forbidden
                └─ whose parameters fit (`accounturi`, `validationmethods`)?   no: doubtful

What only a CA itself can know is doubtful, not forbidden: which properties it understands, and whether it heeds the
parameters of RFC 8657 (and by how many URLs it knows an account).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

CRITICAL: Final = 0x80  # RFC 8659 §4.1.1
ISSUE: Final = "issue"
ISSUEWILD: Final = "issuewild"
# Properties that say nothing about certificates for names of servers: RFC 8659 §4.4, RFC 9495, and IANA's registry.
OF_OTHERS: Final = frozenset(("iodef", "issuemail", "issuevmc", "contactemail", "contactphone"))
# RFC 8659 §4.2, "issue-value" and what it is made of.
_LABEL: Final = r"[0-9A-Za-z](?:-*[0-9A-Za-z])*"
_PARAMETER: Final = rf"({_LABEL})[ \t]*=[ \t]*([!-:<-~]*)"
_VALUE: Final = re.compile(
    rf"[ \t]*({_LABEL}(?:\.{_LABEL})*)?[ \t]*(?:;[ \t]*((?:{_PARAMETER}[ \t]*;[ \t]*)*{_PARAMETER})?[ \t]*)?"
)
_PARAMETERS: Final = re.compile(_PARAMETER)
MOST: Final = 512  # characters of a value that are looked at; the longest that means something is half of that


@dataclass(frozen=True, slots=True)
class CAARecord:
    """One record, RFC 8659 §4.1."""

    flags: int
    tag: str
    value: str


@dataclass(frozen=True, slots=True)
class Asking:
    """Who is to issue, for which account and by which proof; `identities` are `caaIdentities` of the directory."""

    identities: tuple[str, ...]
    account: str = ""
    method: str = ""
    wildcard: bool = False


class Verdict(Enum):
    """What the records come to."""

    PERMITTED = auto()
    DOUBTFUL = auto()
    FORBIDDEN = auto()


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict, and what the records say that leads to it (a part of a sentence; nothing where they permit)."""

    verdict: Verdict
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Property:
    """A property that says who may issue; no domain: nobody."""

    domain: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    malformed: bool = False


def climb(name: str) -> tuple[str, ...]:
    """Return where to look for records, nearest first, the root left out (RFC 8659 §3).

    >>> climb("*.shop.example.com")
    ('shop.example.com', 'example.com', 'com')
    """
    labels = name.removeprefix("*.").removesuffix(".").split(".")
    return tuple(".".join(labels[first:]) for first in range(len(labels)))


def judge(records: Sequence[CAARecord], asking: Asking) -> Judged:
    """Return what the relevant records (`climb`) come to."""
    foreign = next((one.tag for one in records if one.flags & CRITICAL and not _is_known(one.tag)), None)
    properties = _relevant(records, wildcard=asking.wildcard)
    ours = [one for one in properties if _names(one, asking)]
    if properties and not ours:
        return Judged(Verdict.FORBIDDEN, f"let {_listed(properties)} issue")
    if foreign is not None:
        return Judged(Verdict.DOUBTFUL, f'have a critical property "{foreign[:20]}", which not every CA knows')
    problems = [_misfit(one, asking) for one in ours]
    if not problems or "" in problems:
        return Judged(Verdict.PERMITTED)
    return Judged(Verdict.DOUBTFUL, problems[0])


def _is_known(tag: str) -> bool:
    return tag.lower() in {ISSUE, ISSUEWILD, *OF_OTHERS}


def _relevant(records: Sequence[CAARecord], *, wildcard: bool) -> tuple[_Property, ...]:
    by_tag = {tag: tuple(_read(one.value) for one in records if one.tag.lower() == tag) for tag in (ISSUE, ISSUEWILD)}
    return (by_tag[ISSUEWILD] if wildcard else ()) or by_tag[ISSUE]


def _read(value: str) -> _Property:
    """Read a value; one that cannot be read lets nobody issue (RFC 8659 §4.2), unless the CA is more lenient."""
    found = _VALUE.fullmatch(value) if len(value) <= MOST else None
    if found is None:
        domain = value[:MOST].partition(";")[0].strip().lower()
        return _Property(domain, malformed=True)
    pairs = tuple((tag.lower(), text) for tag, text in _PARAMETERS.findall(found[2] or ""))
    return _Property((found[1] or "").lower(), pairs)


def _names(one: _Property, asking: Asking) -> bool:
    return one.domain in {identity.lower().removesuffix(".") for identity in asking.identities}


def _misfit(one: _Property, asking: Asking) -> str:
    """Return why a property that names the CA may not let it issue for us, or nothing."""
    if one.malformed:
        return f"name {one.domain} in a value that cannot be read"
    accounts = [text for tag, text in one.parameters if tag == "accounturi"]
    # RFC 8657 §3: with several of them nothing satisfies the property.
    if accounts and (len(accounts) > 1 or (asking.account and accounts[0] != asking.account)):
        return f"let {one.domain} issue for the account {accounts[0]} only, and this is {asking.account or 'another'}"
    methods = [text for tag, text in one.parameters if tag == "validationmethods"]
    if methods and asking.method and not any(asking.method in text.split(",") for text in methods):
        return f"let {one.domain} issue by {methods[0]} only, and the solver is one for {asking.method}"
    return ""


def _listed(properties: Sequence[_Property]) -> str:
    domains = sorted({one.domain for one in properties if one.domain and not one.malformed})
    return f"only {', '.join(domains[:3])}{' and others' if domains[3:] else ''}" if domains else "nobody"
