"""What of the audit log counts as a request for a certificate."""

from __future__ import annotations

import pytest

from bench import traffic
from tests.cluster import AuditEvent
from tests.cluster.audit import AuditObject, AuditStatus, AuditUser

SHIM = "system:serviceaccount:cert-manager:certshim-shim"


def event(
    verb: str,
    resource: str,
    subresource: str = "",
    *,
    user: str = SHIM,
    stage: str = "ResponseComplete",
    code: int = 200,
) -> AuditEvent:
    return AuditEvent(
        verb=verb,
        stage=stage,
        request_uri="/",
        user=AuditUser(user),
        object_ref=AuditObject(resource=resource, subresource=subresource),
        response_status=AuditStatus(code=code),
    )


def test_requests_are_counted_by_verb_and_resource() -> None:
    """A subresource is a resource of its own; reads and writes are told apart."""
    counted = traffic.count(
        [
            event("create", "certificates"),
            event("update", "certificates", "status"),
            event("update", "certificates", "status"),
            event("get", "secrets"),
        ]
    )

    assert counted.writes == {("create", "certificates"): 1, ("update", "certificates/status"): 2}
    assert counted.reads == {("get", "secrets"): 1}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(event("create", "events"), id="events may be dropped"),
        pytest.param(event("update", "leases"), id="leases belong to the process"),
        pytest.param(event("watch", "secrets"), id="so do watches"),
        pytest.param(event("create", "ingresses", user="admin"), id="the tester is not the product"),
        pytest.param(event("create", "secrets", stage="ResponseStarted"), id="a request counts once"),
    ],
)
def test_what_is_not_for_a_certificate_does_not_count(other: AuditEvent) -> None:
    counted = traffic.count([other])

    assert not counted.writes
    assert not counted.reads


def test_a_review_is_created_and_yet_a_read() -> None:
    """It asks what somebody may do, and nothing is stored."""
    counted = traffic.count([event("create", "subjectaccessreviews")])

    assert not counted.writes
    assert counted.reads.total() == 1


def test_refusals_are_counted_by_code_verb_and_resource() -> None:
    """Those of others are not ours; Events and Leases, which are no traffic, are refused like all else."""
    counted = traffic.refusals(
        [
            event("update", "certificates", "status", code=409),
            event("update", "certificates", "status", code=409),
            event("create", "events", code=429),
            event("create", "secrets", code=201),
            event("create", "secrets", code=409, user="admin"),
            event("create", "secrets", code=409, stage="ResponseStarted"),
        ]
    )

    assert counted == {(409, "update", "certificates/status"): 2, (429, "create", "events"): 1}
    figures = {one["name"]: one["value"] for one in traffic.refused(counted, where="ten", number=10)}
    assert list(figures.items()) == [
        ("ten, refused requests", 3),
        ("ten, refused requests: 409 update certificates/status, of 10", 2),
        ("ten, refused requests: 429 create events, of 10", 1),
    ]


def test_figures_are_shares_with_the_sum_first_and_the_most_frequent_next() -> None:
    counted = traffic.count([event("create", "secrets"), *[event("update", "orders", "status")] * 2])

    figures = {one["name"]: one["value"] for one in traffic.figures(counted, per="certificate", number=2, aim=16)}

    assert list(figures.items()) == [
        ("API writes per certificate", 1.5),
        ("API writes per certificate: update orders/status", 1),
        ("API writes per certificate: create secrets", 0.5),
        ("API reads per certificate", 0),
    ]
