"""Pod: the slice of it that a solver pod needs, and of its status what tells why it does not answer."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from certs.api.issuer import ImagePullSecret, PodSecurityContext, ResourceRequirements
from certs.api.meta import APIStruct, ObjectMeta, Resource
from certs.api.scheduling import Affinity, Toleration


class EnvVar(APIStruct, frozen=True):
    """A variable of the environment."""

    name: str
    value: str = ""


class ContainerPort(APIStruct, frozen=True):
    """A port that the container listens on."""

    container_port: int
    name: str = ""


class HTTPGetAction(APIStruct, frozen=True):
    """A request over HTTP."""

    port: int | str
    path: str = ""


class Probe(APIStruct, frozen=True):
    """How it is found out that a container can be asked."""

    http_get: HTTPGetAction | None = None
    period_seconds: int = 0


class Capabilities(APIStruct, frozen=True):
    """What of root's powers is given and taken."""

    drop: tuple[str, ...] = ()


class ContainerSecurityContext(APIStruct, frozen=True):
    """What a container may do."""

    allow_privilege_escalation: bool | None = None
    read_only_root_filesystem: bool | None = None
    capabilities: Capabilities | None = None


class Container(APIStruct, frozen=True):
    """A program of a pod."""

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    resources: ResourceRequirements | None = None
    readiness_probe: Probe | None = None
    security_context: ContainerSecurityContext | None = None


class PodSpec(APIStruct, frozen=True, kw_only=True):
    """What runs, where and as whom."""

    containers: tuple[Container, ...] = ()
    restart_policy: str = ""
    termination_grace_period_seconds: int | None = None
    enable_service_links: bool | None = None
    automount_service_account_token: bool | None = None
    service_account_name: str = ""
    node_selector: dict[str, str] = {}
    affinity: Affinity | None = None
    tolerations: tuple[Toleration, ...] = ()
    priority_class_name: str = ""
    runtime_class_name: str = ""
    image_pull_secrets: tuple[ImagePullSecret, ...] = ()
    security_context: PodSecurityContext | None = None


class PodCondition(APIStruct, frozen=True):
    """One observation about a pod: PodScheduled, Ready, …"""

    type: str
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class Waiting(APIStruct, frozen=True):
    """Why a container does not run yet, or again."""

    reason: str = ""
    message: str = ""


class Terminated(APIStruct, frozen=True):
    """How a container ended."""

    reason: str = ""
    message: str = ""
    exit_code: int = 0


class Running(APIStruct, frozen=True):
    """Since when a container runs."""

    started_at: datetime | None = None


class ContainerState(APIStruct, frozen=True):
    """One of the three."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(APIStruct, frozen=True):
    """How a container is, and how it ended the last time."""

    name: str
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class PodStatus(APIStruct, frozen=True):
    """How a pod is."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: tuple[PodCondition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(APIStruct, frozen=True):
    """Programs that run together on a node."""

    resource: ClassVar[Resource] = Resource("", "v1", "Pod", "pods")

    metadata: ObjectMeta
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()
