"""The mark on an Ingress: what of it we filled in, so that what the user wrote is never taken for ours.

    certshim.io/filled: cert-manager.io/issuer=3f0c9e21aa,shop-tls=81b2ce07d4
                        an annotation that we added       the hosts of the entry of spec.tls with that Secret

To each belongs a fingerprint of what we wrote.  As long as it fits, nobody has changed it, and it follows what it
was made of: the rules, the old annotation.  Once it does not, it is the user's for good, and leaves the mark.
No admission has to have been seen in between, so a webhook that was away misses nothing.

The mark needs no protection.  Who writes one can only make their own Ingress follow its own rules; one that stands in
a manifest, because somebody exported the live object, is not taken for ours at all (`is_copied`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from certs.annotations import FILLED

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
DIGITS: Final = 10  # of 64: nobody is to be fooled here, only an edit to be noticed

Mark = Mapping[str, str]

NOTHING: Final[Mark] = {}


def fingerprint(texts: Iterable[str]) -> str:
    """Return a few digits that another list of texts does not have."""
    return hashlib.sha256("\n".join(texts).encode(errors="replace")).hexdigest()[:DIGITS]


def read_mark(annotations: Mapping[str, str]) -> Mark:
    """Return what is ours, by annotation key or name of a Secret; what cannot be read is left out."""
    text = annotations.get(FILLED)
    if not text or is_copied(annotations):
        return NOTHING
    pairs = (part.partition("=") for part in text.split(","))
    return {name: digits for name, equals, digits in pairs if name and equals}


def is_ours(name: str, texts: tuple[str, ...], mark: Mark) -> bool:
    """Is what stands there what we wrote?"""
    return bool(texts) and name in mark and mark[name] == fingerprint(texts)


def is_annotation(name: str) -> bool:
    """Is it the key of an annotation?  The name of a Secret has no slash."""
    return "/" in name


def written(mark: Mark) -> str:
    """Return the annotation's text, the same for the same mark; empty when nothing is ours."""
    return ",".join(f"{name}={mark[name]}" for name in sorted(mark))


def is_copied(annotations: Mapping[str, str]) -> bool:
    """Does the mark stand in the manifest that was applied?  Then it speaks of another object or another time."""
    return f'"{FILLED}"' in annotations.get(LAST_APPLIED, "")
