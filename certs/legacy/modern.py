"""What an object of `certmanager.k8s.io/v1alpha1` is today: its spec and annotations as `cert-manager.io/v1` has them.

| then                                        | today                                                          |
|---------------------------------------------|----------------------------------------------------------------|
| `keyAlgorithm`, `keySize`, `keyEncoding`    | `privateKey`, with `rotationPolicy: Never`: a key was kept     |
| `organization`                              | `subject.organizations`                                        |
| no `commonName`                             | the first DNS name, if it is short enough                      |
| no `renewBefore`                            | 30 days, where a third of the lifetime is something else       |
| no `usages`                                 | with server and client authentication, as was signed then      |
| `acme.config`, HTTP-01 in one way           | an annotation that overrides the issuer's solver               |
| `acme.http01`, or one of `dns01.providers`  | a solver for all names                                         |
| `clouddns`, `azuredns`, `acmedns`           | `cloudDNS`, `azureDNS`, `acmeDNS`                              |
| an empty `auth.tokenSecretRef` or `appRole` | none                                                           |

Two things cannot be carried over, and are problems that say what to write instead.  Who proves which name was said by
each Certificate, and is said by the solvers of the issuer today: so an issuer that lists several means has no form of
today that one could know, and neither has a Certificate that chooses a provider.

The tree that comes back may be no valid object of today; the rules of its kind say so (`certs.judge`).
`certshim convert` does the same to files, where it sees Certificates and issuers together (`shim.convert`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from certs.annotations import OVERRIDE_CLASS, OVERRIDE_NAME
from certs.durations import parse_duration
from certs.gojson import go_json
from certs.legacy.kinds import AnyLegacy, LegacyCertificate
from certs.legacy.words import ALGORITHMS, KEYS, LEGACY_GROUP, PRIVATE_KEY, PROVIDERS, SERVERS
from certs.problems import Path, Problems

Tree = Mapping[str, Any]

SPEC: Final = Path("spec")
MAX_COMMON_NAME: Final = 64  # bytes, RFC 5280 appendix A.1
RENEW_BEFORE: Final = "720h"
RENEW_BEFORE_HOURS: Final = 720
DEFAULT_LIFETIME: Final = 2160  # hours: a third of it are the thirty days, so nothing needs to be said
USAGES: Final = ("digital signature", "key encipherment", "server auth", "client auth")
ENCODINGS: Final[Mapping[str, str]] = {"pkcs1": "PKCS1", "pkcs8": "PKCS8"}
# What tools wrote about the manifest: with it they would take the twin for something of theirs, and delete it.
NOT_COPIED: Final = (f"{LEGACY_GROUP}/", "kubectl.kubernetes.io/", "fluxcd.io/", "argocd.argoproj.io/")
NOT_COPIED_LABEL: Final = "applyset.kubernetes.io/part-of"
PREPARED: Final = ("tokenSecretRef", "appRole")  # of Vault: values then, so empty where they were not used


@dataclass(frozen=True, slots=True)
class Modern:
    """The twin's spec as a tree, and what is on it."""

    spec: dict[str, Any]
    annotations: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


def modern(obj: AnyLegacy) -> Modern | Problems:
    """Return the twin, or everything that cannot be carried over.  Raises nothing for any tree."""
    problems = Problems()
    annotations = _annotations(obj.metadata.annotations)
    if isinstance(obj, LegacyCertificate):
        spec = _certificate(obj.spec, annotations, problems)
    else:
        spec = _issuer(obj.spec, problems)
    labels = {key: value for key, value in obj.metadata.labels.items() if key != NOT_COPIED_LABEL}
    return problems or Modern(spec, annotations, labels)


def _annotations(old: Mapping[str, str]) -> dict[str, str]:
    """Return them under today's keys."""
    return {KEYS.get(key, key): value for key, value in old.items() if key in KEYS or not key.startswith(NOT_COPIED)}


# --- Issuer ----------------------------------------------------------------------------------


def _issuer(old: Tree, problems: Problems) -> dict[str, Any]:
    spec = dict(old)
    acme = old.get("acme")
    if isinstance(acme, dict):
        spec["acme"] = _acme(acme, problems)
    vault = old.get("vault")
    auth = vault.get("auth") if isinstance(vault, dict) else None
    if isinstance(vault, dict) and isinstance(auth, dict):
        used = {key: value for key, value in auth.items() if key not in PREPARED or not _is_empty(value)}
        spec["vault"] = vault | {"auth": used}
    return spec


def _acme(old: dict[str, Any], problems: Problems) -> dict[str, Any]:
    acme = {key: value for key, value in old.items() if key not in {"http01", "dns01", "solvers"}}
    if isinstance(old.get("server"), str):
        acme["server"] = _server(old["server"])
    solvers = [_solver(one) for one in _dicts(old.get("solvers"))]
    means = [*_providers(old), *_http01(old)]
    if len(means) + len(solvers) > 1 and means:
        form = [{"selector": {"dnsZones": ["ZONE"]}, **one} if "dns01" in one else one for one in means]
        said = "dns01" if "dns01" in old else "http01"
        problems.forbidden(
            SPEC / "acme" / said,
            "each Certificate chose one of these means, and today the issuer's solvers say which name is proven how",
            remedy=f"write instead, in cert-manager.io/v1: solvers: {go_json([*form, *solvers]).decode()}",
        )
    elif means or solvers:
        acme["solvers"] = [*means, *solvers]
    return acme


