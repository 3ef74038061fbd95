"""What is made of what was seen of an installation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shim.doctor import judging
from shim.doctor.hops import Hop, Verdict
from shim.doctor.judging import Answer
from shim.doctor.looking import Reply, ServerTime

NOW = datetime(2026, 7, 1, tzinfo=UTC)
USER = "system:serviceaccount:cert-manager:certshim-shim"
MISSING = Reply({}, "not found", 404)
REFUSED = Reply({}, "forbidden", 403)


def deployment(ready: int, image: str = "certshim:0.1.0", replicas: int = 2) -> Reply:
    containers = [{"image": image}]
    spec = {"replicas": replicas, "template": {"spec": {"containers": containers}}}
    return Reply({"metadata": {"namespace": "cert-manager"}, "spec": spec, "status": {"readyReplicas": ready}})


def lease(holder: str, age: float) -> Reply:
    renewed = (NOW - timedelta(seconds=age)).isoformat()
    return Reply({"spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 60}})


def configuration(bundle: str, **annotations: str) -> Reply:
    return Reply({"metadata": {"annotations": annotations}, "webhooks": [{"clientConfig": {"caBundle": bundle}}]})


def server(minor: str) -> Reply:
    return Reply({"gitVersion": f"v1.{minor.rstrip('+')}.0", "major": "1", "minor": minor})


def off(seconds: float) -> ServerTime:
    return ServerTime(NOW + timedelta(seconds=seconds), NOW, NOW)


@pytest.mark.parametrize(
    ("hop", "verdict", "said"),
    [
        pytest.param(
            judging.api_server(Reply({"gitVersion": "v1.32.0", "major": "1", "minor": "32+"})), "ok", "v1.32.0"
        ),
        pytest.param(
            judging.api_server(Reply({"gitVersion": "v1.31.9", "major": "1", "minor": "31"})), "failed", "1.31"
        ),
        pytest.param(judging.api_server(REFUSED), "failed", "forbidden"),
        pytest.param(judging.clock(off(0)), "ok", "agrees"),
        pytest.param(judging.clock(off(31.9)), "failed", "32 s off"),
        pytest.param(judging.clock(off(-31.9)), "failed", "32 s off"),
        pytest.param(judging.clock(None), "unknown", "does not tell"),
        pytest.param(judging.deployment("x", MISSING, "0.1.0"), "failed", "not there"),
        pytest.param(judging.deployment("x", REFUSED, "0.1.0"), "unknown", "forbidden"),
        pytest.param(judging.deployment("x", deployment(0), "0.1.0"), "failed", "0 of 2"),
        pytest.param(judging.deployment("x", deployment(1), "0.1.0"), "warning", "1 of 2"),
        pytest.param(judging.deployment("x", deployment(2), "0.1.0"), "ok", "2 of 2"),
        pytest.param(judging.deployment("x", deployment(2, "a.example/certshim:v0.1.0"), "0.1.0"), "ok", "2 of 2"),
        pytest.param(judging.deployment("x", deployment(2, "certshim:9"), "0.1.0"), "warning", "this program 0.1.0"),
        pytest.param(judging.deployment("x", deployment(2, "certshim@sha256:ab"), "0.1.0"), "ok", "2 of 2"),
        pytest.param(judging.lease("n", lease("a", 59), NOW), "ok", "a"),
        pytest.param(judging.lease("n", lease("a", 61), NOW), "failed", "for 61 s"),
        pytest.param(judging.lease("n", lease("", 1), NOW), "failed", "nobody holds"),
        pytest.param(judging.lease("n", MISSING, NOW), "failed", "no Lease cert-manager-controller in n"),
        pytest.param(judging.configuration("K", "n", MISSING, None), "failed", "nothing is asked"),
        pytest.param(judging.configuration("K", "n", configuration(""), None), "failed", "no caBundle"),
        pytest.param(judging.configuration("K", "n", configuration("eA=="), b"x"), "failed", "does not have the CA"),
        pytest.param(judging.configuration("K", "n", configuration("eA=="), None), "ok", "with a caBundle"),
    ],
)
def test_a_part(hop: Hop, verdict: str, said: str) -> None:
    """What is not well has a remedy, unless it could not be looked at."""
    assert hop.verdict == verdict
    assert said in hop.evidence
    assert bool(hop.remedy) is (hop.verdict in {Verdict.FAILED, Verdict.WARNING})


@pytest.mark.parametrize(
    ("good", "bad", "verdict", "said"),
    [
        (Reply({"kind": "Certificate"}), Reply({}, "w denied the request: no", 403), "ok", "refused by the webhook"),
        (Reply({"kind": "Certificate"}), Reply({"kind": "Certificate"}), "failed", "the webhook is not asked"),
        (Reply({"kind": "Certificate"}), Reply({}, "quota", 403), "unknown", "somebody else"),
        (Reply({}, "you may not create", 403), Reply({}, "you may not create", 403), "unknown", "by you"),
        (Reply({}, "w denied the request: no", 403), Reply({}, "w denied the request", 403), "failed", "a correct"),
        (
            Reply({}, 'failed calling webhook "w": connection refused', 500),
            Reply({}, "the same", 500),
            "failed",
            "connection refused",
        ),
    ],
)
def test_admission(good: Reply, bad: Reply, verdict: str, said: str) -> None:
    hop = judging.admission(good, bad)

    assert hop.verdict == verdict
    assert said in hop.evidence


@pytest.mark.parametrize(
    ("answers", "verdict", "said"),
    [
        ([Answer("get a", may=True)], "ok", "1 looked at"),
        ([Answer("get a", may=True), Answer("get b", may=False)], "failed", "it may not get b"),
        ([Answer(f"get {one}", may=False) for one in "abcde"], "failed", "get a, get b, get c and 2 more"),
        ([Answer("patch b", may=False, serves="the injector")], "warning", "so the injector cannot work"),
        ([Answer("get a", may=False), Answer("patch b", may=False, serves="x")], "failed", "it may not get a"),
        ([Answer("get a", may=None)], "unknown", "rights of others"),
    ],
)
def test_rights(answers: list[Answer], verdict: str, said: str) -> None:
    """What an installation may leave out is no failure."""
    hop = judging.rights(USER, answers)

    assert (hop.name, hop.verdict) == ("rights of certshim-shim", verdict)
    assert said in hop.evidence


def test_definitions_that_are_of_somebody_else() -> None:
    """Less than is wanted is told, more (the API server's defaults) is not."""
    wanted: dict[str, Any] = {"a": {"spec": {"versions": [{"name": "v1", "schema": {"x": {"type": "string"}}}]}}}

    def found(**schema: object) -> Reply:
        conditions = [{"type": "Established", "status": "True"}]
        versions = [{"name": "v1", "served": True, "schema": schema}]
        return Reply({"spec": {"versions": versions}, "status": {"conditions": conditions, "storedVersions": ["v1"]}})

    same = list(judging.definitions({"a": found(x={"type": "string"}, y=1)}, wanted))
    less = list(judging.definitions({"a": found(y=1)}, wanted))

    assert [one.verdict for one in same] == ["ok"]
    assert [one.evidence for one in less if one.verdict != "ok"] == ["its fields are not those of this version"]
    assert [one.verdict for one in judging.definitions({"a": MISSING}, wanted)] == ["failed"]


@pytest.mark.parametrize(
    ("replies", "verdicts"),
    [
        ((Reply({"items": []}), Reply({"items": []})), ["ok"]),
        ((REFUSED, Reply({"items": []})), ["unknown"]),
        ((REFUSED, REFUSED), ["unknown", "unknown"]),
    ],
    ids=["none", "who knows", "nobody may look"],
)
def test_issuers_that_must_not_be_seen_may_be_there(replies: tuple[Reply, ...], verdicts: list[str]) -> None:
    assert [hop.verdict for hop in judging.issuers(replies)] == verdicts
