"""`certshim check api`: does the API answer, admission and all?  As `cmctl check api`, by the same words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from shim.cli import place
from shim.cli.times import duration

if TYPE_CHECKING:
    from shim.doctor.looking import Looking, Reply

READY: Final = "The cert-manager API is ready"
CRDS: Final = "the cert-manager CRDs are not yet installed on the Kubernetes API server"
# What the API server says, and how it is told: in this order.
KNOWN: Final[tuple[tuple[str, str], ...]] = (
    ("could not find the requested resource", CRDS),
    ("no matches for kind", CRDS),
    ('service "', "the cert-manager webhook service is not created yet"),
    ("certificate signed by unknown authority", "the cert-manager webhook CA bundle is not injected yet"),
    ("certificate is not trusted", "the cert-manager webhook CA bundle is not injected yet"),
    ("connection refused", "the cert-manager webhook deployment is not ready yet"),
    ("no endpoints available", "the cert-manager webhook deployment is not ready yet"),
    ("failed calling webhook", "the cert-manager webhook deployment is not ready yet"),
)


@click.command("api")
@click.option("--wait", default="0s", callback=duration, help="How long to try, as 30s or 2m. [0s]")
@click.option("--interval", default="5s", callback=duration, help="How long between two tries. [5s]")
@place.options(namespace="default", meaning="Where objects are tried, as dry runs. [default]")
def command(wait: timedelta, interval: timedelta, place: place.Place) -> None:
    """Check that the API is there: its CRDs, and admission by the webhook, which a dry run is judged by.

    Exit code 0: it is ready; 1: it is not, and why.
    """
    from shim.doctor.looking import Looking, until  # noqa: PLC0415

    looking = Looking(place.transport)
    said = ""
    trying: Callable[[], str] = lambda: obstacle(looking, place.namespace)  # noqa: E731
    for said in until(trying, wait.total_seconds(), max(interval.total_seconds(), 0.1)):
        click.echo(f"Not ready: {said}", err=True)
    if said and (still := trying() if wait else said):
        raise click.ClickException(still)
    click.echo(READY)


def obstacle(looking: Looking, namespace: str) -> str:
    """Return what is in the way, or nothing."""
    group = looking.get("/apis/cert-manager.io/v1")
    if group.error:
        return CRDS if group.is_missing else group.error
    path = f"/apis/cert-manager.io/v1/namespaces/{namespace}/certificaterequests"
    good = looking.dry_run(path, _request(namespace, _csr()))
    if good.error:
        return _told(good)
    if not good.tree.get("spec", {}).get("username"):
        return "the cert-manager webhook is not asked: a CertificateRequest does not say who made it"
    bad = looking.dry_run(path, _request(namespace, b"no request"))
    if not bad.error:
        return "the cert-manager webhook is not asked: a CertificateRequest without a request is accepted"
    return "" if "denied the request" in bad.error else _told(bad)


def _told(reply: Reply) -> str:
    """Return the API server's words by their known meaning, with the words themselves."""
    known = next((meaning for words, meaning in KNOWN if words in reply.error), "")
    return f"{known} ({reply.error})" if known else reply.error


def _csr() -> bytes:
    from certs.api.certificate import CertificateSpec, KeyAlgorithm  # noqa: PLC0415
    from certs.api.meta import IssuerReference  # noqa: PLC0415
    from certs.pki.csr import build_csr  # noqa: PLC0415
    from shim.keys import generate_key  # noqa: PLC0415

    spec = CertificateSpec(
        secret_name="none",  # noqa: S106  a name, and of nothing
        issuer_ref=IssuerReference(name="none"),
        dns_names=("api-check.example.com",),
    )
    return build_csr(spec, generate_key(KeyAlgorithm.ECDSA))


def _request(namespace: str, csr: bytes) -> dict[str, Any]:
    import base64  # noqa: PLC0415

    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "CertificateRequest",
        "metadata": {"generateName": "certshim-check-", "namespace": namespace},
        "spec": {"request": base64.b64encode(csr).decode(), "issuerRef": {"name": "certshim-check"}},
    }
