"""Read all objects of certificates with the rights of whoever asks; what must not be read is left out and named.

A `Reader` reads what several certificates share once: the lists of a namespace (or of all), each issuer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.challenge import Challenge
from certs.api.core import Event, Lease, Secret
from certs.api.ingress import Ingress
from certs.api.issuer import AnyIssuer, ClusterIssuer, Issuer
from certs.api.meta import IssuerReference, KubeObject, controller_of
from certs.api.order import Order
from shim.chain.links import Chain, in_time, newest
from shim.kube.errors import Forbidden, NotFound
from shim.kube.kubeclient import KubeClient

AnyT = TypeVar("AnyT")
ObjectT = TypeVar("ObjectT", bound=KubeObject)
# Where the shim elects a leader unless it is told otherwise, by the Lease that cert-manager has, too.
LEASE_NAMESPACE: Final = "kube-system"
LEASE: Final = "cert-manager-controller"


class Reader:
    """Reads the chains of one namespace, or of all (an empty one), as they are when they are first asked for.

    Not thread-safe.  KubeError for whatever is neither missing nor refused.
    """

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._known: dict[Hashable, Any] = {}

    def chain(self, certificate: Certificate) -> Chain:
        """Return the chain of a Certificate."""
        unread: dict[str, str] = {}

        def allowed(kind: str, read: Callable[[], AnyT], otherwise: AnyT) -> AnyT:
            try:
                return read()
            except NotFound:
                return otherwise
            except Forbidden as error:
                unread[kind] = str(error)
                return otherwise

        def owned(kind: type[ObjectT], owner: KubeObject | None) -> tuple[ObjectT, ...]:
            return allowed(kind.resource.kind, lambda: self.owned(kind, owner), ()) if owner is not None else ()

        def named(kind: type[ObjectT], name: str) -> ObjectT | None:
            place = certificate.metadata.namespace
            return allowed(kind.resource.kind, lambda: self._client.get(kind, place, name), None) if name else None

        owner, ref = controller_of(certificate.metadata), certificate.spec.issuer_ref
        request = newest(owned(CertificateRequest, certificate))
        order = newest(owned(Order, request))
        return Chain(
            certificate=certificate,
            ingress=named(Ingress, owner.name if owner is not None and owner.kind == "Ingress" else ""),
            issuer=allowed(ref.effective_kind, lambda: self._issuer(certificate.metadata.namespace, ref), None),
            secret=named(Secret, certificate.spec.secret_name),
            request=request,
            order=order,
            challenges=owned(Challenge, order),
            events=allowed("Event", self._events, {}),
            unread=unread,
        )

    def led_until(self) -> datetime | None:
        """Return when the Lease of the leader runs out; None where it is not there, or must not be read.

        It may be in another namespace (--leader-election-namespace), and then it is not known here.
        """
        try:
            spec = self._once(Lease, lambda: self._client.get(Lease, LEASE_NAMESPACE, LEASE)).spec
        except (NotFound, Forbidden):
            return None
        return spec.renew_time + timedelta(seconds=spec.lease_duration_seconds or 0) if spec.renew_time else None

    def owned(self, kind: type[ObjectT], owner: KubeObject) -> tuple[ObjectT, ...]:
        """Return the objects of a kind that belong to one; Forbidden when they must not be listed."""
        found: Mapping[str, Sequence[ObjectT]] = self._once(kind, lambda: self._by_owner(kind))
        return tuple(found.get(owner.metadata.uid, ()))

    def events_of(self, obj: KubeObject) -> tuple[Event, ...]:
        """Return the events of one object, oldest first; Forbidden when they must not be listed."""
        return self._events().get(obj.metadata.uid, ())

    def _by_owner(self, kind: type[ObjectT]) -> Mapping[str, Sequence[ObjectT]]:
        found: dict[str, list[ObjectT]] = defaultdict(list)
        for one in self._client.list(kind, self._namespace):
            for uid in {reference.uid for reference in one.metadata.owner_references}:
                found[uid].append(one)
        return found

    def _issuer(self, namespace: str, ref: IssuerReference) -> AnyIssuer | None:
        if ref.effective_group != Issuer.resource.group:
            return None
        if ref.effective_kind == "ClusterIssuer":
            return self._once((ClusterIssuer, ref.name), lambda: self._client.get(ClusterIssuer, "", ref.name))
        return self._once((Issuer, namespace, ref.name), lambda: self._client.get(Issuer, namespace, ref.name))

    def _events(self) -> Mapping[str, tuple[Event, ...]]:
        return self._once(Event, lambda: _by_object(self._client.list(Event, self._namespace)))

    def _once(self, key: Hashable, read: Callable[[], AnyT]) -> AnyT:
        """Return what is read the first time; what is missing or refused stays so."""
        if key not in self._known:
            try:
                self._known[key] = read()
            except (NotFound, Forbidden) as error:
                self._known[key] = error
        found: AnyT | NotFound | Forbidden = self._known[key]
        if isinstance(found, (NotFound, Forbidden)):
            raise found
        return found


def read_chain(client: KubeClient, namespace: str, name: str) -> Chain:
    """Return the chain of a Certificate; NotFound when there is none of that name, KubeError for the rest."""
    return Reader(client, namespace).chain(client.get(Certificate, namespace, name))


def _by_object(events: Sequence[Event]) -> Mapping[str, tuple[Event, ...]]:
    found: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        found[event.involved_object.uid].append(event)
    return {uid: tuple(sorted(of_one, key=in_time)) for uid, of_one in found.items()}
