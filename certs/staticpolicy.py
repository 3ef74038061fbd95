"""The ValidatingAdmissionPolicy and its binding: the static rules for Ingresses, when no webhook answers, too.

The API server evaluates the policy between the mutating and the validating webhooks.  As the webhook
does, it tells everything at once with what to write instead, looks away where the namespace's
annotation `certshim.io/admission` says so, and forgives an update what was wrong before.

    annotations ─> unknown keys, with the known one that has most letters in common
    [object, oldObject] ─checks of certs.staticrules─> what is wrong now, what was wrong before

It cannot know the settings of the webhook: a rule to which those give another action than deny must be
left out when the policy is made.  An expression that fails counts as true (`failurePolicy: Ignore`).
"""

from __future__ import annotations

from typing import Any, Final

from certs.annotations import CLUSTER_ISSUER, ELSEWHERE, ISSUER, KNOWN, LEGACY
from certs.rules.rule import NO_POLICY, Action, Policy
from certs.rules.spelling import OWN_PREFIXES
from certs.staticrules import CHECKS, in_cel, literal, problem_of, sentence

NAME: Final = "ingress.certshim.io"
LABELS: Final = {"app.kubernetes.io/name": "certshim", "app.kubernetes.io/component": "webhook"}
API_VERSION: Final = "admissionregistration.k8s.io/v1"
SHIM: Final = "system:serviceaccount:cert-manager:certshim-shim"
EXEMPT: Final = ("cert-manager.io/disable-validation", "certmanager.k8s.io/disable-validation")
CHOICE: Final = "certshim.io/admission"  # the namespace's annotation: rule=action,…
UNKNOWN: Final = "unknown-annotation"
MESSAGE: Final = "The Ingress breaks rules of certshim; docs/rules.md says which there are."
MAX_INDEX: Final = 64  # of entries of spec.tls that are looked at, and of letters in a name: 63 and a slash are allowed
# Choices are "rule=action"; whatever is not clearly "deny" leaves the rule to the webhook.
LENIENT: Final = (
    f"namespaceObject.metadata.?annotations[?{literal(CHOICE)}].orValue('').split(',')\n"
    r".filter(choice, !choice.matches('=\\s*deny\\s*$')).map(choice, choice.split('=')[0].trim())"
)
_SENSELESS: Final = {"metadata": {"annotations": {"certshim.io/zz": ""}}, "spec": {}}
_PREFIXED: Final = "^(" + "|".join(sorted(prefix.replace(".", "[.]") for prefix in OWN_PREFIXES)) + ")/"


def objects(policy: Policy = NO_POLICY) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the policy and its binding, without the rules whose action is another than deny."""
    binding = {
        "apiVersion": API_VERSION,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": NAME, "labels": LABELS},
        "spec": {"policyName": NAME, "validationActions": ["Deny"]},
    }
    spec = {
        "failurePolicy": "Ignore",
        "matchConstraints": _constraints(),
        "matchConditions": [{"name": name, "expression": text} for name, text in _conditions().items()],
        "variables": [{"name": name, "expression": text} for name, text in _variables(policy).items()],
        "validations": [_validation()],
    }
    metadata = {"name": NAME, "labels": LABELS}
    return {
        "apiVersion": API_VERSION,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata,
        "spec": spec,
    }, binding


def _constraints() -> dict[str, Any]:
    rule = {
        "apiGroups": ["networking.k8s.io"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["ingresses"],
        "scope": "Namespaced",
    }
    exempt = [{"key": key, "operator": "NotIn", "values": ["true"]} for key in EXEMPT]
    return {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {"matchExpressions": exempt},
        "resourceRules": [rule],
    }


def _conditions() -> dict[str, str]:
    return {
        "not-by-the-shim": f"request.userInfo.username != {literal(SHIM)}",
        "not-being-deleted": "!has(object.metadata.deletionTimestamp)",
        "has-our-annotations": (
            f"object.metadata.?annotations.orValue({{}}).exists(key, key.matches({literal(_PREFIXED)}))"
        ),
    }


def _validation() -> dict[str, str]:
    found = "(variables.unknown + variables.broken).size()"
    return {
        "expression": f"{found} == 0",
        "messageExpression": (
            f"({found} > 1 ? string({found}) + ' problems: ' : '') + (variables.told + variables.broken).join(' | ')"
        ),
        "message": MESSAGE,
        "reason": "Forbidden",
    }


def _variables(policy: Policy) -> dict[str, str]:
    denying = [rule for rule in dict.fromkeys(check.rule for check in CHECKS) if _denies(policy, rule)]
    found = [f"variables.{variable_name(rule)}" for rule in denying]
    wanted = f"{literal(ISSUER)} in variables.annotations || {literal(CLUSTER_ISSUER)} in variables.annotations"
    now, before = (" + ".join(f"{name}[{state}]" for name in found) or "[]" for state in (0, 1))
    return {
        "annotations": "object.metadata.?annotations.orValue({})",
        "numbers": literal(list(range(MAX_INDEX))),
        "lenient": LENIENT,
        "known": _list(sorted(key for key in {*KNOWN, *ELSEWHERE, *LEGACY} if _is_own(key))),
        "unknown": _unless_lenient(policy, UNKNOWN, "[]", _unknown()) if _denies(policy, UNKNOWN) else "[]",
        "suggestions": _list(sorted((key for key in KNOWN if _is_own(key)), key=lambda key: (len(key), key))),
        "told": _told(),
        **{variable_name(rule): _unless_lenient(policy, rule, "[[], []]", _broken(rule)) for rule in denying},
        "wanted": f"({wanted})\n&& !('foregroundDeletion' in object.metadata.?finalizers.orValue([]))",
        "broken": f"variables.wanted ? ({now})\n.filter(text, !(text in {before}))\n: []",
    }


def variable_name(rule: str) -> str:
    """Return the rule's id as CEL can have it: tlsSecretTwice."""
    first, *rest = rule.split("-")
    return first + "".join(word.capitalize() for word in rest)


