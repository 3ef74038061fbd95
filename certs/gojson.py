"""The JSON that Go's encoder makes of an Order's and a Challenge's spec: the bytes whose hash is in their names.

An installation that we adopt has Orders and Challenges under such names (`certs.names`), so ours must be
the same to the byte.  Three things differ from what msgspec writes: the order of the fields of a few
structs, empty fields that Go writes nevertheless, and `<`, `>`, `&`, U+2028 and U+2029, which Go escapes
(`encoding/json`, "String values encode as JSON strings").  Not covered: quantities that are not written
canonically in a solver's pod template; such a Challenge has another name than the incumbent would give it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from certs.api.challenge import ChallengeSpec
from certs.api.issuer import ACMESolver
from certs.api.order import OrderSpec
from certs.durations import parse_duration

_ESCAPES: Final = {
    b"<": rb"\u003c",
    b">": rb"\u003e",
    b"&": rb"\u0026",
    "\u2028".encode(): rb"\u2028",
    "\u2029".encode(): rb"\u2029",
}

Shape = Mapping[str, object]

# Fields in Go's order, with what Go writes when the field is absent (None: nothing);
# structs whose fields stand in `certs.api` in that order, and are left out when empty, need no entry.
SHAPES: Final[Mapping[str, Shape]] = {
    "azureDNS": {
        "clientID": None,
        "clientSecretSecretRef": None,
        "subscriptionID": None,
        "tenantID": None,
        "resourceGroupName": None,
        "hostedZoneName": None,
        "environment": None,
        "managedIdentity": None,
        "zoneType": None,
    },
    "cloudDNS": {"serviceAccountSecretRef": None, "project": None, "hostedZoneName": None},
    "rfc2136": {
        "nameserver": None,
        "tsigSecretSecretRef": {"name": ""},
        "tsigKeyName": None,
        "tsigAlgorithm": None,
        "protocol": None,
    },
    "route53": {
        "auth": None,
        "accessKeyID": None,
        "accessKeyIDSecretRef": None,
        "secretAccessKeySecretRef": {"name": ""},
        "role": None,
        "hostedZoneID": None,
        "region": None,
    },
    "podTemplate": {"metadata": {}, "spec": {}},
    "ingressTemplate": {"metadata": {}},
}


def order_json(spec: OrderSpec, request_name: str = "") -> bytes:
    """Return the JSON of an Order's spec without its CSR; with a request's name, of both together."""
    plain = {**_plain(spec), "request": None}
    if spec.duration is not None:
        plain["duration"] = _duration(spec.duration)
    return go_json({"certificateRequestName": request_name, "spec": plain} if request_name else plain)


def challenge_json(spec: ChallengeSpec) -> bytes:
    """Return the JSON of a Challenge's spec without its key."""
    return go_json(
        {
            "url": spec.url,
            "authorizationURL": spec.authorization_url,
            "dnsName": spec.dns_name,
            "wildcard": bool(spec.wildcard),
            "type": spec.type,
            "token": spec.token,
            "key": "",
            "solver": _solver(spec.solver),
            "issuerRef": _plain(spec.issuer_ref),
        }
    )


def go_json(value: object) -> bytes:
    """Return a value as Go's `json.Marshal` writes it; dicts keep their order, as structs do in Go."""
    text = msgspec.json.encode(value)
    for char, escaped in _ESCAPES.items():
        text = text.replace(char, escaped)  # these occur in strings only, so anywhere is right
    return text


def _plain(struct: msgspec.Struct) -> dict[str, Any]:
    """Return a struct as a dict in the order of its fields; maps are sorted, as Go does."""
    plain: dict[str, Any] = msgspec.to_builtins(struct, order="deterministic")
    return plain


def _solver(solver: ACMESolver) -> dict[str, Any]:
    plain = _plain(solver)
    for part in (plain.get("dns01", {}), *plain.get("http01", {}).values()):
        for field in part.keys() & SHAPES.keys():
            part[field] = _shaped(part[field], SHAPES[field])
    if solver.wait_instead_of_self_check is not None:
        plain["waitInsteadOfSelfCheck"] = _duration(solver.wait_instead_of_self_check)
    return plain


def _shaped(plain: Mapping[str, object], shape: Shape) -> dict[str, object]:
    filled = {**shape, **plain}
    return {field: filled[field] for field in shape if filled[field] is not None}


def _duration(text: str) -> str:
    """Return a duration in the one form that Go writes; what is no duration stays, for somebody else to refuse."""
    try:
        return str(parse_duration(text))
    except ValueError:
        return text
