"""The shim's flags and what they come to."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from certs.decide.backoff import BackoffLimits
from certs.decide.preflight import Mode
from certs.route import PathType
from certs.wanted import Settings as IngressSettings
from shim import flags
from shim.controllers.world import ControllerSettings
from shim.flags import Address, Flag
from shim.notify import config as notifications
from shim.notify.config import Notifications
from shim.solvers.dns01.solver import DNSSettings
from shim.solvers.http01 import podsettings
from shim.solvers.http01.podsettings import PodSettings
from shim.solvers.http01.responders import Responders
from shim.solvers.selfcheck import SelfCheck

PATH_TYPES: Final[Mapping[str, PathType]] = {
    "Prefix": "Prefix",
    "ImplementationSpecific": "ImplementationSpecific",
}
WITHOUT_APPROVER: Final = "-certificaterequests-approver"
WITHOUT_INJECTOR: Final = "-cainjector"


def _controllers_chosen(value: str) -> tuple[str, ...]:
    """Read the list; what this release cannot leave out must not be believed to be left out."""
    chosen = flags.words(value)
    if not set(chosen) <= {"*", WITHOUT_APPROVER, WITHOUT_INJECTOR}:
        raise ValueError(
            "all controllers run here; only the approver and the CA injector can be left out: "
            f"write *,{WITHOUT_APPROVER} or *,{WITHOUT_INJECTOR}"
        )
    return chosen


def _path_types(value: str) -> dict[str, PathType]:
    """Read `Prefix` (for all classes) and `class=Prefix`; a route is for all tokens, so `Exact` cannot be."""
    chosen: dict[str, PathType] = {}
    for word in flags.words(value):
        name, _, kind = word.rpartition("=")
        if kind not in PATH_TYPES:
            raise ValueError(f"{kind} must be one of {', '.join(PATH_TYPES)}; write for example nginx=Prefix")
        chosen[name or "*"] = PATH_TYPES[kind]
    return chosen


def _notifications(path: str) -> Notifications:
    return notifications.read_file(path) if path else notifications.NOBODY


FLAGS: Final = (
    flags.KUBECONFIG,
    Flag(
        "namespace", "", flags.text, "Work in this namespace only, and ignore ClusterIssuers; all namespaces when empty"
    ),
    Flag("cluster-resource-namespace", "kube-system", flags.required, "Where the Secrets of ClusterIssuers are"),
    Flag("leader-elect", "true", flags.boolean, "Have one replica at a time do the work"),
    Flag("leader-election-namespace", "kube-system", flags.required, "Where the Lease is"),
    Flag("leader-election-lease-duration", "60s", flags.duration, "How long a lease is respected without renewal"),
    Flag("leader-election-renew-deadline", "40s", flags.duration, "How long a leader tries to renew before it stops"),
    Flag("leader-election-retry-period", "15s", flags.duration, "How often to try to acquire or renew"),
    Flag(
        "controllers",
        "*",
        _controllers_chosen,
        f"Controllers to run: *, less any of {WITHOUT_APPROVER} and {WITHOUT_INJECTOR}: *,{WITHOUT_INJECTOR}",
    ),
    Flag("concurrent-workers", "10", flags.whole_number(1, 256), "Worker threads, shared by all controllers"),
    Flag("enable-certificate-owner-ref", "false", flags.boolean, "Delete a Certificate's Secret with it"),
    Flag(
        "legacy-output",
        "false",
        flags.boolean,
        "Write what cert-manager before v0.11 wrote, too: labels and annotations of Secrets, reasons of events",
    ),
    Flag(
        "copied-annotation-prefixes",
        "*,-kubectl.kubernetes.io/,-fluxcd.io/,-argocd.argoproj.io/",
        flags.words,
        "Which annotations of a Certificate its requests get",
    ),
    Flag("certificate-request-minimum-backoff-duration", "1h", flags.duration, "Pause after the first failed issuance"),
    Flag("certificate-request-maximum-backoff-duration", "32h", flags.duration, "Longest pause after failed issuances"),
    Flag(
        "preflight",
        "warn",
        flags.one_of(*Mode),
        "What is seen to be wrong with a name before its first order: warn of it, enforce (order nothing), or off",
    ),
    *flags.INGRESS,
    Flag("extra-certificate-annotations", "", flags.words, "Annotations to copy from an Ingress to its Certificates"),
    Flag(
        "acme-http01-solver-nameservers",
        "",
        flags.nameservers,
        "Resolvers (ip:port) for self checks; the system's when empty",
    ),
    Flag(
        "acme-http01-self-check-port", "80", flags.whole_number(1, 65535), "Port of self checks; the CA always uses 80"
    ),
    Flag(
        "acme-http01-self-check-grace",
        "3s",
        flags.duration,
        "When a host cannot be reached from here, ask the CA all the same after this",
    ),
    *podsettings.FLAGS,
    Flag("acme-http01-self-check-loopback", "false", flags.boolean, "Let self checks go to loopback; for tests"),
    Flag(
        "acme-http01-path-types",
        "",
        _path_types,
        "Path type of routes: Prefix or ImplementationSpecific, for all or as class=type; "
        "by the controller of the IngressClass where none is said",
    ),
    Flag("acme-http01-responder-listen-address", "0.0.0.0:8089", flags.address, "Where the responder listens"),
    Flag(
        "acme-http01-responder-address",
        "certshim-shim.cert-manager.svc:8089",
        flags.addresses,
        "How proxies reach it: addresses (ip:port,…), or one DNS name with port",
    ),
    Flag(
        "acme-http01-responder-service",
        "",
        flags.text,
        "namespace/name of the Service in front of all replicas; those that are ready there answer too",
    ),
    Flag(
        "dns01-recursive-nameservers",
        "",
        flags.dns_servers,
        "Resolvers for DNS-01 (ip:port, or https://… for DNS over HTTPS); the system's when empty",
    ),
    Flag(
        "dns01-recursive-nameservers-only",
        "false",
        flags.boolean,
        "Ask these alone whether a record can be seen, and not the authoritative servers",
    ),
    Flag(
        "dns01-authoritative-port", "53", flags.whole_number(1, 65535), "Port of authoritative servers; the CA uses 53"
    ),
    Flag(
        "issuer-ambient-credentials", "false", flags.boolean, "Let DNS-01 solvers of Issuers use the process' identity"
    ),
    Flag(
        "cluster-issuer-ambient-credentials",
        "true",
        flags.boolean,
        "Let DNS-01 solvers of ClusterIssuers use the process' identity",
    ),
    Flag(
        "notifications", "", _notifications, "File that says who is told of certificates in trouble; nobody when empty"
    ),
    Flag("metrics-listen-address", "0.0.0.0:9402", flags.listen_address, "Where metrics are served; 0 for nowhere"),
    Flag(
        "internal-healthz-listen-address", "0.0.0.0:9403", flags.listen_address, "Where /livez and /readyz are served"
    ),
    *flags.LOGGING,
)


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """How leaders are elected."""

    enabled: bool
    namespace: str
    duration: timedelta
    renew_deadline: timedelta
    retry_period: timedelta


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the shim process is told at its start."""

    kubeconfig: str
    namespace: str
    workers: int
    lease: LeaseSettings
    controllers: ControllerSettings
    inject: bool  # CA bundles into others' objects
    responder_listen: Address
    responders: Responders
    responder_service: tuple[str, str]  # namespace and name, both empty when there is none
    self_check: SelfCheck
    pods: PodSettings
    path_types: Mapping[str, PathType]
    dns: DNSSettings
    preflight: Mode
    notifications: Notifications
    metrics_listen: Address | None
    healthz_listen: Address | None
    logging_format: str
    log_level: str


