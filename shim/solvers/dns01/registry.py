"""Which module writes for which provider.  Modules are imported when an issuer first asks for them.

So whoever does not use a vendor's client library neither needs it nor pays for its import.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from certs.api.issuer import DNS01Solver
from certs.outcomes import Permanent, WaitingForUser
from certs.rules.solver import PROVIDER_FIELDS
from shim.solvers.dns01 import Credentials, DNSWriter, Registry

PACKAGE: Final = "shim.solvers.dns01"
WEBHOOK: Final = "webhook"  # takes more than configuration and credentials, so `solver` makes it


def provider(solver: DNS01Solver) -> str:
    """Return the name of the field that is set, as issuers write it; Permanent when there is none."""
    for field, attribute in PROVIDER_FIELDS:
        if getattr(solver, attribute) is not None:
            return field
    raise Permanent("the dns01 solver of the issuer names no provider; add one, for example rfc2136 or cloudflare")


def _lazily(field: str) -> Callable[[DNS01Solver, Credentials], DNSWriter]:
    def build(solver: DNS01Solver, credentials: Credentials) -> DNSWriter:
        module = f"{PACKAGE}.{field.lower()}"
        try:
            loaded: Any = import_module(module)
        except ModuleNotFoundError as error:
            raise WaitingForUser(_why_not(field, module, error), reason="PresentError") from error
        writer: DNSWriter = loaded.build(solver, credentials)
        return writer

    return build


def _why_not(field: str, module: str, error: ModuleNotFoundError) -> str:
    if error.name == module:
        return f"this release has no solver for {field}; use a webhook solver, or delegate by CNAME to rfc2136"
    extra = field.lower()
    return f"the solver for {field} needs {error.name}, which is not installed: pip install certshim[{extra}]"


REGISTRY: Final[Registry] = {field: _lazily(field) for field, _ in PROVIDER_FIELDS if field != WEBHOOK}
