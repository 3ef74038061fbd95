"""The static rules for Ingresses once more, in CEL, for the API server to evaluate by itself.

    Check = rule + what it looks at + condition, both CEL + a sample that breaks it
    sample ──judge──> sentence and remedy, word for word ──> the text in CEL

A condition must hold only where the webhook would refuse: one that is not sure says nothing.  The
sentence is had from the judge, so that the two cannot drift apart; a sample of which the judge does
not say that one thing any more is an error.

Left to the webhook is what CEL cannot know: entries of spec.tls that admission or the shim will
complete, issuers by default, values that are JSON, CSV or lists of names, and all other objects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from certs.annotations import CLUSTER_ISSUER, ISSUER, ISSUER_GROUP, ISSUER_KIND, TLS_MODE
from certs.api.admission import AdmissionRequest, GroupVersionKind, GroupVersionResource
from certs.api.certificate import KeyAlgorithm, KeyEncoding, RotationPolicy
from certs.api.ingress import Ingress
from certs.completion import MANUAL
from certs.judge import Judge
from certs.problems import Problem, show
from certs.wanted import ECDSA_SIZES, RSA_SIZES

NUMBER: Final = "^[+-]?[0-9]{1,11}$"
DURATION: Final = "^[+-]?(0|(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$"
SHORT_DURATION: Final = "^([0-9]{1,5}(ns|us|ms|s|m|h)){1,4}$"  # what CEL's duration() can hold for certain
NO_DURATION: Final = "^([+-]?0|-.*)$"
SPARE_STAR: Final = "[A-Za-z0-9_.*-][*]|[*]([^.]|$)"  # one that is not a name's whole first label

_DURATION: Final = "cert-manager.io/duration"
_RENEW_BEFORE: Final = "cert-manager.io/renew-before"
_PERCENTAGE: Final = "cert-manager.io/renew-before-percentage"
_HISTORY: Final = "cert-manager.io/revision-history-limit"
_COMMON_NAME: Final = "cert-manager.io/common-name"
_ALT_NAMES: Final = "cert-manager.io/alt-names"
_ALGORITHM: Final = "cert-manager.io/private-key-algorithm"
_ENCODING: Final = "cert-manager.io/private-key-encoding"
_ROTATION: Final = "cert-manager.io/private-key-rotation-policy"
_SIZE: Final = "cert-manager.io/private-key-size"


@dataclass(frozen=True, slots=True)
class Check:
    """One way to break a rule.

    `broken` is CEL over `v`, each element of the list `each`, and over `a`, the annotations; where `each` is
    `indices`, those of the entries of spec.tls, also over the entries, `tls`, and their Secrets' names, `secrets`.
    The sample breaks the rule and no other.  `shown` says which parts of the
    judge's sentence are the sample's alone, and what stands there in CEL.
    """

    rule: str
    each: str
    broken: str
    annotations: Mapping[str, str]
    tls: tuple[Mapping[str, Any], ...]
    shown: Mapping[str, str]

    @property
    def expression(self) -> str:
        """CEL: the list of what is wrong, each with what to write instead, as the webhook says it."""
        return f"{self.each}.filter(v, {self.broken})\n.map(v, {self.text})"

    @property
    def text(self) -> str:
        """CEL of the sentence."""
        return in_cel(sentence(problem_of(self.sample, self.rule)), self.shown)

    @property
    def sample(self) -> dict[str, Any]:
        """An Ingress that breaks it."""
        spec = {"rules": [{"host": "shop.example.com"}], "tls": list(self.tls)}
        return {"metadata": {"name": "shop", "annotations": dict(self.annotations)}, "spec": spec}


def sentence(problem: Problem) -> str:
    """Return the problem and its remedy, as the webhook tells them."""
    return f"{problem}; {problem.remedy}" if problem.remedy else str(problem)


def problem_of(ingress: Mapping[str, Any], rule: str) -> Problem:
    """Return what the judge finds by that rule; LookupError when it is not exactly one thing, and nothing else."""
    resource = Ingress.resource
    request = AdmissionRequest(
        uid="",
        kind=GroupVersionKind(resource.group, resource.version, resource.kind),
        resource=GroupVersionResource(resource.group, resource.version, resource.plural),
        operation="CREATE",
        object=msgspec.Raw(msgspec.json.encode(ingress)),
    )
    problems = Judge().validate(request).problems
    if [problem.rule for problem in problems] != [rule]:
        found = "; ".join(map(sentence, problems)) or "nothing"
        raise LookupError(f"cannot have the sentence of {rule}: the judge says of {json.dumps(ingress)}: {found}")
    return problems[0]


def in_cel(text: str, shown: Mapping[str, str]) -> str:
    """Return a CEL expression of the text, with other expressions where a part of it is named."""
    if not shown:
        return literal(text)
    parts = re.split("(" + "|".join(re.escape(part) for part in shown) + ")", text)
    return " + ".join(shown.get(part) or literal(part) for part in parts if part)


def literal(value: object) -> str:
    """Return the value in CEL, whose literals are JSON's."""
    return json.dumps(value, ensure_ascii=False)


