"""`certshim upgrade migrate-api-version`: have all objects stored as v1, and say so in the CRDs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from shim.cli import place

if TYPE_CHECKING:
    from shim.doctor.looking import Looking, Tree

CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@click.group("upgrade")
def command() -> None:
    """Bring what an older installation has left up to date."""


@command.command("migrate-api-version")
@click.option("--skip-stored-version-check", is_flag=True, help="Write all objects, also where v1 alone is stored.")
@click.option("--qps", type=float, default=5, help="Accepted as cmctl's; the API server's own limits hold. [5]")
@click.option("--burst", type=int, default=10, help="As --qps. [10]")
@place.cluster_options
def migrate(skip_stored_version_check: bool, qps: float, burst: int, place: place.Place) -> None:
    """Write each object of the six kinds once, so that it is stored as v1, then take older versions from the CRDs.

    Objects that somebody changes or deletes meanwhile are stored as v1 by that.  It can be run again at any time.
    """
    del qps, burst  # one request at a time is no load
    from certs.api.crd import KINDS, definition_name  # noqa: PLC0415 - as everything that --help needs not
    from shim.doctor.looking import Looking  # noqa: PLC0415

    place.reach()
    looking = Looking(place.transport)
    for kind in KINDS:
        name = definition_name(kind.resource)
        found = looking.get(f"{CRDS}/{name}")
        if found.error:
            raise click.ClickException(found.error)
        stored = found.tree.get("status", {}).get("storedVersions", [])
        if stored == ["v1"] and not skip_stored_version_check:
            click.echo(f"{name}: stored as v1 already")
            continue
        count = _rewritten(looking, kind.resource.path(""))
        _store(looking, name)
        click.echo(f"{name}: {count} objects written, stored as v1 alone")


def _rewritten(looking: Looking, path: str) -> int:
    """Put each object as it is; return how many there were."""
    listed = looking.get(path)
    if listed.error:
        raise click.ClickException(listed.error)
    items: list[Tree] = listed.tree.get("items", [])
    for one in items:
        metadata = one["metadata"]
        base, _, plural = path.rpartition("/")
        where = f"/namespaces/{metadata['namespace']}" if metadata.get("namespace") else ""
        body = one | {"apiVersion": listed.tree["apiVersion"], "kind": listed.tree["kind"].removesuffix("List")}
        reply = looking.put(f"{base}{where}/{plural}/{metadata['name']}", body)
        if reply.error and reply.code not in {404, 409}:
            raise click.ClickException(reply.error)
    return len(items)


def _store(looking: Looking, name: str) -> None:
    reply = looking.merge(f"{CRDS}/{name}/status", {"status": {"storedVersions": ["v1"]}})
    if reply.error:
        raise click.ClickException(reply.error)
