"""The CA injector's decision: whose certificates belong into the `caBundle` fields of an object that asks for them.

    annotation ──> source (Secret, Certificate's Secret, API server) ──> its certificates
                                                                             v
    the bundle that is there ──without duplicates and expired ones──> and what is missing, behind it

The bundle that is there is kept, so a rotation breaks no connection, and what somebody else put there
stays (cert-manager's CAInjectorMerging).  A field that already says the same is not written.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509

from certs.api.certificate import Certificate
from certs.api.core import Secret
from certs.api.injectable import (
    ASKING,
    ASKING_THEN,
    APIService,
    CustomResourceDefinition,
    Injectable,
)
from certs.api.meta import ObjectMeta
from certs.decide.policies import CERTIFICATE_NAME
from certs.legacy.words import LEGACY_GROUP
from certs.outcomes import DONE, Done, WaitingForUser
from certs.patch import Operation, add
from certs.pki import pem
from certs.pki.bundle import certificate_blocks, is_certificate

ALLOW_DIRECT: Final = "cert-manager.io/allow-direct-injection"
ALLOW_DIRECT_THEN: Final = f"{LEGACY_GROUP}/allow-direct-injection"
CA_KEY: Final = "ca.crt"
REASON: Final = "CANotInjected"
# A hundred certificates take some 150 kB of the 1.5 MB that etcd stores; whoever rotates daily needs thirty.
MOST: Final = 100
LARGEST_SOURCE: Final = 330_000  # bytes, cert-manager's limit of a bundle


@dataclass(frozen=True, slots=True)
class Asked:
    """Where the bundle is to come from: one of the two names is set, or none for the API server's own CA."""

    annotation: str
    certificate: tuple[str, str] | None = None  # namespace and name
    secret: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ObservedInjection:
    """An object that asks, and its source as far as it is there."""

    target: Injectable
    asked: Asked
    certificate: Certificate | None = None
    secret: Secret | None = field(default=None, repr=False)
    apiserver_ca: bytes = b""  # PEM


@dataclass(frozen=True, slots=True)
class Inject:
    """Write the bundles, if the object still has the version that they were made of."""

    operations: tuple[Operation, ...]


def asked(metadata: ObjectMeta) -> Asked | None:
    """Return what the annotations ask for, None when for nothing; raises WaitingForUser for a reference that is none.

    The Secret comes before the Certificate, and that before the API server's own CA.  The keys of before v0.11 say
    something only where none of today's is.
    """
    notes = metadata.annotations
    from_secret, from_certificate, from_apiserver = ASKING if any(key in notes for key in ASKING) else ASKING_THEN
    if from_secret in notes:
        return Asked(from_secret, secret=_reference(from_secret, notes[from_secret]))
    if from_certificate in notes:
        return Asked(from_certificate, certificate=_reference(from_certificate, notes[from_certificate]))
    return Asked(from_apiserver) if notes.get(from_apiserver) == "true" else None


def decide(observed: ObservedInjection, now: datetime) -> Inject | Done:
    """Return what to write, or that nothing is to be; raises WaitingForUser with what is wrong with the source."""
    wanted = _valid(_source(observed), now)
    if not wanted:
        raise _wrong(observed.asked, f"{_origin(observed)} has no certificate that is valid now; renew it")
    changes = tuple(_changes(observed.target, wanted, now))
    if not changes:
        return DONE
    version = Operation("replace", "/metadata/resourceVersion", observed.target.metadata.resource_version)
    return Inject((version, *changes))


def merged(bundle: bytes, wanted: tuple[bytes, ...], now: datetime) -> bytes | None:
    """Return the bundle (PEM) with the wanted certificates (DER) in it, None when it is as it should be.

    What is there keeps its place.  Of more than a hundred the first, which are the oldest, are dropped.
    """
    present = tuple(certificate_blocks(bundle))
    kept = _valid(present, now)
    together = tuple(dict.fromkeys((*kept, *wanted)))
    if len(together) > MOST:
        room = max(MOST - len(wanted), 0)
        others = tuple(der for der in together if der not in wanted)
        together = (*(others[-room:] if room else ()), *wanted)
    return None if together == present else b"".join(pem.encode("CERTIFICATE", der) for der in together)


