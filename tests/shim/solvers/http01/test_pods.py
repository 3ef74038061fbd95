"""The way of pods over a fake API server: what is written, in which order, and what is told of what goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from certs.api.challenge import ChallengeStatus
from certs.api.core import Service
from certs.api.issuer import ACMESolver, HTTP01GatewayHTTPRoute, HTTP01Ingress, HTTP01Solver, ParentReference
from certs.api.meta import ObjectMeta
from certs.api.order import ACMEState
from certs.api.pod import Container, Pod, PodCondition, PodSpec, PodStatus
from certs.decide.http01mode import MODE, Mode
from certs.outcomes import Transient, WaitingForUser
from certs.route import PathType
from shim.kube.cluster import Cluster
from shim.solvers.http01 import RoutedHost
from shim.solvers.http01.podimage import PodImage
from shim.solvers.http01.podobjects import solver_name
from shim.solvers.http01.pods import Pods
from shim.solvers.http01.podsettings import PodSettings
from shim.solvers.http01.responders import Responders
from shim.solvers.http01.solver import HTTP01
from shim.solvers.selfcheck import SelfCheck
from shim.stores import Stores
from tests.certs.decide.objects import HOST, challenge, issuer
from tests.fakes.apiserver import FakeAPIServer, Status
from tests.shim.conftest import Put

NAME = solver_name(challenge())
READY = PodStatus(phase="Running", conditions=(PodCondition("Ready", "True"),))
OVER = challenge(status=ChallengeStatus(state=ACMEState.VALID))
MakePods = Callable[..., Pods]


def exact(_class_name: str) -> PathType:
    return "Prefix"


@pytest.fixture
def make(kube: Cluster, stores: Stores) -> MakePods:
    """Return the way with these settings; pods can be seen."""

    def made(image: str = "certshim:1", *, listed: bool = True, **settings: Any) -> Pods:
        pod_image = PodImage(kube.client, image, {})
        return Pods(stores, kube.client, PodSettings(image=image, **settings), pod_image, exact, lambda _: listed)

    return made


@pytest.fixture
def pods(make: MakePods) -> Pods:
    return make()


def writes(api: FakeAPIServer) -> list[str]:
    """Return what was written: verb and kind."""
    return [
        f"{one.verb} {one.path.split('/')[-1 if one.verb == 'create' else -2]}"
        for one in api.seen
        if one.verb not in {"list", "watch", "get"}
    ]


def test_all_three_are_made_and_then_stand(pods: Pods, api: FakeAPIServer) -> None:
    """The Service first, since it tells that something is left; nothing is written twice."""
    before = pods.is_ready(challenge())
    pods.ensure(challenge())
    pods.ensure(challenge())

    assert not before
    assert pods.is_ready(challenge())
    assert writes(api) == ["apply services", "create pods", "apply ingresses"]


def test_all_three_are_taken_away(pods: Pods, api: FakeAPIServer) -> None:
    """The Service last."""
    pods.ensure(challenge())
    left = pods.is_clear(OVER)
    pods.take_away(OVER)

    assert not left
    assert pods.is_clear(OVER)
    assert writes(api)[3:] == ["delete ingresses", "delete pods", "delete services"]


def test_nothing_is_taken_away_of_a_challenge_that_has_nothing(pods: Pods) -> None:
    """A Service of that name that is somebody else's is none of ours, either."""
    assert pods.is_clear(OVER)


def test_a_service_of_another_is_none_of_ours(pods: Pods, put: Put) -> None:
    """By its owner."""
    put(Service(metadata=ObjectMeta(name=NAME, namespace="web", labels={"acme.cert-manager.io/http01-solver": "true"})))

    assert pods.is_clear(OVER)


def test_an_http_route_where_the_solver_says_so(pods: Pods, api: FakeAPIServer) -> None:
    """In place of the Ingress, with the rest as it is."""
    way = HTTP01GatewayHTTPRoute(parent_refs=(ParentReference(name="public"),))
    of = challenge(solver=ACMESolver(http01=HTTP01Solver(gateway_http_route=way)))
    pods.ensure(of)
    stands = pods.is_ready(of)
    pods.take_away(of)

    assert stands
    assert writes(api) == [
        "apply services",
        "create pods",
        "apply httproutes",
        "delete httproutes",
        "delete pods",
        "delete services",
    ]


