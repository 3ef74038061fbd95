"""Ways into the API server: a user's kubeconfig on disk, and a small JSON client for the kit itself.

The client is for the kit and its tests.  It knows no kinds and never retries: what it gets is what they see.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.cluster.pki import CA, Pair

_TIMEOUT = 20.0  # seconds for one answer; the API server's own limit is 60


class APIFailure(Exception):
    """The API server refused; `code` is the HTTP status."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class User:
    """Files with which a program is somebody: a kubeconfig, and for a client certificate its two PEM files."""

    kubeconfig: Path
    certificate: Path | None = None
    key: Path | None = None


class Users:
    """Makes users: each gets a directory with its files, readable by us alone."""

    def __init__(self, directory: Path, server: str, ca: CA) -> None:
        self._directory = directory
        self._server = server
        self._ca = ca
        self.ca_file = directory / "ca.crt"
        directory.mkdir(mode=0o700)
        self.ca_file.write_bytes(ca.pem)

    def by_certificate(self, user: str, groups: Sequence[str] = ()) -> User:
        """Make a user with a client certificate; a second call for the same user replaces the first."""
        pair = self._ca.client(user, groups)
        folder = self._folder(user)
        certificate, key = folder / "tls.crt", folder / "tls.key"
        certificate.write_bytes(pair.certificate)
        key.write_bytes(pair.key)
        return User(self._write(folder, user, _pair_entry(pair)), certificate, key)

    def by_token(self, user: str, token: str) -> User:
        """Make a user with a bearer token."""
        return User(self._write(self._folder(user), user, {"token": token}))

    def _folder(self, user: str) -> Path:
        folder = self._directory / user.replace(":", "_").replace("/", "_")
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def _write(self, folder: Path, user: str, entry: Mapping[str, str]) -> Path:
        path = folder / "kubeconfig"
        cluster = {"server": self._server, "certificate-authority-data": base64.b64encode(self._ca.pem).decode()}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "kit", "cluster": cluster}],
            "users": [{"name": user, "user": dict(entry)}],
            "contexts": [{"name": "kit", "context": {"cluster": "kit", "user": user}}],
            "current-context": "kit",
        }
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path


class API:
    """The API server as one user with a client certificate."""

    def __init__(self, server: str, ca_file: Path, user: User) -> None:
        self._server = server
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment has nothing to do with loopback
        self._session.verify = str(ca_file)
        self._session.cert = (str(user.certificate), str(user.key))

    def get(self, path: str, **query: str | int) -> Any:
        """Return the decoded answer."""
        return self._send("GET", path, None, query).json()

    def post(self, path: str, body: Mapping[str, object], manager: str = "") -> Any:
        """Create (as a field manager), and return the decoded answer."""
        return self._send("POST", path, body, {"fieldManager": manager} if manager else None).json()

    def put(self, path: str, body: Mapping[str, object]) -> Any:
        """Replace, and return the decoded answer."""
        return self._send("PUT", path, body).json()

    def merge(self, path: str, body: Mapping[str, object], manager: str = "kit") -> Any:
        """Change by a JSON merge patch (RFC 7386) as a field manager, and return the object; never creates one."""
        kind = {"Content-Type": "application/merge-patch+json"}
        return self._send("PATCH", path, body, {"fieldManager": manager}, kind).json()

    def apply(self, path: str, body: Mapping[str, object], manager: str = "kit") -> Any:
        """Server-side apply one object at its path as a field manager, and return it."""
        kind = {"Content-Type": "application/apply-patch+yaml"}
        return self._send("PATCH", path, body, {"fieldManager": manager, "force": "true"}, kind).json()

    def delete(self, path: str, **query: str | int) -> None:
        """Delete, in the background."""
        self._send("DELETE", path, None, query)

    def answers(self, path: str) -> bool:
        """Tell whether a GET succeeds; OSError when there is no connection."""
        return self._session.get(self._server + path, timeout=_TIMEOUT).ok

    def stream(self, path: str, **query: str | int) -> requests.Response:
        """Open a watch; the caller reads the lines and closes it."""
        return self._session.get(self._server + path, params=query, stream=True, timeout=(_TIMEOUT, None))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        url = self._server + path
        answer = self._session.request(method, url, json=body, params=query, headers=headers, timeout=_TIMEOUT)
        if not answer.ok:
            raise APIFailure(f"{method} {path}: {answer.status_code} {answer.text[:500]}", answer.status_code)
        return answer


def _pair_entry(pair: Pair) -> dict[str, str]:
    return {
        "client-certificate-data": base64.b64encode(pair.certificate).decode(),
        "client-key-data": base64.b64encode(pair.key).decode(),
    }
