"""The names of what we create, each computed from what it is made for, so that a repeated create finds what it made.

    Certificate  x
      next key   x-5zc7k                  a Secret; from the Certificate's uid and the revision
      request    x-1                      1 is the revision
        Order    x-1-1683025094           the number is a hash of the Order's spec
          Challenge  x-1-1683025094-…     and this one of the Challenge's

Requests, Orders and Challenges are named as cert-manager names them (`pkg/api/util/names.go`), so an
installation is adopted in the middle of an issuance; the name of a next key is random there, and
its form is kept here.  A name that would become too long is cut and made unique by a hash.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from typing import Final

from certs.api.challenge import ChallengeSpec
from certs.api.meta import ObjectMeta
from certs.api.order import OrderSpec
from certs.gojson import challenge_json, order_json

MAX_SUBDOMAIN: Final = 253  # RFC 1123 subdomain, the syntax of most object names
MAX_LABEL: Final = 63  # RFC 1123 label, the syntax of Services and of label values

# With a hyphen and the ten digits of a hash it makes a label of 63.
_HASHED_PREFIX: Final = 52

# 168 + hyphen + 64 hex digits = 233; with a hyphen and nineteen digits of a revision, 253.
_LONGEST_REQUEST_PREFIX: Final = 233
_CUT_REQUEST_PREFIX: Final = 168

# The letters of Kubernetes' own random suffixes: no vowels, no look-alikes, so no words.
_SUFFIX_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH: Final = 5

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_SUBDOMAIN_NAME: Final = re.compile(_SUBDOMAIN)
_LABEL_TEXT: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end"
    f" with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)
_SUBDOMAIN_TEXT: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start"
    f" and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)


def request_name(certificate: str, revision: int) -> str:
    """Return the name of the CertificateRequest of an issuance."""
    if len(certificate) > _LONGEST_REQUEST_PREFIX:
        certificate = f"{_cut(certificate, _CUT_REQUEST_PREFIX)}-{hashlib.sha256(certificate.encode()).hexdigest()}"
    return f"{certificate}-{revision}"


def order_name(request: str, spec: OrderSpec) -> str:
    """Return the name of the Order for a request of that name.

    The CSR is not part of the hash: one request has one Order.  A request's name that does not fit
    into the prefix is, or two of them would share an Order.
    """
    return hashed_name(request, order_json(spec, request if len(request) >= _HASHED_PREFIX else ""))


def challenge_name(order: str, spec: ChallengeSpec) -> str:
    """Return the name of a Challenge of the Order of that name; the key, a secret of the account, is not hashed."""
    return hashed_name(order, challenge_json(spec))


def hashed_name(prefix: str, content: bytes) -> str:
    """Return `<prefix>-<n>`, at most 63 characters, n being the decimal 32-bit FNV-1 of the content."""
    return f"{_cut(prefix, _HASHED_PREFIX)}-{fnv1(content)}"


def next_key_secret_name(certificate: ObjectMeta, revision: int) -> str:
    """Return the name of the Secret that holds the private key of the issuance with that revision.

    Derived from the uid as well, so a Certificate that was deleted and made anew does not find its predecessor's key.
    """
    digest = int.from_bytes(hashlib.sha256(f"{certificate.uid}/{revision}".encode()).digest())
    suffix = []
    for _ in range(_SUFFIX_LENGTH):
        digest, letter = divmod(digest, len(_SUFFIX_LETTERS))
        suffix.append(_SUFFIX_LETTERS[letter])
    return f"{_cut(certificate.name, MAX_SUBDOMAIN - 1 - _SUFFIX_LENGTH)}-{''.join(suffix)}"


def ingress_secret_name(ingress: str) -> str:
    """Return the name of the Secret for an Ingress that names none: `<ingress>-tls`."""
    name = f"{ingress}-tls"
    if len(name) <= MAX_SUBDOMAIN:
        return name
    digest = hashlib.sha256(ingress.encode()).hexdigest()[:16]
    ending = f"-{digest}-tls"
    return _cut(ingress, MAX_SUBDOMAIN - len(ending)) + ending


def adler32_label(text: str) -> str:
    """Return the label value by which HTTP-01 objects are found for a domain or a token.

    >>> adler32_label("example.com")
    '446694490'
    """
    return str(zlib.adler32(text.encode()))


def fnv1(content: bytes) -> int:
    """Return the 32-bit FNV-1 hash (not FNV-1a), draft-eastlake-fnv §2."""
    number = 0x811C9DC5
    for byte in content:
        number = (number * 0x01000193 & 0xFFFFFFFF) ^ byte
    return number


def label_problems(text: str) -> list[str]:
    """Say, in Kubernetes' words, why it is no RFC 1123 label; nothing when it is one."""
    return _problems(text, MAX_LABEL, _LABEL, _LABEL_TEXT)


def is_subdomain(text: str) -> bool:
    """Is it an RFC 1123 subdomain, and so the name of a Secret?"""
    return len(text) <= MAX_SUBDOMAIN and _SUBDOMAIN_NAME.fullmatch(text) is not None


def subdomain_problems(text: str) -> list[str]:
    """Say, in Kubernetes' words, why it is no RFC 1123 subdomain; nothing when it is one."""
    return _problems(text, MAX_SUBDOMAIN, _SUBDOMAIN, _SUBDOMAIN_TEXT)


def _problems(text: str, limit: int, syntax: str, explanation: str) -> list[str]:
    problems = [f"must be no more than {limit} characters"] if len(text.encode()) > limit else []
    return problems if re.fullmatch(syntax, text) else [*problems, explanation]


def _cut(name: str, length: int) -> str:
    """Return the name, or if it is longer than that its beginning up to a letter or digit."""
    return name if len(name) <= length else re.sub(r"[^A-Za-z0-9]+\Z", "", name[:length])
