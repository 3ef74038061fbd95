"""Which annotation was meant: keys that nobody reads, compared with those that somebody does.

A key is looked at when its prefix is one of ours, or close to one (`cert-manger.io/issuer`,
`certmanager.io/issuer`); of the known keys the one whose name, and then whose prefix, needs the
fewest edits is suggested (Damerau-Levenshtein, so that a swap of two letters is one edit).
Under a foreign prefix only a near miss is told; under ours everything that is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA

from certs.annotations import ELSEWHERE, KNOWN, LEGACY

OWN_PREFIXES: Final = frozenset(key.partition("/")[0] for key in (*KNOWN, *LEGACY)) - {"kubernetes.io"}
MAX_PREFIX_EDITS: Final = 3  # cert-manager/, certmanager.io/, cert-manager.com/
MAX_KEY: Final = 253 + 1 + 63  # characters of a well-formed one; others, which may have megabytes, are not remembered
# What people write who have read of it for another kind, or in a page about v0.10; and where it belongs.
OUT_OF_PLACE: Final[Mapping[str, str]] = {
    "cert-manager.io/dns-names": "write cert-manager.io/alt-names",
    "cert-manager.io/ip-addresses": "write cert-manager.io/ip-sans",
    "cert-manager.io/email-addresses": "write cert-manager.io/email-sans",
    "cert-manager.io/uris": "write a Certificate with spec.uris",
    "cert-manager.io/uri-sans": "write a Certificate with spec.uris",
    "cert-manager.io/is-ca": "write a Certificate with spec.isCA",
    "cert-manager.io/secret-name": "write spec.tls[].secretName",
    "cert-manager.io/key-algorithm": "write cert-manager.io/private-key-algorithm",
    "cert-manager.io/key-size": "write cert-manager.io/private-key-size",
    "cert-manager.io/organization": "write cert-manager.io/subject-organizations",
    "certshim.io/admission": "write it on the Namespace",
}
FORMER: Final[Mapping[str, str]] = {"cert-manager.io": "certmanager.k8s.io"}  # prefixes that people mix up with today's
LONG_NAME: Final = 12  # a name shorter than this may differ in two letters, a longer one in three


@dataclass(frozen=True, slots=True)
class Mistake:
    """Why a key is of no use, and what to write instead."""

    detail: str
    remedy: str


def misspelled(key: str) -> Mistake | None:
    """Return what is wrong with the key, or None when it is known or none of our business."""
    if key in KNOWN or key in ELSEWHERE or key in LEGACY:
        return None
    return _remembered(key) if len(key) <= MAX_KEY else _judged(key)


def _judged(key: str) -> Mistake | None:
    prefix, slash, name = key.partition("/")
    if not slash:
        return None
    if key in OUT_OF_PLACE:
        return Mistake("is no annotation of an Ingress", OUT_OF_PLACE[key])
    own = prefix in OWN_PREFIXES
    suggestion = _nearest(prefix, name)
    if suggestion is not None:
        return Mistake("unknown annotation", f"did you mean {suggestion}?")
    return Mistake("unknown annotation", "remove it, nothing reads it") if own else None


_remembered: Final = lru_cache(maxsize=4096)(_judged)  # the same few keys come with every Ingress


def _nearest(prefix: str, name: str) -> str | None:
    allowed = 3 if len(name) > LONG_NAME else 2
    best: tuple[int, int, str] | None = None
    near = _remembered_prefixes(prefix) if len(prefix) <= MAX_KEY else _near_prefixes(prefix)
    for known_prefix, prefix_edits in near:
        for known_name in _NAMES[known_prefix]:
            name_edits = OSA.distance(name.lower(), known_name, score_cutoff=allowed)
            if name_edits <= allowed and (best is None or (name_edits, prefix_edits) < best[:2]):
                best = (name_edits, prefix_edits, f"{known_prefix}/{known_name}")
    return best[2] if best is not None else None


def _near_prefixes(prefix: str) -> tuple[tuple[str, int], ...]:
    """Return the known prefixes that may be meant, each with the edits to it; of ours any other of ours may."""
    edits = ((known, _prefix_edits(prefix.lower(), known)) for known in _NAMES)
    own = prefix in OWN_PREFIXES
    return tuple(
        (known, number) for known, number in edits if number <= MAX_PREFIX_EDITS or (own and known in OWN_PREFIXES)
    )


_remembered_prefixes: Final = lru_cache(maxsize=512)(_near_prefixes)  # one prefix comes with many names


def _prefix_edits(prefix: str, known: str) -> int:
    """Return how far the prefix is from a known one, or from what that was called before (`cert-manager.k8s.io`)."""
    written = (known, FORMER[known]) if known in FORMER else (known,)
    return min(OSA.distance(prefix, one, score_cutoff=MAX_PREFIX_EDITS) for one in written)


def _names_by_prefix() -> dict[str, tuple[str, ...]]:
    """Group the known keys, so that a key under a foreign prefix costs a handful of comparisons."""
    pairs = [key.partition("/")[::2] for key in KNOWN]
    return {prefix: tuple(name for other, name in pairs if other == prefix) for prefix, _ in pairs}


_NAMES: Final = _names_by_prefix()
