"""`certshim probe`: is a certificate good for long enough?  For monitoring, with its exit codes."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from shim.cli import place
from shim.cli.exits import Plugin

if TYPE_CHECKING:
    from shim.probing import Finding, Shown, Thresholds

SECONDS: Final = click.FloatRange(min=0, min_open=True)


@click.command("probe", cls=Plugin)
@click.argument("what", metavar="HOST[:PORT]|secret/NAME|certificate/NAME")
@click.option("--warning", "-w", default=21.0, metavar="DAYS", help="Warn when it expires within so many days. [21]")
@click.option("--critical", "-c", default=7.0, metavar="DAYS", help="Critical within so many days. [7]")
@click.option("--timeout", "-t", default=10.0, type=SECONDS, metavar="SECONDS", help="For each connection. [10]")
@click.option("--server-name", default="", metavar="NAME", help="Ask for this name. [the host]")
@click.option("--ca-file", default="", metavar="FILE", help="Trust these roots. [those of this computer]")
@place.options()
def command(what: str, warning: float, critical: float, place: place.Place, **given: str | float) -> None:
    """Say how long a certificate is good for, in one line with performance data.

    Of a TLS endpoint, also whether clients take it. Exit code 0: OK; 1: warning; 2: critical; 3: unknown,
    also when it is called wrongly.
    """
    from shim.probing import CannotProbe, Finding, Level, Thresholds  # noqa: PLC0415 - not for --help

    try:
        finding = _probe(what, Thresholds(warning, critical), place, given)
    except (CannotProbe, ValueError) as error:
        finding = Finding(Level.UNKNOWN, str(error))
    click.echo(str(finding))
    sys.exit(finding.level)


def _probe(what: str, thresholds: Thresholds, place: place.Place, given: dict[str, str | float]) -> Finding:
    from shim.probing import ask, judge, parse_endpoint  # noqa: PLC0415

    kind, slash, name = what.partition("/")
    if slash:
        shown = _stored(kind, name, place)
    else:
        endpoint = parse_endpoint(what, str(given["server_name"]))
        shown = ask(endpoint, timeout=float(given["timeout"]), roots=str(given["ca_file"]))
    return judge(what, shown, thresholds, datetime.now(UTC))


def _stored(kind: str, name: str, place: place.Place) -> Shown:
    """Return what a Secret, or that of a Certificate, holds."""
    from certs.api.certificate import Certificate  # noqa: PLC0415
    from certs.api.core import Secret  # noqa: PLC0415
    from certs.pki.x509 import InvalidCertificate, read_chain  # noqa: PLC0415
    from shim.kube.errors import KubeError  # noqa: PLC0415
    from shim.probing import CannotProbe, Shown  # noqa: PLC0415

    if kind not in {"secret", "certificate"}:
        raise CannotProbe(f'cannot probe "{kind}/{name}": write secret/NAME, certificate/NAME, or a host')
    try:
        where = place.namespace
        if kind == "certificate":
            name = place.client.get(Certificate, where, name).spec.secret_name
        stored = place.client.get(Secret, where, name).data.get("tls.crt", b"")
    except KubeError as error:
        raise CannotProbe(place.told(error)) from error
    try:
        return Shown(read_chain(stored)[0])
    except InvalidCertificate as error:
        raise CannotProbe(f"cannot probe Secret {where}/{name}: tls.crt: {error}") from error
