"""Policies: who may change what, and that every mistake is told at once."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from certs.policy import local_policies, parse_policy, read_policy
from certs.rules.catalogue import CATALOGUE, Sort
from certs.rules.ingress import RULES as INGRESS_RULES
from certs.rules.lint import LINT_RULES
from certs.rules.rule import NO_POLICY, Action, Policy

DENY, WARN, OFF = Action.DENY, Action.WARN, Action.OFF


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("", {}),
        ("host-claimed=deny", {"host-claimed": DENY}),
        (" host-claimed = deny , tls-missing=off,", {"host-claimed": DENY, "tls-missing": OFF}),
    ],
)
def test_annotation_is_read(text: str, actions: dict[str, Action]) -> None:
    assert parse_policy(text) == Policy(actions)


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("host-claimd=deny", ["there is no rule host-claimd; did you mean host-claimed?"]),
        ("zzz=deny", ["there is no rule zzz"]),
        ("host-claimed", ["host-claimed: write <rule>=<action>"]),
        ("host-claimed=dney", ["host-claimed=dney: write deny or warn or off; did you mean deny?"]),
        ("host-claimed=deny,host-claimed=off", ["host-claimed stands there twice"]),
        ("api-certificate=off", ["api-certificate: is the API's decision, which no policy changes"]),
        (
            "host-claimd=deny,tls-missing=of",
            [
                "there is no rule host-claimd; did you mean host-claimed?",
                "tls-missing=of: write deny or warn or off; did you mean off?",
            ],
        ),
    ],
)
def test_all_mistakes_of_an_annotation_are_told(text: str, mistakes: list[str]) -> None:
    with pytest.raises(ValueError) as failure:
        parse_policy(text)

    assert str(failure.value).splitlines() == mistakes


def test_settings_are_read() -> None:
    """Also a bare `off`, which YAML takes for false."""
    tree = yaml.safe_load("rules: {host-claimed: deny, tls-missing: off}\nlocked: [host-claimed]\n")

    assert read_policy(tree) == Policy({"host-claimed": DENY, "tls-missing": OFF}, frozenset({"host-claimed"}))


@pytest.mark.parametrize("text", ["", "{}", "rules:", "rules: {}\nlocked: []"])
def test_settings_may_say_nothing(text: str) -> None:
    assert read_policy(yaml.safe_load(text)) == NO_POLICY


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("[]", ["is no mapping; write for example rules: {host-claimed: deny}"]),
        ("ruels: {}", ["ruels: is no setting; did you mean rules?"]),
        ("rules: [x]", ["rules: is no mapping; write for example rules: {host-claimed: deny}"]),
        ("locked: x", ["locked: is no list; write for example locked: [host-claimed]"]),
        ("locked: [tls-mising]", ["locked: there is no rule tls-mising; did you mean tls-missing?"]),
        (
            "rules: {tls-missing: maybe, api-order: off}\nlocked: [zzz]",
            [
                "rules: tls-missing=maybe: write deny or warn or off",
                "rules: api-order: is the API's decision, which no policy changes",
                "locked: there is no rule zzz",
            ],
        ),
    ],
)
def test_all_mistakes_of_the_settings_are_told(text: str, mistakes: list[str]) -> None:
    with pytest.raises(ValueError) as failure:
        read_policy(yaml.safe_load(text))

    assert str(failure.value).splitlines() == mistakes


def test_a_namespace_wins_unless_the_rule_is_locked() -> None:
    local = local_policies(Policy({"host-claimed": DENY, "tls-missing": DENY}, frozenset({"host-claimed"})))

    own = local("host-claimed=off,tls-missing=off,host-without-tls=deny")

    assert own.policy.actions == {"host-claimed": DENY, "tls-missing": OFF, "host-without-tls": DENY}
    assert own.complaint == "host-claimed: locked by the cluster's admin"


def test_a_bad_annotation_changes_nothing_and_says_why() -> None:
    admin = Policy({"host-claimed": DENY})

    own = local_policies(admin)("host-claimed=off,tls-mising=off")

    assert own.policy == admin
    assert own.complaint == "there is no rule tls-mising; did you mean tls-missing?"


def test_the_apis_decisions_are_nobodys_to_change() -> None:
    assert {entry.allowed for entry in CATALOGUE.values() if entry.sort is Sort.API} == {()}


@given(st.text(max_size=60))
def test_no_annotation_breaks_admission(text: str) -> None:
    """Whatever stands there, there is a policy."""
    assert local_policies(NO_POLICY)(text).policy is not None


def test_a_long_text_makes_no_long_complaint() -> None:
    assert len(local_policies(NO_POLICY)("x" * 200_000).complaint) < 120


def test_no_rule_is_off_by_itself() -> None:
    """`examine` looks for that only where there is a policy."""
    assert OFF not in {entry.action for entry in CATALOGUE.values()}


def test_ids_are_unique() -> None:
    """A second rule of an id would hide the first in the catalogue."""
    rules = [rule.id for rule in (*INGRESS_RULES, *LINT_RULES)]

    assert len(set(rules)) == len(rules)
    assert set(rules) <= set(CATALOGUE)