def found(stores: Stores) -> Pod:
    pod = stores.pods.get("web", NAME)
    assert pod is not None
    return pod


@pytest.mark.parametrize(
    ("status", "image", "replaced"),
    [
        pytest.param(PodStatus(), "certshim:2", True, id="waits, of other settings"),
        pytest.param(READY, "certshim:2", False, id="answers, of other settings"),
        pytest.param(PodStatus(), "certshim:1", False, id="waits"),
        pytest.param(PodStatus(phase="Failed"), "certshim:1", True, id="has ended"),
    ],
)
def test_a_pod_is_replaced_only_when_that_helps(
    make: MakePods, put: Put, stores: Stores, api: FakeAPIServer, status: PodStatus, image: str, *, replaced: bool
) -> None:
    """One that waits for an image that is not there is not waited for, once the admin has named another."""
    make().ensure(challenge())
    put(msgspec.structs.replace(found(stores), status=status))
    others = make(image)
    others.ensure(challenge())

    assert writes(api)[3:] == (["delete pods", "create pods"] if replaced else [])
    assert others.is_ready(challenge())


def test_a_pod_that_is_there_already_is_gone_on_with(pods: Pods, api: FakeAPIServer, stores: Stores) -> None:
    """Made before a crash, and the watch has not brought it yet."""
    pods.ensure(challenge())
    made = found(stores)
    stores.pods.forget("web", NAME, uid="")
    stores.pods.replace((), 10_000)
    pods.ensure(challenge())

    assert found(stores).metadata.uid == made.metadata.uid
    assert pods.is_ready(challenge())


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        pytest.param(
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            'violates PodSecurity "restricted:latest": runAsNonRoot != true; mend '
            "podTemplate.spec.securityContext of the solver, or the level of the namespace",
            id="pod security",
        ),
        pytest.param(
            'pods "x" is forbidden: exceeded quota: small, requested: pods=1',
            "exceeded quota: small, requested: pods=1; raise the quota",
            id="quota",
        ),
        pytest.param(
            'pods is forbidden: User "u" cannot create resource "pods" in API group ""',
            'User "u" cannot create resource "pods" in API group ""; apply manifests/options/http01-pods.yaml',
            id="no right",
        ),
        pytest.param(
            'admission webhook "policy" denied the request: no',
            'admission webhook "policy" denied the request: no; mend the podTemplate of the solver',
            id="a policy of somebody's",
        ),
    ],
)
def test_a_refusal_is_told_with_what_helps(pods: Pods, api: FakeAPIServer, message: str, remedy: str) -> None:
    """And tried again, since nobody tells us when it is mended."""
    api.script("create", Status(403, "Forbidden", message))
    with pytest.raises(Transient) as raised:
        pods.ensure(challenge())

    told = str(raised.value)
    assert told.startswith(f'cannot present HTTP-01 for "{HOST}" by a pod, which the API server refuses: ')
    assert remedy in told


def test_pods_that_we_may_not_see_are_waited_for(pods: Pods, stores: Stores) -> None:
    """Nothing is made that would not be seen; the sentence names the right."""
    stores.solver_pods.miss("cannot list pods: forbidden")

    with pytest.raises(WaitingForUser, match=r"cannot list pods: forbidden; apply manifests/options/http01-pods\.yaml"):
        pods.ensure(challenge())
    assert not pods.is_ready(challenge())


def test_a_list_of_pods_that_does_not_come_is_tried_again(make: MakePods, api: FakeAPIServer) -> None:
    """Nothing is made meanwhile."""
    with pytest.raises(Transient, match=r"pods could not be listed within 1\.5 s"):
        make(listed=False).ensure(challenge())
    assert writes(api) == []


def test_an_ingress_of_somebody_elses_is_refused(pods: Pods, api: FakeAPIServer) -> None:
    """With what to write instead."""
    of = challenge(solver=ACMESolver(http01=HTTP01Solver(ingress=HTTP01Ingress(name="web"))))

    with pytest.raises(WaitingForUser, match=r"leave http01\.ingress\.name out of the solver"):
        pods.ensure(of)
    assert writes(api) == []


