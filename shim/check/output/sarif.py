"""Results as SARIF 2.1.0, which code scanners' dashboards read (GitHub code scanning, GitLab, Visual Studio Code).

Every rule that could have found something is listed, not only those that did: a dashboard shows what was looked for.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", §3.13 (log), §3.19 (driver),
§3.27 (result), §3.4.4 (URIs are percent-encoded), §3.30 (regions count lines from 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import quote

import msgspec

from certs.rules.catalogue import Entry
from certs.rules.rule import Action
from shim.check.results import Finding, Result
from shim.check.rules import RULES

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS: Final[Mapping[Action, str]] = {Action.DENY: "error", Action.WARN: "warning", Action.OFF: "none"}


def document(results: Sequence[Result], *, successful: bool) -> str:
    """Return the log of one run; not successful when something could not be read."""
    ids = list(RULES)
    run = {
        "tool": {
            "driver": {
                "name": "certshim",
                "semanticVersion": version("certshim"),
                "rules": [_rule(entry) for entry in RULES.values()],
            }
        },
        "invocations": [{"executionSuccessful": successful}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(result, found, level, ids) for result in results for found, level in _leveled(result)],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode()


def _leveled(result: Result) -> list[tuple[Finding, str]]:
    return [*((found, "error") for found in result.errors), *((found, "warning") for found in result.warnings)]


def _rule(entry: Entry) -> dict[str, Any]:
    rule = {
        "id": entry.id,
        "shortDescription": {"text": entry.sentence},
        "defaultConfiguration": {"level": LEVELS[entry.action]},
    }
    if entry.why:
        rule["fullDescription"] = {"text": entry.why}
    if entry.remedy:
        rule["help"] = {"text": entry.remedy}
    return rule


def _result(result: Result, found: Finding, level: str, ids: list[str]) -> dict[str, Any]:
    text = f"{found.path}: {found.sentence}" if found.path else found.sentence
    index = {"ruleIndex": ids.index(found.rule)} if found.rule in ids else {}
    return {
        "ruleId": found.rule,
        **index,
        "level": level,
        "message": {"text": text},
        "locations": [_location(result, found)],
    }


def _location(result: Result, found: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(result.place.file)},
            "region": {"startLine": max(found.line, 1)},
        }
    }
    if result.kind:
        name = "/".join(part for part in (result.namespace, result.kind, result.name, found.path) if part)
        location["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "object"}]
    return location
