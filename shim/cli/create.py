"""`certshim create certificaterequest`: a request made from a manifest, as `cmctl create certificaterequest` does."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from shim.cli import kinds, place
from shim.cli.exits import Unknowable
from shim.cli.times import duration

if TYPE_CHECKING:
    from certs.api.certificate import Certificate
    from certs.api.certificaterequest import CertificateRequest

MANAGER: Final = "certshim-cli"
INTERVAL: Final = 0.5


@click.group("create", cls=kinds.Words)
def command() -> None:
    """Create a CertificateRequest from a Certificate's manifest."""


@command.command("certificaterequest")
@click.argument("name")
@click.option("--from-certificate-file", required=True, type=click.Path(exists=True, dir_okay=False), help="Manifest.")
@click.option("--output-key-file", default="", help="Where the private key goes. [NAME.key]")
@click.option("--output-certificate-file", default="", help="Where the certificate goes. [NAME.crt]")
@click.option("--fetch-certificate", is_flag=True, help="Wait until it is signed, and write the certificate.")
@click.option("--timeout", default="5m", callback=duration, help="How long to wait. [5m]")
@place.options()
def certificaterequest(
    name: str,
    from_certificate_file: str,
    output_key_file: str,
    output_certificate_file: str,
    fetch_certificate: bool,
    timeout: timedelta,
    place: place.Place,
) -> None:
    """Make a key and a request NAME for what a Certificate's manifest says; the Certificate itself is not created.

    The key is written to a file that only you can read, before the request is made; a file that is there is never
    written over.  Exit code 1: it was not created, or was denied, or failed; 3: it is not signed in time.
    """
    if output_certificate_file and not fetch_certificate:
        raise click.UsageError("--output-certificate-file has a meaning with --fetch-certificate only.")
    key_file = Path(output_key_file or f"{name}.key")
    certificate_file = Path(output_certificate_file or f"{name}.crt")
    certificate = _read(Path(from_certificate_file))
    if certificate.metadata.namespace and place.namespace and certificate.metadata.namespace != place.namespace:
        raise click.UsageError(
            f"the manifest is of namespace {certificate.metadata.namespace}, and the request would be made in "
            f"{place.namespace}: give -n {certificate.metadata.namespace}"
        )
    if fetch_certificate and certificate_file.exists():
        raise click.ClickException(f"{certificate_file} is there already: name another by --output-certificate-file")
    request, key = _made(certificate, name, place.namespace)
    _write(key_file, key, mode=0o600, option="--output-key-file")
    click.echo(f"Private key written to file {key_file}", err=True)
    request = _created(place, request, key_file)
    click.echo(f"CertificateRequest {name} has been created in namespace {place.namespace}", err=True)
    if not fetch_certificate:
        return
    click.echo(f"CertificateRequest {name} has not been signed yet. Wait until it is signed...", err=True)
    signed = _signed(place, request, timeout)
    click.echo(f"CertificateRequest {name} has been signed", err=True)
    _write(certificate_file, signed.status.certificate, mode=0o644, option="--output-certificate-file")
    click.echo(f"Certificate written to file {certificate_file}", err=True)


def _read(path: Path) -> Certificate:
    import msgspec  # noqa: PLC0415 - as everything that --help needs not
    import yaml  # noqa: PLC0415

    from certs.api.certificate import Certificate  # noqa: PLC0415

    try:
        objects = [one for one in yaml.safe_load_all(path.read_text()) if one]
        if len(objects) != 1 or objects[0].get("kind") != "Certificate":
            raise click.ClickException(f"{path}: one Certificate is wanted, and nothing else")
        if objects[0].get("apiVersion") != "cert-manager.io/v1":
            raise click.ClickException(f"{path}: apiVersion is not cert-manager.io/v1: certshim convert -f {path}")
        return msgspec.convert(msgspec.json.decode(msgspec.json.encode(objects[0])), Certificate)
    except (yaml.YAMLError, AttributeError, TypeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise click.ClickException(f"{path}: is no Certificate: {' '.join(str(error).split())}") from error


def _made(certificate: Certificate, name: str, namespace: str) -> tuple[CertificateRequest, bytes]:
    from certs.api.certificaterequest import CertificateRequest, CertificateRequestSpec  # noqa: PLC0415
    from certs.api.meta import ObjectMeta  # noqa: PLC0415
    from certs.outcomes import Failure  # noqa: PLC0415
    from certs.pki.csr import build_csr  # noqa: PLC0415
    from certs.pki.keys import encode_key  # noqa: PLC0415
    from shim.keys import generate_key  # noqa: PLC0415

    spec, wanted = certificate.spec, certificate.spec.private_key
    try:
        key = generate_key(wanted.algorithm, wanted.size or 0) if wanted is not None else generate_key()
        csr = build_csr(spec, key)
    except Failure as error:
        raise click.ClickException(str(error)) from error
    request = CertificateRequest(
        metadata=ObjectMeta(name=name, namespace=namespace, annotations=dict(certificate.metadata.annotations)),
        spec=CertificateRequestSpec(
            request=csr, issuer_ref=spec.issuer_ref, duration=spec.duration, is_ca=spec.is_ca, usages=spec.usages
        ),
    )
    return request, encode_key(key)


def _created(place: place.Place, request: CertificateRequest, key_file: Path) -> CertificateRequest:
    """Create it; the key of one that was refused is removed, so that the command can be repeated as it was."""
    from shim.kube.errors import KubeError, Unavailable  # noqa: PLC0415

    try:
        return place.client.create(request, field_manager=MANAGER)
    except Unavailable:
        raise  # perhaps it was created
    except KubeError:
        key_file.unlink()
        click.echo(f"Private key removed again, file {key_file}", err=True)
        raise


def _write(path: Path, data: bytes, *, mode: int, option: str) -> None:
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise click.ClickException(f"{path} is there already: name another by {option}") from error
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from error
    with os.fdopen(file, "wb") as opened:
        opened.write(data)


def _signed(place: place.Place, request: CertificateRequest, timeout: timedelta) -> CertificateRequest:
    """Wait for the end of a request; ClickException when it is not the good one, Unknowable when it does not come."""
    from certs.api.certificaterequest import CertificateRequest  # noqa: PLC0415
    from certs.api.meta import find_condition, is_true  # noqa: PLC0415
    from shim.kube.errors import Unavailable  # noqa: PLC0415

    name, deadline = request.metadata.name, time.monotonic() + timeout.total_seconds()
    now = request
    while True:
        try:
            now = place.client.get(CertificateRequest, place.namespace, name)
        except Unavailable:  # for a moment, as when it is restarted
            if time.monotonic() >= deadline:
                raise
        ready = find_condition(now.status.conditions, "Ready")
        if now.status.certificate and is_true(now.status.conditions, "Ready"):
            return now
        if ready is not None and ready.reason in {"Failed", "Denied"}:
            raise click.ClickException(f"CertificateRequest {name} will not be signed: {ready.message}")
        if time.monotonic() >= deadline:
            why = f": {ready.message}" if ready is not None else ""
            raise Unknowable(f"CertificateRequest {name} was not signed within {timeout}{why}")
        time.sleep(INTERVAL)
