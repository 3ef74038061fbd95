"""Passwords, keys and secret URLs, read when they are needed: from files, or from Secrets by what `ReadSecret` is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from certs.api.core import Secret
from shim.kube.client import Client
from shim.kube.errors import KubeError
from shim.notify.config import SecretKey, Source

ReadSecret = Callable[[SecretKey], bytes]


class NoCredential(Exception):
    """It cannot be read; `str()` says where it should be, never what it is."""


def secrets_of(client: Client, namespace: str) -> ReadSecret:
    """Return what reads keys of Secrets of a namespace."""

    def read(ref: SecretKey) -> bytes:
        try:
            return client.get(Secret, namespace, ref.name).data[ref.key]
        except KeyError:
            raise NoCredential(f'Secret {namespace}/{ref.name} has no key "{ref.key}"; add it') from None
        except KubeError as error:
            raise NoCredential(f"cannot read Secret {namespace}/{ref.name}: {error}") from error

    return read


def resolve(source: Source, read_secret: ReadSecret) -> str:
    """Return a credential, without the line's end that editors leave; NoCredential when there is none."""
    if source.secret is not None:
        raw, where = read_secret(source.secret), f"Secret {source.secret.name}"
    else:
        where = f"file {source.file}"
        try:
            raw = Path(source.file).read_bytes()
        except OSError as error:
            raise NoCredential(f"cannot read {where}: {error.strerror}") from error
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        raise NoCredential(f"{where} is not text") from None
    if not text:
        raise NoCredential(f"{where} is empty")
    return text