def _server(server: str) -> str:
    for gone, successor in SERVERS.items():
        server = server.replace(f"//{gone}/", f"//{successor}/")
    return server


def _providers(acme: Tree) -> Iterator[dict[str, Any]]:
    dns01 = acme.get("dns01")
    for provider in _dicts(dns01.get("providers") if isinstance(dns01, dict) else None):
        yield {"dns01": _renamed({key: value for key, value in provider.items() if key != "name"})}


def _http01(acme: Tree) -> Iterator[dict[str, Any]]:
    if "http01" in acme:
        http01 = acme["http01"]
        kept = {key: value for key, value in http01.items() if key == "serviceType"} if isinstance(http01, dict) else {}
        yield {"http01": {"ingress": kept}}


def _solver(old: dict[str, Any]) -> dict[str, Any]:
    dns01 = old.get("dns01")
    return old | {"dns01": _renamed(dns01)} if isinstance(dns01, dict) else old


def _renamed(dns01: Tree) -> dict[str, Any]:
    return {PROVIDERS.get(key, key): value for key, value in dns01.items()}


def _is_empty(value: object) -> bool:
    return all(map(_is_empty, value.values())) if isinstance(value, dict) else value in (None, "")


# --- Certificate -----------------------------------------------------------------------------


def _certificate(old: Tree, annotations: dict[str, str], problems: Problems) -> dict[str, Any]:
    moved = {"organization", "acme", *PRIVATE_KEY}
    spec = {key: value for key, value in old.items() if key not in moved}
    key: dict[str, Any] = {PRIVATE_KEY[name]: old[name] for name in PRIVATE_KEY if old.get(name)}
    for name, words in (("algorithm", ALGORITHMS), ("encoding", ENCODINGS)):
        if name in key:
            key[name] = words.get(str(key[name]), key[name])
    spec["privateKey"] = key | {"rotationPolicy": "Never"}
    if old.get("organization"):
        spec["subject"] = {"organizations": old["organization"]}
    reference = old.get("issuerRef")
    if isinstance(reference, dict) and reference.get("group") == LEGACY_GROUP:
        spec["issuerRef"] = {name: value for name, value in reference.items() if name != "group"}
    _fill_in(spec)
    _carry_config(old, annotations, problems)
    return spec


def _fill_in(spec: dict[str, Any]) -> None:
    """Write down what an absent field meant, where it means something else today."""
    names = spec.get("dnsNames")
    first = names[0] if isinstance(names, list) and names else None
    if not spec.get("commonName") and isinstance(first, str) and len(first.encode()) <= MAX_COMMON_NAME:
        spec["commonName"] = first
    if not spec.get("renewBefore") and _hours(spec.get("duration")) not in (0, DEFAULT_LIFETIME):
        spec["renewBefore"] = RENEW_BEFORE
    if not spec.get("usages") and spec.get("isCA") is not True:  # a CA is not to be bound to either
        spec["usages"] = [*USAGES]


def _hours(duration: object) -> float:
    """Return the lifetime in hours; 0 for one that says none, or that is no longer than the thirty days."""
    try:
        hours = parse_duration(duration).timedelta.total_seconds() / 3600 if isinstance(duration, str) else 0
    except ValueError:
        return 0
    return hours if hours > RENEW_BEFORE_HOURS else 0


def _carry_config(spec: Tree, annotations: dict[str, str], problems: Problems) -> None:
    """Have annotations say what `acme.config` said, where they can; that one says nothing at all is no problem."""
    acme = spec.get("acme")
    config = _dicts(acme.get("config") if isinstance(acme, dict) else None)
    ways = []
    for number, one in enumerate(config):
        path = SPEC / "acme" / "config" @ number
        dns01, http01 = one.get("dns01"), one.get("http01")
        if isinstance(dns01, dict):
            problems.forbidden(
                path / "dns01",
                "which provider proves a name is said by the solvers of the issuer today",
                remedy=f"give the issuer's solver for {go_json(dns01.get('provider', '')).decode()} "
                f'"selector": {go_json({"dnsNames": one.get("domains") or []}).decode()}, and remove acme.config here',
            )
        http01 = http01 if isinstance(http01, dict) else {}
        ways.append((str(http01.get("ingress") or ""), str(http01.get("ingressClass") or "")))
    if len(set(ways)) > 1 and not problems:
        problems.forbidden(
            SPEC / "acme" / "config",
            "how each name is proven is said by the solvers of the issuer today",
            remedy="make a Certificate for each of the ways, or give the issuer solvers with selector.dnsNames; "
            "then remove acme.config here",
        )
        return
    for name, ingress_class in ways[:1]:
        if name:
            annotations.setdefault(OVERRIDE_NAME, name)
        elif ingress_class:
            annotations.setdefault(OVERRIDE_CLASS, ingress_class)


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
