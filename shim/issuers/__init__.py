"""Ways of signing within this process: one module each, the same Protocol.

ACME is not among them: it takes an Order, Challenges and time, which are kinds of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from certs.api.certificaterequest import CertificateRequest
from certs.api.core import Secret
from certs.api.issuer import AnyIssuer
from certs.decide.effects import Tell

FindSecret = Callable[[str, str], Secret | None]  # by namespace and name


@dataclass(frozen=True, slots=True)
class Signed:
    """What an issuer made: the chain in PEM, leaf first and without the root; the topmost certificate known.

    `warnings` are for people: the certificate is what was asked for, and yet they will be sorry.
    """

    chain: bytes
    ca: bytes = b""
    warnings: tuple[Tell, ...] = ()


class Signer(Protocol):
    """One way of signing."""

    def sign(self, request: CertificateRequest, issuer: AnyIssuer, now: datetime) -> Signed:
        """Return the certificate for an approved request of this issuer.

        Raises `WaitingForUser` while something is missing that may still come (the request stays pending), `Permanent`
        for what will not be signed (it fails), each with the reason for its event.  Safe to repeat.
        """
