"""All rules that `check` tells by: those of admission, and those that only files can break."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from certs.rules.catalogue import CATALOGUE, Entry, Sort
from certs.rules.nearest import nearest
from certs.rules.rule import Action
from shim.check.objects import LEGACY_RULE, UNKNOWN_RULE
from shim.check.results import UNREADABLE


def _own(rule: str, sentence: str, why: str, remedy: str) -> Entry:
    return Entry(rule, Sort.API, (), Action.DENY, sentence, why, remedy)


_OWN: Final = (
    _own(
        LEGACY_RULE,
        "An apiVersion of before cert-manager 1.0 or Kubernetes 1.22.",
        "No API server serves it any more: kubectl says that there is no such kind.",
        "Run `certshim convert`, which rewrites the manifest and says what it cannot carry over.",
    ),
    _own(
        UNKNOWN_RULE,
        "An apiVersion or kind that is nearly one of ours.",
        "kubectl says only that there is no match for the kind.",
        "Write apiVersion and kind as the finding says.",
    ),
    _own(
        UNREADABLE,
        "A file or document that cannot be read.",
        "What cannot be read cannot be judged, so the result is not a clean one: the exit code is 2.",
        "Mend the YAML; render a template first, as in `helm template CHART | certshim check -`.",
    ),
)

RULES: Final[Mapping[str, Entry]] = {**CATALOGUE, **{entry.id: entry for entry in _OWN}}


def explanation(rule: str) -> Iterator[str]:
    """Yield what there is to say about a rule, in lines; raises ValueError, with the rule that was meant if any."""
    entry = RULES.get(rule)
    if entry is None:
        meant = nearest(rule, RULES)
        raise ValueError(f"there is no rule {rule!r}; did you mean {meant}?" if meant else f"there is no rule {rule!r}")
    yield entry.id
    yield f"  {entry.sentence}"
    for label, text in (("Why", entry.why), ("Remedy", entry.remedy), ("About", ", ".join(entry.kinds))):
        if text:
            yield f"  {label}: {text}"
    choices = ", ".join(entry.allowed)
    yield f"  Action: {entry.action}" + (f" (a policy may choose: {choices})" if choices else ", always")
    if entry.needs_facts:
        yield "  It is asked of what is known of other objects: those of the cluster, or of the other files."
