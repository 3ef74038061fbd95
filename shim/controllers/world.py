"""What the controllers work with: the stores they observe, and the hands they act with.

Composed once, in `shim.app`.  A controller takes the world and nothing else, so that what it may touch
can be read here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from certs.api.certificate import Certificate
from certs.api.issuer import AnyIssuer
from certs.api.meta import KubeObject, controller_of
from certs.api.order import Order
from certs.decide.ari import Asked
from certs.decide.backoff import BackoffLimits
from certs.decide.certificatesteps import Rewritten
from certs.decide.challengesteps import Progress
from certs.decide.effects import Tell
from certs.decide.limits import LIMITED
from certs.decide.order import Seen
from certs.decide.request import StartedOver, started_over
from certs.legacy.output import COMPONENT as OLD_COMPONENT
from certs.legacy.output import About, old_events
from certs.outcomes import Failure, RateLimited
from certs.wanted import Settings as IngressSettings
from shim.acme.accounts import Accounts
from shim.acme.gate import Gate
from shim.acme.ledgers import AccountAt, Ledgers
from shim.acme.resources import OrderResource
from shim.controllers.memory import Memory
from shim.controllers.precedence import Precedence
from shim.controllers.secrets import Secrets
from shim.engine.reconciler import Key as WorkKey
from shim.keymill import KeyMill
from shim.kube.client import Client
from shim.kube.recorder import Recorder
from shim.stores import Stores

INGRESS_SHIM: Final = "cert-manager-ingress-shim"


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """What the admin chose."""

    cluster_resource_namespace: str = "cert-manager"
    ingress: IngressSettings = field(default_factory=IngressSettings)
    limits: BackoffLimits = field(default_factory=BackoffLimits)
    copied_annotation_prefixes: tuple[str, ...] = (
        "*",
        "-kubectl.kubernetes.io/",
        "-fluxcd.io/",
        "-argocd.argoproj.io/",
    )
    auto_approve: bool = True
    certificate_owner_ref: bool = False
    legacy_output: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """Before when a CA must not be asked again, as long as the issuer is as it was."""

    until: datetime
    issuer_version: str
    reason: str  # the failure's word: a limit of the CA, or that a provider of DNS asks to slow down


@dataclass(frozen=True, slots=True)
class World:
    """Everything a controller may use."""

    stores: Stores
    secrets: Secrets
    client: Client
    recorder: Recorder
    accounts: Accounts
    settings: ControllerSettings
    gate: Gate = field(default_factory=Gate)
    ledgers: Ledgers = field(default_factory=Ledgers)
    mill: KeyMill = field(default_factory=KeyMill)
    wake_new: Callable[[WorkKey], None] = field(default=lambda _key: None)  # it may begin, behind what is under way
    wake_certificate: Callable[[str, str], None] = field(default=lambda _namespace, _name: None)
    precedence: Precedence = field(default_factory=Precedence)
    untried: Memory[bool] = field(default_factory=Memory)  # Orders that we made and sent nothing for yet
    made: Memory[tuple[AccountAt, OrderResource]] = field(default_factory=Memory)  # whose URL is still to be stored
    seen: Memory[Seen] = field(default_factory=Memory)
    rewritten: Memory[Rewritten] = field(default_factory=Memory)
    told: Memory[bool] = field(default_factory=Memory)  # requests of which was said that they wait for an approver
    started_over: Memory[StartedOver] = field(default_factory=Memory)  # Orders of no use, by the uid of the request
    forgotten: Memory[datetime] = field(default_factory=Memory)  # accounts that a CA did not know, by issuer and URL
    asked: Memory[Asked] = field(default_factory=Memory)  # questions about renewal, by the Certificate's uid
    # Certificates of which no temporary certificate can be made, and the generation of that spec.
    without_temporary: Memory[int] = field(default_factory=Memory)
    progress: Memory[Progress] = field(default_factory=Memory)
    held: Memory[Held] = field(default_factory=Memory)  # by the uid of what was limited

    def issuer_namespace(self, issuer: AnyIssuer) -> str:
        """Return where the Secrets of an issuer are: its namespace, or the cluster resource namespace."""
        return issuer.metadata.namespace or self.settings.cluster_resource_namespace

    def hold(self, obj: KubeObject, issuer: AnyIssuer | None, failure: Failure) -> None:
        """Remember a limit: whatever wakes the object before (its own status, seen by the watch) must not ask again."""
        if isinstance(failure, RateLimited) and issuer is not None:
            self.held.put(obj.metadata.uid, Held(failure.until, issuer.metadata.resource_version, failure.reason))

    def held_until(self, obj: KubeObject, issuer: AnyIssuer | None) -> datetime | None:
        """Return until when it is limited; a change of the issuer, which may be to another CA, ends it."""
        held = self.held.get(obj.metadata.uid)
        is_same = held is not None and issuer is not None and issuer.metadata.resource_version == held.issuer_version
        return held.until if held is not None and is_same else None

    def limited_until(self, uid: str) -> datetime | None:
        """Return until when a limit of the CA held up the Order or Challenge, as far as this process has come upon it.

        The moment may have passed.
        """
        held = self.held.get(uid)
        return held.until if held is not None and held.reason == LIMITED else None

    def note_start_over(self, request_uid: str, why: str, now: datetime) -> None:
        """Remember that an Order of the request is of no use, before it is deleted: that wakes who makes another."""
        self.started_over.put(request_uid, started_over(self.started_over.get(request_uid), why, now))

    def tell(self, obj: KubeObject, tells: Sequence[Tell], component: str) -> None:
        """Record events on the object."""
        for tell in tells:
            self.recorder.event(obj, tell.type, tell.reason, tell.message, component=component)
            self.tell_as_then(obj, tell)

    def tell_as_then(self, obj: KubeObject, tell: Tell) -> None:
        """Record what was told before v0.11 where that is told today, or would be; with --legacy-output only."""
        if not self.settings.legacy_output:
            return
        certificate: KubeObject | None = None
        for about, old in old_events(obj.resource.kind, obj.metadata.name, tell):
            if about is About.CERTIFICATE:
                certificate = certificate or self._certificate_of(obj)
            whose = obj if about is About.ITSELF else certificate
            if whose is not None:
                self.recorder.event(whose, old.type, old.reason, old.message, component=OLD_COMPONENT)

    def _certificate_of(self, obj: KubeObject) -> Certificate | None:
        if isinstance(obj, Order):
            return self.stores.certificate_of(obj)
        owner = controller_of(obj.metadata)
        return self.stores.certificates.get(obj.metadata.namespace, owner.name) if owner is not None else None

    def tell_of(self, certificate: Certificate, tells: Sequence[Tell], component: str) -> None:
        """Record events on the Certificate, and what is wrong on the Ingress that it was made for, too."""
        self.tell(certificate, tells, component)
        named = f'Certificate "{certificate.metadata.name}"'
        wrong = (replace(tell, message=f"{named}: {tell.message}") for tell in tells if tell.type == "Warning")
        self.tell_author(certificate, tuple(wrong))

    def tell_author(self, certificate: Certificate, tells: Sequence[Tell]) -> None:
        """Record events on the Ingress that a Certificate was made for, if it was."""
        ingress = self.stores.ingress_of(certificate) if tells else None
        if ingress is not None:
            self.tell(ingress, tells, INGRESS_SHIM)


def with_next_attempt(failure: Failure, retry_at: datetime | None) -> str:
    """Return the sentence for people: what failed, and when it is tried again."""
    when = f"next attempt at {retry_at:%H:%M:%S} UTC" if retry_at is not None else "tried again when something changes"
    return f"{failure} ({when})"
