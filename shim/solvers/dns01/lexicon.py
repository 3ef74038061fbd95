"""Any provider that dns-lexicon knows, in a process of its own for each change.

Some ninety modules of many authors, most of them without a deadline for their requests: a process can be ended, and it
has neither our environment nor our connections.  What goes in and comes out is one JSON value (`lexicon_process`).

An issuer of a namespace must not reach what is the shim's: no option may name a file that exists here, nor is any
provider there that works on this machine; of the environment only what leads to the network is handed on.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec

from certs.api.issuer import DNS01Solver, Lexicon
from certs.decoders import decode
from certs.outcomes import Failure, RateLimited, Transient, WaitingForUser
from shim.acme.retry_after import retry_after
from shim.solvers.dns01 import TTL, Change, Credentials, DNSWriter

# Some providers log in and page through all records; starting Python and the provider takes up to three.
WITHIN: Final = 60.0
# `auto` asks the local resolver who the provider is, `localzone` edits a file.
_LOCAL: Final = frozenset(("auto", "localzone"))
_TRUST: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
_ENVIRONMENT: Final = frozenset(("PATH", "LANG", *_TRUST, *_PROXIES, *(name.lower() for name in _PROXIES)))
_WITHOUT_IDENTITY: Final = {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
_PROCESS: Final = Path(__file__).with_name("lexicon_process.py")

if find_spec("lexicon") is None:
    # As if this module imported it, which only the process does.
    raise ModuleNotFoundError("No module named 'lexicon'", name="dns-lexicon")


class _Outcome(msgspec.Struct, frozen=True):
    """How it ended; see `lexicon_process`."""

    outcome: str
    detail: str = ""
    status: int = 0
    headers: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Writer:
    """One provider."""

    settings: Lexicon
    who: str
    ambient: bool
    options: Mapping[str, str | bool] = field(repr=False)
    within: float = WITHIN

    def change(self, change: Change) -> None:
        """Run one process that makes all changes of the name."""
        attempt = f"cannot change the TXT records of {change.name} at {self.settings.provider} (lexicon)"
        zone = self.settings.zone.lower().rstrip(".") or change.zone
        if change.name != zone and not change.name.endswith(f".{zone}"):
            raise WaitingForUser(f"{attempt}: it does not lie in zone {zone}: correct lexicon.zone")
        outcome = self._run(attempt, zone, change)
        if outcome.outcome != "done":
            raise self._failure(attempt, zone, outcome)

    def _run(self, attempt: str, zone: str, change: Change) -> _Outcome:
        job = {
            "provider": self.settings.provider,
            "zone": zone,
            "name": change.name,
            "options": {"ttl": str(TTL), **self.options},
            "add": sorted(change.add),
            "remove": sorted(change.remove),
        }
        try:
            ended = subprocess.run(  # noqa: S603  our own interpreter and our own file; the job goes in as text
                [sys.executable, "-I", str(_PROCESS)],
                input=msgspec.json.encode(job),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # where providers write requests and answers, secrets included
                env=self._environment(),
                timeout=self.within,
                check=False,
            )
            return decode(ended.stdout, _Outcome)
        except subprocess.TimeoutExpired as error:
            raise Transient(f"{attempt}: not done after {self.within:g} seconds") from error
        except (msgspec.MsgspecError, OSError) as error:
            raise Transient(f"{attempt}: the process that does it broke off") from error

    def _environment(self) -> dict[str, str]:
        if self.ambient:
            return dict(os.environ)
        return {**{name: value for name, value in os.environ.items() if name in _ENVIRONMENT}, **_WITHOUT_IDENTITY}

    def _failure(self, attempt: str, zone: str, outcome: _Outcome) -> Failure:
        where = f"{self.who} for zone {zone}"
        match outcome.outcome:
            case "unknown":
                return WaitingForUser(f"{attempt}: lexicon has no such provider: correct lexicon.provider")
            case "missing":
                return WaitingForUser(f"{attempt}: its client is not installed: pip install {outcome.detail}")
            case "refused":
                return WaitingForUser(f"{attempt}: it refuses {where} ({outcome.detail}): correct the options")
            case "status":
                return _of_status(attempt, where, outcome)
            case _:
                return Transient(f"{attempt}: it could not be done ({outcome.detail}): check {where}")


def _of_status(attempt: str, where: str, outcome: _Outcome) -> Failure:
    until = retry_after(outcome.headers, datetime.now(UTC))
    if until is not None and outcome.status in {429, 503}:
        return RateLimited(f"{attempt}: it asks to slow down ({outcome.status})", until=until)
    if outcome.status in {408, 429} or outcome.status >= 500:
        return Transient(f"{attempt}: it could not do it now ({outcome.status})")
    return WaitingForUser(f"{attempt}: it refuses {where} ({outcome.status}): correct the options")


def build(solver: DNS01Solver, credentials: Credentials, *, within: float = WITHIN) -> DNSWriter:
    """Return a writer; starts nothing."""
    settings = solver.lexicon or Lexicon(provider="")
    if settings.provider in _LOCAL or not settings.provider.isidentifier() or settings.provider.startswith("_"):
        raise WaitingForUser(f'lexicon.provider "{settings.provider}" is none that can be used here: correct it')
    options = _texts(settings.options)
    who = "the options of lexicon"
    if settings.secret_ref is not None:
        options |= {_name(key): value.strip() for key, value in credentials.keys(settings.secret_ref.name).items()}
        who = f'the options in Secret "{settings.secret_ref.name}"'
    if not str(options.get("ttl", TTL)).isdecimal():
        raise WaitingForUser(f"the option ttl in {who} must be a whole number of seconds: correct it")
    if not credentials.ambient:
        for name, value in options.items():
            _refuse_file(name, value)
    return Writer(settings, who, credentials.ambient, options, within)


def _texts(options: Mapping[str, Any]) -> dict[str, str | bool]:
    texts: dict[str, str | bool] = {}
    for key, value in options.items():
        if not isinstance(value, str | bool | int | float):
            raise WaitingForUser(f"lexicon.options.{key} must be a text, a number or a boolean")
        texts[_name(key)] = value if isinstance(value, str | bool) else str(value)
    return texts


def _name(key: str) -> str:
    """Return an option as lexicon looks it up; its documentation writes them with dashes."""
    return key.lstrip("-").replace("-", "_")


def _refuse_file(name: str, value: str | bool) -> None:  # noqa: FBT001  a value, not a switch
    """Raise WaitingForUser when an option names a file, as some providers read their keys from one."""
    path = value.removeprefix("file::") if isinstance(value, str) else ""
    try:
        is_file = bool(path) and Path(path).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long, or no name of one
        return
    if is_file:
        raise WaitingForUser(f'the option "{name}" of lexicon names a file, and this issuer may read none here')
