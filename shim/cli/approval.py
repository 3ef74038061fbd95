"""What `certshim approve` and `certshim deny` have in common: a condition on a CertificateRequest, once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

import click

if TYPE_CHECKING:
    from shim.cli.place import Place

MANAGER: Final = "certshim-cli"
REASON: Final = "KubectlCertManager"
Verdict = Literal["Approved", "Denied"]


def decide(place: Place, name: str, verdict: Verdict, reason: str, message: str) -> None:
    """Say it in the status; what has been decided already stays, and is an error."""
    import msgspec  # noqa: PLC0415 - as everything that --help needs not

    from certs.api.certificaterequest import CertificateRequest  # noqa: PLC0415
    from certs.api.meta import ConditionStatus, is_true, with_condition  # noqa: PLC0415

    request = place.client.get(CertificateRequest, place.namespace, name)
    where, status = f"{place.namespace}/{name}", request.status
    for before in ("Approved", "Denied"):
        if is_true(status.conditions, before):
            raise click.ClickException(
                f"cannot set {verdict} on CertificateRequest '{where}': it is {before} already, for good; "
                "a new request is needed to decide otherwise"
            )
    conditions = with_condition(
        status.conditions, verdict, ConditionStatus.TRUE, reason=reason, message=message, now=datetime.now(UTC)
    )
    wanted = msgspec.structs.replace(request, status=msgspec.structs.replace(status, conditions=conditions))
    place.client.update_status(wanted, field_manager=MANAGER)
    click.echo(f"{verdict} CertificateRequest '{where}'")
