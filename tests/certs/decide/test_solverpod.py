from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from certs.api.meta import ObjectMeta
from certs.api.pod import (
    ContainerState,
    ContainerStatus,
    Pod,
    PodCondition,
    PodStatus,
    Running,
    Terminated,
    Waiting,
)
from certs.decide.solverpod import REPLACED_AFTER, Obstacle, obstacle, ready_since
from tests.certs.decide.objects import NOW

NAME = "solver pod cm-acme-http-solver-1"
SCHEDULED = PodCondition("PodScheduled", "True")
UNREADY = PodCondition("Ready", "False", "ContainersNotReady", "containers with unready status: [acmesolver]")


def pod(*conditions: PodCondition, deleted: bool = False, **status: Any) -> Pod:
    metadata = ObjectMeta(
        name="cm-acme-http-solver-1", creation_timestamp=NOW, deletion_timestamp=NOW if deleted else None
    )
    return Pod(metadata=metadata, status=PodStatus(conditions=conditions, **status))


def waiting(reason: str, message: str = "", ended: Terminated | None = None) -> tuple[ContainerStatus, ...]:
    state = ContainerState(waiting=Waiting(reason, message))
    return (ContainerStatus("acmesolver", state, ContainerState(terminated=ended)),)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        pytest.param(pod(), "is waiting for a node", id="new"),
        pytest.param(
            pod(PodCondition("PodScheduled", "False", "Unschedulable", "0/3 nodes are available")),
            "has no node: Unschedulable: 0/3 nodes are available; correct the podTemplate of the solver "
            "(nodeSelector, affinity, tolerations, resources), or make room",
            id="no node",
        ),
        pytest.param(pod(SCHEDULED), "is being started", id="on a node"),
        pytest.param(
            pod(SCHEDULED, container_statuses=waiting("ContainerCreating")), "is being started", id="image is pulled"
        ),
        pytest.param(
            pod(SCHEDULED, container_statuses=waiting("ErrImagePull", "no\nsuch host")),
            "does not start: ErrImagePull: no such host; name an image that can be pulled "
            "(--acme-http01-solver-image), or imagePullSecrets in the podTemplate",
            id="no image",
        ),
        pytest.param(
            pod(
                SCHEDULED,
                container_statuses=waiting("CrashLoopBackOff", "back-off 10s", Terminated("OOMKilled", exit_code=137)),
            ),
            "does not start: CrashLoopBackOff: back-off 10s (it ended with 137, OOMKilled); "
            "`kubectl logs` of the pod says more",
            id="ends again and again",
        ),
        pytest.param(
            pod(SCHEDULED, container_statuses=waiting("Unheard")),
            "does not start: Unheard; `kubectl describe` of the pod says more",
            id="a reason that nobody knows",
        ),
        pytest.param(
            pod(
                SCHEDULED,
                UNREADY,
                container_statuses=(ContainerStatus("acmesolver", ContainerState(running=Running())),),
            ),
            "runs and is not ready yet: ContainersNotReady: containers with unready status: [acmesolver]",
            id="not probed yet",
        ),
        pytest.param(
            pod(PodCondition("Ready", "True"), deleted=True), "is being deleted; another follows", id="drained"
        ),
    ],
)
def test_why_nobody_answers_yet(found: Pod, why: str) -> None:
    """The first thing that does not go on, with its reason and what to do; until the pod changes."""
    assert obstacle(found) == Obstacle(f"{NAME} {why}")


@pytest.mark.parametrize(
    ("status", "why"),
    [
        pytest.param(
            {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}, "Evicted: low on memory", id="evicted"
        ),
        pytest.param({"phase": "Failed"}, "Failed", id="lost"),
        pytest.param({"phase": "Succeeded"}, "Succeeded", id="told to end"),
    ],
)
def test_a_pod_that_has_ended_is_replaced_in_a_while(status: dict[str, Any], why: str) -> None:
    """However ready it was; not at once, or one that each node refuses would be made in a hot loop."""
    found = obstacle(pod(PodCondition("Ready", "True"), **status))

    assert found == Obstacle(f"{NAME} has ended: {why}; it is replaced", NOW + REPLACED_AFTER)


def test_a_ready_pod_answers() -> None:
    """Since when, its condition says."""
    since = NOW + timedelta(seconds=4)
    found = pod(PodCondition("Ready", "True", last_transition_time=since), phase="Running")

    assert obstacle(found) is None
    assert ready_since(found) == since
    assert ready_since(pod(UNREADY)) is None


def test_a_long_message_leaves_room_for_the_remedy() -> None:
    """A registry may say anything."""
    found = obstacle(pod(SCHEDULED, container_statuses=waiting("ErrImagePull", "x" * 5000)))

    assert found is not None
    assert len(found.why) < 512
    assert found.why.endswith("imagePullSecrets in the podTemplate")
