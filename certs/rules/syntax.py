"""The syntax of labels and annotations, with Kubernetes' texts (apimachinery `util/validation`).

Each function returns sentences, none when the text is well formed; expressions run in linear time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from certs.names import MAX_SUBDOMAIN, subdomain_problems
from certs.problems import Path, Problems

_QUALIFIED: Final = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE: Final = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
MAX_LABEL: Final = 63
MAX_ANNOTATIONS: Final = 262144  # bytes of all keys and values together: 256 KiB

_NAME: Final = re.compile(_QUALIFIED)
_VALUE: Final = re.compile(_LABEL_VALUE)
_KEY: Final = re.compile(rf"(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*/)?{_QUALIFIED}")

_QUALIFIED_TEXT: Final = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
    f" (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_QUALIFIED}')"
)
_LABEL_TEXT: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is"
    f" '{_LABEL_VALUE}')"
)


def _too_long(limit: int) -> str:
    return f"must be no more than {limit} bytes"


def qualified_name_problems(text: str) -> list[str]:
    """Say why it is no key of a label or annotation: a name, optionally with a DNS prefix and a slash."""
    if len(text) <= MAX_LABEL and _KEY.fullmatch(text):
        return []
    prefix, slash, name = text.rpartition("/")
    if "/" in prefix:
        suffix = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a valid label key {_QUALIFIED_TEXT} {suffix}"]
    found = []
    if slash and not prefix:
        found.append("prefix part must be non-empty")
    elif slash:
        found.extend(f"prefix part {text}" for text in _prefix_problems(prefix))
    if not name:
        found.append("name part must be non-empty")
    elif len(name.encode()) > MAX_LABEL:
        found.append(f"name part {_too_long(MAX_LABEL)}")
    if not _NAME.fullmatch(name):
        found.append(f"name part {_QUALIFIED_TEXT}")
    return found


def _prefix_problems(prefix: str) -> list[str]:
    problems = subdomain_problems(prefix)
    if len(prefix.encode()) > MAX_SUBDOMAIN:
        problems[0] = _too_long(MAX_SUBDOMAIN)  # here Kubernetes counts bytes, of other names characters
    return problems


def check_labels(path: Path, labels: Mapping[str, str], problems: Problems) -> None:
    """Add a problem for each key and each value that is no label's."""
    for key, value in labels.items():
        for text in qualified_name_problems(key):
            problems.invalid(path, key, text)
        if len(value.encode()) > MAX_LABEL:
            problems.invalid(path, value, _too_long(MAX_LABEL))
        if not _VALUE.fullmatch(value):
            problems.invalid(path, value, _LABEL_TEXT)


def check_annotations(path: Path, annotations: Mapping[str, str], problems: Problems) -> None:
    """Add a problem for each key that is no annotation's (compared in lower case), and for too much of them."""
    for key in annotations:
        for text in qualified_name_problems(key.lower()):
            problems.invalid(path, key, text)
    characters = sum(map(len, annotations)) + sum(map(len, annotations.values()))
    if characters > MAX_ANNOTATIONS // 4 and _size(annotations) > MAX_ANNOTATIONS:
        problems.too_long(path, MAX_ANNOTATIONS)


def _size(annotations: Mapping[str, str]) -> int:
    return sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
