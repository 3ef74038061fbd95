"""How tools bring a manifest to the API server, in as far as kubectl itself does not show it: Argo CD and Helm 3.

Both compute a three-way merge on the client's side.  Lists of an Ingress are atomic, so that of Argo CD (from the
manifest applied last) and that of Helm 3 (from the manifest of the release before) are both a JSON merge patch.
"""

from __future__ import annotations

from typing import Any

Plain = dict[str, Any]


def three_way(original: Plain, modified: Plain, live: Plain) -> Plain:
    """Return the merge patch for the live object: what the manifest says, and what it says no more.

    Fields that only the live object has are left alone.
    """
    patch: Plain = {}
    for key, value in modified.items():
        before = live.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            inner = three_way(_mapping(original.get(key)), value, before)
            if inner:
                patch[key] = inner
        elif value != before:
            patch[key] = value
    return patch | {key: None for key in original if key not in modified and key in live}


def _mapping(value: object) -> Plain:
    return value if isinstance(value, dict) else {}
