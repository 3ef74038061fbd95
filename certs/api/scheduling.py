"""Where a solver pod may run: the part of a pod's spec that Kubernetes calls scheduling constraints (core/v1).

The fields stand in the order of Kubernetes' own types, because the hash in a Challenge's name depends on it
(`certs.gojson`).
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from certs.api.meta import APIStruct, Int32, Int64

_ATOMIC: Final = Meta(extra_json_schema={"x-kubernetes-map-type": "atomic"})


class Toleration(APIStruct, frozen=True):
    """A taint of nodes that the pod puts up with."""

    key: str = ""
    """Key of the taint; every one when empty."""
    operator: str = ""
    """Equal when absent, or Exists."""
    value: str = ""
    """Value of the taint, for Equal."""
    effect: str = ""
    """NoSchedule, PreferNoSchedule or NoExecute; every one when empty."""
    toleration_seconds: Int64 | None = None
    """How long NoExecute is put up with; for ever when absent."""


class Requirement(APIStruct, frozen=True):
    """What a label, or a field, must be."""

    key: str
    """Key of the label, or name of the field."""
    operator: str
    """In, NotIn, Exists or DoesNotExist; for nodes also Gt and Lt."""
    values: tuple[str, ...] = ()
    """The values to compare with."""


class NodeSelectorTerm(APIStruct, frozen=True):
    """Which nodes; everything given must match."""

    match_expressions: tuple[Requirement, ...] = ()
    """By labels."""
    match_fields: tuple[Requirement, ...] = ()
    """By fields."""


class NodeSelector(APIStruct, frozen=True):
    """Which nodes; one of the terms must match."""

    node_selector_terms: tuple[Annotated[NodeSelectorTerm, _ATOMIC], ...]
    """The terms."""


class PreferredNodes(APIStruct, frozen=True):
    """Nodes that are better than others."""

    weight: Int32
    """How much better, 1 to 100."""
    preference: Annotated[NodeSelectorTerm, _ATOMIC]
    """Which nodes."""


class NodeAffinity(APIStruct, frozen=True):
    """On which nodes."""

    required_during_scheduling_ignored_during_execution: Annotated[NodeSelector | None, _ATOMIC] = None
    """Only these."""
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredNodes, ...] = ()
    """Rather these."""


class LabelSelector(APIStruct, frozen=True):
    """Which objects, by their labels; everything given must match."""

    match_labels: dict[str, str] = {}
    """Labels with their values."""
    match_expressions: tuple[Requirement, ...] = ()
    """Requirements."""


class PodAffinityTerm(APIStruct, frozen=True, kw_only=True):
    """Which pods, and how near."""

    label_selector: Annotated[LabelSelector | None, _ATOMIC] = None
    """Which pods."""
    namespaces: tuple[str, ...] = ()
    """In which namespaces; in that of the solver pod when absent."""
    topology_key: str
    """Label of nodes whose equal values mean near."""
    namespace_selector: Annotated[LabelSelector | None, _ATOMIC] = None
    """In which namespaces, by their labels."""
    match_label_keys: tuple[str, ...] = ()
    """Labels in which the pods must agree with the solver pod."""
    mismatch_label_keys: tuple[str, ...] = ()
    """Labels in which the pods must differ from the solver pod."""


class WeightedPodAffinityTerm(APIStruct, frozen=True):
    """Pods whose neighbourhood is better, or worse."""

    weight: Int32
    """How much, 1 to 100."""
    pod_affinity_term: PodAffinityTerm
    """Which pods, and how near."""


class PodAffinity(APIStruct, frozen=True):
    """Near which other pods."""

    required_during_scheduling_ignored_during_execution: tuple[PodAffinityTerm, ...] = ()
    """Only near these."""
    preferred_during_scheduling_ignored_during_execution: tuple[WeightedPodAffinityTerm, ...] = ()
    """Rather near these."""


class Affinity(APIStruct, frozen=True):
    """Where a pod may run, as in a pod's spec."""

    node_affinity: NodeAffinity | None = None
    """On which nodes."""
    pod_affinity: PodAffinity | None = None
    """Near which other pods."""
    pod_anti_affinity: PodAffinity | None = None
    """Far from which other pods."""
