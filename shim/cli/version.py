"""`certshim version`: of this program, and of what is installed in the cluster."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import click

from shim.cli import output as forms
from shim.cli import place

if TYPE_CHECKING:
    from shim.doctor.looking import Looking

CRD: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/certificates.cert-manager.io"


@click.command("version")
@click.option("--client", is_flag=True, help="Of this program only.")
@click.option("--short", is_flag=True, help="The numbers alone.")
@forms.option(default=None)
@place.cluster_options
def command(client: bool, short: bool, output: str | None, place: place.Place) -> None:
    """Print the version of this program, and of certshim or cert-manager in the cluster.

    Exit code 1: nothing is installed in the cluster, or it cannot be told what; 3: it does not answer.
    """
    told: dict[str, Any] = {"clientVersion": {"product": "certshim", "version": version("certshim")}}
    problem: click.ClickException | None = None
    if not client:
        from shim.doctor.looking import Looking  # noqa: PLC0415 - as everything that --help needs not
        from shim.kube.errors import KubeError  # noqa: PLC0415

        try:
            place.reach()
        except KubeError as error:
            problem = place.failure(error)
        else:
            found = installed(Looking(place.transport))
            if isinstance(found, str):
                problem = click.ClickException(found)
            else:
                told["serverVersion"] = found
    if output is None:
        for side, what in told.items():
            name = "Client Version" if side == "clientVersion" else "Server Version"
            click.echo(f"{name}: {what['version'] if short else ' '.join(map(str, what.values()))}")
    else:
        forms.tell([told], output, is_one=True)
    if problem is not None:
        raise problem


def installed(looking: Looking) -> dict[str, str] | str:
    """Return what is installed, or why that cannot be told."""
    definition = looking.get(CRD)
    if definition.is_missing:
        return "neither certshim nor cert-manager is installed: there is no CRD certificates.cert-manager.io"
    if definition.error:
        return definition.error
    labels = definition.tree.get("metadata", {}).get("labels") or {}
    product = labels.get("app.kubernetes.io/name", "")
    deployments = looking.get("/apis/apps/v1/deployments?labelSelector=app.kubernetes.io%2Fcomponent%3Dwebhook")
    for one in deployments.tree.get("items", ()):
        name = (one["metadata"].get("labels") or {}).get("app.kubernetes.io/name", "")
        if name in {"certshim", "webhook"}:
            image = one["spec"]["template"]["spec"]["containers"][0]["image"]
            tag = image.partition("@")[0].rpartition(":")[2]
            return {"product": "certshim" if name == "certshim" else "cert-manager", "version": tag, "image": image}
    said = labels.get("app.kubernetes.io/version", "")
    if said:
        return {"product": product or "unknown", "version": said}
    return f"the CRDs are {f'those of {product}' if product else 'there'}, and no webhook's Deployment says its version"
