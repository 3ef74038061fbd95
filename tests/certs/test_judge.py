"""The one door: which requests are judged, how verdicts are told, and that no input makes it raise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from certs.api.admission import AdmissionRequest, AdmissionReview
from certs.api.certificate import Certificate
from certs.api.core import Namespace, Secret
from certs.api.ingress import Ingress
from certs.api.issuer import ClusterIssuer, Issuer
from certs.facts import Facts, NothingKnown
from certs.judge import Judge
from certs.known import FactsOf
from certs.lenient import lenient
from certs.rules.catalogue import CATALOGUE, Sort
from certs.rules.rule import Action, Policy
from certs.verdict import Verdict
from tests.webhook.reviews import RESOURCES, certificate, ingress, review

CASES = sorted((Path(__file__).parents[1] / "cases" / "admission").glob("*.yaml"))
CORPUS = [(path.stem, case) for path in CASES for case in yaml.safe_load(path.read_text())]
KINDS: dict[str, Any] = {
    kind.__name__: kind for kind in (Certificate, ClusterIssuer, Ingress, Issuer, Namespace, Secret)
}
NAMESPACE = "team"


def placed(obj: dict[str, Any]) -> dict[str, Any]:
    """Return the object with its namespace, which a case leaves out."""
    if obj["kind"] in {"ClusterIssuer", "Namespace"}:
        return obj
    return {**obj, "metadata": {"namespace": NAMESPACE, **obj.get("metadata", {})}}


def facts_of(case: dict[str, Any]) -> Facts:
    """Return what the case says of the cluster; nothing is known when it says nothing."""
    objects = case.get("facts", case.get("issuers"))
    if objects is None:
        return NothingKnown()
    return FactsOf([msgspec.convert(placed(obj), lenient(KINDS[obj["kind"]])) for obj in objects])


def verdict_of(case: dict[str, Any]) -> Verdict:
    kind = case["object"]["kind"]
    group, plural = RESOURCES[kind]
    old = placed(case["old"]) if "old" in case else None
    operation = "UPDATE" if old is not None else "CREATE"
    body = review(plural, kind, placed(case["object"]), group=group, operation=operation, old=old)
    return Judge(facts=facts_of(case)).validate(request(body))


def request(body: bytes) -> AdmissionRequest:
    return msgspec.json.decode(body, type=AdmissionReview).request


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{stem}: {case['case']}") for stem, case in CORPUS])
def test_case_of_the_corpus(case: dict[str, Any]) -> None:
    """The verdict, and its whole message, or each of the texts that must stand in its message or warnings."""
    verdict = verdict_of(case)

    assert verdict.allowed == (not (case.get("denied") or case.get("message"))), verdict.message
    if "message" in case:
        assert verdict.message == case["message"]
        return
    for text in case.get("denied", []):
        assert text in verdict.message
    assert len(verdict.problems) == len(case.get("denied", [])) or "[" in verdict.message
    for text in case.get("warnings", []):
        assert any(text in warning for warning in verdict.warnings), verdict.warnings
    if case.get("rules"):
        assert verdict.audit["denied-by"] == case["rules"]
    if case.get("warned"):
        assert verdict.audit["warned-by"] == case["warned"]
    if case.get("about"):
        found = {problem.rule for problem in (*verdict.problems, *verdict.warned)}
        assert found == ({case["about"]} if is_refused(case) else set())
        assert verdict.warnings == () or is_refused(case)


def is_refused(case: dict[str, Any]) -> bool:
    """Whether the case is one of those that are refused, or warned of."""
    return bool(case.get("denied") or case.get("warnings"))


@pytest.mark.parametrize("rule", [entry.id for entry in CATALOGUE.values() if entry.sort is not Sort.API])
def test_each_rule_has_its_cases(rule: str) -> None:
    """One that passes without a word, one that is refused or warned of, and an update."""
    about = [case for _, case in CORPUS if case.get("about") == rule]

    assert any("old" not in case and not is_refused(case) for case in about), "none is accepted"
    assert any("old" not in case and is_refused(case) for case in about), "none is refused"
    assert any("old" in case for case in about), "none is an update"


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        pytest.param(review("certificates", "Certificate", None), 400, "there is no content", id="no object"),
        pytest.param(review("certificates", "Certificate", []), 400, "cannot read", id="not an object"),
        pytest.param(review("certificates", "Certificate", {"spec": 1}), 400, "cannot read", id="wrong type within"),
        pytest.param(
            review("certificates", "Certificate", certificate(duration="90d")), 400, "time: unknown unit", id="duration"
        ),
        pytest.param(
            review("certificates", "Certificate", certificate(), operation="UPDATE"),
            400,
            "there is no content",
            id="update without old object",
        ),
        pytest.param(
            review("certificates", "Issuer", {}), 403, "not of type *certmanager.Certificate", id="another kind"
        ),
        pytest.param(
            review("certificates", "Certificate", {"apiVersion": "cert-manager.io/v1", "kind": "Issuer"}),
            403,
            "internal error: object in admission request is not of type *certmanager.Certificate",
            id="what the object says counts",
        ),
        pytest.param(
            review("orders", "Order", {"kind": "Challenge"}, group="acme.cert-manager.io"),
            403,
            "internal error: object in admission request is not of type *acme.Order",
            id="another kind of ACME",
        ),
        pytest.param(
            review("certificates", "Certificate", {"apiVersion": "cert-manager.io/v1alpha2"}),
            400,
            'no kind "Certificate" is registered for version "cert-manager.io/v1alpha2" in scheme '
            '"pkg/runtime/scheme.go:111"',
            id="an old version",
        ),
        pytest.param(
            review("foos", "Foo", {}),
            400,
            'no kind "Foo" is registered for version "cert-manager.io/v1" in scheme "pkg/runtime/scheme.go:111"',
            id="a kind of ours that nobody knows",
        ),
        pytest.param(review("foos", "Foo", None), 400, "there is no content", id="an unknown kind without object"),
        pytest.param(review("foos", "Issuer", {}), 200, "", id="a known kind of an unknown resource"),
        pytest.param(
            review("certificates", "Certificate", {"apiVersion": "a/b/c"}),
            400,
            "unexpected GroupVersion string: a/b/c",
            id="no version",
        ),
        pytest.param(
            review("ingresses", "Ingress", {"kind": "Service"}, group="networking.k8s.io"),
            403,
            "not of type Ingress",
            id="no Ingress",
        ),
        pytest.param(review("", "Certificate", {}), 403, "Resource field is unset", id="no resource"),
        pytest.param(review("pods", "Pod", {}, group=""), 200, "", id="somebody else's resource"),
        pytest.param(review("certificates", "Certificate", None, operation="DELETE"), 200, "", id="delete"),
        pytest.param(
            review("certificates", "Certificate", certificate(renewBefore=None)), 200, "", id="null is absent"
        ),
    ],
)
def test_odd_requests(body: bytes, code: int, message: str) -> None:
    verdict = Judge().validate(request(body))

    assert (verdict.code, verdict.allowed) == (code, code == 200)
    assert message in verdict.message


def test_problems_of_an_ingress_are_told_with_their_remedies() -> None:
    bad = ingress(
        annotations={"cert-manager.io/issuer": "a", "cert-manager.io/cluster-issuer": "b", "cert-manager.io/isuer": "c"}
    )

    verdict = Judge().validate(request(review("ingresses", "Ingress", bad, group="networking.k8s.io")))

    assert verdict.message == (
        "2 problems:\n"
        '1. metadata.annotations[cert-manager.io/isuer]: Invalid value: "cert-manager.io/isuer": unknown annotation;'
        " did you mean cert-manager.io/issuer?\n"
        "2. metadata.annotations[cert-manager.io/issuer]: Forbidden:"
        ' both "cert-manager.io/issuer" and "cert-manager.io/cluster-issuer" may not be set; remove one of the two'
    )
    assert verdict.audit["denied-by"] == "unknown-annotation,issuer-contradiction"


def test_problems_beyond_a_thousand_are_counted() -> None:
    """The first line counts them all, and the last one says how many are not listed."""
    bad = ingress(annotations={f"cert-manager.io/isuer{number}": "c" for number in range(1500)})

    verdict = Judge().validate(request(review("ingresses", "Ingress", bad, group="networking.k8s.io")))

    first, *listed, last = verdict.message.split("\n")
    assert (first, len(listed), last) == ("1500 problems:", 1000, "and 500 more")


def test_remedies_of_our_own_kinds_are_warnings() -> None:
    """The message stays word for word the API's."""
    verdict = Judge().validate(request(review("certificates", "Certificate", certificate(secretName=""))))

    assert verdict.message == "spec.secretName: Required value: must be specified"
    assert verdict.warnings == ("spec.secretName: name the Secret that shall receive key and certificate",)


