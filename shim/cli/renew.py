"""`certshim renew`: have Certificates issued anew, as `cmctl renew` does."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from shim.cli import place, selection
from shim.cli.exits import Exit, fitted
from shim.cli.selection import Selection, all_chosen

if TYPE_CHECKING:
    from certs.api.certificate import Certificate

MANAGER: Final = "certshim-cli"
REASON: Final = "ManuallyTriggered"
MESSAGE: Final = "Certificate re-issuance manually triggered"
TRIES: Final = 4  # while the controller writes as well


@click.command("renew")
@selection.options("Certificates", acts=True)
@place.options(all_namespaces=True)
def command(selection: Selection, place: place.Place) -> None:
    """Have the Certificates NAME issued anew, those with labels, or all.

    What is being issued already is left alone.  Exit code 1: nothing was found, or something could not be changed.
    """
    from certs.api.certificate import Certificate  # noqa: PLC0415 - as everything that --help needs not
    from shim.kube.errors import KubeError, Unavailable  # noqa: PLC0415

    code = Exit.DONE
    for certificate in all_chosen(place, selection, Certificate):
        try:
            click.echo(_renewed(place, certificate))
        except Unavailable:
            raise
        except KubeError as error:  # of this one; the others are tried all the same
            fitted(place.failure(error)).show()
            code = Exit.NOT_WELL
    sys.exit(code)


def _renewed(place: place.Place, certificate: Certificate) -> str:
    """Trigger it as it is now, which may be another than when it was read; return what to say."""
    from shim.kube.errors import Conflict  # noqa: PLC0415

    for _ in range(TRIES):
        try:
            return _triggered(place, certificate)
        except Conflict:
            metadata = certificate.metadata
            certificate = place.client.get(type(certificate), metadata.namespace, metadata.name)
    return _triggered(place, certificate)


def _triggered(place: place.Place, certificate: Certificate) -> str:
    import msgspec  # noqa: PLC0415

    from certs.api.meta import ConditionStatus, is_true, with_condition  # noqa: PLC0415

    metadata, status = certificate.metadata, certificate.status
    where = f"{metadata.namespace}/{metadata.name}"
    if is_true(status.conditions, "Issuing"):
        return f"Certificate {where} is being issued already"
    conditions = with_condition(
        status.conditions,
        "Issuing",
        ConditionStatus.TRUE,
        reason=REASON,
        message=MESSAGE,
        now=datetime.now(UTC),
        generation=metadata.generation,
    )
    wanted = msgspec.structs.replace(certificate, status=msgspec.structs.replace(status, conditions=conditions))
    place.client.update_status(wanted, field_manager=MANAGER)
    return f"Manually triggered issuance of Certificate {where}"
