"""The issuance as it goes: one line for each step, from watching the objects and their events.

`remark` says what a change of one object is worth saying; it is pure.  The watching is `shim.kube`'s, each kind
in a thread of its own, so lines of different kinds may change places within a few milliseconds.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.challenge import Challenge
from certs.api.core import Event, SecretMetadata
from certs.api.ingress import Ingress
from certs.api.meta import KubeObject, is_true
from certs.api.order import ACMEState, Order
from shim.kube.cluster import Cluster
from shim.kube.transport import Transport

Remark = tuple[str, str]  # the kind, and the sentence

READY: Final = "ready: the certificate is in use, and will be renewed in time"
KINDS: Final = (Ingress, Certificate, CertificateRequest, Order, Challenge, Event)
NEXT_KEY_LABEL: Final = "cert-manager.io/next-private-key"
SOLVER_LABEL: Final = "acme.cert-manager.io/http01-solver"
SYNC_WITHIN: Final = 20.0
LINGER: Final = 1.0  # events come behind the objects that they tell of


class Timeline:
    """A context in which a namespace is watched."""

    def __init__(self, transport: Transport, namespace: str) -> None:
        self._cluster = Cluster(transport, namespace=namespace)
        self._seen: queue.SimpleQueue[tuple[float, str, str]] = queue.SimpleQueue()
        for kind in KINDS:
            self._cluster.follow(kind).subscribe(self._changed)
        self._cluster.follow(SecretMetadata, metadata_only=True).subscribe(self._changed)

    def __enter__(self) -> Self:
        self._cluster.start()
        if not self._cluster.wait_synced(SYNC_WITHIN):
            self._cluster.stop()
            raise TimeoutError(f"cannot watch {', '.join(self._cluster.unsynced)}")
        while not self._seen.empty():  # what was there before
            self._seen.get()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._cluster.stop()

    def tell(self, show: Callable[[float, str, str], None], *, seconds: float) -> float:
        """Show the steps until the certificate is ready; return after how many seconds.  TimeoutError if it is not.

        The clock starts with the first step.
        """
        began: float | None = None
        ready: float | None = None
        deadline = time.monotonic() + seconds
        shown: set[tuple[str, str]] = set()
        while (left := deadline - time.monotonic()) > 0:
            try:
                at, kind, text = self._seen.get(timeout=left)
            except queue.Empty:
                break
            if (kind, text) in shown:
                continue
            shown.add((kind, text))
            began = at if began is None else began
            show(max(at - began, 0.0), kind, text)
            if text == READY:
                ready, deadline = at - began, at + LINGER
        if ready is None:
            raise TimeoutError(f"the certificate is not ready after {seconds:.0f} s")
        return ready

    def _changed(self, old: KubeObject | None, new: KubeObject | None) -> None:
        found = remark(old, new) if new is not None else None
        if found is not None:
            self._seen.put((time.monotonic(), *found))


def remark(old: KubeObject | None, new: KubeObject) -> Remark | None:
    """Return what is worth saying of the change of one object, or None."""
    found: Remark | None = None
    match new:
        case Ingress():
            found = _of_ingress(old, new)
        case Certificate():
            found = _of_certificate(old, new)
        case CertificateRequest():
            found = _of_request(old, new)
        case Order():
            found = _of_order(old, new)
        case Challenge():
            found = _of_challenge(old, new)
        case SecretMetadata() if old is None:
            found = _of_secret(new)
        case Event():
            found = _of_event(new)
    return found


def _of_ingress(old: KubeObject | None, new: Ingress) -> Remark | None:
    if SOLVER_LABEL in new.metadata.labels:
        return (
            ("Ingress", f"{new.metadata.name}: the way to the responder, stays for renewals") if old is None else None
        )
    if new.spec.tls and not (isinstance(old, Ingress) and old.spec.tls):
        return "Ingress", f"{new.metadata.name} stored; spec.tls was filled in: Secret {new.spec.tls[0].secret_name}"
    return None


def _of_certificate(old: KubeObject | None, new: Certificate) -> Remark | None:
    if old is None:
        return "Certificate", f"{new.metadata.name} created, owned by the Ingress"
    return ("Certificate", READY) if is_true(new.status.conditions, "Ready") else None


def _of_request(old: KubeObject | None, new: CertificateRequest) -> Remark | None:
    if old is None:
        return "CertificateRequest", f"{new.metadata.name} created, for that key"
    if is_true(new.status.conditions, "Ready"):
        return "CertificateRequest", "has the signed chain"
    return ("CertificateRequest", "approved") if is_true(new.status.conditions, "Approved") else None


def _of_order(old: KubeObject | None, new: Order) -> Remark | None:
    if old is None:
        return "Order", f"{new.metadata.name} created"
    if new.status.state is ACMEState.VALID:
        return "Order", "valid: the CA has issued"
    if new.status.url and not (isinstance(old, Order) and old.status.url):
        return "Order", "placed at the CA"
    return None


def _of_challenge(old: KubeObject | None, new: Challenge) -> Remark | None:
    if old is None:
        return "Challenge", f"{new.spec.type} for {new.spec.dns_name}"
    is_held_up = new.status.reason and new.status.state is not ACMEState.VALID
    return ("Challenge", new.status.reason) if is_held_up else None


def _of_secret(new: SecretMetadata) -> Remark | None:
    if NEXT_KEY_LABEL in new.metadata.labels:
        return "Secret", f"{new.metadata.name}: a new private key, stored before it is used"
    if "cert-manager.io/certificate-name" in new.metadata.annotations:
        return "Secret", f"{new.metadata.name} written: key and certificate"
    return None


def _of_event(new: Event) -> Remark | None:
    kind = new.involved_object.kind
    if kind == "Challenge" and new.reason in {"Presented", "DomainVerified"}:
        return kind, new.message
    return (kind, f"{new.reason}: {new.message}") if new.type == "Warning" else None