def test_a_decision_of_the_api_has_a_rule_of_its_kind() -> None:
    verdict = Judge().validate(request(review("certificates", "Certificate", certificate(secretName=""))))

    assert [problem.rule for problem in verdict.problems] == ["api-certificate"]
    assert verdict.audit["denied-by"] == "api-certificate"


def test_a_policy_makes_a_refusal_a_warning() -> None:
    """And the other way round, and silence."""
    bad = ingress(annotations={"cert-manager.io/issuer": "a", "cert-manager.io/isuer": "c"}, rules=[{}])
    asked = request(review("ingresses", "Ingress", bad, group="networking.k8s.io"))
    policy = Policy({"unknown-annotation": Action.WARN, "tls-missing": Action.DENY})

    verdict = Judge(policy=policy).validate(asked)

    assert [problem.rule for problem in verdict.problems] == ["tls-missing"]
    assert [problem.rule for problem in verdict.warned] == ["unknown-annotation"]
    silent = Judge(policy=Policy({"unknown-annotation": Action.OFF, "tls-missing": Action.OFF})).validate(asked)
    assert (silent.allowed, silent.warnings) == (True, ())


def test_a_policy_that_is_ignored_stands_in_the_audit_log() -> None:
    namespace = msgspec.convert(
        {"metadata": {"name": "team", "annotations": {"certshim.io/admission": "tls-missin=off"}}}, Namespace
    )
    asked = request(review("ingresses", "Ingress", ingress(), group="networking.k8s.io"))

    judge = Judge(facts=FactsOf([namespace], synced=False))
    verdict = judge.validate(asked)
    of_no_rules = judge.validate(request(review("orders", "Order", {}, group="acme.cert-manager.io")))

    assert verdict.allowed
    assert "policy-ignored" not in of_no_rules.audit
    assert verdict.audit["policy-ignored"] == "there is no rule tls-missin; did you mean tls-missing?"
    assert verdict.warnings == (
        "certshim.io/admission of namespace team: ignored: there is no rule tls-missin; did you mean tls-missing?",
    )


