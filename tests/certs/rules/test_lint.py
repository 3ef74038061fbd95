"""Lint of Certificates and issuers: when it is asked, and that it never refuses; what it finds is in the corpus."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from certs.api.certificate import Certificate
from certs.api.issuer import ClusterIssuer, Issuer
from certs.facts import UNKNOWN_SECRET, NothingKnown
from certs.judge import Judge
from certs.known import FactsOf
from certs.lenient import lenient
from certs.rules.lint import CERTIFICATE_RULES, LINT_RULES, lint
from certs.rules.rule import NO_POLICY, Action, Policy
from certs.verdict import Verdict
from certs.wanted import MAX_TOLD, Settings
from tests.certs.test_judge import request
from tests.webhook.reviews import review

REF = {"name": "le", "kind": "ClusterIssuer"}
ODD = {"secretName": "x", "issuerRef": REF, "dnsNames": ["Shop.example.org"]}


def spec(*names: str) -> dict[str, Any]:
    return {**ODD, "dnsNames": names}


def verdict(judge: Judge, *, old: dict[str, Any] | None = None, **more: Any) -> Verdict:
    """Return the verdict on a Certificate with a capital letter in its name."""
    operation = "CREATE" if old is None else "UPDATE"
    obj = {"kind": "Certificate", "metadata": {"name": "shop", "namespace": "team"}, "spec": ODD}
    before = {**obj, "spec": old} if old is not None else None
    return judge.validate(request(review("certificates", "Certificate", obj, operation=operation, old=before, **more)))


def rules_of(found: Verdict) -> set[str]:
    return {problem.rule for problem in found.warned}


def test_it_warns_on_create() -> None:
    found = verdict(Judge())

    assert found.allowed
    assert rules_of(found) == {"certificate-name-form"}
    assert found.warnings == ("spec.dnsNames[0]: has capital letters; write shop.example.org",)


def test_it_warns_of_what_an_update_brings() -> None:
    assert rules_of(verdict(Judge(), old=spec("shop.example.org"))) == {"certificate-name-form"}


def test_it_is_not_asked_of_a_status() -> None:
    """The controllers write many of those."""
    found = verdict(Judge(), old=spec("shop.example.org"), subResource="status")

    assert (found.warnings, found.audit) == ((), {})


def test_it_is_not_asked_when_the_spec_stays() -> None:
    found = verdict(Judge(), old=ODD)

    assert (found.warnings, found.audit) == ((), {})


def test_no_policy_makes_it_refuse() -> None:
    policy = Policy({rule.id: Action.DENY for rule in LINT_RULES})

    found = verdict(Judge(policy=policy))

    assert found.allowed
    assert rules_of(found) == {"certificate-name-form"}


def test_a_policy_silences_it() -> None:
    found = verdict(Judge(policy=Policy({"certificate-name-form": Action.OFF})))

    assert found.warnings == ()


def test_what_the_cluster_is_needed_for_is_left_out_until_it_is_known() -> None:
    found = verdict(Judge(facts=FactsOf([], synced=False)))

    skipped = {rule.id for rule in CERTIFICATE_RULES if rule.needs_facts}
    assert set(found.audit["not-checked"].split(",")) == skipped
    assert rules_of(found) == {"certificate-name-form"}


def test_it_stands_beside_a_refusal() -> None:
    """Everything that is wrong is told at once."""
    obj = {"kind": "Certificate", "metadata": {"name": "shop"}, "spec": {**ODD, "secretName": ""}}

    found = Judge().validate(request(review("certificates", "Certificate", obj)))

    assert found.message == "spec.secretName: Required value: must be specified"
    assert rules_of(found) == {"certificate-name-form"}


@pytest.mark.parametrize("rule", LINT_RULES, ids=lambda rule: rule.id)
def test_a_rule_warns_and_says_of_which_kinds_it_is(rule: Any) -> None:
    assert rule.action is Action.WARN
    assert set(rule.kinds) <= {"Certificate", "Issuer", "ClusterIssuer"}
    assert all((rule.sentence, rule.remedy, rule.why))


def test_of_very_many_mistakes_the_first_are_told() -> None:
    """Nobody mends thousands, and each costs time."""
    names = [f"X{i}.internal" for i in range(5000)] * 2 + ["*.internal"]
    certificate = msgspec.convert({"metadata": {"name": "shop"}, "spec": spec(*names)}, lenient(Certificate))

    found = lint(certificate, lambda: None, NothingKnown(), NO_POLICY)

    assert len(found.warned) == 3 * MAX_TOLD


def test_secrets_of_an_issuer_are_looked_for_where_the_controller_looks() -> None:
    """In the namespace of an Issuer, for a ClusterIssuer in the controller's."""
    body = {"metadata": {"name": "ca", "namespace": "team"}, "spec": {"ca": {"secretName": "root"}}}

    of_namespace = lint(msgspec.convert(body, lenient(Issuer)), lambda: None, FactsOf([]), NO_POLICY)
    of_cluster = lint(msgspec.convert(body, lenient(ClusterIssuer)), lambda: None, FactsOf([]), NO_POLICY)

    assert [problem.detail for problem in of_namespace.warned] == ["there is no Secret root in team"]
    assert [problem.detail for problem in of_cluster.warned] == ["there is no Secret root in cert-manager"]


def test_the_admin_says_where_secrets_of_the_cluster_are() -> None:
    judge = Judge(Settings(cluster_resource_namespace="kube-system"), FactsOf([]))
    body = {"kind": "ClusterIssuer", "metadata": {"name": "ca"}, "spec": {"ca": {"secretName": "root"}}}

    found = judge.validate(request(review("clusterissuers", "ClusterIssuer", body)))

    assert [problem.detail for problem in found.warned] == ["there is no Secret root in kube-system"]


class Blind(FactsOf):
    """Facts of a webhook that may not list Secrets."""

    def secret_type(self, namespace: str, name: str) -> str | None:
        """Know of no Secret whether it is there."""
        return UNKNOWN_SECRET


def test_secrets_that_may_not_be_looked_at_are_not_missed() -> None:
    body = {"metadata": {"name": "ca", "namespace": "team"}, "spec": {"ca": {"secretName": "root"}}}

    found = lint(msgspec.convert(body, lenient(Issuer)), lambda: None, Blind([]), NO_POLICY)

    assert not found.warned
