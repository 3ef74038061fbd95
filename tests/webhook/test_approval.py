"""Who may approve: what is asked of the API server, what is remembered, and what an API server that fails means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from certs.api.admission import UserInfo
from certs.api.meta import IssuerReference
from certs.rules.approval import Question
from shim.kube.transport import connect
from tests.fakes.apiserver import Answer, Close, FakeAPIServer, Silence, Status
from webhook.approval import Approver

USER = UserInfo("dev", "7", ("devs",), {"scope": ("a", "b")})
EXTERNAL = IssuerReference("x", "AWSIssuer", "aws.example.com")


class Clock:
    """Time as the test says."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[FakeAPIServer]:
    with FakeAPIServer() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def approver(server: FakeAPIServer, clock: Clock, tmp_path: Path) -> Approver:
    return Approver(connect(server.kubeconfig(tmp_path / "kubeconfig")), clock)


def review(*, allowed: bool) -> Answer:
    return Answer(json.dumps({"kind": "SubjectAccessReview", "status": {"allowed": allowed}}).encode(), 201)


def group(*versions: str) -> Answer:
    return Answer(json.dumps({"kind": "APIGroup", "versions": [{"groupVersion": one} for one in versions]}).encode())


def resources(*named: tuple[str, str, bool]) -> Answer:
    found = [{"name": name, "kind": kind, "namespaced": namespaced} for name, kind, namespaced in named]
    return Answer(json.dumps({"kind": "APIResourceList", "resources": found}).encode())


def ask(approver: Approver, issuer: IssuerReference, *, user: UserInfo = USER, at: Clock) -> str:
    """Return the answer as text; four seconds are what it may take."""
    return str(approver.answer(Question(user, issuer, "team"), at.now + 4) or "")


def names(server: FakeAPIServer) -> list[str]:
    """Return under which names a permission was asked for."""
    bodies = [json.loads(seen.body) for seen in server.seen if seen.verb == "create"]
    return [body["spec"]["resourceAttributes"]["name"] for body in bodies]


def test_what_is_asked(server: FakeAPIServer, approver: Approver, clock: Clock) -> None:
    server.script("create", review(allowed=True))

    assert ask(approver, IssuerReference("le"), at=clock) == ""
    [seen] = server.seen
    assert seen.path == "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    assert json.loads(seen.body)["spec"] == {
        "user": "dev",
        "uid": "7",
        "groups": ["devs"],
        "extra": {"scope": ["a", "b"]},
        "resourceAttributes": {
            "verb": "approve",
            "group": "cert-manager.io",
            "version": "*",
            "resource": "signers",
            "name": "issuers.cert-manager.io/*",
        },
    }


@pytest.mark.parametrize(
    ("issuer", "narrow"),
    [
        (IssuerReference("le"), "issuers.cert-manager.io/team.le"),
        (IssuerReference("le", "ClusterIssuer"), "clusterissuers.cert-manager.io/le"),
    ],
)
def test_the_wide_name_comes_first(
    server: FakeAPIServer, approver: Approver, clock: Clock, issuer: IssuerReference, narrow: str
) -> None:
    server.script("create", review(allowed=False), review(allowed=True))

    assert ask(approver, issuer, at=clock) == ""
    assert names(server) == [narrow.partition("/")[0] + "/*", narrow]


def test_neither_name_is_allowed(server: FakeAPIServer, approver: Approver, clock: Clock) -> None:
    server.script("create", review(allowed=False), review(allowed=False))

    assert ask(approver, IssuerReference("le", "Issuer", "cert-manager.io"), at=clock) == (
        'status.conditions: Forbidden: user "dev" does not have permissions to set approved/denied conditions'
        " for issuer {le Issuer cert-manager.io}"
    )


def test_a_permission_is_remembered_for_a_second(server: FakeAPIServer, approver: Approver, clock: Clock) -> None:
    """Given or not; of this user only."""
    server.script("create", review(allowed=True))
    ask(approver, IssuerReference("le"), at=clock)
    clock.now += 0.9
    assert ask(approver, IssuerReference("le"), at=clock) == ""
    assert server.count("create") == 1

    clock.now += 0.2
    server.script("create", review(allowed=False), review(allowed=False))
    assert "does not have permissions" in ask(approver, IssuerReference("le"), at=clock)
    assert "does not have permissions" in ask(approver, IssuerReference("le"), at=clock)
    assert server.count("create") == 3

    server.script("create", review(allowed=True))
    assert ask(approver, IssuerReference("le"), user=UserInfo("dev", "7", ("admins",)), at=clock) == ""
    assert server.count("create") == 4


def test_an_external_kind_is_looked_for_in_all_versions_and_remembered(
    server: FakeAPIServer, approver: Approver, clock: Clock
) -> None:
    server.script(
        "list",
        group("aws.example.com/v1", "aws.example.com/v1beta1"),
        resources(("other", "Other", True)),
        resources(("awsissuers", "AWSIssuer", True), ("awsissuers/status", "AWSIssuer", True)),
    )
    server.script("create", review(allowed=False), review(allowed=True))

    assert ask(approver, EXTERNAL, at=clock) == ""
    assert names(server) == ["awsissuers.aws.example.com/*", "awsissuers.aws.example.com/team.x"]
    assert [seen.path for seen in server.seen if seen.verb == "list"] == [
        "/apis/aws.example.com",
        "/apis/aws.example.com/v1",
        "/apis/aws.example.com/v1beta1",
    ]
    clock.now += 100_000
    server.script("create", review(allowed=True))
    assert ask(approver, EXTERNAL, at=clock) == ""
    assert server.count("list") == 3


