"""A world of controllers over the fake API server, with a recorder whose events can be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from certs.outcomes import Done, Wait
from shim.acme.accounts import Accounts
from shim.acme.transport import Settings as ACMESettings
from shim.controllers.secrets import Secrets
from shim.controllers.world import ControllerSettings, World
from shim.engine.reconciler import Reconciler
from shim.kube.cluster import Cluster
from shim.kube.recorder import Recorder
from shim.stores import Stores
from tests.certs.decide.objects import NOW

Events = Callable[[], list[tuple[str, str, str]]]


@pytest.fixture
def secrets(kube: Cluster, stores: Stores) -> Secrets:
    return Secrets(stores.secrets, stores.secret_metadata, kube.client)


@pytest.fixture
def world(kube: Cluster, stores: Stores, secrets: Secrets) -> World:
    return World(
        stores=stores,
        secrets=secrets,
        client=kube.client,
        recorder=Recorder(kube.client, instance="test"),
        accounts=Accounts(ACMESettings(now=lambda: NOW, environment_proxies={})),
        settings=ControllerSettings(),
    )


@pytest.fixture
def events(world: World) -> Events:
    """Return what was told so far: type, reason, message."""
    return lambda: [(one.type, one.reason, one.message) for one in world.recorder._waiting]


def drive(controller: Reconciler[Any, Any], namespace: str, name: str, now: datetime = NOW) -> list[str]:
    """Observe, decide and act until there is nothing to do; return the names of the steps, and of the end."""
    steps: list[str] = []
    while len(steps) < 20:
        observed = controller.observe(namespace, name)
        if observed is None:
            return [*steps, "gone"]
        step = controller.decide(observed, now)
        steps.append(type(step).__name__)
        if isinstance(step, Done | Wait):
            return steps
        controller.act(observed, step, now)
    raise AssertionError(f"no end: {steps}")
