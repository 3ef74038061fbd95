"""Whether one Certificate has come to what its owner wants: what a person would look at, and no code of the product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.soak.invariants import dns_names, mismatch

Object = Mapping[str, Any]


def lacking(certificate: Object, secret: Object, *, revision: int, never_rests: bool = False) -> str:
    """Return the first thing that is not as it is wanted, or nothing; `{}` is an object that is not there.

    `revision` is the least that it must have come to.  One that `never_rests` may be in the middle of a renewal.
    """
    if not certificate:
        return "there is no Certificate"
    problems = (*_of_status(certificate, revision, never_rests=never_rests), *_of_secret(certificate, secret))
    return problems[0] if problems else ""


def _of_status(certificate: Object, revision: int, *, never_rests: bool) -> Iterator[str]:
    status = certificate.get("status", {})
    conditions = {one["type"]: one for one in status.get("conditions", ())}
    ready, issuing = conditions.get("Ready", {}), conditions.get("Issuing", {})
    if ready.get("status") != "True":
        yield f"not ready: {ready.get('message', '')} {issuing.get('message', '')}".rstrip()
    elif ready.get("observedGeneration") != certificate["metadata"]["generation"]:
        yield "ready at an older generation"
    if issuing and not never_rests:
        yield f"still issuing: {issuing.get('message', '')}"
    if status.get("revision", 0) < revision:
        yield f"at revision {status.get('revision')}, and {revision} was asked for"


def _of_secret(certificate: Object, secret: Object) -> Iterator[str]:
    data = secret.get("data", {})
    if not data.get("tls.crt"):
        yield "there is no Secret with a certificate"
    elif problem := mismatch(data["tls.crt"], data["tls.key"]):
        yield problem
    elif dns_names(data["tls.crt"]) != set(certificate["spec"].get("dnsNames", ())):
        yield "the certificate has other names"