def test_a_kind_that_a_group_does_not_have_is_remembered_for_half_a_minute(
    server: FakeAPIServer, approver: Approver, clock: Clock
) -> None:
    server.script("list", group("aws.example.com/v1"), resources(("other", "Other", True)))
    expected = "spec.issuerRef: Forbidden: referenced signer resource does not exist: {x AWSIssuer aws.example.com}"

    assert ask(approver, EXTERNAL, at=clock) == expected
    clock.now += 29
    assert ask(approver, EXTERNAL, at=clock) == expected
    assert server.count("list") == 2

    clock.now += 2
    server.script("list", group("aws.example.com/v1"), resources(("awsissuers", "AWSIssuer", False)))
    server.script("create", review(allowed=True))
    assert ask(approver, EXTERNAL, at=clock) == ""


def test_a_group_that_does_not_exist_is_not_remembered(server: FakeAPIServer, approver: Approver, clock: Clock) -> None:
    """It may be there in a moment: its CRD was just applied."""
    server.script("list", Status(404, "NotFound"), Status(404, "NotFound"))

    for _ in range(2):
        assert "referenced signer resource does not exist" in ask(approver, EXTERNAL, at=clock)
    assert server.count("list") == 2


def test_a_kind_of_ours_that_is_no_issuer_is_looked_up(server: FakeAPIServer, approver: Approver, clock: Clock) -> None:
    server.script("list", group("cert-manager.io/v1"), resources(("certificates", "Certificate", True)))
    server.script("create", review(allowed=True))

    assert ask(approver, IssuerReference("x", "Certificate"), at=clock) == ""
    assert names(server) == ["certificates.cert-manager.io/*"]


@pytest.mark.parametrize("name", ["../api/v1/secrets", "a/b?watch=1", "A.example.com", "a b", "%2e"])
def test_a_group_that_cannot_be_is_not_asked_for(
    server: FakeAPIServer, approver: Approver, clock: Clock, name: str
) -> None:
    """Otherwise anybody could choose what the webhook reads."""
    assert "does not exist" in ask(approver, IssuerReference("x", "Y", name), at=clock)
    assert server.seen == []


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Status(403, "Forbidden", "no"), "no"),
        (Status(500, "InternalError", "broken"), "broken"),
        (Close(), "cannot ask whether dev may approve for issuers.cert-manager.io/*: "),
        (Answer(b"{"), "the answer cannot be read"),
        (Answer(b'{"status": 1}'), "the answer cannot be read"),
    ],
)
def test_an_api_server_that_fails_refuses(
    server: FakeAPIServer, approver: Approver, clock: Clock, fault: Answer, text: str
) -> None:
    """With what was attempted; and nothing is remembered of it."""
    server.script("create", fault)

    answer = ask(approver, IssuerReference("le"), at=clock)

    assert answer.startswith(
        "status.conditions: Forbidden: cannot ask whether dev may approve for issuers.cert-manager.io/*"
    )
    assert text in answer
    server.script("create", review(allowed=True))
    assert ask(approver, IssuerReference("le"), at=clock) == ""


def test_discovery_that_fails_refuses(server: FakeAPIServer, approver: Approver, clock: Clock) -> None:
    server.script("list", Status(503, "ServiceUnavailable", "soon"))

    assert ask(approver, EXTERNAL, at=clock).startswith(
        "status.conditions: Forbidden: cannot look up the kind AWSIssuer of aws.example.com, to know who may approve"
    )


def test_a_silent_api_server_is_not_waited_for(server: FakeAPIServer, approver: Approver, clock: Clock) -> None:
    """Not longer than there is time left."""
    server.script("create", Silence())

    answer = approver.answer(Question(USER, IssuerReference("le"), "team"), clock.now + 0.2)

    assert "no answer within 0.2 s" in str(answer)


def test_nothing_is_asked_when_the_time_is_over(server: FakeAPIServer, approver: Approver, clock: Clock) -> None:
    """A question that stood in line too long: the API server does not wait any more."""
    answer = approver.answer(Question(USER, IssuerReference("le"), "team"), clock.now - 1)

    assert "does not answer in time" in str(answer)
    assert server.seen == []


def test_memory_is_bounded(server: FakeAPIServer, approver: Approver, clock: Clock) -> None:
    """The oldest is forgotten, even what would hold for good."""
    server.script("list", group("aws.example.com/v1"), resources(("awsissuers", "AWSIssuer", True)))
    server.script("create", *[review(allowed=True)] * 3)
    ask(approver, EXTERNAL, at=clock)
    for number in range(1024):
        server.script("list", group("aws.example.com/v1"), resources(("other", "Other", True)))
        ask(approver, IssuerReference("x", f"Kind{number}", "aws.example.com"), at=clock)
    before = server.count("list")
    server.script("list", group("aws.example.com/v1"), resources(("awsissuers", "AWSIssuer", True)))

    assert ask(approver, EXTERNAL, at=clock) == ""
    assert server.count("list") == before + 2
