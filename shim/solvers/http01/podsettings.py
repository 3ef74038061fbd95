"""What the admin says of solver pods: flags with cert-manager's names and defaults, and what they come to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from certs.api.issuer import ResourceRequirements
from certs.decide.http01mode import Mode
from certs.names import subdomain_problems
from certs.problems import Path, Problems
from certs.rules.syntax import check_labels
from shim import flags
from shim.flags import Flag

# Kubernetes' syntax of quantities, without the exponents that nobody writes for a pod.
_QUANTITY: Final = re.compile(r"\d+(\.\d+)?(m|k|[MGTPE]|[KMGTPE]i)?")


def _quantity(value: str) -> str:
    if not _QUANTITY.fullmatch(value):
        raise ValueError("must be a quantity, for example 10m or 64Mi")
    return value


def _labels(value: str) -> dict[str, str]:
    """Read key=value,…"""
    pairs = [word.partition("=") for word in flags.words(value)]
    if any(not equals for _, equals, _ in pairs):
        raise ValueError("must be labels: key=value,key=value")
    labels = {key.strip(): text.strip() for key, _, text in pairs}
    problems = Problems()
    check_labels(Path("labels"), labels, problems)
    if problems:
        raise ValueError("; ".join(f"{problem.value}: {problem.detail}" for problem in problems))
    return labels


def _class_name(value: str) -> str:
    if value and (found := subdomain_problems(value)):
        raise ValueError("; ".join(found))
    return value


FLAGS: Final = (
    Flag(
        "acme-http01-mode",
        Mode.RESPONDER.value,
        flags.one_of(*Mode),
        "Who answers HTTP-01: the responder in this process, or a pod for each challenge",
    ),
    Flag("acme-http01-solver-image", "", flags.text, "Image of solver pods; that of this process' pod when empty"),
    Flag("acme-http01-solver-resource-request-cpu", "10m", _quantity, "CPU that a solver pod requests"),
    Flag("acme-http01-solver-resource-request-memory", "64Mi", _quantity, "Memory that a solver pod requests"),
    Flag("acme-http01-solver-resource-limits-cpu", "100m", _quantity, "CPU that a solver pod may take"),
    Flag("acme-http01-solver-resource-limits-memory", "64Mi", _quantity, "Memory that a solver pod may take"),
    Flag("acme-http01-solver-run-as-non-root", "true", flags.boolean, "Have nodes refuse solver pods that are root"),
    Flag("acme-http01-solver-extra-labels", "", _labels, "Labels (key=value,…) of solver pods, Services and Ingresses"),
    Flag("acme-http01-solver-runtime-class-name", "", _class_name, "Runtime class of solver pods"),
)


DEFAULT_RESOURCES: Final = ResourceRequirements(
    requests={"cpu": "10m", "memory": "64Mi"}, limits={"cpu": "100m", "memory": "64Mi"}
)


@dataclass(frozen=True, slots=True)
class PodSettings:
    """Solver pods as the admin wants them."""

    mode: Mode = Mode.RESPONDER
    image: str = ""
    resources: ResourceRequirements = DEFAULT_RESOURCES
    run_as_non_root: bool = True
    extra_labels: Mapping[str, str] = field(default_factory=dict)
    runtime_class_name: str = ""


def read(values: Mapping[str, Any]) -> PodSettings:
    """Return what flags that are read come to."""
    solver = "acme_http01_solver"
    return PodSettings(
        mode=Mode(values["acme_http01_mode"]),
        image=values[f"{solver}_image"],
        resources=ResourceRequirements(
            requests={what: values[f"{solver}_resource_request_{what}"] for what in ("cpu", "memory")},
            limits={what: values[f"{solver}_resource_limits_{what}"] for what in ("cpu", "memory")},
        ),
        run_as_non_root=values[f"{solver}_run_as_non_root"],
        extra_labels=values[f"{solver}_extra_labels"],
        runtime_class_name=values[f"{solver}_runtime_class_name"],
    )
