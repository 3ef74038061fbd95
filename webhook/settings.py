"""What the webhook process is told at its start."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from certs.policy import read_policy
from certs.rules.lint.subject import CLUSTER_NAMESPACE
from certs.rules.rule import NO_POLICY, Policy
from certs.wanted import Settings as IngressSettings

LEAF_LIFETIME: Final = timedelta(days=7)
# A validating and a mutating one of each name: of our own kinds, as cert-manager names it, and of Ingresses.
CONFIGURATIONS: Final = ("cert-manager-webhook", "certshim-webhook")


class Listen(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    def __str__(self) -> str:
        """host:port, an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Files:
    """A serving certificate that somebody else looks after."""

    chain: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything; which certificate is served follows from `files` and `standalone`."""

    bind: Listen
    plain: tuple[Listen, ...] = ()
    standalone: bool = False
    kubeconfig: str = ""
    files: Files | None = None
    secret_namespace: str = ""
    secret_name: str = ""
    dns_names: tuple[str, ...] = ()
    leaf_lifetime: timedelta = LEAF_LIFETIME
    ingress: IngressSettings = field(default_factory=IngressSettings)
    policy: Policy = NO_POLICY
    log_level: str = "info"
    log_format: str = "text"


def read(values: Mapping[str, Any]) -> Settings:
    """Return the settings from flags that can be read; raises ValueError, a line for each that does not fit."""
    wrong = _misfits(values)
    policy = _policy(values["admission_settings"], wrong)
    if wrong:
        raise ValueError("\n".join(wrong))
    standalone = bool(values["standalone"])
    bind = Listen(*values["bind"]) if values["bind"] else Listen("0.0.0.0", values["secure_port"])  # noqa: S104 - pods
    metrics = values["metrics_listen_address"]
    plain = [Listen(bind.host, values["healthz_port"])] if values["healthz_port"] else []
    plain += [Listen(*metrics)] if metrics else []
    certificate = cast("str", values["tls_cert_file"])
    return Settings(
        bind=bind,
        plain=() if standalone else tuple(plain),
        standalone=standalone,
        kubeconfig=values["kubeconfig"],
        files=Files(Path(certificate), Path(values["tls_private_key_file"])) if certificate else None,
        secret_namespace=values["dynamic_serving_ca_secret_namespace"],
        secret_name=values["dynamic_serving_ca_secret_name"],
        dns_names=values["dynamic_serving_dns_names"],
        leaf_lifetime=values["dynamic_serving_leaf_duration"],
        ingress=IngressSettings(
            default_issuer_name=values["default_issuer_name"],
            default_issuer_kind=values["default_issuer_kind"],
            default_issuer_group=values["default_issuer_group"],
            auto_certificate_annotations=values["auto_certificate_annotations"],
            cluster_resource_namespace=values["cluster_resource_namespace"]
            or values["dynamic_serving_ca_secret_namespace"]
            or CLUSTER_NAMESPACE,
        ),
        policy=policy,
        log_level=values["log_level"],
        log_format=values["logging_format"],
    )


def _misfits(values: Mapping[str, Any]) -> list[str]:
    wrong = []
    if bool(values["tls_cert_file"]) != bool(values["tls_private_key_file"]):
        wrong.append("--tls-cert-file and --tls-private-key-file: set both, or neither")
    wrong.extend(
        f"--{flag.replace('_', '-')}={values[flag]}: there is no such file"
        for flag in ("tls_cert_file", "tls_private_key_file")
        if values[flag] and not Path(values[flag]).is_file()
    )
    if not values["standalone"] and not values["tls_cert_file"]:
        wrong.extend(
            f"--{flag.replace('_', '-')}: is needed, unless --tls-cert-file or --standalone is given"
            for flag in (
                "dynamic_serving_ca_secret_namespace",
                "dynamic_serving_ca_secret_name",
                "dynamic_serving_dns_names",
            )
            if not values[flag]
        )
    if values["dynamic_serving_leaf_duration"] < timedelta(minutes=1):
        wrong.append("--dynamic-serving-leaf-duration: must be at least 1m")
    return wrong


def _policy(path: str, wrong: list[str]) -> Policy:
    """Return the policy that the file says; what is wrong with it is added to the rest."""
    if not path:
        return NO_POLICY
    import yaml  # noqa: PLC0415 - 3 MB, and most have no such file

    try:
        return read_policy(yaml.safe_load(Path(path).read_bytes()))
    except OSError as error:
        wrong.append(f"--admission-settings={path}: cannot be read: {error.strerror}")
    except yaml.YAMLError as error:
        wrong.append(f"--admission-settings={path}: is no YAML: {' '.join(str(error).split())}")
    except ValueError as error:
        wrong.extend(f"--admission-settings={path}: {line}" for line in str(error).splitlines())
    return NO_POLICY


def own_names(settings: Settings) -> tuple[str, ...]:
    """Return what a self-made certificate is for: the names given, or the loopback and the bound host."""
    if settings.dns_names:
        return settings.dns_names
    host = settings.bind.host
    try:
        bound = () if ipaddress.ip_address(host).is_unspecified else (host,)
    except ValueError:
        bound = (host,)
    return tuple(dict.fromkeys(("localhost", "127.0.0.1", "::1", *bound)))
