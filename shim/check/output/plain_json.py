"""Results for programs, as JSON; the names of the members are part of the interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from shim.check.results import Finding, Result


def document(results: Sequence[Result]) -> str:
    """Return `{"results": [{file, line, kind, namespace, name, verdict, errors, warnings}]}`, indented."""
    tree = {"results": [_result(result) for result in results]}
    return msgspec.json.format(msgspec.json.encode(tree), indent=2).decode()


def _result(result: Result) -> dict[str, Any]:
    return {
        "file": result.place.file,
        "line": result.place.line,
        "kind": result.kind,
        "namespace": result.namespace,
        "name": result.name,
        "verdict": "allow" if result.is_allowed else "deny",
        "errors": [_finding(found) for found in result.errors],
        "warnings": [_finding(found) for found in result.warnings],
    }


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "rule": found.rule,
        "path": found.path,
        "type": found.type,
        "detail": found.detail,
        "remedy": found.remedy,
    }
