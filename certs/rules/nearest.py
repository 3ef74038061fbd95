"""Which known word was probably meant: the one nearest to what was written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

# Of 1: `letsencrypt` for `letsencrypt-prod` has 0.94, `le` for `le-prod` 0.81, `vault` for `letsencrypt` 0.46.
ALIKE: Final = 0.8
MAX_WORD: Final = 253  # characters: of a Kubernetes name; a longer one is nobody's typing error


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like the given one, or None when none is alike.

    >>> nearest("letsencript", ["internal", "letsencrypt"])
    'letsencrypt'
    """
    if not word or len(word) > MAX_WORD:
        return None
    found = process.extractOne(word, sorted(known), scorer=JaroWinkler.similarity, score_cutoff=ALIKE)
    return found[0] if found is not None else None
