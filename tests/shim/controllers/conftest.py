"""A world of controllers over the fake API server, with a recorder whose events can be read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shim.acme.accounts import Accounts
from shim.acme.transport import Settings as ACMESettings
from shim.controllers.secrets import Secrets
from shim.controllers.world import ControllerSettings, World
from shim.kube.cluster import Cluster
from shim.kube.recorder import Recorder
from shim.stores import Stores

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
        accounts=Accounts(ACMESettings(environment_proxies={})),
        settings=ControllerSettings(),
    )


@pytest.fixture
def events(world: World) -> Events:
    """Return what was told so far: type, reason, message."""
    return lambda: [(one.type, one.reason, one.message) for one in world.recorder._waiting]
