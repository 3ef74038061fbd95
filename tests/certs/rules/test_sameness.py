"""What Go takes for a change of a spec, and what it does not."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.api.certificaterequest import CertificateRequestSpec
from certs.api.challenge import ChallengeSpec
from certs.rules.sameness import changed_fields


def changed(new: Any, old: Any, kind: type[msgspec.Struct] = CertificateRequestSpec) -> set[str]:
    raw = [msgspec.Raw(json.dumps({"metadata": {"name": "x"}, "spec": spec}).encode()) for spec in (new, old)]
    return set(changed_fields(raw[0], raw[1], kind))


def solver(**fields: Any) -> dict[str, Any]:
    return {"solver": fields}


def dns01(**providers: Any) -> dict[str, Any]:
    return solver(dns01=providers)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({}, None, id="no spec"),
        pytest.param({"username": ""}, {}, id="text"),
        pytest.param({"username": None}, {"username": ""}, id="null for text"),
        pytest.param({"isCA": False}, {}, id="a truth value"),
        pytest.param({"issuerRef": {}}, {}, id="an object that is no pointer"),
        pytest.param({"issuerRef": {"kind": ""}}, {"issuerRef": None}, id="an object of zeros"),
        pytest.param({"duration": "60m"}, {"duration": "1h"}, id="a duration"),
        pytest.param({"duration": "1h0m0.0s"}, {"duration": "3600s"}, id="a duration with a fraction"),
        pytest.param({"groups": None}, {}, id="null for a list"),
        pytest.param({"usages": ["any", None]}, {"usages": ["any", ""]}, id="null in a list"),
        pytest.param({"extra": {"a": None}}, {"extra": {"a": None}, "unknown": 1}, id="an unknown field"),
        pytest.param({"uid": "1", "username": "a"}, {"username": "a", "uid": "1"}, id="another order"),
        pytest.param({"request": "eA=="}, {"request": "eA=\n="}, id="base64 in two lines"),
    ],
)
def test_what_is_the_same(one: Any, other: Any) -> None:
    assert changed(one, other) == changed(other, one) == set()


@pytest.mark.parametrize(
    ("one", "other", "fields"),
    [
        pytest.param({"username": "a"}, {}, {"username"}, id="text"),
        pytest.param({"groups": []}, {}, {"groups"}, id="an empty list"),
        pytest.param({"groups": ["a", "b"]}, {"groups": ["b", "a"]}, {"groups"}, id="another order"),
        pytest.param({"extra": {}}, {"extra": None}, {"extra"}, id="an empty map"),
        pytest.param({"extra": {"a": []}}, {"extra": {"a": None}}, {"extra"}, id="an empty list in a map"),
        pytest.param({"request": ""}, {}, {"request"}, id="no octets"),
        pytest.param({"duration": "0s"}, {}, {"duration"}, id="a duration of nothing"),
        pytest.param({"duration": "1h", "isCA": True}, {"duration": "2h"}, {"duration", "isCA"}, id="several"),
    ],
)
def test_what_is_changed(one: Any, other: Any, fields: set[str]) -> None:
    assert changed(one, other) == changed(other, one) == fields


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (solver(), {}),
        (solver(http01={"ingress": {"name": ""}}), solver(http01={"ingress": {}})),
        (
            solver(http01={"ingress": {"podTemplate": {"metadata": {}, "spec": {}}}}),
            solver(http01={"ingress": {"podTemplate": {}}}),
        ),
        (dns01(rfc2136={"tsigSecretSecretRef": {}}), dns01(rfc2136={})),
        (dns01(route53={"secretAccessKeySecretRef": {"key": ""}}), dns01(route53={})),
        (dns01(cnameStrategy=""), dns01()),
        (dns01(azureDNS={"environment": "", "zoneType": ""}), dns01(azureDNS={})),
        (solver(waitInsteadOfSelfCheck="90s"), solver(waitInsteadOfSelfCheck="1m30s")),
    ],
)
def test_what_is_the_same_in_a_solver(one: Any, other: Any) -> None:
    assert changed(one, other, ChallengeSpec) == changed(other, one, ChallengeSpec) == set()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (solver(selector={}), solver()),
        (solver(http01={"ingress": {"class": ""}}), solver(http01={"ingress": {}})),
        (solver(http01={"ingress": {"podTemplate": {}}}), solver(http01={"ingress": {}})),
        (dns01(cloudflare={"apiKeySecretRef": {}}), dns01(cloudflare={})),
        (dns01(route53={"auth": {"kubernetes": {}}}), dns01(route53={"auth": {}})),
        (dns01(route53={"accessKeyIDSecretRef": {}}), dns01(route53={})),
        (dns01(webhook={"config": {}}), dns01(webhook={})),
        (dns01(webhook={"config": {"a": []}}), dns01(webhook={"config": {"a": None}})),
    ],
)
def test_what_is_changed_in_a_solver(one: Any, other: Any) -> None:
    assert changed(one, other, ChallengeSpec) == changed(other, one, ChallengeSpec) == {"solver"}


def test_nested_beyond_any_spec() -> None:
    """Such an update is nobody's honest one."""
    deep = '{"spec": {"solver": ' + '{"a":' * 5000 + "1" + "}" * 5000 + "}}"

    assert changed_fields(msgspec.Raw(deep.encode()), msgspec.Raw(b'{"spec": {}}'), ChallengeSpec)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
TEXT = st.text(max_size=2)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "groups": st.none() | st.lists(st.none() | TEXT, max_size=3),
        "extra": st.none()
        | st.dictionaries(st.text(max_size=2), st.none() | st.lists(st.text(max_size=2)), max_size=2),
        "issuerRef": st.none() | st.dictionaries(st.sampled_from(["name", "kind"]), st.none() | TEXT),
        "duration": st.none() | st.sampled_from(["1h", "60m", "0s", "no"]),
        "unknown": JSON,
    },
)


@given(SPECS, SPECS)
def test_it_does_not_matter_which_is_new(one: Any, other: Any) -> None:
    assert changed(one, other) == changed(other, one)
    assert changed(one, {**one, "another": other}) == set()