def _denies(policy: Policy, rule: str) -> bool:
    return policy.actions.get(rule, Action.DENY) is Action.DENY


def _unless_lenient(policy: Policy, rule: str, nothing: str, found: str) -> str:
    """Return what is found by a rule, if the namespace does not choose otherwise, where it may choose."""
    return found if rule in policy.locked else f"{literal(rule)} in variables.lenient ? {nothing} :\n{found}"


def _is_own(key: str) -> bool:
    return key.partition("/")[0] in OWN_PREFIXES


def _list(items: list[str]) -> str:
    return "[\n" + ",\n".join(literal(item) for item in items) + "\n]"


def _unknown() -> str:
    return (
        "variables.annotations.filter(key,\n"
        f"key.matches({literal(_PREFIXED)}) && !(key in variables.known)\n"
        "&& (oldObject == null || !(key in oldObject.metadata.?annotations.orValue({}))))"
    )


def _told() -> str:
    """Return what is said of unknown keys: evaluated only when there are any.

    CEL has no edit distance.  The known name that has most runs of three letters in common is the nearest, the
    shortest of several; with less than half of them in common there is none.
    """
    what, _, remedy = sentence(problem_of(_SENSELESS, UNKNOWN)).partition("; ")
    return (
        "variables.unknown.map(key, [key.substring(key.indexOf('/')).lowerAscii()]\n"
        ".map(name, variables.numbers.filter(i, i + 3 <= name.size()).map(i, name.substring(i, i + 3)))\n"
        ".map(runs, variables.suggestions.map(known, known.substring(known.indexOf('/')))\n"
        ".map(known, runs.filter(run, known.contains(run)).size())\n"
        ".map(common, common * 2 < runs.size() ? 0 : common))\n"
        f".map(common, {in_cel(what, {next(iter(_SENSELESS['metadata']['annotations'])): 'key'})} + '; '\n"
        f"+ (common.max() == 0 ? {literal(remedy)}\n"
        ": 'did you mean ' + variables.suggestions[common.indexOf(common.max())] + '?'))[0])"
    )


def _broken(rule: str) -> str:
    """Return what breaks a rule now, and what broke it before: two lists."""
    checks = [check for check in CHECKS if check.rule == rule]
    found = "\n+ ".join(check.expression for check in checks)
    if any(check.each == "indices" for check in checks):
        found = (
            "[o.?spec.?tls.orValue([])].map(tls, [tls.map(entry, entry.?secretName.orValue(''))].map(secrets,\n"
            "[variables.numbers.filter(i, i < tls.size())].map(indices,\n"
            f"{found})[0])[0])[0]"
        )
    return f"[object, oldObject].map(o, o == null ? [] : [o.metadata.?annotations.orValue({{}})].map(a,\n{found})[0])"
