"""Annotations that direct an issuance: what they make of a solver, and what a change of them brings."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from certs.annotations import (
    OVERRIDE_CLASS,
    OVERRIDE_CLASS_NAME,
    OVERRIDE_NAME,
    PARENT_KIND,
    PARENT_NAME,
    PARENT_NAMESPACE,
    PROFILE,
)
from certs.api.certificate import Certificate, CertificateStatus
from certs.api.certificaterequest import CertificateRequest
from certs.api.issuer import (
    ACMESolver,
    DNS01Solver,
    HTTP01GatewayHTTPRoute,
    HTTP01Ingress,
    HTTP01Solver,
    ParentReference,
    SolverSelector,
)
from certs.decide.certificate import decide
from certs.decide.certificatesteps import DeleteRequest, ObservedCertificate, SetCertificateStatus, Step
from certs.decide.direction import contradicting, directions, overridden, redirected
from certs.decide.policies import Subject, Violation, first_violation
from certs.outcomes import DONE, Outcome, Wait, WaitingForUser
from tests.certs.decide.objects import NOW, certificate, condition, failed, next_key, request, stored

KEY = "shop-next"
SELECTOR = SolverSelector(dns_zones=("example.org",))
GATEWAYS = "gateway.networking.k8s.io"  # as the API server fills it in
GATEWAY = ParentReference(name="edge", kind="Gateway", namespace="infra")


def ingress(**fields: object) -> ACMESolver:
    """Return an HTTP-01 solver with a selector and a pause of its own, which no annotation touches."""
    made = HTTP01Ingress(**({"service_type": "ClusterIP"} | fields))  # type: ignore[arg-type]  # by case
    return ACMESolver(selector=SELECTOR, http01=HTTP01Solver(ingress=made), wait_instead_of_self_check="1s")


def route(*parents: ParentReference) -> ACMESolver:
    """Return a solver through an HTTPRoute."""
    made = HTTP01GatewayHTTPRoute(labels={"a": "b"}, parent_refs=parents)
    return ACMESolver(http01=HTTP01Solver(gateway_http_route=made))


FULL = ingress(name="old", class_="old", ingress_class_name="old")
DNS = ACMESolver(dns01=DNS01Solver())


@pytest.mark.parametrize(
    ("solver", "annotations", "bent"),
    [
        pytest.param(FULL, {}, FULL, id="none"),
        pytest.param(FULL, {"other": "x", PROFILE: "y"}, FULL, id="others"),
        pytest.param(FULL, {OVERRIDE_NAME: "shop"}, ingress(name="shop"), id="name"),
        pytest.param(FULL, {OVERRIDE_CLASS: "nginx"}, ingress(class_="nginx"), id="class"),
        pytest.param(FULL, {OVERRIDE_CLASS_NAME: "nginx"}, ingress(ingress_class_name="nginx"), id="class name"),
        pytest.param(FULL, {OVERRIDE_NAME: ""}, FULL, id="empty"),
        pytest.param(FULL, {OVERRIDE_NAME: "", OVERRIDE_CLASS: "a"}, ingress(class_="a"), id="one beside an empty one"),
        pytest.param(FULL, {PARENT_NAME: "edge"}, FULL, id="a parent, of an Ingress"),
        pytest.param(DNS, {OVERRIDE_NAME: "shop", OVERRIDE_CLASS: "a", PARENT_KIND: "Gateway"}, DNS, id="over DNS"),
        pytest.param(route(GATEWAY), {OVERRIDE_CLASS: "nginx"}, route(GATEWAY), id="a class, of a route"),
        pytest.param(
            route(GATEWAY),
            {PARENT_NAME: "own"},
            route(ParentReference("own", GATEWAYS, "Gateway")),
            id="a parent of the usual kind",
        ),
        pytest.param(
            route(),
            {PARENT_NAME: "own", PARENT_KIND: "ListenerSet", PARENT_NAMESPACE: "team"},
            route(ParentReference("own", GATEWAYS, "ListenerSet", "team")),
            id="a parent, in full",
        ),
    ],
)
def test_a_solver_is_bent(solver: ACMESolver, annotations: dict[str, str], bent: ACMESolver) -> None:
    """One of the three clears the others; selector, pause and templates stay."""
    assert overridden(solver, annotations) == bent


@pytest.mark.parametrize(
    ("solver", "annotations", "told"),
    [
        pytest.param(
            FULL,
            {OVERRIDE_NAME: "a", OVERRIDE_CLASS: "b"},
            "may not specify more than one of: name, class, ingressClassName override annotations",
            id="name and class",
        ),
        pytest.param(FULL, {OVERRIDE_CLASS_NAME: "a", OVERRIDE_CLASS: "b"}, f"{OVERRIDE_CLASS} and ", id="two classes"),
        pytest.param(route(), {PARENT_KIND: "Gateway"}, f"without {PARENT_NAME}", id="a kind without a name"),
        pytest.param(route(), {PARENT_NAMESPACE: "a"}, f"{PARENT_NAMESPACE} is there", id="a namespace without a name"),
    ],
)
def test_contradictions_are_told(solver: ACMESolver, annotations: dict[str, str], told: str) -> None:
    """They are the developer's, so they wait for the developer."""
    with pytest.raises(WaitingForUser, match=told) as caught:
        overridden(solver, annotations)
    assert caught.value.reason == "Solver"