# -- whose image --------------------------------------------------------------------------------------------------


OWN = {"POD_NAMESPACE": "cert-manager", "POD_NAME": "shim-1"}


def own_pod(*containers: Container) -> Pod:
    return Pod(metadata=ObjectMeta(name="shim-1", namespace="cert-manager"), spec=PodSpec(containers=containers))


@pytest.mark.parametrize(
    ("containers", "image"),
    [
        pytest.param((Container("shim", "certshim:7"),), "certshim:7", id="the shim's"),
        pytest.param((Container("proxy", "proxy:1"), Container("shim", "certshim:7")), "certshim:7", id="a sidecar"),
        pytest.param((Container("main", "own:7"),), "own:7", id="another name"),
    ],
)
def test_image_is_that_of_our_own_pod(
    kube: Cluster, put: Put, api: FakeAPIServer, containers: tuple[Container, ...], image: str
) -> None:
    """It has the program; asked for once."""
    put(own_pod(*containers))
    before = api.count("get")
    found = PodImage(kube.client, "", OWN)

    assert [found.find(), found.find()] == [image, image]
    assert api.count("get") == before + 1


def test_image_of_the_admin_is_taken_without_asking(kube: Cluster, api: FakeAPIServer) -> None:
    """Wherever the process runs."""
    assert PodImage(kube.client, "certshim:8", OWN).find() == "certshim:8"
    assert api.seen == []


def test_without_any_image_the_flag_is_named(kube: Cluster) -> None:
    """Outside of a pod, or where the pod cannot be read."""
    with pytest.raises(WaitingForUser, match="set --acme-http01-solver-image"):
        PodImage(kube.client, "", {}).find()
    with pytest.raises(Transient, match="set --acme-http01-solver-image"):
        PodImage(kube.client, "", OWN).find()


# -- which way ----------------------------------------------------------------------------------------------------


@pytest.fixture
def http01(kube: Cluster, stores: Stores, pods: Pods) -> HTTP01:
    return HTTP01(stores, kube.client, Responders(("10.0.0.1",), 8089), SelfCheck(), pods=pods)


def said(word: str) -> Any:
    metadata = msgspec.structs.replace(issuer().metadata, annotations={MODE: word})
    return msgspec.structs.replace(issuer(), metadata=metadata)


def test_the_issuer_chooses(http01: HTTP01, put: Put, api: FakeAPIServer) -> None:
    """Pods, and nothing of the responder's; whatever it says later, what was made is taken away."""
    put(said("pod"))
    http01.ensure(challenge())
    stands = http01.is_ready(challenge())
    put(said("responder"))

    assert stands
    assert writes(api) == ["apply services", "create pods", "apply ingresses"]
    assert not http01.is_ready(challenge())
    assert not http01.is_clear(OVER)
    http01.take_away(OVER)
    assert http01.is_clear(OVER)


def test_a_word_that_is_none_is_told(http01: HTTP01, put: Put, api: FakeAPIServer) -> None:
    """When the way is to be made, and not when it is looked at."""
    put(said("pods"))

    assert not http01.is_ready(challenge())
    with pytest.raises(WaitingForUser, match=f'{MODE} of Issuer "letsencrypt" is "pods"; write responder or pod'):
        http01.ensure(challenge())
    assert writes(api) == []


@pytest.mark.parametrize(
    ("word", "lasts"), [("responder", True), ("pod", False), ("pods", False)], ids=["responder", "pod", "no word"]
)
def test_no_route_is_made_before_a_challenge_that_has_a_pod(http01: HTTP01, word: str, *, lasts: bool) -> None:
    """It would lead to the responder."""
    solver = challenge().spec.solver.http01
    assert solver is not None
    host = RoutedHost("web", HOST, solver)

    assert (http01.lasting(host, said(word)) is not None) is lasts


def test_the_flag_is_the_default(make: MakePods) -> None:
    """Of issuers that say nothing."""
    assert make(mode=Mode.POD).default is Mode.POD
    assert make().default is Mode.RESPONDER
