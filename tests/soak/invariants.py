"""What must hold at every version of every object, judged from what the watchers see.

- The key and the certificate of a TLS Secret are a pair, always.
- A revision of a Certificate has one live CertificateRequest at most, and that one live Order.
- No object has a finalizer of ours, and what is being deleted is gone within seconds.

None of the product's code judges here.
"""

from __future__ import annotations

import base64
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

Object = Mapping[str, Any]

REVISION: Final = "cert-manager.io/certificate-revision"
OVER: Final = frozenset(("Failed", "Denied", "failed", "errored", "invalid"))
# The API server sets these itself, for the garbage collector.
COLLECTORS: Final = frozenset(("foregroundDeletion", "orphan"))
GONE_WITHIN: Final = 10.0  # seconds


class Invariants:
    """Notes what broke; may be told from several threads.  `now` is a monotonic clock in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.breaches: list[str] = []
        self.pairs = 0  # versions of TLS Secrets that were looked at
        self.made: dict[tuple[str, str, str], set[str]] = defaultdict(set)  # kind, owner, revision: uids ever seen
        self._now = now
        self._lock = threading.Lock()
        self._live: dict[tuple[str, str, str], dict[str, str]] = defaultdict(dict)
        self._leaving: dict[str, tuple[float, str]] = {}
        self._told: set[str] = set()

    def listed(self, kind: str, objects: Sequence[Object]) -> None:
        """Take what there is of a kind; what is not in it has gone unseen."""
        present = {obj["metadata"]["uid"] for obj in objects}
        with self._lock:
            for (of, _, _), live in self._live.items():
                if of == kind:
                    for uid in live.keys() - present:
                        del live[uid]
            for uid, (_, name) in list(self._leaving.items()):
                if name.startswith(f"{kind} ") and uid not in present:
                    del self._leaving[uid]
        for obj in objects:
            self.changed(kind, obj, gone=False)

    def changed(self, kind: str, obj: Object, *, gone: bool) -> None:
        """Judge one version."""
        metadata = obj["metadata"]
        name = f"{kind} {metadata.get('namespace', '')}/{metadata['name']}"
        with self._lock:
            self._lingers(name, metadata, gone=gone)
            if kind == "Secret" and not gone:
                self._pair(name, obj)
            elif kind in {"CertificateRequest", "Order"}:
                self._single(kind, name, obj, gone=gone)

    def lingering(self) -> list[str]:
        """Return what has been on its way out for too long."""
        with self._lock:
            due = self._now() - GONE_WITHIN
            return [f"{name} is still being deleted" for since, name in self._leaving.values() if since < due]

    def repeated(self) -> list[str]:
        """Return for which revisions more than one object was ever made: right after an edit, else a waste."""
        with self._lock:
            return [
                f"{len(uids)} {kind}s of {owner}, revision {revision or 'none'}"
                for (kind, owner, revision), uids in self.made.items()
                if len(uids) > 1
            ]

    def _breach(self, what: str) -> None:
        if what not in self._told:  # once, however many versions show it
            self._told.add(what)
            self.breaches.append(what)

    def _lingers(self, name: str, metadata: Object, *, gone: bool) -> None:
        for finalizer in set(metadata.get("finalizers", ())) - COLLECTORS:
            self._breach(f"{name} has the finalizer {finalizer}")
        if gone:
            self._leaving.pop(metadata["uid"], None)
        elif metadata.get("deletionTimestamp"):
            self._leaving.setdefault(metadata["uid"], (self._now(), name))

    def _pair(self, name: str, obj: Object) -> None:
        data = obj.get("data") or {}
        self.pairs += 1
        if problem := mismatch(data.get("tls.crt", ""), data.get("tls.key", "")):
            self._breach(f"{name} at version {obj['metadata']['resourceVersion']}: {problem}")

    def _single(self, kind: str, name: str, obj: Object, *, gone: bool) -> None:
        metadata = obj["metadata"]
        owner = next((one for one in metadata.get("ownerReferences", ()) if one.get("controller")), None)
        if owner is None:
            return
        place = (kind, f"{owner['name']} ({owner['uid']})", metadata.get("annotations", {}).get(REVISION, ""))
        live, uid = self._live[place], metadata["uid"]
        self.made[place].add(uid)
        if gone or metadata.get("deletionTimestamp") or _is_over(obj):
            live.pop(uid, None)
            return
        live[uid] = name
        if len(live) > 1:
            self._breach(f"two live {kind}s of {place[1]}, revision {place[2]}: {', '.join(sorted(live.values()))}")


def _is_over(obj: Object) -> bool:
    status = obj.get("status") or {}
    reasons = {one.get("reason") for one in status.get("conditions", ()) if one["type"] == "Ready"}
    return bool(OVER & {*reasons, status.get("state")})


@lru_cache(maxsize=4096)  # most versions of a Secret differ in their annotations only
def mismatch(chain: str, key: str) -> str:
    """Return why these two (PEM in base64) are not a pair, or nothing; neither being there is no mismatch."""
    if not chain and not key:
        return ""
    try:
        leaf = x509.load_pem_x509_certificate(base64.b64decode(chain))
        private = load_pem_private_key(base64.b64decode(key), None)
    except ValueError as error:
        return f"cannot be read: {error}"
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if private.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        return "the key does not belong to the certificate"
    return ""


def dns_names(chain: str) -> set[str]:
    """Return the DNS names of the first certificate (PEM in base64)."""
    leaf = x509.load_pem_x509_certificate(base64.b64decode(chain))
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return set(names.get_values_for_type(x509.DNSName))
