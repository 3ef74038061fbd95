from __future__ import annotations

import pytest

from certs.api.core import Secret, SecretMetadata
from shim.controllers.secrets import Secrets
from shim.kube.cluster import Cluster
from shim.stores import OURS
from tests.certs.decide.objects import secret
from tests.fakes.apiserver import FakeAPIServer, Status
from tests.shim.conftest import Put


@pytest.fixture
def foreign(api: FakeAPIServer, kube: Cluster) -> Put:
    """Have somebody create or change a Secret that is not ours: the watch brings its metadata."""

    def bring(obj: object) -> None:
        assert isinstance(obj, Secret)
        stored = api.put(obj)["metadata"]
        known = SecretMetadata(
            metadata=type(obj.metadata)(
                name=stored["name"],
                namespace=stored["namespace"],
                uid=stored["uid"],
                resource_version=stored["resourceVersion"],
            )
        )
        kube.offer(known)

    return bring


def test_ours_are_in_the_store(secrets: Secrets, put: Put, api: FakeAPIServer) -> None:
    """No request is made for them."""
    put(secret(labels=OURS, data={"tls.key": b"one"}))
    before = api.count("get")

    found = secrets.get("web", "shop-tls")

    assert found is not None
    assert found.data == {"tls.key": b"one"}
    assert api.count("get") == before


def test_a_secret_that_is_not_known_is_not_asked_for(secrets: Secrets, api: FakeAPIServer) -> None:
    """Thousands of Certificates without Secret cost nothing."""
    assert secrets.get("web", "shop-tls") is None
    assert api.count("get") == 0


def test_others_are_fetched_once_for_each_version(secrets: Secrets, foreign: Put, api: FakeAPIServer) -> None:
    """A change is fetched anew, everything else comes from memory."""
    foreign(secret(data={"tls.key": b"one"}))
    for _ in range(3):
        found = secrets.get("web", "shop-tls")
        assert found is not None
        assert found.data == {"tls.key": b"one"}
    assert api.count("get") == 1

    foreign(secret(data={"tls.key": b"two"}))
    for _ in range(3):
        found = secrets.get("web", "shop-tls")
        assert found is not None
        assert found.data == {"tls.key": b"two"}
    assert api.count("get") == 2


def test_a_secret_that_goes_while_it_is_fetched_is_none(secrets: Secrets, foreign: Put, api: FakeAPIServer) -> None:
    """The watch will say so too, only later."""
    foreign(secret())
    api.script("get", Status(404, "NotFound"))

    assert secrets.get("web", "shop-tls") is None


def test_memory_is_bounded(secrets: Secrets, foreign: Put) -> None:
    """The oldest go; they are fetched again when they are needed."""
    for number in range(260):
        foreign(secret(f"s{number}"))
        secrets.get("web", f"s{number}")

    assert len(secrets._fetched) == 256