def _about(key: str, rule: str, broken: str, annotations: Mapping[str, str]) -> Check:
    """Return a check of one annotation, asked only where there is one."""
    shown = {show(annotations[key]): "strings.quote(v)"} if rule == "annotation-value" else {}
    name = literal(key)
    return Check(rule, f"({name} in a ? [a[{name}]] : [])", broken, annotations, (), shown)


def _value(key: str, sample: str, broken: str, others: Mapping[str, str] | None = None) -> Check:
    return _about(key, "annotation-value", broken, {ISSUER: "le", **(others or {}), key: sample})


def _matches(pattern: str) -> str:
    return f"v.matches({literal(pattern)})"


def _word(key: str, words: type[KeyAlgorithm | KeyEncoding | RotationPolicy]) -> Check:
    return _value(key, "?", f"!(v in {literal(list(words))})")


def _durations(key: str, at_least: str, sample: str) -> tuple[Check, Check]:
    """Return the checks of a duration: that it is one, and that it is long enough."""
    short = f"{_matches(SHORT_DURATION)} && duration(v) < duration({literal(at_least)})"
    too_short = f"{_matches(DURATION)} && ({_matches(NO_DURATION)} || {short})"
    return _value(key, "soon", f"!{_matches(DURATION)}"), _value(key, sample, too_short)


def _exclusive() -> Check:
    """Return the check of two ways to say when to renew; the webhook compares them when both can be read."""
    long_enough = f'{_matches(SHORT_DURATION)} && duration(v) >= duration("5m")'
    percentage = f"a[?{literal(_PERCENTAGE)}].orValue('').matches({literal(NUMBER)})"
    return _value(_RENEW_BEFORE, "360h", f"{long_enough} && {percentage}", {_PERCENTAGE: "30"})


def _size(algorithm: KeyAlgorithm, sample: str, wrong: str) -> Check:
    """Return the check of a key size for an algorithm; RSA when none is named."""
    chosen = f"a[?{literal(_ALGORITHM)}].orValue({literal(KeyAlgorithm.RSA)}) == {literal(algorithm)}"
    return _value(_SIZE, sample, f"{chosen} && {_matches(NUMBER)} && {wrong}", {_ALGORITHM: algorithm})


def _contradiction(key: str) -> Check:
    return _about(key, "issuer-contradiction", f"{literal(CLUSTER_ISSUER)} in a", {CLUSTER_ISSUER: "le", key: "le"})


def _lacking(lacks: str, sample: Mapping[str, Any]) -> Check:
    """Return the check of entries that stay as they are, because our hands are off."""
    manual = f"a[?{literal(TLS_MODE)}].orValue('') == {literal(MANUAL)}"
    annotations = {ISSUER: "le", TLS_MODE: MANUAL}
    shown = {"[0]": '"[" + string(v) + "]"'}
    return Check("tls-entry-incomplete", "indices", f"{manual} && {lacks}", annotations, (sample,), shown)


def _secret_twice() -> Check:
    """Return the check of a Secret that an earlier entry names, too; entries without are filled in later."""
    broken = "secrets[v] != '' && secrets.indexOf(secrets[v]) < v"
    entries = tuple({"hosts": [f"{name}.example.com"], "secretName": "twice"} for name in "ab")
    shown = {
        '"twice"': "strings.quote(secrets[v])",
        "[1]": '"[" + string(v) + "]"',
        "[0]": '"[" + string(secrets.indexOf(secrets[v])) + "]"',
    }
    return Check("tls-secret-twice", "indices", broken, {ISSUER: "le"}, entries, shown)


CHECKS: Final[tuple[Check, ...]] = (
    _about(CLUSTER_ISSUER, "issuer-missing", "v == ''", {CLUSTER_ISSUER: ""}),
    _about(ISSUER, "issuer-missing", f"v == '' && !({literal(CLUSTER_ISSUER)} in a)", {ISSUER: ""}),
    _contradiction(ISSUER),
    _contradiction(ISSUER_GROUP),
    _contradiction(ISSUER_KIND),
    _value(_COMMON_NAME, "x" * 65, "bytes(v).size() > 64"),
    _value(_ALT_NAMES, "a.*.example.com", _matches(SPARE_STAR)),
    *_durations(_DURATION, "1h", "1m"),
    *_durations(_RENEW_BEFORE, "5m", "1s"),
    _exclusive(),
    _value(_PERCENTAGE, "some", f"!{_matches(NUMBER)}"),
    _value(_HISTORY, "some", f"!{_matches(NUMBER)}"),
    _value(_HISTORY, "0", f"{_matches(NUMBER)} && int(v) < 1"),
    _word(_ALGORITHM, KeyAlgorithm),
    _word(_ENCODING, KeyEncoding),
    _word(_ROTATION, RotationPolicy),
    _value(_SIZE, "big", f"!{_matches(NUMBER)}"),
    _size(KeyAlgorithm.RSA, "1024", f"(int(v) < {RSA_SIZES.start} || int(v) >= {RSA_SIZES.stop})"),
    _size(KeyAlgorithm.ECDSA, "255", f"!(int(v) in {list(ECDSA_SIZES)})"),
    _lacking("tls[v].?hosts.orValue([]).size() == 0", {"secretName": "a"}),
    _lacking("secrets[v] == ''", {"hosts": ["a.example.com"]}),
    _secret_twice(),
)
