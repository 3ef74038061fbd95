"""Asks an ACME CA when it wants a certificate renewed, and stores what is new in its answer.

A failure fails nothing: the certificate is renewed as without.  It is said in the status and, when it is another
than before, in an event.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from certs.api.certificate import Certificate, CertificateStatus
from certs.api.issuer import AnyIssuer
from certs.api.meta import is_true
from certs.decide import ari
from certs.decide.ari import Asked, Suggestion
from certs.decide.effects import Tell, one_line
from certs.outcomes import Failure, RateLimited, Transient
from shim.acme.resources import RenewalInfo
from shim.controllers.issuer import gateway_of
from shim.controllers.world import World

COMPONENT: Final = "cert-manager-certificates-readiness"
# A CA that has no such service may have one after its next release.
NOT_OFFERED: Final = ari.LONGEST


def heeds_ari(issuer: AnyIssuer | None) -> bool:
    """Is it an ACME issuer that can be asked, and whose admin has not said otherwise?"""
    acme = issuer.spec.acme if issuer is not None else None
    if issuer is None or acme is None or acme.renewal_information_source == "None":
        return False
    return is_true(issuer.status.conditions, "Ready")


def ask_renewal_info(world: World, certificate: Certificate, issuer: AnyIssuer | None, own: str, now: datetime) -> None:
    """Make one exchange with the CA about the certificate of that identifier; raises only what the API server says."""
    acme = issuer.spec.acme if issuer is not None else None
    if issuer is None or acme is None:
        return
    uid, before = certificate.metadata.uid, world.asked.get(certificate.metadata.uid)
    try:
        info = gateway_of(world, issuer, acme).renewal_info(own)
    except Failure as failure:
        asked = ari.after_failure(own, before, now, is_temporary=isinstance(failure, Transient))
        if isinstance(failure, RateLimited):
            asked = Asked(own, failure.until, asked.failures)
        sentence = one_line(str(failure))
        if _write(world, certificate, ari.unheard(certificate.status, sentence, asked, now)):
            world.tell(certificate, (Tell("ARIError", sentence, "Warning"),), COMPONENT)
        world.asked.put(uid, asked)
        return
    if info is None:
        world.asked.put(uid, Asked(own, now + NOT_OFFERED))
        return
    said = _suggestion(info)
    _write(world, certificate, ari.heard(certificate.status, said, now))  # first: a conflict has us ask again
    world.asked.put(uid, Asked(own, ari.next_check(said, now)))


def _suggestion(info: RenewalInfo) -> Suggestion:
    return Suggestion(info.start, info.end, info.explanation_url, info.retry_after)


def _write(world: World, certificate: Certificate, status: CertificateStatus) -> bool:
    if status == certificate.status:
        return False
    world.client.update_status(msgspec.structs.replace(certificate, status=status), field_manager=COMPONENT)
    return True