def _source(observed: ObservedInjection) -> tuple[bytes, ...]:
    """Return the certificates (DER) to inject, after the checks that keep strangers' Secrets out."""
    request, secret = observed.asked, observed.secret
    if request.certificate is None and request.secret is None:
        if not observed.apiserver_ca:
            raise _wrong(request, "the credentials of certshim name no CA of the API server")
        return tuple(certificate_blocks(observed.apiserver_ca))
    if request.certificate is not None and observed.certificate is None:
        raise _wrong(request, f"Certificate {'/'.join(request.certificate)} is not there; create it")
    if secret is None:
        raise _wrong(request, f"{_origin(observed)} is not there yet")
    notes = secret.metadata.annotations
    if request.certificate is not None and notes.get(CERTIFICATE_NAME) != request.certificate[1]:
        raise _wrong(
            request,
            f"{_origin(observed)} is not of this Certificate: "
            f"its annotation {CERTIFICATE_NAME} says {notes.get(CERTIFICATE_NAME, '')!r}",
        )
    if request.secret is not None and notes.get(ALLOW_DIRECT, notes.get(ALLOW_DIRECT_THEN)) != "true":
        raise _wrong(request, f'{_origin(observed)} does not allow it; annotate it with {ALLOW_DIRECT}: "true"')
    bundle = secret.data.get(CA_KEY, b"")
    if not bundle:
        raise _wrong(request, f"{_origin(observed)} has no {CA_KEY}; an issuer that gives no CA cannot be injected")
    if len(bundle) > LARGEST_SOURCE:
        raise _wrong(request, f"{CA_KEY} of {_origin(observed)} is larger than {LARGEST_SOURCE} bytes")
    return tuple(certificate_blocks(bundle))


def _origin(observed: ObservedInjection) -> str:
    """Return how a sentence calls the source."""
    if observed.asked.secret is not None:
        return f"Secret {'/'.join(observed.asked.secret)}"
    if observed.certificate is not None:
        return f"Secret {observed.certificate.metadata.namespace}/{observed.certificate.spec.secret_name}"
    return "the API server's CA"


def _wrong(request: Asked, why: str) -> WaitingForUser:
    return WaitingForUser(f"cannot fill in caBundle as {request.annotation} asks: {why}", reason=REASON)


def _reference(annotation: str, value: str) -> tuple[str, str]:
    namespace, _, name = value.partition("/")
    if not namespace or not name or "/" in name:
        raise WaitingForUser(
            f"cannot fill in caBundle: annotation {annotation} is {value!r}; write namespace/name", reason=REASON
        )
    return namespace, name


def _valid(certificates: tuple[bytes, ...], now: datetime) -> tuple[bytes, ...]:
    """Return those that can be read and have not expired, each once, in order."""
    return tuple(der for der in dict.fromkeys(certificates) if is_certificate(der) and _expires_at(der) > now)


def _expires_at(der: bytes) -> datetime:
    return x509.load_der_x509_certificate(der).not_valid_after_utc


def _changes(target: Injectable, wanted: tuple[bytes, ...], now: datetime) -> Iterator[Operation]:
    for path, bundle in _bundles(target):
        text = merged(bundle, wanted, now)
        if text is not None:
            yield add(path, base64.b64encode(text).decode())


def _bundles(target: Injectable) -> Iterator[tuple[str, bytes]]:
    """Yield where each bundle stands, as a JSON pointer, and what it is."""
    if isinstance(target, APIService):
        if target.spec.service is not None:
            yield "/spec/caBundle", target.spec.ca_bundle
    elif isinstance(target, CustomResourceDefinition):
        conversion = target.spec.conversion
        webhook = conversion.webhook if conversion is not None else None
        if webhook is not None and webhook.client_config is not None:
            yield "/spec/conversion/webhook/clientConfig/caBundle", webhook.client_config.ca_bundle
    else:
        for number, entry in enumerate(target.webhooks):
            yield f"/webhooks/{number}/clientConfig/caBundle", entry.client_config.ca_bundle
