"""What of the audit log counts as a request for a certificate."""

from __future__ import annotations

import pytest

from bench import traffic
from tests.cluster import AuditEvent
from tests.cluster.audit import AuditObject, AuditUser

SHIM = "system:serviceaccount:cert-manager:certshim-shim"


def event(
    verb: str, resource: str, subresource: str = "", *, user: str = SHIM, stage: str = "ResponseComplete"
) -> AuditEvent:
    return AuditEvent(
        verb=verb,
        stage=stage,
        request_uri="/",
        user=AuditUser(user),
        object_ref=AuditObject(resource=resource, subresource=subresource),
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


def test_figures_are_shares_with_the_sum_first_and_the_most_frequent_next() -> None:
    counted = traffic.count([event("create", "secrets"), *[event("update", "orders", "status")] * 2])

    figures = {one["name"]: one["value"] for one in traffic.figures(counted, per="certificate", number=2, aim=16)}

    assert list(figures.items()) == [
        ("API writes per certificate", 1.5),
        ("API writes per certificate: update orders/status", 1),
        ("API writes per certificate: create secrets", 0.5),
        ("API reads per certificate", 0),
    ]
