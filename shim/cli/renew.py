"""`certshim renew`: have Certificates issued anew, as `cmctl renew` does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from shim.cli import place, selection
from shim.cli.selection import Selection, all_chosen

if TYPE_CHECKING:
    from certs.api.certificate import Certificate

MANAGER: Final = "certshim-cli"
REASON: Final = "ManuallyTriggered"
MESSAGE: Final = "Certificate re-issuance manually triggered"


@click.command("renew")
@selection.options("Certificates", acts=True)
@place.options(all_namespaces=True)
def command(selection: Selection, place: place.Place) -> None:
    """Have the Certificates NAME issued anew, those with labels, or all.

    What is being issued already is left alone.  Exit code 1: nothing was found, or something could not be changed.
    """
    from certs.api.certificate import Certificate  # noqa: PLC0415 - as everything that --help needs not

    for certificate in all_chosen(place, selection, Certificate):
        click.echo(_renewed(place, certificate))


def _renewed(place: place.Place, certificate: Certificate) -> str:
    """Trigger it; return what to say."""
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
