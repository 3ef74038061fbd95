"""The next step for an object of `certmanager.k8s.io/v1alpha1`: have a twin of today's kind, and show its status.

    no twin ──> CreateTwin ──> …
    twin behind, or edited ──> UpdateTwin ──> …        the legacy object rules as long as it exists
    status differs ──> SetLegacyStatus ──> Done

The twin is owned by the legacy object, so it goes with it; deleted with `--cascade=orphan`, the twin stays and is
everybody's to edit.  An object of that name which is somebody else's is left alone, and that is said.
What cannot be carried over was refused at admission, and is said in the status where that was not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from certs.api.issuer import IssuerStatus
from certs.api.meta import ConditionStatus, with_condition
from certs.decide.effects import Tell
from certs.legacy.kinds import AnyLegacy, LegacyCertificateStatus, Twin
from certs.legacy.modern import modern
from certs.legacy.twin import (
    differing,
    dropped,
    is_edited,
    is_equal,
    is_left_over,
    is_twin,
    status_of,
    twin_of,
    with_conditions,
)
from certs.outcomes import DONE, Done, Permanent, WaitingForUser
from certs.patch import merging
from certs.problems import Problems

LegacyStatus = IssuerStatus | LegacyCertificateStatus


@dataclass(frozen=True, slots=True)
class ObservedLegacy:
    """A legacy object, and what there is of today's kind under its name."""

    legacy: AnyLegacy
    twin: Twin | None = None


@dataclass(frozen=True, slots=True)
class CreateTwin:
    """Create the twin."""

    twin: Twin
    tell: Tell


@dataclass(frozen=True, slots=True)
class UpdateTwin:
    """Make the twin equal by a merge patch; `undone` is told on both when somebody had edited it."""

    name: str
    patch: Mapping[str, object]
    undone: Tell | None = None


@dataclass(frozen=True, slots=True)
class SetLegacyStatus:
    """Write the status."""

    status: LegacyStatus


Step = CreateTwin | UpdateTwin | SetLegacyStatus


def decide(observed: ObservedLegacy) -> Step | Done:
    """Return the next step.  Raises Permanent or WaitingForUser with the sentence for the Ready condition."""
    legacy, twin = observed.legacy, observed.twin
    if legacy.metadata.deletion_timestamp is not None:
        return DONE
    made = modern(legacy)
    if isinstance(made, Problems):
        wrong = "; ".join(f"{problem}; {problem.remedy}" for problem in made)
        raise Permanent(f"cannot be carried over to cert-manager.io/v1: {wrong}", reason="NotCarriedOver")
    wanted = twin_of(legacy, made)
    if twin is None:
        return CreateTwin(wanted, Tell("Mirrored", _mirrored(wanted)))
    if twin.metadata.deletion_timestamp is not None or is_left_over(twin, legacy):
        return DONE  # made anew once it has gone
    if not is_twin(twin, legacy):
        raise WaitingForUser(_not_ours(twin), reason="NotMirrored")
    if not is_equal(twin, wanted):
        return UpdateTwin(twin.metadata.name, _patch(twin, wanted), _undone(legacy, twin, wanted))
    status = status_of(twin)
    return SetLegacyStatus(status) if status != legacy.status else DONE


def not_mirrored(legacy: AnyLegacy, *, reason: str, message: str, now: datetime) -> LegacyStatus | None:
    """Return the status that says why there is no twin, or None when it says so already."""
    before = legacy.status.conditions
    after = with_condition(before, "Ready", ConditionStatus.FALSE, reason=reason, message=message, now=now)
    return with_conditions(legacy, after) if after != before else None


def _patch(twin: Twin, wanted: Twin) -> Mapping[str, object]:
    annotations, labels = dropped(twin, wanted)
    return {
        "metadata": {
            "resourceVersion": twin.metadata.resource_version,
            "labels": {**wanted.metadata.labels, **dict.fromkeys(labels)},
            "annotations": {**wanted.metadata.annotations, **dict.fromkeys(annotations)},
        },
        "spec": merging(msgspec.to_builtins(twin.spec), msgspec.to_builtins(wanted.spec)),
    }


def _mirrored(wanted: Twin) -> str:
    return f"Mirrored as {_named(wanted)}; write that form from now on: `certshim convert` makes it"


def _undone(legacy: AnyLegacy, twin: Twin, wanted: Twin) -> Tell | None:
    if not is_edited(twin) or twin.spec == wanted.spec:
        return None
    resource = type(legacy).resource
    kind = f"{resource.kind.lower()}.{resource.group}"
    message = (
        f"The change of {', '.join(differing(twin, wanted))} in {_named(twin)} was undone: its original in "
        f"{resource.api_version} rules as long as it exists; change that, or go on with this form after "
        f'"kubectl delete {kind} {legacy.metadata.name} --cascade=orphan"'
    )
    return Tell("EditUndone", message, "Warning")


def _not_ours(twin: Twin) -> str:
    owner = next((one for one in twin.metadata.owner_references if one.controller), None)
    whose = f"belongs to {owner.kind} {owner.name}" if owner is not None else "stands by itself"
    return (
        f"{_named(twin)} exists already, {whose}, and is what counts; delete this object of certmanager.k8s.io, "
        "or that one, which is then made from this"
    )


def _named(twin: Twin) -> str:
    resource = type(twin).resource
    return f'{resource.api_version} {resource.kind} "{twin.metadata.name}"'
