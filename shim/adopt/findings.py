"""What will be different once certshim has taken over, object by object: pure, over what was seen.

blocking: something stops being served; warning: something behaves differently, and somebody should look;
info: what the switch will do, or what goes on as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from shim.adopt.seen import Seen, Tree, name_of, place_of

ISSUED_BY: Final = ("issuers.cert-manager.io/", "clusterissuers.cert-manager.io/")
# What an Issuer may be here, of those of cert-manager's.
_TYPES: Final = ("acme", "ca", "selfSigned", "vault", "venafi")
_MISSING_TYPES: Final = ("vault", "venafi")
_ENDED: Final = frozenset(("valid", "invalid", "errored", "expired"))
_GATEWAY: Final = frozenset(("enable-gateway-api", "enable-gateway-api-listenerset", "gateway-api-extra-protocols"))
# Of use to their process alone: rates, logs, profiles, sizes.
_INERT: Final = frozenset(
    (
        "v",
        "vmodule",
        "logging-format",
        "master",
        "kubeconfig",
        "kube-api-qps",
        "kube-api-burst",
        "max-concurrent-challenges",
        "concurrent-workers",
        "dns01-check-retry-period",
        "enable-profiling",
        "profiler-address",
        "metrics-listen-address",
        "internal-healthz-listen-address",
        "leader-elect",
        "acme-http01-solver-image",
    )
)


class Level(StrEnum):
    """How much it matters."""

    BLOCKING = "blocking"
    WARNING = "warning"
    INFO = "info"


class Finding(NamedTuple):
    """One object, one sentence, and what to do where there is something."""

    level: Level
    object: str
    sentence: str
    remedy: str = ""


def find(seen: Seen, known_flags: frozenset[str]) -> tuple[Finding, ...]:
    """Return what was found, the worst first; `known_flags` are those of `certshim shim`, without dashes."""
    found = (
        *_deployments(seen),
        *_flags(seen, known_flags),
        *_issuers(seen),
        *_signing_requests(seen),
        *_gateways(seen),
        *_companions(seen),
        *_configurations(seen),
        *_leases(seen),
        *_under_way(seen),
    )
    order = list(Level)
    return tuple(sorted(found, key=lambda one: order.index(one.level)))


def arguments(deployment: Tree) -> dict[str, str]:
    """Return the flags of its containers, without dashes: `--name=value`, or the value as the next word.

    One without a value is `true`; these programs take no other words.
    """
    given: dict[str, str] = {}
    for container in deployment["spec"]["template"]["spec"].get("containers", ()):
        words = (*container.get("command", ()), *container.get("args", ()))
        for word, following in zip(words, (*words[1:], "-"), strict=False):
            if word.startswith("-"):
                name, is_set, value = word.lstrip("-").partition("=")
                given[name] = value if is_set else "true" if following.startswith("-") else following
    return given


def _component(deployment: Tree) -> str:
    return str(deployment["metadata"].get("labels", {}).get("app.kubernetes.io/component", ""))


def _deployments(seen: Seen) -> Iterator[Finding]:
    if not seen.theirs:
        yield Finding(Level.INFO, "cert-manager", "it is not installed: there is nothing to take over")
    for one in seen.theirs:
        replicas = one["spec"].get("replicas", 1)
        version = one["metadata"].get("labels", {}).get("app.kubernetes.io/version", "of unknown version")
        sentence = f"cert-manager's {_component(one)} {version}, replicas: {replicas}; the switch scales it to zero"
        yield Finding(Level.INFO, f"Deployment {place_of(one)}", sentence)
        if version.startswith("v0."):
            yield Finding(
                Level.BLOCKING,
                f"Deployment {place_of(one)}",
                f"{version} stores objects of API versions that certshim does not read",
                "upgrade cert-manager to 1.x first",
            )
    if any(one["spec"].get("replicas", 1) for one in seen.theirs):
        for one in seen.ours:
            if name_of(one) == "certshim-shim" and one["spec"].get("replicas", 1):
                yield Finding(
                    Level.WARNING,
                    f"Deployment {place_of(one)}",
                    "it runs beside cert-manager; only the Lease keeps the two apart",
                    "run certshim adopt --switch",
                )
    if not seen.ours:
        yield Finding(
            Level.INFO,
            "certshim",
            "it is not installed yet",
            "kubectl apply --server-side --force-conflicts -f manifests/install/certshim.yaml, when the switch says so",
        )


def _flags(seen: Seen, known: frozenset[str]) -> Iterator[Finding]:
    has_gateways = any(_asks(one) for one in seen.gateways)
    for deployment in seen.theirs:
        if _component(deployment) != "controller":
            continue
        where = f"Deployment {place_of(deployment)}"
        for name, value in arguments(deployment).items():
            flag = f"--{name}={value}"
            if name in _INERT or (name in _GATEWAY and has_gateways):
                continue
            if name == "config":
                yield Finding(
                    Level.WARNING, where, f"{flag}: certshim reads no configuration file", "give its settings as flags"
                )
            elif name == "feature-gates":
                yield Finding(Level.WARNING, where, f"{flag}: certshim has no feature gates", "see docs/divergences.md")
            elif name in _GATEWAY:
                yield Finding(Level.WARNING, where, f"{flag}: Gateways get no Certificates from certshim")
            elif name in known:
                yield Finding(Level.INFO, where, f"{flag} has the same meaning here", f"give certshim-shim {flag}")
            else:
                yield Finding(Level.WARNING, where, f"{flag} has no counterpart in certshim")


def _issuers(seen: Seen) -> Iterator[Finding]:
    for one in seen.issuers:
        kind = next((word for word in _TYPES if word in one.get("spec", {})), "")
        if kind in _MISSING_TYPES:
            yield Finding(
                Level.BLOCKING,
                f"{'Issuer' if one['metadata'].get('namespace') else 'ClusterIssuer'} {place_of(one)}",
                f"it is of type {kind}, which certshim does not have: its requests would stay pending",
                "keep cert-manager, or move its Certificates to another issuer",
            )


def _signing_requests(seen: Seen) -> Iterator[Finding]:
    for one in seen.signing_requests:
        if one["spec"].get("signerName", "").startswith(ISSUED_BY) and not one.get("status", {}).get("certificate"):
            yield Finding(
                Level.BLOCKING,
                f"CertificateSigningRequest {name_of(one)}",
                "certshim signs none of Kubernetes' own signing requests",
                "ask by a CertificateRequest",
            )


def _asks(gateway: Tree) -> bool:
    notes = gateway["metadata"].get("annotations") or {}
    return any(key in notes for key in ("cert-manager.io/issuer", "cert-manager.io/cluster-issuer"))


def _gateways(seen: Seen) -> Iterator[Finding]:
    for one in seen.gateways:
        if _asks(one):
            yield Finding(
                Level.BLOCKING,
                f"Gateway {place_of(one)}",
                "certshim makes no Certificates for Gateways; those that are there are renewed",
                "write the Certificates yourself",
            )


def _companions(seen: Seen) -> Iterator[Finding]:
    if "certificaterequestpolicies.policy.cert-manager.io" in seen.crds:
        yield Finding(
            Level.WARNING,
            "approver-policy",
            "it decides on requests, and certshim would approve them before it",
            "give certshim-shim --controllers=*,-certificaterequests-approver",
        )
    if "bundles.trust.cert-manager.io" in seen.crds:
        yield Finding(Level.INFO, "trust-manager", "it works by itself and goes on")
    for driver in sorted(seen.csi_drivers):
        if driver.endswith(".cert-manager.io"):
            yield Finding(Level.INFO, f"CSIDriver {driver}", "its CertificateRequests are served as before")


def _configurations(seen: Seen) -> Iterator[Finding]:
    for one in seen.configurations:
        if is_cert_managers(one):
            yield Finding(
                Level.INFO,
                f"{one['plural']} {name_of(one)}",
                "it leads to cert-manager's webhook; the switch keeps a copy and removes it",
            )


def is_cert_managers(configuration: Tree) -> bool:
    """Does it lead to a Service that is not ours, or to a URL without being made by our manifests?"""
    clients = [one["clientConfig"] for one in configuration.get("webhooks") or ()]
    if any(client.get("url") for client in clients):
        return (configuration["metadata"].get("labels") or {}).get("app.kubernetes.io/name") != "certshim"
    services = (client.get("service") or {} for client in clients)
    return any(one.get("name", "") not in ("", *_OUR_SERVICES) for one in services)


_OUR_SERVICES: Final = ("certshim-webhook",)


def _leases(seen: Seen) -> Iterator[Finding]:
    for one in seen.leases:
        holder = one["spec"].get("holderIdentity") or ""
        if holder:
            yield Finding(Level.INFO, f"Lease {place_of(one)}", f"held by {holder}")
    theirs = {_lease_namespace(one) for one in seen.theirs if _component(one) == "controller"}
    for one in seen.ours:
        own = _lease_namespace(one)
        if name_of(one) == "certshim-shim" and theirs and own not in theirs:
            others = ", ".join(sorted(theirs))
            yield Finding(
                Level.BLOCKING,
                f"Deployment {place_of(one)}",
                f"its Lease is in {own}, cert-manager's in {others}: nothing would keep the two from working at once",
                f"set global.leaderElection.namespace={others} in the values, or --leader-election-namespace={others}",
            )


def _lease_namespace(deployment: Tree) -> str:
    named = arguments(deployment).get("leader-election-namespace", "kube-system")
    return str(deployment["metadata"]["namespace"]) if named == "$(POD_NAMESPACE)" else named


def _under_way(seen: Seen) -> Iterator[Finding]:
    for kind, objects in (("Order", seen.orders), ("Challenge", seen.challenges)):
        for one in objects:
            state = one.get("status", {}).get("state", "")
            if state in _ENDED:
                continue
            begun = kind == "Challenge" or bool(one.get("status", {}).get("url"))
            sentence = "is taken up where it stands" if begun else "is begun anew: the CA does not know of it yet"
            yield Finding(Level.INFO, f"{kind} {place_of(one)}", f"{state or 'new'}; {sentence}")
