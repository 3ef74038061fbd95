"""One row of what can be seen when something is wrong, and what it comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Literal


class Place(Enum):
    """Where it is seen: the headings of docs/troubleshooting.md, in their order."""

    APPLY = "When something is applied"
    PROCESSES = "At the processes"
    ISSUER = "At the Issuer or ClusterIssuer"
    REQUEST = "At the Certificate or its CertificateRequest"
    ORDER = "At the Order"
    HTTP = "At a Challenge over HTTP-01"
    DNS = "At a Challenge over DNS-01"
    ANY = "At any of them"
    RESULT = "In the result"


@dataclass(frozen=True, slots=True)
class Symptom:
    """What is seen, its cause, and how it is mended.

    `example` is a sentence as it is told, in which `pattern` is found; without a pattern it is what a person sees, in
    their words, and only the page has it.  `solver` is set where the sentence means this only of a Challenge of that
    type.  In `mend` `{host}`, `{namespace}`, `{ingress}` and `{request}` are filled in; `see` is a link for the page.
    """

    id: str
    place: Place
    example: str
    cause: str
    mend: str
    pattern: re.Pattern[str] | None = None
    solver: Literal["", "HTTP-01", "DNS-01"] = ""
    see: str = ""


def told(
    id: str,  # noqa: A002 - as the field is called
    place: Place,
    pattern: str,
    *,
    example: str,
    cause: str,
    mend: str,
    solver: Literal["", "HTTP-01", "DNS-01"] = "",
    see: str = "",
) -> Symptom:
    """Return the row of a sentence; `pattern` heeds no case."""
    return Symptom(id, place, example, cause, mend, re.compile(pattern, re.IGNORECASE), solver, see)
