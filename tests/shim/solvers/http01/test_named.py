from __future__ import annotations

from typing import Any

import msgspec
import pytest

from certs.api.challenge import Challenge, ChallengeStatus
from certs.api.ingress import Ingress
from certs.api.issuer import ACMESolver, HTTP01Ingress, HTTP01Solver
from certs.api.order import ACMEState
from certs.outcomes import WaitingForUser
from certs.route import PREFIX, SERVICE
from shim.kube.cluster import Cluster
from shim.kube.errors import Conflict
from shim.solvers.http01.responders import Responders
from shim.solvers.http01.solver import HTTP01
from shim.solvers.selfcheck import SelfCheck
from shim.stores import Stores
from tests.certs.decide.objects import HOST, NOW, challenge
from tests.fakes.apiserver import FakeAPIServer, Status
from tests.shim.conftest import Put


def named(host: str = HOST, **fields: Any) -> Challenge:
    return challenge(host, solver=ACMESolver(http01=HTTP01Solver(ingress=HTTP01Ingress(name="web"))), **fields)


def ingress(path: str = "/", **spec: Any) -> Ingress:
    backend = {"service": {"name": "shop", "port": {"number": 80}}}
    rule = {"host": HOST, "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend}]}}
    obj = {"metadata": {"name": "web", "namespace": "web"}, "spec": {"rules": [rule], **spec}}
    return msgspec.convert(obj, Ingress)


@pytest.fixture
def http01(kube: Cluster, stores: Stores) -> HTTP01:
    return HTTP01(stores, kube.client, Responders(("shim.certs.svc",), 8089), SelfCheck())


def paths(stores: Stores) -> list[tuple[str, str, str]]:
    found = stores.ingresses.get("web", "web")
    assert found is not None
    return [
        (path.path, path.path_type, path.backend.service.name if path.backend.service is not None else "")
        for rule in found.spec.rules
        for path in (rule.http.paths if rule.http is not None else ())
    ]


OTHER = ("/", "Prefix", "shop")


def test_the_path_is_there_for_as_long_as_the_challenge(
    http01: HTTP01, put: Put, stores: Stores, api: FakeAPIServer
) -> None:
    """One write in, one out; what stands right is not written again."""
    put(ingress())
    assert not http01.is_ready(named())

    http01.ensure(named())
    http01.ensure(named())

    assert http01.is_ready(named())
    assert paths(stores) == [(PREFIX, "Prefix", SERVICE), OTHER]
    assert not http01.is_clear(named())
    http01.take_away(named())
    http01.take_away(named())
    assert http01.is_clear(named())
    assert paths(stores) == [OTHER]
    assert api.count("json-patch") == 2


def test_the_path_type_is_that_of_the_ingress_class(http01: HTTP01, put: Put, stores: Stores) -> None:
    """Not that of the solver, which names no class."""
    put(ingress(ingressClassName="nginx"))

    http01.ensure(named())

    assert paths(stores)[0] == (PREFIX, "ImplementationSpecific", SERVICE)


def test_a_change_by_others_is_not_undone(http01: HTTP01, put: Put, api: FakeAPIServer, stores: Stores) -> None:
    """What was not seen is not written over: the next look decides anew."""
    put(ingress())
    api.put(ingress("/new"))

    with pytest.raises(Conflict):
        http01.ensure(named())

    assert paths(stores) == [OTHER]


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        pytest.param(
            None,
            f'cannot lead the challenge for "{HOST}" through Ingress "web": it does not exist in this namespace; '
            "create it, or correct http01.ingress.name (of an Ingress: its annotation)",
            id="missing",
        ),
        pytest.param(
            ingress(PREFIX),
            f'cannot lead the challenge for "{HOST}" through Ingress "web": there Service "shop" has the path {PREFIX} '
            f'of host "{HOST}"; remove that path, and it is led to the responder',
            id="taken",
        ),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    http01: HTTP01, put: Put, api: FakeAPIServer, before: Ingress | None, sentence: str
) -> None:
    if before is not None:
        put(before)
    assert not http01.is_ready(named())

    with pytest.raises(WaitingForUser) as raised:
        http01.ensure(named())

    assert str(raised.value) == sentence
    assert api.count("apply") == api.count("json-patch") == 0
    assert http01.is_clear(named())


def test_a_path_that_another_challenge_needs_stays(http01: HTTP01, put: Put) -> None:
    """Two Certificates for the same host; the last one takes it away."""
    put(ingress())
    http01.ensure(named())
    other = named()
    other = msgspec.structs.replace(other, metadata=msgspec.structs.replace(other.metadata, name="two", uid="uid-two"))
    put(other)

    assert http01.is_clear(named())
    put(msgspec.structs.replace(other, status=ChallengeStatus(state=ACMEState.VALID)))
    assert not http01.is_clear(named())


def test_nothing_is_taken_from_an_ingress_that_goes(http01: HTTP01, put: Put, stores: Stores) -> None:
    """Somebody's finalizer holds it."""
    put(ingress())
    http01.ensure(named())
    there = stores.ingresses.get("web", "web")
    assert there is not None
    going = msgspec.structs.replace(there.metadata, deletion_timestamp=NOW)
    put(msgspec.structs.replace(there, metadata=going))

    assert http01.is_clear(named())


def test_the_rules_are_given_back_though_others_write_at_the_same_time(
    http01: HTTP01, put: Put, api: FakeAPIServer, stores: Stores
) -> None:
    """The edit has been made, and is not made again for that."""
    put(ingress())
    stored = api.history.objects["networking.k8s.io/v1", "ingresses"]["web", "web"]["metadata"]
    others = {"manager": "kubectl", "operation": "Apply"}
    stored["managedFields"] = [others, {"manager": "cert-manager-challenges", "operation": "Update"}]
    api.script("json-patch", None, Status(409, "Conflict"))

    http01.ensure(named())

    assert http01.is_ready(named())
    assert api.count("json-patch") == 3
    stored = api.history.objects["networking.k8s.io/v1", "ingresses"]["web", "web"]["metadata"]
    assert stored["managedFields"] == [others]
