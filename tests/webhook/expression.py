"""The expression of misspelled annotations, read from the manifest."""

from __future__ import annotations

import re
from typing import Any, Final

from tests.manifests import webhook_configurations


def ingress_entries() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the validating and the mutating entry for Ingresses."""
    entries = {
        one["kind"]: entry
        for one in webhook_configurations()
        for entry in one["webhooks"]
        if entry["name"] == "ingress.certshim.io"
    }
    return entries["ValidatingWebhookConfiguration"], entries["MutatingWebhookConfiguration"]


def _pattern() -> re.Pattern[str]:
    expression = ingress_entries()[0]["matchConditions"][-1]["expression"]
    found = re.search(r'key\.matches\(\s*"(.*?)"\)', expression)
    assert found, "the last condition does not match keys any more"
    return re.compile(found[1])


PATTERN: Final = _pattern()


def near_miss(key: str) -> bool:
    """Does the expression take the key for one of ours, or for a misspelled one?"""
    return PATTERN.search(key) is not None