def test_what_excludes_each_other() -> None:
    assert contradicting({OVERRIDE_CLASS: "a", OVERRIDE_NAME: "b", PROFILE: "c"}) == (OVERRIDE_NAME, OVERRIDE_CLASS)
    assert contradicting({OVERRIDE_CLASS: "a", OVERRIDE_NAME: ""}) == ()


def test_only_directions_are_looked_at() -> None:
    given = {PROFILE: "a", OVERRIDE_NAME: "", "cert-manager.io/issue-temporary-certificate": "true", "note": "x"}

    assert directions(given) == {PROFILE: "a"}


def directed(**annotations: str) -> Certificate:
    """Return a Certificate with such annotations, of which a revision is stored."""
    return _annotated(certificate(status=CertificateStatus(revision=1)), annotations)


def _annotated(of: Certificate, annotations: dict[str, str]) -> Certificate:
    keys = {"profile": PROFILE, "cls": OVERRIDE_CLASS}
    given = {keys[name]: text for name, text in annotations.items()}
    return msgspec.structs.replace(of, metadata=msgspec.structs.replace(of.metadata, annotations=given))


def asked(of: Certificate, revision: int = 1) -> CertificateRequest:
    """Return the request of a Certificate, which carries its directions."""
    made = request(of, revision)
    annotations = {**made.metadata.annotations, **directions(of.metadata.annotations)}
    return msgspec.structs.replace(made, metadata=msgspec.structs.replace(made.metadata, annotations=annotations))


@pytest.mark.parametrize(
    ("before", "after", "by_acme", "again"),
    [
        pytest.param(directed(), directed(), True, False, id="never any"),
        pytest.param(directed(profile="a"), directed(profile="a"), True, False, id="the same profile"),
        pytest.param(directed(), directed(profile="a"), True, True, id="a profile"),
        pytest.param(directed(profile="a"), directed(profile="b"), True, True, id="another profile"),
        pytest.param(directed(profile="a"), directed(), True, True, id="no profile any more"),
        pytest.param(directed(), directed(profile="a"), False, False, id="a profile, and an issuer that has none"),
        pytest.param(directed(), directed(cls="a"), True, False, id="a class"),
    ],
)
def test_what_has_an_issued_certificate_issued_anew(
    before: Certificate,
    after: Certificate,
    by_acme: bool,  # noqa: FBT001  a case's value
    again: bool,  # noqa: FBT001  a case's value
) -> None:
    """A profile makes another certificate; how it is proven makes none."""
    violation = first_violation(Subject(after, stored(after), asked(before), by_acme=by_acme))

    said = f"Fields on existing CertificateRequest resource not up to date: [metadata.annotations[{PROFILE}]]"
    assert violation == (Violation("RequestChanged", said) if again else None)


ISSUING = condition("Issuing", reason="DoesNotExist", message="Issuing certificate as Secret does not exist")


def settled(observed: ObservedCertificate) -> Step | Outcome:
    """Return the first step that is no status, with the statuses before it written."""
    for _ in range(3):
        step = decide(observed, NOW)
        if not isinstance(step, SetCertificateStatus):
            return step
        certificate = msgspec.structs.replace(observed.certificate, status=step.status)
        observed = replace(observed, certificate=certificate)
    raise AssertionError("statuses without end")


@pytest.mark.parametrize(
    "after", [directed(profile="b"), directed(cls="b"), directed()], ids=["profile", "class", "gone"]
)
def test_a_change_makes_the_request_under_way_anew(after: Certificate) -> None:
    """It would bring what nobody wants any more, or be proven in a way that nobody wants."""
    before = directed(profile="a", cls="a")
    status = CertificateStatus(revision=1, conditions=(ISSUING,), next_private_key_secret_name=KEY)
    after = msgspec.structs.replace(after, status=status)
    observed = ObservedCertificate(after, None, next_key(after, KEY), (asked(before, 2),), by_acme=True)

    assert settled(observed) == DeleteRequest("shop-2")
    assert settled(replace(observed, requests=(asked(after, 2),))) == DONE
    assert settled(replace(observed, by_acme=False)) == DONE


def test_the_paths_of_changes_are_told() -> None:
    changed = redirected(directed(profile="a", cls="x"), asked(directed(profile="b")))

    assert changed == (f"metadata.annotations[{PROFILE}]", f"metadata.annotations[{OVERRIDE_CLASS}]")


FAILED = CertificateStatus(last_failure_time=NOW, failed_issuance_attempts=3)


def test_a_change_ends_the_back_off() -> None:
    """Whoever mends an annotation need not wait for the end of it; and it begins with a request of its own."""
    before = msgspec.structs.replace(directed(profile="a"), status=FAILED)
    after = msgspec.structs.replace(directed(profile="b"), status=FAILED)
    observed = ObservedCertificate(before, None, next_key(before, KEY), (failed(asked(before)),), by_acme=True)

    assert isinstance(settled(observed), Wait)
    assert settled(replace(observed, certificate=after)) == DeleteRequest("shop-1")


def test_a_mended_issuer_ends_the_back_off() -> None:
    """At the very second too, in which the failed request looks like one of this attempt."""
    cert = msgspec.structs.replace(directed(), status=FAILED)
    observed = ObservedCertificate(cert, None, next_key(cert, KEY), (failed(asked(cert)),), by_acme=True)

    assert isinstance(settled(observed), Wait)
    assert settled(replace(observed, issuer_changed=True)) == DeleteRequest("shop-1")
