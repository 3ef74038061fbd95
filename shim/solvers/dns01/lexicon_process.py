"""The process of one change by dns-lexicon: a job on standard input, how it ended on standard output, both JSON.

It imports nothing of ours, so that it starts fast.  The outcomes:

    done                         status    the provider's API answered with `status` and `headers`
    unknown  no such provider    refused   lexicon says that credentials, options or zone are wrong
    missing  a package, `detail` failed    anything else; `detail` is the class of the exception

The provider's class is used directly: lexicon's client would first guess the zone from a list that it downloads.
What a provider prints or logs is not looked at, since it may show secrets.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any, Final

# What a sentence may show of an answer's headers.
_HEADERS: Final = ("Retry-After", "Date")


def main() -> None:
    """Do the job and tell how it ended."""
    told = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        outcome = run(json.load(sys.stdin))
    json.dump(outcome, told)


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Return how the job ended."""
    name = job["provider"]
    from lexicon._private.discovery import find_providers, load_provider_module  # noqa: PLC0415  an optional extra

    installed = find_providers().get(name)
    if installed is None:
        return {"outcome": "unknown"}
    if not installed:
        return {"outcome": "missing", "detail": f"dns-lexicon[{name}]"}
    try:
        _change(load_provider_module(name).Provider, job)
    except Exception as error:  # noqa: BLE001  ninety modules raise whatever they like
        return _outcome(error)
    return {"outcome": "done"}


def _change(provider_class: Any, job: dict[str, Any]) -> None:
    from lexicon.config import ConfigResolver  # noqa: PLC0415  an optional extra

    name, options = job["provider"], job["options"]
    # Some look for the zone among their own options, where lexicon's command line has it, too.
    own = {"domain": job["zone"], **options}
    config = {"provider_name": name, "domain": job["zone"], "ttl": int(options["ttl"]), name: own}
    resolver: Any = ConfigResolver  # its constructor has no types
    provider = provider_class(resolver().with_dict(config))
    provider.authenticate()
    try:
        for value in job["remove"]:
            settled(provider, job["name"], value, wanted=False)
        for value in job["add"]:
            settled(provider, job["name"], value, wanted=True)
    finally:
        provider.cleanup()


def settled(provider: Any, name: str, value: str, *, wanted: bool) -> None:
    """Create or delete a value.

    Lexicon demands of each provider that creating what is there and deleting what is gone do nothing.  Not all keep to
    it, so when one raises, it is asked whether there was anything to do.
    """
    try:
        if wanted:
            provider.create_record("TXT", name, value)
        else:
            provider.delete_record(None, "TXT", name, value)
    except Exception:
        if _is_there(provider, name, value) is not wanted:
            raise


def _is_there(provider: Any, name: str, value: str) -> bool | None:
    """Is the value there?  None when that cannot be told."""
    try:
        records = provider.list_records("TXT", name)
    except Exception:  # noqa: BLE001  what it was asked for first is the better story
        return None
    return any(record.get("content", "").strip('"') == value for record in records)


def _outcome(error: Exception) -> dict[str, Any]:
    from lexicon.exceptions import AuthenticationError  # noqa: PLC0415
    from requests import HTTPError  # noqa: PLC0415

    name = type(error).__name__
    if isinstance(error, HTTPError) and error.response is not None:
        headers = {key: error.response.headers[key] for key in _HEADERS if key in error.response.headers}
        return {"outcome": "status", "status": error.response.status_code, "headers": headers}
    if isinstance(error, AuthenticationError):
        return {"outcome": "refused", "detail": name}
    return {"outcome": "failed", "detail": name}


if __name__ == "__main__":
    main()
