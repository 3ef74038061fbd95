"""What a solver pod's status says about why nobody answers yet.

    no node ──> image ──> container ──> ready        each that does not go on is told with its reason and a remedy
                              └─ ended for good ──> replaced, not sooner than 10 s after it was made

How much later than that a pod is replaced that ends each time, `certs.decide.challenge` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from certs.api.pod import ContainerStatus, Pod, PodCondition
from certs.decide.effects import one_line

CONTAINER: Final = "acmesolver"
# An evicted or lost pod is replaced; one that each node refuses must not be made in a hot loop.
REPLACED_AFTER: Final = timedelta(seconds=10)
ENDED: Final = ("Failed", "Succeeded")
MESSAGE: Final = 300  # of what the kubelet says, so that there is room for the remedy behind it
# What a container waits for on its usual way.
USUAL: Final = ("", "ContainerCreating", "PodInitializing")
_IMAGE: Final = "name an image that can be pulled (--acme-http01-solver-image), or imagePullSecrets in the podTemplate"
_LOG: Final = "`kubectl logs` of the pod says more"
REMEDIES: Final = {
    "ErrImagePull": _IMAGE,
    "ImagePullBackOff": _IMAGE,
    "ErrImageNeverPull": _IMAGE,
    "InvalidImageName": _IMAGE,
    "CrashLoopBackOff": _LOG,
    "CreateContainerConfigError": "correct the podTemplate of the solver, or the image",
}
_NO_NODE: Final = "correct the podTemplate of the solver (nodeSelector, affinity, tolerations, resources), or make room"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nobody can answer, though all is made; from `over_at` on it is to be made again."""

    why: str
    over_at: datetime | None = None


def obstacle(pod: Pod) -> Obstacle | None:
    """Return why the pod does not answer, or None when it does."""
    name = f"solver pod {pod.metadata.name}"
    if pod.metadata.deletion_timestamp is not None:
        return Obstacle(f"{name} is being deleted; another follows")
    if has_ended(pod):
        since = pod.metadata.creation_timestamp
        said = _because(pod.status.reason or pod.status.phase, pod.status.message or _ended(pod))
        over_at = since + REPLACED_AFTER if since is not None else None
        return Obstacle(one_line(f"{name} has ended: {said}; it is replaced"), over_at)
    if is_ready(pod):
        return None
    return Obstacle(one_line(f"{name} {_stage(pod)}"))


def is_ready(pod: Pod) -> bool:
    """Does it say that it can be asked?"""
    ready = _condition(pod, "Ready")
    return pod.metadata.deletion_timestamp is None and ready is not None and ready.status == "True"


def ready_since(pod: Pod) -> datetime | None:
    """Return since when it can be asked, where that is said."""
    ready = _condition(pod, "Ready")
    return ready.last_transition_time if ready is not None and ready.status == "True" else None


def has_ended(pod: Pod) -> bool:
    """Will it never run again?  Evicted, lost with its node, or refused by the kubelet."""
    return pod.status.phase in ENDED


def _stage(pod: Pod) -> str:
    """Say how far it is, and why no further."""
    scheduled = _condition(pod, "PodScheduled")
    if scheduled is not None and scheduled.status == "False":
        return f"has no node: {_because(scheduled.reason, scheduled.message)}; {_NO_NODE}"
    container = _container(pod)
    if container is None:
        return "is waiting for a node" if scheduled is None else "is being started"
    state = container.state
    if state.waiting is not None and state.waiting.reason not in USUAL:
        reason = state.waiting.reason
        remedy = REMEDIES.get(reason, "`kubectl describe` of the pod says more")
        return f"does not start: {_because(reason, state.waiting.message)}{_before(container)}; {remedy}"
    if state.running is not None:
        ready = _condition(pod, "Ready")
        said = _because(ready.reason, ready.message) if ready is not None else "no reason is given"
        return f"runs and is not ready yet: {said}"
    return f"is being started{_before(container)}"


def _before(container: ContainerStatus) -> str:
    """Say how it ended the last time."""
    ended = container.last_state.terminated or container.state.terminated
    return f" (it ended with {ended.exit_code}, {ended.reason or 'no reason'})" if ended is not None else ""


def _ended(pod: Pod) -> str:
    container = _container(pod)
    return _before(container).strip(" ()") if container is not None else ""


def _because(reason: str, message: str) -> str:
    message = one_line(message, MESSAGE)
    return f"{reason}: {message}" if reason and message else reason or message or "no reason is given"


def _condition(pod: Pod, kind: str) -> PodCondition | None:
    return next((one for one in pod.status.conditions if one.type == kind), None)


def _container(pod: Pod) -> ContainerStatus | None:
    """Return the solver's own: what admission has put beside it is others' business until it keeps the pod unready."""
    statuses = pod.status.container_statuses
    return next((one for one in statuses if one.name == CONTAINER), statuses[0] if statuses else None)
