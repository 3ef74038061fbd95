"""What is secret in a run and must be in no log: gathered while it is there, looked for at the end.

Namespaces and Secrets go away with their tests, so watches note every version of each Secret and Challenge as it comes.
What the control plane and the CA log is not judged: these are not ours.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.cluster import Cluster

KINDS: Final = ("secrets", "challenges.acme.cert-manager.io")
# Besides private keys in PEM: values under keys that say what they are.  Some Secrets hold addresses and names, too.
SECRET_KEY: Final = re.compile(r"passw|secret|token|key|credential|hmac|tsig", re.IGNORECASE)
SECRET_VALUE: Final = re.compile(r"[A-Za-z0-9+/=_.-]{16,}")
SHINGLE: Final = 12  # characters by which a value is first looked for
LINE: Final = 40  # characters of a line of a PEM body; the first of them name an algorithm, the last are the key's own
WORDS: Final = re.compile(rf"\S{{{SHINGLE},}}")
NOT_OURS: Final = ("audit", "caddy", "challtestsrv", "etcd", "kube-", "named", "pebble", "router")
AGAIN_AFTER: Final = 0.5  # seconds: tests stop the API server


class Witness:
    """Follows a cluster between `start` and `stop`; `values` are the secrets, each with whose it is."""

    def __init__(self, cluster: Cluster) -> None:
        self.values: dict[str, str] = {}
        self._cluster = cluster
        self._stopping = threading.Event()
        self._watches: dict[str, subprocess.Popen[str]] = {}
        self._threads = [threading.Thread(target=self._follow, args=(kind,), daemon=True) for kind in KINDS]

    def start(self) -> None:
        """Begin to watch; what is there already comes first."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the watches."""
        self._stopping.set()
        for watch in self._watches.values():
            watch.terminate()
        for thread in self._threads:
            thread.join(10)

    def _follow(self, kind: str) -> None:
        while not self._stopping.is_set():
            with self._cluster.watching("get", kind, "-A", "-w", "-o", "json") as watch:
                self._watches[kind] = watch
                for obj in documents(watch.stdout or ()):
                    metadata = obj["metadata"]
                    for value in secrets_of(obj):
                        self.values.setdefault(value, f"{obj['kind']} {metadata['namespace']}/{metadata['name']}")
            self._stopping.wait(AGAIN_AFTER)


def documents(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the objects that kubectl prints one after the other, each ended by a brace in the first column."""
    part: list[str] = []
    for line in lines:
        part.append(line)
        if line.rstrip("\n") == "}":
            obj = json.loads("".join(part))
            yield from obj["items"] if obj["kind"] == "List" else (obj,)
            part = []


def secrets_of(obj: Mapping[str, Any]) -> Iterator[str]:
    """Yield what must not be seen of a Secret, as text and as the API has it, or of a Challenge over HTTP."""
    if obj["kind"] == "Challenge":
        if obj["spec"]["type"] == "HTTP-01":  # over DNS it is a digest for all to see
            yield obj["spec"]["key"]
        return
    for key, encoded in (obj.get("data") or {}).items():
        try:
            text = base64.b64decode(encoded).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        body = list(_body(text))
        yield from body
        is_secret = bool(body) or (SECRET_KEY.search(key) and SECRET_VALUE.fullmatch(text.strip()))
        if is_secret and "PUBLIC KEY" not in text:
            yield encoded[-LINE:]
            if not body:
                yield text.strip()


def _body(text: str) -> Iterator[str]:
    """Yield of the lines of private keys in PEM the part that differs from key to key."""
    inside = False
    for line in text.splitlines():
        if line.startswith("-----"):
            inside = line.startswith("-----BEGIN") and "PRIVATE KEY" in line
        elif inside and len(line) >= LINE:
            yield line[-LINE:]


def leaks(values: Mapping[str, str], logs: Iterable[Path]) -> list[str]:
    """Return where a secret stands in our logs: file, line and whose it is, never the secret itself."""
    beginning: dict[str, list[str]] = defaultdict(list)
    for value in values:
        beginning[value[:SHINGLE]].append(value)
    found = []
    for log in logs:
        if log.name.startswith(NOT_OURS):
            continue
        with log.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                found += [f"{log.name}:{number} shows {values[value]}" for value in _in(line, beginning)]
    return found


def _in(line: str, beginning: Mapping[str, list[str]]) -> Iterator[str]:
    for word in WORDS.findall(line):
        for start in range(len(word) - SHINGLE + 1):
            for value in beginning.get(word[start : start + SHINGLE], ()):
                if word.startswith(value, start):
                    yield value
