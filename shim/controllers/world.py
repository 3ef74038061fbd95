"""What the controllers work with: the stores they observe, and the hands they act with.

Composed once, in `shim.app`.  A controller takes the world and nothing else, so that what it may touch
can be read here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from certs.api.issuer import AnyIssuer
from certs.api.meta import KubeObject
from certs.decide.ari import Asked
from certs.decide.backoff import BackoffLimits
from certs.decide.certificatesteps import Rewritten
from certs.decide.challenge import Progress
from certs.decide.effects import Tell
from certs.decide.order import Seen
from certs.outcomes import Failure
from certs.wanted import Settings as IngressSettings
from shim.acme.accounts import Accounts
from shim.acme.gate import Gate
from shim.controllers.memory import Memory
from shim.controllers.secrets import Secrets
from shim.keymill import KeyMill
from shim.kube.client import Client
from shim.kube.recorder import Recorder
from shim.stores import Stores


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
    mill: KeyMill = field(default_factory=KeyMill)
    wake_certificate: Callable[[str, str], None] = field(default=lambda _namespace, _name: None)
    untried: Memory[bool] = field(default_factory=Memory)  # Orders that we made and sent nothing for yet
    seen: Memory[Seen] = field(default_factory=Memory)
    rewritten: Memory[Rewritten] = field(default_factory=Memory)
    told: Memory[bool] = field(default_factory=Memory)  # requests of which was said that they wait for an approver
    asked: Memory[Asked] = field(default_factory=Memory)  # questions about renewal, by the Certificate's uid
    # Certificates of which no temporary certificate can be made, and the generation of that spec.
    without_temporary: Memory[int] = field(default_factory=Memory)
    progress: Memory[Progress] = field(default_factory=Memory)

    def issuer_namespace(self, issuer: AnyIssuer) -> str:
        """Return where the Secrets of an issuer are: its namespace, or the cluster resource namespace."""
        return issuer.metadata.namespace or self.settings.cluster_resource_namespace

    def tell(self, obj: KubeObject, tells: Sequence[Tell], component: str) -> None:
        """Record events on the object."""
        for tell in tells:
            self.recorder.event(obj, tell.type, tell.reason, tell.message, component=component)


def with_next_attempt(failure: Failure, retry_at: datetime | None) -> str:
    """Return the sentence for people: what failed, and when it is tried again."""
    when = f"next attempt at {retry_at:%H:%M:%S} UTC" if retry_at is not None else "tried again when something changes"
    return f"{failure} ({when})"
