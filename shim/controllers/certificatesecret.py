"""Writes the Secret of a Certificate: what was issued, what stands in for it, what it should be between issuances."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import structlog

from certs.api.certificate import KeyAlgorithm
from certs.api.certificaterequest import CertificateRequest
from certs.api.core import Secret
from certs.api.meta import IssuerReference, KubeObject
from certs.api.ownership import SECRET_MANAGER
from certs.decide.certificatesteps import (
    ObservedCertificate,
    ReuseSecret,
    RewriteSecret,
    Rewritten,
    SecretStep,
    WriteSecret,
    WriteTemporary,
)
from certs.decide.contents import stored_issuer
from certs.decide.effects import Tell
from certs.outcomes import WaitingForUser
from certs.pki.keys import decode_key
from certs.pki.signing import Lookups, Unsignable
from certs.pki.temporary import temporary_certificate
from shim.controllers.contents import (
    contested,
    further_data,
    issued_data,
    issued_secret,
    overruled,
    pair_data,
    stored_data,
    unwritable,
)
from shim.controllers.world import World
from shim.issuers.requested import requested
from shim.keys import generate_key, new_serial
from shim.kube.errors import Conflict, Invalid

log: structlog.stdlib.BoundLogger = structlog.get_logger()

ISSUING: Final = SECRET_MANAGER


class HeldUpkeep(WaitingForUser):
    """The Secret cannot be kept as the spec says; the certificate in it is as good as before."""


class HeldReuse(HeldUpkeep):
    """What another Secret holds cannot be written into the one that is asked for; nothing was ordered."""


class CertificateSecret:
    """Each write is one apply of all that we own; raises what of it cannot be made or written."""

    def __init__(self, world: World) -> None:
        self._world = world

    def act(self, observed: ObservedCertificate, step: SecretStep, now: datetime) -> None:
        """Take a step that writes the Secret."""
        match step:
            case WriteTemporary():
                self._write_temporary(observed, step.request, now)
            case WriteSecret():
                self._write(observed, step.request, now)
            case RewriteSecret():
                self._rewrite(observed, step, now)
            case ReuseSecret():
                self._reuse(observed, step, now)

    def _write_temporary(self, observed: ObservedCertificate, request: CertificateRequest, now: datetime) -> None:
        """Write something that can be served until the issuer has signed; that it cannot be made holds nothing up."""
        assert observed.next_key is not None  # noqa: S101  decided so
        certificate, key = observed.certificate, decode_key(observed.next_key.data["tls.key"])
        try:
            ca_key = generate_key(KeyAlgorithm.ECDSA, 521)
            chain = temporary_certificate(requested(request, Lookups(), now), ca_key, new_serial())
        except Unsignable as error:
            self._world.without_temporary.put(certificate.metadata.uid, certificate.metadata.generation)
            told = Tell("TemporaryCertificateFailed", f"Failed to issue temporary certificate: {error}", "Warning")
        else:
            self._apply(self._wanted(observed, None, pair_data(certificate, chain, key), now))
            told = Tell("Issuing", "Issued temporary certificate")
        self._world.tell(certificate, (told,), ISSUING)

    def _write(self, observed: ObservedCertificate, request: CertificateRequest, now: datetime) -> None:
        """Write what the request brought, with its key."""
        assert observed.next_key is not None  # noqa: S101  decided so
        data = issued_data(observed.certificate, request, decode_key(observed.next_key.data["tls.key"]))
        self._apply(self._wanted(observed, request.spec.issuer_ref, data, now))

    def _reuse(self, observed: ObservedCertificate, step: ReuseSecret, now: datetime) -> None:
        """Write what the current revision brought, with the key of the other Secret; that one is left as it is."""
        key = next(one.data["tls.key"] for one in observed.siblings if one.metadata.name == step.source)
        data = issued_data(observed.certificate, step.request, decode_key(key))
        try:
            self._apply(self._wanted(observed, step.request.spec.issuer_ref, data, now))
        except WaitingForUser as failure:
            raise HeldReuse(str(failure), reason=failure.reason) from failure
        self._world.tell(observed.certificate, (step.tell,), ISSUING)

    def _rewrite(self, observed: ObservedCertificate, step: RewriteSecret, now: datetime) -> None:
        """Write what is there already, with all that goes with it; the second time the answer is the same Secret."""
        secret, metadata = observed.secret, observed.certificate.metadata
        assert secret is not None  # noqa: S101  decided so
        try:
            wanted = self._wanted(observed, stored_issuer(secret), stored_data(secret), now)
            written = self._contest(observed, wanted, step) if step.is_contested else self._apply(wanted)
        except WaitingForUser as failure:
            raise HeldUpkeep(str(failure), reason=failure.reason) from failure
        note = Rewritten(metadata.generation, written.metadata.resource_version, now, step.times + 1)
        self._world.rewritten.put(metadata.uid, note)
        log.info("secret rewritten", namespace=metadata.namespace, name=metadata.name, reason=step.reason)

    def _contest(self, observed: ObservedCertificate, wanted: Secret, step: RewriteSecret) -> KubeObject:
        """Write it once more, and tell who undoes it: without force the API server names whom we would overrule."""
        managers = ""
        try:
            written = self._apply(wanted, force=False)
        except Conflict as conflict:
            managers = overruled(conflict)
            written = self._apply(wanted)
        self._world.tell(observed.certificate, (contested(wanted.metadata.name, step, managers),), ISSUING)
        return written

    def _wanted(
        self, observed: ObservedCertificate, issuer: IssuerReference | None, data: dict[str, bytes], now: datetime
    ) -> Secret:
        data |= further_data(observed.certificate, data, self._world.secrets, now)
        return issued_secret(
            observed.certificate,
            issuer,
            data,
            kind=observed.secret.type if observed.secret is not None else "kubernetes.io/tls",
            owned=observed.owner_ref,
            legacy=observed.legacy_output,
        )

    def _apply(self, secret: Secret, *, force: bool = True) -> KubeObject:
        try:
            return self._world.client.apply(secret, field_manager=ISSUING, force=force)
        except Invalid as error:
            raise unwritable(secret.metadata.name, error) from error