def test_what_could_not_be_checked_is_said() -> None:
    verdict = Judge().validate(request(review("ingresses", "Ingress", ingress(), group="networking.k8s.io")))

    assert verdict.allowed
    assert "host-unprovable" in verdict.audit["not-checked"].split(",")


def test_warnings_are_few_and_short() -> None:
    names = [f"x{i}" * 60 for i in range(20)]
    bad = ingress(tls=[{"secretName": name} for name in names], annotations={})

    verdict = Judge().validate(request(review("ingresses", "Ingress", bad, group="networking.k8s.io")))

    assert len(verdict.warnings) <= 8
    assert all(len(warning) <= 120 for warning in verdict.warnings)


def test_identity_is_written_into_a_request() -> None:
    obj = {"metadata": {}, "spec": {"request": "eA==", "username": "somebody else", "extra": {"a": ["b"]}}}

    operations = Judge().mutate(request(review("certificaterequests", "CertificateRequest", obj))).operations

    assert {operation.path: operation.value for operation in operations} == {
        "/spec/uid": "7",
        "/spec/username": "dev",
        "/spec/groups": ["devs", "system:authenticated"],
        "/spec/extra": {"authentication.kubernetes.io/credential-id": ["X509SHA256=aa"]},
    }


def test_a_missing_spec_is_made_and_another_is_not() -> None:
    verdict = Judge().mutate(request(review("certificaterequests", "CertificateRequest", {})))

    assert [operation.path for operation in verdict.operations] == [
        "/spec",
        "/spec/uid",
        "/spec/username",
        "/spec/groups",
        "/spec/extra",
    ]
    refused = Judge().mutate(request(review("certificaterequests", "CertificateRequest", {"spec": None})))
    assert (refused.code, refused.reason) == (403, "Forbidden")


def test_extra_of_somebody_who_has_none_is_removed() -> None:
    spec = {"uid": "", "username": "", "groups": [], "extra": {"a": ["b"]}}
    body = review("certificaterequests", "CertificateRequest", {"spec": spec}, userInfo={})

    verdict = Judge().mutate(request(body))

    assert [(operation.op, operation.path) for operation in verdict.operations] == [("remove", "/spec/extra")]


def test_mutation_without_a_resource_is_refused() -> None:
    verdict = Judge().mutate(request(review("", "CertificateRequest", {})))

    assert (verdict.code, verdict.message) == (403, "internal error: admission request Resource field is unset")


def test_identity_that_stands_there_is_not_patched() -> None:
    spec = {
        "uid": "7",
        "username": "dev",
        "groups": ["devs", "system:authenticated"],
        "extra": {"authentication.kubernetes.io/credential-id": ["X509SHA256=aa"]},
    }

    verdict = Judge().mutate(request(review("certificaterequests", "CertificateRequest", {"spec": spec})))

    assert verdict.operations == ()


def test_spec_that_is_no_object_is_refused_by_the_mutation() -> None:
    verdict = Judge().mutate(request(review("certificaterequests", "CertificateRequest", {"spec": 1})))

    assert (verdict.code, verdict.message) == (403, "value cannot be set because .spec is not a map[string]interface{}")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(RESOURCES)), st.sampled_from(["CREATE", "UPDATE"]), JSON, JSON)
def test_no_object_makes_it_raise(kind: str, operation: str, spec: object, annotations: object) -> None:
    group, plural = RESOURCES[kind]
    obj = {"metadata": {"annotations": annotations}, "spec": spec}
    asked = request(review(plural, kind, obj, group=group, operation=operation, old=obj))

    for verdict in (Judge().validate(asked), Judge().mutate(asked)):
        assert verdict.code in {200, 400, 403}
        json.dumps(verdict.message)
