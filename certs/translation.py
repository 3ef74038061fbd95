"""Annotations of before v0.11 (`certmanager.k8s.io/…`) under today's keys, added beside the old ones.

The old key stays, so a manifest that has it is applied again without a difference; the new key is no manifest's, so
nobody takes it away.  It is in the mark (`certs.mark`), and as long as it stands there as we wrote it, it follows the
old key.  A key that a manifest writes is its own, and wins.

When the old key goes, ours goes with it in three cases: the manifest was applied without either; another old key
decides now; or another of today's keys does, which ours would contradict.  Otherwise it cannot be known whether
somebody wants no certificate any more, or has done what our warning says and written the new key in place of the old:
Helm 3 and `kubectl edit` send the same for both.  Then the new key stays, which at worst asks for what is there
already, and a warning says so.

The controller does not wait for any of this: it reads old keys itself (`certs.annotations.understood`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from certs.annotations import LEGACY, rivals, translations
from certs.manifests import Manifests
from certs.mark import Mark, fingerprint, is_ours

_OLD: Final[Mapping[str, str]] = {new: old for old, new in LEGACY.items()}


@dataclass(frozen=True, slots=True)
class Translation:
    """What to set (None: to remove), what of the result is ours, and what to tell."""

    changes: Mapping[str, str | None] = field(default_factory=dict)
    mark: Mark = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


NO_TRANSLATION: Final = Translation()


def translation(annotations: Mapping[str, str], mark: Mark, manifests: Manifests) -> Translation:
    """Return today's keys for old ones."""
    if annotations.keys().isdisjoint(LEGACY) and mark.keys().isdisjoint(_OLD):
        return NO_TRANSLATION
    ours = {key: annotations[key] for key in _OLD if key in annotations and is_ours(key, (annotations[key],), mark)}
    wanted = _wanted(annotations, ours)
    if any(wanted.get(key) != value for key, value in ours.items()):
        ours = {key: value for key, value in ours.items() if not manifests.has_annotation(key)}
        wanted = _wanted(annotations, ours)
    changes: dict[str, str | None] = {key: value for key, value in wanted.items() if ours.get(key) != value}
    warnings = []
    for key in ours.keys() - wanted.keys():
        if not rivals(key).isdisjoint(annotations.keys() - ours.keys()) or manifests.dropped(_OLD[key]):
            changes[key] = None
        else:
            warnings.append(f"{key} stays, though the old key is gone; remove it if it is not meant")
    return Translation(changes, {key: fingerprint((value,)) for key, value in wanted.items()}, tuple(warnings))


def _wanted(annotations: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """Return what old keys say, as if we had never translated any."""
    return translations({key: value for key, value in annotations.items() if key not in ours})
