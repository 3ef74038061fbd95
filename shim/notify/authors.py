"""Events on an Ingress about the certificates that were made for it: its author looks there, and not at Certificates.

What a controller comes upon it says itself (`shim.controllers.world`).  Here is what only time brings: that nothing has
replaced a certificate which will expire, and that a limit holds one up.  Said once in each process' life for each
stage, so that a quiet cluster costs no write.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from certs.api.certificate import Certificate
from certs.decide.trouble import Kind, Trouble
from shim.chain.explaining import moment
from shim.controllers.memory import Memory
from shim.controllers.world import INGRESS_SHIM
from shim.kube.recorder import Recorder
from shim.stores import Stores

REASONS: Final = {Kind.EXPIRING: "CertificateExpiring", Kind.LIMITED: "CertificateRateLimited"}


class Authors:
    """Tells the authors of Ingresses."""

    def __init__(self, stores: Stores, recorder: Recorder) -> None:
        self._stores = stores
        self._recorder = recorder
        self._told: Memory[str] = Memory()

    def tell(self, found: Iterable[tuple[Certificate, Trouble]], now: datetime) -> None:
        """Say what is new of these."""
        for certificate, wrong in found:
            ingress = self._stores.ingress_of(certificate)
            reason = REASONS.get(wrong.kind)
            stage = f"{wrong.kind} {wrong.severity} {wrong.expires_at}"
            if ingress is None or reason is None or self._told.get(certificate.metadata.uid) == stage:
                continue
            self._told.put(certificate.metadata.uid, stage)
            self._recorder.event(ingress, "Warning", reason, _sentence(certificate, wrong, now), component=INGRESS_SHIM)


def _sentence(certificate: Certificate, wrong: Trouble, now: datetime) -> str:
    name, namespace = certificate.metadata.name, certificate.metadata.namespace
    look = f"what holds it up is told by: certshim explain certificate {name} -n {namespace}"
    if wrong.kind is Kind.LIMITED:
        return f'Certificate "{name}" is held up by a rate limit of the CA; {look}'
    expires = f" expires at {moment(wrong.expires_at, now)}" if wrong.expires_at is not None else " expires"
    return f'Certificate "{name}"{expires}, and nothing has replaced it; {look}'
