"""Whether the certificate of a Certificate is written into another Secret, instead of a new one being ordered.

A new `spec.secretName` asks for another place, not for another certificate: what the current revision has brought is
still in the old Secret, which stays.  It is used again when all of this holds:

| what                | why                                                                                          |
|---------------------|----------------------------------------------------------------------------------------------|
| the spec is new     | who deletes the Secret of a spec that is known wants another key, and gets one               |
| nobody asks for one | `Issuing=True` (renewed by hand, or begun) never comes here                                  |
| the place is wrong  | `ABOUT_THE_PLACE`: what is said of the Secret, and not of time or of what was requested      |
| it is the current   | the leaf of the current revision's request, with the key that was requested                  |
| it is as asked for  | all policies, asked about the old Secret, are content: names, usages, key, issuer, time, ARI |
| time is left        | the whole chain is valid, and renewal not due, also without windows or policy `Disabled`     |
| it is of this CA    | the order of that request was at the host where the next would be                            |

So it is never more than a copy of what is right, and no re-issue: revision and key stay, whatever the rotation policy.
Issuers that sign in this process are asked anew, since that costs nothing and their CA may be another by now;
of those of others nobody knows which CA they had.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

import msgspec

from certs.api.certificate import Certificate, CertificateStatus
from certs.api.certificaterequest import CertificateRequest
from certs.api.core import Secret
from certs.api.issuer import AnyIssuer
from certs.api.meta import find_condition
from certs.api.order import ACMEState, Order
from certs.decide.certificatestatus import with_readiness
from certs.decide.certificatesteps import ObservedCertificate, ReuseSecret
from certs.decide.effects import Tell
from certs.decide.issuer import host_of
from certs.decide.policies import CERTIFICATE_NAME, ISSUER_NAME, Violation, reason_to_issue, stored_leaf
from certs.decide.renewal import plan_renewal
from certs.pki.x509 import InvalidCertificate, Leaf, read_chain

# What may be wrong with a Secret while the certificate in another is right.
ABOUT_THE_PLACE: Final = frozenset(
    (
        "DoesNotExist",
        "MissingData",
        "InvalidKeyPair",
        "InvalidCertificate",
        "TemporaryCertificate",
        "IncorrectIssuer",
        "IncorrectCertificate",
        "SecretMismatch",
    )
)


def reuse(observed: ObservedCertificate, violation: Violation, now: datetime) -> ReuseSecret | None:
    """Return that what another Secret holds is written into the one that is asked for; None when it must be issued."""
    current = observed.subject.current
    if current is None or violation.reason not in ABOUT_THE_PLACE or not _is_new_spec(observed.certificate):
        return None
    if not observed.same_ca:
        return None
    source = next((one for one in observed.siblings if _serves(observed, current, one, now)), None)
    if source is None:
        return None
    old, new = source.metadata.name, observed.certificate.spec.secret_name
    sentence = f'Reusing the certificate in Secret "{old}", which is as asked for, for Secret "{new}"'
    return ReuseSecret(current, old, Tell("CertificateReused", sentence))


def made_by(issuer: AnyIssuer | None, orders: Iterable[Order]) -> bool:
    """Was one of these orders fulfilled by the CA that the issuer has now?  Told by its host, as accounts are."""
    acme = issuer.spec.acme if issuer is not None else None
    if acme is None:
        return False
    host, fulfilled = host_of(acme.server), (order for order in orders if order.status.state is ACMEState.VALID)
    return any(host_of(order.status.url) == host != "" for order in fulfilled)


def not_yet_moved(observed: ObservedCertificate, now: datetime) -> CertificateStatus:
    """Return the status while the Secret cannot be written: the spec stays one that nothing was done for."""
    before = find_condition(observed.certificate.status.conditions, "Ready")
    status = with_readiness(observed, observed.certificate.status, now)
    conditions = tuple(
        msgspec.structs.replace(one, observed_generation=before.observed_generation)
        if before is not None and one.type == "Ready"
        else one
        for one in status.conditions
    )
    return msgspec.structs.replace(status, conditions=conditions)


def _is_new_spec(certificate: Certificate) -> bool:
    """Has nothing been said of this spec yet, but of one before?"""
    ready = find_condition(certificate.status.conditions, "Ready")
    return ready is not None and ready.observed_generation not in {0, certificate.metadata.generation}


def _serves(observed: ObservedCertificate, current: CertificateRequest, source: Secret, now: datetime) -> bool:
    told = source.metadata.annotations
    if told.get(CERTIFICATE_NAME) != observed.certificate.metadata.name or ISSUER_NAME not in told:
        return False
    leaf, chain = stored_leaf(source), _chain(current)
    if leaf is None or not chain or leaf.der != chain[0].der:
        return False
    if any(not one.not_before <= now < one.not_after for one in chain):
        return False
    moved = replace(observed, secret=source)
    return reason_to_issue(moved.subject, now) is None and now < _usual_renewal(moved, leaf)


def _chain(request: CertificateRequest) -> tuple[Leaf, ...]:
    try:
        return read_chain(request.status.certificate)
    except InvalidCertificate:
        return ()


def _usual_renewal(observed: ObservedCertificate, leaf: Leaf) -> datetime:
    """Return when it would be renewed if nothing but its lifetime and `renewBefore` counted."""
    plain = msgspec.structs.replace(observed.certificate.spec, renewal=None)
    at = plan_renewal(leaf.not_before, leaf.not_after, plain, by_acme=observed.by_acme).at
    return at if at is not None else leaf.not_before
