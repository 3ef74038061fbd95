"""What tests of keystores share: material, programs that read, and a reader of JKS."""

from __future__ import annotations

import hashlib
import shutil
import struct
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from certs.api.certificate import KeyAlgorithm, PrivateKey
from certs.pki.csr import build_csr
from certs.pki.keys import Key
from certs.pki.keystore import Material
from certs.pki.x509 import read_chain
from shim.keys import generate_key
from tests.certs.decide.objects import sign, spec
from tests.lacking import pass_over

RANDOM: Final = bytes(range(160))
# Every UTF-16 unit is its own matter: two bytes, three bytes, and a pair of surrogates.
PASSWORDS: Final = ("changeit", "pässwörd €", "s𝄞")


@cache
def chain(algorithm: KeyAlgorithm, count: int) -> tuple[Key, tuple[bytes, ...]]:
    """Return a key and that many certificates, of which the first is for it."""
    private_key = PrivateKey(algorithm=algorithm)
    keys = [generate_key(algorithm) for _ in range(count)]
    found = (read_chain(sign(build_csr(spec(private_key=private_key), key)))[0].der for key in keys)
    return keys[0], tuple(found)


def material(algorithm: KeyAlgorithm = KeyAlgorithm.ECDSA, *, ca: int = 0) -> Material:
    """Return a key with a chain of two, and a CA of that many certificates."""
    key, certificates = chain(algorithm, 4)
    return Material(key, certificates[:2], certificates[2 : 2 + ca])


def program(name: str, *arguments: str | Path) -> str:
    """Return what a program prints; skip the test where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pass_over(f"no {name} on this machine")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@dataclass(frozen=True)
class Entry:
    """An entry of a JKS file; `key` is as it was before it was protected, empty for a trusted certificate."""

    alias: str
    time: int
    salt: bytes
    key: bytes
    chain: tuple[bytes, ...]


class JKSReader:
    """Reads as the JDK does, and asserts what it checks."""

    def __init__(self, file: bytes, password: str) -> None:
        self._secret = password.encode("utf-16-be")
        content, digest = file[:-20], file[-20:]
        assert hashlib.sha1(self._secret + b"Mighty Aphrodite" + content, usedforsecurity=False).digest() == digest
        self._rest = content

    def entries(self) -> list[Entry]:
        magic, version, count = struct.unpack(">III", self._take(12))
        assert (magic, version) == (0xFEEDFEED, 2)
        found = [self._entry() for _ in range(count)]
        assert not self._rest
        return found

    def _entry(self) -> Entry:
        kind = self._number(4)
        alias, time = self._take(self._number(2)).decode(), self._number(8)
        if kind == 2:
            return Entry(alias, time, b"", b"", (self._certificate(),))
        salt, key = self._unprotect(self._take(self._number(4)))
        return Entry(alias, time, salt, key, tuple(self._certificate() for _ in range(self._number(4))))

    def _unprotect(self, info: bytes) -> tuple[bytes, bytes]:
        # EncryptedPrivateKeyInfo: after the algorithm and its NULL comes the octet string.
        oid = bytes.fromhex("060a2b060104012a02110101")
        start = info.index(oid) + len(oid) + 2
        header = 2 if info[start + 1] < 0x80 else 2 + (info[start + 1] & 0x7F)
        salt, hidden, check = info[start + header :][:20], info[start + header + 20 : -20], info[-20:]
        plain, last = b"", salt
        while len(plain) < len(hidden):
            last = hashlib.sha1(self._secret + last, usedforsecurity=False).digest()
            plain += bytes(a ^ b for a, b in zip(hidden[len(plain) :], last, strict=False))
        assert hashlib.sha1(self._secret + plain, usedforsecurity=False).digest() == check
        return salt, plain

    def _certificate(self) -> bytes:
        assert self._take(self._number(2)) == b"X.509"
        return self._take(self._number(4))

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size))

    def _take(self, size: int) -> bytes:
        taken, self._rest = self._rest[:size], self._rest[size:]
        assert len(taken) == size
        return taken