def read(given: Mapping[str, str]) -> Settings:
    """Return the settings; raises WrongFlags with everything that is wrong with them."""
    values = flags.read(FLAGS, given)
    wrong = _misfits(values)
    if wrong:
        raise flags.WrongFlags("\n".join(wrong))
    namespace_of, _, service = str(values["acme_http01_responder_service"]).partition("/")
    answering: tuple[Address, ...] = values["acme_http01_responder_address"]
    return Settings(
        kubeconfig=values["kubeconfig"],
        namespace=values["namespace"],
        workers=values["concurrent_workers"],
        lease=LeaseSettings(
            enabled=values["leader_elect"],
            namespace=values["leader_election_namespace"],
            duration=values["leader_election_lease_duration"],
            renew_deadline=values["leader_election_renew_deadline"],
            retry_period=values["leader_election_retry_period"],
        ),
        controllers=_controllers(values),
        inject=WITHOUT_INJECTOR not in _words(values["controllers"]),
        responder_listen=values["acme_http01_responder_listen_address"],
        responders=Responders(hosts=tuple(one.host for one in answering), port=answering[0].port),
        responder_service=(namespace_of, service),
        dns=DNSSettings(
            nameservers=values["dns01_recursive_nameservers"],
            recursive_only=values["dns01_recursive_nameservers_only"],
            authoritative_port=values["dns01_authoritative_port"],
            issuer_ambient=values["issuer_ambient_credentials"],
            cluster_issuer_ambient=values["cluster_issuer_ambient_credentials"],
        ),
        preflight=Mode(values["preflight"]),
        self_check=SelfCheck(
            values["acme_http01_solver_nameservers"],
            values["acme_http01_self_check_port"],
            loopback=values["acme_http01_self_check_loopback"],
            grace=values["acme_http01_self_check_grace"],
        ),
        pods=podsettings.read(values),
        path_types=values["acme_http01_path_types"],
        notifications=values["notifications"],
        metrics_listen=values["metrics_listen_address"],
        healthz_listen=values["internal_healthz_listen_address"],
        logging_format=values["logging_format"],
        log_level=values["log_level"],
    )


