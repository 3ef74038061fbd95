"""Rules of admission that the API server can enforce by itself: CEL in the CRDs, by kind and place.

They say what the webhook says, with its path, type and words, and never refuse what it accepts; which rules are
here and why the others are not: `docs/decisions/2026-11-26-static-rules-in-crds.md`.  In short: alternatives of which
one must be chosen, and what must not change once it is set.  For the API server answers with these alone, before it
asks the webhook, and whoever chose wrongly has to change that first anyway.

The API server reckons what a rule costs at most, and refuses a CRD with one that may cost too much.  A list without a
limit, as that of solvers is, counts a million fold, so that none of the rules about its members may look at more than
a few fields.  A test shows that each rule, and all together, take less than half of what is allowed.

A rule that compares with the old object compares only fields of which text is all there is: Go's comparison takes
`60m` for `1h`, and an absent field for an empty one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Reason(StrEnum):
    """The type of the error, as a CRD names it.  The others would show the type of the value in place of the value."""

    REQUIRED = "FieldValueRequired"
    FORBIDDEN = "FieldValueForbidden"


@dataclass(frozen=True, slots=True)
class Validation:
    """What must hold at a place, or the message is told of the field below it."""

    rule: str
    message: str
    reason: Reason = Reason.FORBIDDEN
    field: str = ""

    def definition(self) -> dict[str, Any]:
        """Return it as the CRD has it."""
        definition: dict[str, Any] = {"rule": self.rule, "message": self.message, "reason": self.reason.value}
        if self.field:
            definition["fieldPath"] = f".{self.field}"
        return definition


def _any_of(fields: Iterable[str]) -> str:
    return " || ".join(f"has(self.{field})" for field in fields)


def _both(first: str, second: str) -> str:
    return f"!(has(self.{first}) && has(self.{second}))"


def _only_first(fields: tuple[str, ...], message: str) -> tuple[Validation, ...]:
    """Return a rule for each field but the first, told of that field: it must not be there together with an earlier."""
    return tuple(
        Validation(f"!has(self.{field}) || !({_any_of(fields[:place])})", message, field=field)
        for place, field in enumerate(fields)
        if place
    )


def _kept(field: str, zero: str = "''") -> Validation:
    """Return that a field does not change once it is set."""
    old = f"!has(oldSelf.{field}) || oldSelf.{field} == {zero}"
    rule = f"{old} || (has(self.{field}) && self.{field} == oldSelf.{field})"
    return Validation(rule, "field is immutable once set", field=field)


_TYPES: Final = ("acme", "ca", "selfSigned", "vault", "venafi")
_SOLVER: Final = "spec.acme.solvers[]"
_VAULT_TOKEN: Final = "has(self.secretRef) && self.secretRef.name != ''"  # noqa: S105 - a condition, no token
_VAULT_TOKENS: Final = "please supply one of: secretRef, serviceAccountRef"

Places = Mapping[str, tuple[Validation, ...]]

ISSUER: Final[Places] = {
    "spec": (
        Validation(_any_of(_TYPES), "at least one issuer must be configured", Reason.REQUIRED),
        *_only_first(_TYPES, "may not specify more than one issuer type"),
    ),
    _SOLVER: (
        Validation(_any_of(("http01", "dns01")), "no solver type configured", Reason.REQUIRED),
        Validation(_both("http01", "dns01"), "may not specify more than one solver type in a single solver"),
    ),
    f"{_SOLVER}.http01": (
        Validation(_any_of(("ingress", "gatewayHTTPRoute")), "no HTTP01 solver type configured", Reason.REQUIRED),
        Validation(
            _both("ingress", "gatewayHTTPRoute"), "only 1 HTTP01 solver type may be configured", Reason.REQUIRED
        ),
    ),
    f"{_SOLVER}.http01.ingress": (
        Validation(
            _both("class", "ingressClassName"), "only one of 'ingressClassName', 'name' or 'class' should be specified"
        ),
    ),
    f"{_SOLVER}.dns01.cloudflare": (
        Validation(
            _any_of(("apiKeySecretRef", "apiTokenSecretRef")),
            "apiKeySecretRef or apiTokenSecretRef is required",
            Reason.REQUIRED,
        ),
        Validation(
            _both("apiKeySecretRef", "apiTokenSecretRef"),
            "apiKeySecretRef and apiTokenSecretRef cannot both be specified",
        ),
    ),
    "spec.vault.auth": (
        Validation(
            _any_of(("tokenSecretRef", "appRole", "clientCertificate", "kubernetes", "aws")),
            "please supply one of: appRole, kubernetes, tokenSecretRef, clientCertificate, aws",
            Reason.REQUIRED,
        ),
    ),
    "spec.vault.auth.kubernetes": (
        Validation(f"({_VAULT_TOKEN}) || has(self.serviceAccountRef)", _VAULT_TOKENS, Reason.REQUIRED),
        Validation(f"!({_VAULT_TOKEN} && has(self.serviceAccountRef))", _VAULT_TOKENS),
    ),
    "spec.venafi.tpp": (
        Validation(
            "!(has(self.caBundle) && size(self.caBundle) > 0 && has(self.caBundleSecretRef))",
            "may not specify more than one of caBundle/caBundleSecretRef as TPP CA Bundle",
        ),
    ),
}


def _password(keystore: str) -> tuple[Validation, ...]:
    secret = "has(self.passwordSecretRef) && self.passwordSecretRef.name != ''"  # noqa: S105 - a condition
    return (
        Validation(
            f"!(has(self.password) && {secret})",
            f"exactly one of passwordSecretRef and password must be provided for {keystore} keystores; cannot set both",
        ),
        Validation(
            f"has(self.password) || ({secret})",
            f"must set exactly one of passwordSecretRef and password must for {keystore} keystores",  # sic
        ),
    )


CERTIFICATE: Final[Places] = {
    "spec.keystores.jks": _password("JKS"),
    "spec.keystores.pkcs12": _password("PKCS#12"),
    "spec.renewal": (
        Validation(
            "!(has(self.policy) && self.policy == 'Disabled' && has(self.windows) && self.windows.size() > 0)",
            "windows cannot be set when `renewal.policy` is set to Disabled",
            field="windows",
        ),
    ),
}


def _decided(word: str) -> Validation:
    """Return that an approval, or a denial, stays."""
    theirs, ours = (f"{who}.conditions.exists(c, c.type == '{word}')" for who in ("oldSelf", "self"))
    rule = f"!has(oldSelf.conditions) || !{theirs} || (has(self.conditions) && {ours})"
    return Validation(rule, f"'{word}' condition may not be modified once set", field="conditions")


def _unchanged(fields: Iterable[str], message: str) -> Validation:
    """Return that none of the fields, all of them required, changes."""
    return Validation(" && ".join(f"self.{field} == oldSelf.{field}" for field in fields), message)


REQUEST: Final[Places] = {
    "spec": (_unchanged(("request", "issuerRef.name"), "cannot change spec after creation"),),
    "status": (
        _decided("Approved"),
        _decided("Denied"),
        Validation(
            "!has(self.conditions) || !(self.conditions.exists(c, c.type == 'Approved')"
            " && self.conditions.exists(c, c.type == 'Denied'))",
            "both 'Denied' and 'Approved' conditions cannot coexist",
            field="conditions",
        ),
    ),
}

ORDER: Final[Places] = {
    "spec": (_kept("request", "b''"),),
    "status": (_kept("url"), _kept("finalizeURL"), _kept("certificate", "b''")),
}

CHALLENGE: Final[Places] = {
    "spec": (
        _unchanged(
            ("url", "authorizationURL", "dnsName", "type", "token", "key", "issuerRef.name"),
            "challenge spec is immutable after creation",
        ),
    ),
}
