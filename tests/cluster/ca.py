"""Pebble: Let's Encrypt's test CA, with the knobs that its environment and its configuration file have.

What its source (v2.10.1) does that a test must know:

- `Retry-After` is sent only while an authorization has a challenge in `processing`, or while an order is `processing`;
  `0` means never, and otherwise it is whole seconds or, at random, an HTTP date (rounded down to the second).
  The kit's default is 0, so that a client's own pace shows; a test of `Retry-After` sets it.
- With several profiles, an order that names none gets one at random.  The kit's default is one profile.
- A certificate is valid from its issuance on (not back-dated) for `validityPeriod` seconds.
- Half of the valid authorizations are reused by default; the kit's default is none, so that every order
  shows its challenges.  Five per cent of good nonces are refused, which stays as it is: clients must bear it.
- Everything is in memory: after a restart, accounts, orders and even the roots are new.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import requests

from tests.cluster.pki import CA
from tests.cluster.ports import Ports
from tests.cluster.processes import Launcher, Process
from tests.cluster.site import LOOPBACK

_TIMEOUT = 10.0
DAY = 86_400
DEFAULT_PROFILE: Mapping[str, int] = {"default": 90 * DAY}
SHORT_PROFILE: Mapping[str, int] = {"short": 300}  # seconds: a test can see a renewal happen


@dataclass(frozen=True, slots=True)
class PebbleSettings:
    """How a Pebble behaves."""

    profiles: Mapping[str, int] = field(default_factory=lambda: DEFAULT_PROFILE)  # name -> validity in seconds
    nonce_reject_percent: int = 5
    authz_reuse_percent: int = 0
    sleep_seconds: int = 0  # before each validation, at random up to this many
    retry_after_authz: int = 0
    retry_after_order: int = 0
    alternate_roots: int = 0
    chain_length: int = 1
    key_algorithm: str = "ecdsa"
    blocked_domains: tuple[str, ...] = ()
    external_account_keys: Mapping[str, str] = field(default_factory=dict)  # key id -> base64url MAC key
    external_account_required: bool = False

    def environment(self) -> dict[str, str]:
        """Return the part that Pebble reads from its environment."""
        sleep = {"PEBBLE_VA_SLEEPTIME": str(self.sleep_seconds)} if self.sleep_seconds else {"PEBBLE_VA_NOSLEEP": "1"}
        return sleep | {
            "PEBBLE_WFE_NONCEREJECT": str(self.nonce_reject_percent),
            "PEBBLE_AUTHZREUSE": str(self.authz_reuse_percent),
            "PEBBLE_ALTERNATE_ROOTS": str(self.alternate_roots),
            "PEBBLE_CHAIN_LENGTH": str(self.chain_length),
        }

    def configuration(self) -> dict[str, object]:
        """Return the part that Pebble reads from its file."""
        return {
            "retryAfter": {"authz": self.retry_after_authz, "order": self.retry_after_order},
            "profiles": {
                name: {"description": f"valid for {seconds} s", "validityPeriod": seconds}
                for name, seconds in self.profiles.items()
            },
            "keyAlgorithm": self.key_algorithm,
            "domainBlocklist": list(self.blocked_domains),
            "externalAccountBindingRequired": self.external_account_required,
            "externalAccountMACKeys": dict(self.external_account_keys),
        }


class Pebble:
    """One Pebble; several may run side by side."""

    def __init__(
        self,
        name: str,
        *,
        program: Path,
        directory: Path,
        ports: Ports,
        launcher: Launcher,
        resolver: str,
        validation_ports: tuple[int, int],
        settings: PebbleSettings,
        host: str = LOOPBACK,
        port: int = 0,
    ) -> None:
        self.name = name
        self.directory_url = f"https://{host}:{(port := port or ports.free())}/dir"
        self.management_url = f"https://127.0.0.1:{(management := ports.free())}"
        self.settings = settings
        self._program = program
        self._launcher = launcher
        self._resolver = resolver
        self._folder = directory / name
        self._folder.mkdir()
        self.root_file = self._folder / "listener-root.crt"
        self._listen = {
            "listenAddress": f"{host}:{port}",
            "managementListenAddress": f"127.0.0.1:{management}",
            "httpPort": validation_ports[0],
            "tlsPort": validation_ports[1],
            **self._listener_certificate(host),
        }

    def start(self) -> Process:
        """Start it with its present settings and wait until its directory answers."""
        path = self._folder / "config.json"
        path.write_text(json.dumps({"pebble": {**self._listen, **self.settings.configuration()}}))
        argv: list[str | Path] = [self._program, "-config", path, "-dnsserver", self._resolver]
        process = self._launcher.start(self.name, argv, env=self.settings.environment())
        process.wait_until(lambda: self._get(self.directory_url).ok and self._get(f"{self.management_url}/roots/0").ok)
        return process

    def suggest_renewal(self, certificate: bytes, start: datetime, end: datetime) -> None:
        """Have it answer with that window when it is asked about the certificate (PEM); RFC 9773 §4.2."""
        window = {"start": start.isoformat(), "end": end.isoformat()}
        response = json.dumps({"suggestedWindow": window})
        body = json.dumps({"certificate": certificate.decode(), "ariResponse": response})
        answer = requests.post(
            f"{self.management_url}/set-renewal-info/", data=body, verify=str(self.root_file), timeout=10
        )
        answer.raise_for_status()

    def root(self, number: int = 0) -> bytes:
        """Return the root (PEM) of what it issues now; numbers above 0 are the alternate roots."""
        return self._get(f"{self.management_url}/roots/{number}").content

    def intermediate(self, number: int = 0) -> bytes:
        """Return the intermediate (PEM) of what it issues now."""
        return self._get(f"{self.management_url}/intermediates/{number}").content

    def _get(self, url: str) -> requests.Response:
        answer = requests.get(url, verify=str(self.root_file), timeout=_TIMEOUT)
        answer.raise_for_status()
        return answer

    def _listener_certificate(self, host: str) -> dict[str, str]:
        ca = CA(f"{self.name} listener CA")
        pair = ca.server("127.0.0.1", "localhost", host)
        certificate, key = self._folder / "tls.crt", self._folder / "tls.key"
        certificate.write_bytes(pair.certificate)
        key.write_bytes(pair.key)
        self.root_file.write_bytes(ca.pem)
        return {"certificate": str(certificate), "privateKey": str(key)}