def _controllers(values: Mapping[str, object]) -> ControllerSettings:
    chosen: dict[str, object] = dict(values)
    return ControllerSettings(
        cluster_resource_namespace=str(chosen["cluster_resource_namespace"]),
        ingress=IngressSettings(
            default_issuer_name=str(chosen["default_issuer_name"]),
            default_issuer_kind=str(chosen["default_issuer_kind"]),
            default_issuer_group=str(chosen["default_issuer_group"]),
            auto_certificate_annotations=_words(chosen["auto_certificate_annotations"]),
            extra_certificate_annotations=_words(chosen["extra_certificate_annotations"]),
        ),
        limits=BackoffLimits(
            minimum=_duration(chosen["certificate_request_minimum_backoff_duration"]),
            maximum=_duration(chosen["certificate_request_maximum_backoff_duration"]),
        ),
        copied_annotation_prefixes=_words(chosen["copied_annotation_prefixes"]),
        auto_approve=WITHOUT_APPROVER not in _words(chosen["controllers"]),
        certificate_owner_ref=bool(chosen["enable_certificate_owner_ref"]),
        legacy_output=bool(chosen["legacy_output"]),
    )


def _words(value: object) -> tuple[str, ...]:
    assert isinstance(value, tuple)  # noqa: S101  the flag's reader makes one
    return value


def _duration(value: object) -> timedelta:
    assert isinstance(value, timedelta)  # noqa: S101  the flag's reader makes one
    return value


def _misfits(values: Mapping[str, object]) -> list[str]:
    """Return what is wrong with values that can be read, but do not go together."""
    wrong = []
    minimum = _duration(values["certificate_request_minimum_backoff_duration"])
    maximum = _duration(values["certificate_request_maximum_backoff_duration"])
    if maximum < minimum:
        wrong.append("--certificate-request-maximum-backoff-duration: must not be shorter than the minimum")
    lease = _duration(values["leader_election_lease_duration"])
    renew = _duration(values["leader_election_renew_deadline"])
    retry = _duration(values["leader_election_retry_period"])
    if not retry < renew < lease:
        wrong.append(
            "--leader-election-…: the retry period must be shorter than the renew deadline, "
            "and that shorter than the lease duration"
        )
    front = str(values["acme_http01_responder_service"])
    if front and (front.count("/") != 1 or not all(front.split("/"))):
        wrong.append(f"--acme-http01-responder-service={front}: must be namespace/name of a Service")
    answering = values["acme_http01_responder_address"]
    assert isinstance(answering, tuple)  # noqa: S101  the flag's reader makes one
    problem = _responder_problem(answering)
    return [*wrong, f"--acme-http01-responder-address: {problem}"] if problem else wrong


def _responder_problem(answering: tuple[Address, ...]) -> str:
    """Return why there can be no Service for these, or nothing."""
    if not answering or len({one.port for one in answering}) != 1:
        return "must name at least one host:port, all with the same port"
    kinds = {_kind(one.host) for one in answering}
    if "unspecified" in kinds:
        return "must say to whom proxies connect; 0.0.0.0 and :: are nobody's address"
    if len(kinds) > 1 or ("name" in kinds and len(answering) > 1):
        return "must be addresses of one family, or one DNS name"
    return ""


def _kind(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "name"
    return "unspecified" if address.is_unspecified else f"IPv{address.version}"
