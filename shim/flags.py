"""Command-line flags as data: name, default, how to read it, what it means.

One table per process gives the options, the environment variables (`--metrics-listen-address` is also
`CERTSHIM_METRICS_LISTEN_ADDRESS`), the help, and a reading that tells every wrong value at once, because a
Deployment that crashes once for each typo is a bad way to find them.
Names and defaults are cert-manager's wherever the flag means the same.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

import click

from certs.durations import parse_duration

CommandT = TypeVar("CommandT", bound=Callable[..., Any])
PREFIX: Final = "CERTSHIM_"
EVERYWHERE: Final = "0.0.0.0"  # noqa: S104  what an empty host means


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag.  `parse` raises ValueError with what is wrong and what to write instead."""

    name: str
    default: str
    parse: Callable[[str], object]
    help: str

    @property
    def key(self) -> str:
        """Its name as a Python name."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.key.upper()


class WrongFlags(click.UsageError):
    """All wrong values, one a line; click ends the process with exit code 2."""


def options(flags: Sequence[Flag]) -> Callable[[CommandT], CommandT]:
    """Return a decorator that gives a click command these flags, as texts."""

    def decorate(command: CommandT) -> CommandT:
        for flag in reversed(flags):
            shown = flag.default or "none"
            command = click.option(
                f"--{flag.name}", flag.key, default=flag.default, envvar=flag.variable, help=f"{flag.help} [{shown}]"
            )(command)
        return command

    return decorate


def read(flags: Sequence[Flag], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the values by key; raises WrongFlags with every flag that cannot be read."""
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for flag in flags:
        try:
            values[flag.key] = flag.parse(given[flag.key])
        except ValueError as error:
            wrong.append(f"--{flag.name}={given[flag.key]} (or {flag.variable}): {error}")
    if wrong:
        raise WrongFlags("\n".join(wrong))
    return values


def text(value: str) -> str:
    """Take it as it is."""
    return value


def required(value: str) -> str:
    """Take anything but nothing."""
    if not value:
        raise ValueError("must not be empty")
    return value


def boolean(value: str) -> bool:
    """Read what Go's flag package takes for true and false."""
    if value in {"1", "t", "T", "true", "TRUE", "True"}:
        return True
    if value in {"0", "f", "F", "false", "FALSE", "False"}:
        return False
    raise ValueError("must be true or false")


def words(value: str) -> tuple[str, ...]:
    """Read a list separated by commas."""
    return tuple(word.strip() for word in value.split(",") if word.strip())


def duration(value: str) -> timedelta:
    """Read a positive Go duration."""
    try:
        parsed = parse_duration(value).timedelta
    except ValueError as error:
        raise ValueError(f"{error}; write for example 15s or 1h30m") from error
    if parsed <= timedelta(0):
        raise ValueError("must be longer than zero; write for example 15s or 1h30m")
    return parsed


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of whole numbers within these bounds."""

    def parse(value: str) -> int:
        if not value.isdecimal() or not least <= int(value) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(value)

    return parse


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a reader of a closed set of words."""

    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return parse


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, or whom to reach."""

    host: str
    port: int


def address(value: str) -> Address:
    """Read host:port; an IPv6 host stands in brackets; a missing host means all interfaces."""
    host, colon, port = value.rpartition(":")
    if not colon or not port.isdecimal() or not 0 <= int(port) <= 65535 or (":" in host and not host.startswith("[")):
        raise ValueError("must be host:port, for example 0.0.0.0:9402 or [::1]:9402")
    return Address(host.strip("[]") or EVERYWHERE, int(port))


def listen_address(value: str) -> Address | None:
    """Read where to listen; `0` means not at all."""
    return None if value == "0" else address(value)


def addresses(value: str) -> tuple[Address, ...]:
    """Read a list of host:port."""
    return tuple(address(word) for word in words(value))


def nameservers(value: str) -> tuple[str, ...]:
    """Read a list of ip:port."""
    found = []
    for item in addresses(value):
        try:
            ipaddress.ip_address(item.host)
        except ValueError:
            raise ValueError(f"{item.host} is not an IP address; write for example 10.96.0.10:53") from None
        found.append(f"[{item.host}]:{item.port}" if ":" in item.host else f"{item.host}:{item.port}")
    return tuple(found)


def dns_servers(value: str) -> tuple[str, ...]:
    """Read a list of ip:port and of https://… (DNS over HTTPS)."""
    found: list[str] = []
    for word in words(value):
        found.extend((word,) if word.startswith("https://") else nameservers(word))
    return tuple(found)


# What both processes have: they must agree on which Ingresses ask for certificates, and from whom.
KUBECONFIG: Final = Flag(
    "kubeconfig",
    "",
    text,
    "Kubeconfig file; the pod's service account, KUBECONFIG or ~/.kube/config when empty",
)
INGRESS: Final = (
    Flag("auto-certificate-annotations", "kubernetes.io/tls-acme", words, "Annotations that ask for certificates"),
    Flag("default-issuer-name", "", text, "Issuer of Ingresses that name none"),
    Flag("default-issuer-kind", "Issuer", required, "Its kind"),
    Flag("default-issuer-group", "cert-manager.io", required, "Its group"),
)
LOGGING: Final = (
    Flag("logging-format", "text", one_of("text", "json"), "text or json"),
    Flag("log-level", "info", one_of("debug", "info", "warning", "error"), "Least level that is logged"),
)
