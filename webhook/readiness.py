"""Ready only once the API server has really called: then address, certificate, bundle and network all fit.

Nothing may call on its own for hours, so until a review has come in we have the API server ask: a
server-side dry-run create of a ConfigMap with our label, in our namespace, which our configuration's
entry `ready.certshim.io` sends here (by a Service that publishes addresses which are not ready).
Nothing is stored, no RBAC of users is involved, no kind of ours has to exist yet.
The probe may reach another replica: that one answers and closes the connection, and the next
probe dials anew.  A replica that was called once stays ready: whether it *can* be called is the API
server's business from then on, and unreadiness would only take away more.
What stands in the way of the serving certificate, or of following the cluster, keeps a new replica unready for the
same reason the other way round: those that work go on, and the rollout shows the sentence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final

from certs.api.meta import APIStruct, ObjectMeta, Resource, encode
from shim.kube.errors import KubeError

if TYPE_CHECKING:
    from shim.kube.transport import Transport

log = logging.getLogger(__name__)

LABEL: Final = "certshim.io/webhook-ready"
PATIENCE: Final = 10  # probes without an answer before the reason is worth a warning


class ConfigMap(APIStruct, frozen=True):
    """What the probe pretends to create."""

    resource: ClassVar[Resource] = Resource("", "v1", "ConfigMap", "configmaps")

    metadata: ObjectMeta


class Readiness:
    """Whether a review has come in, and how to provoke one.

    `obstacle` says what else stands in the way, or nothing.
    """

    def __init__(self, reviews: Callable[[], int], obstacle: Callable[[], str] = str) -> None:
        self._reviews = reviews
        self._obstacle = obstacle
        self._was_ready = False
        self._tried = 0

    @property
    def problem(self) -> str:
        """Why we are not ready; empty when we are."""
        if self._was_ready:
            return ""
        problem = self._obstacle() or ("" if self._reviews() else "the API server has not called yet")
        self._was_ready = not problem
        return problem

    def probe(self, transport: Transport, namespace: str, identity: str) -> None:
        """Have the API server ask about a ConfigMap that will never be; what it says is logged if it persists."""
        self._tried += 1
        metadata = ObjectMeta(name=f"{identity}-ready", namespace=namespace, labels={LABEL: "probe"})
        try:
            transport.request(
                "POST",
                ConfigMap.resource.path(namespace),
                attempt="cannot have the API server call the webhook",
                query={"dryRun": "All", "fieldManager": "certshim-webhook"},
                body=encode(ConfigMap(metadata=metadata)),
                within=10.0,
            )
            reason = "it was not told to: is the entry ready.certshim.io in the webhook configuration?"
        except KubeError as error:
            reason = str(error)
        reason = self._obstacle() or reason
        if self.problem and self._tried % PATIENCE == 0:
            log.warning("the API server does not call", extra={"reason": reason})
