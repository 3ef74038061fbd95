"""Which apiVersion of before is which of today, and what is called differently: the tables of the conversion.

Sources: cert-manager's conversions of v1alpha2, v1alpha3 and v1beta1; its notes on upgrading from v0.10 to v0.11;
Kubernetes' deprecated API migration guide, v1.22.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from certs.legacy.words import LEGACY_GROUP, LEGACY_VERSION

CERT_MANAGER: Final = "cert-manager.io/v1"
ACME: Final = "acme.cert-manager.io/v1"
NETWORKING: Final = "networking.k8s.io/v1"
ACME_KINDS: Final = frozenset(("Order", "Challenge"))
OWN_KINDS: Final = frozenset(("Certificate", "CertificateRequest", "Issuer", "ClusterIssuer")) | ACME_KINDS


class Age(IntEnum):
    """How old the form of a manifest is; older ones have all that was renamed since."""

    V1ALPHA1 = 1  # v0.1 to v0.10
    V1ALPHA2 = 2  # v0.11 to v0.16
    V1ALPHA3 = 3  # v0.15, v0.16
    V1BETA1 = 4  # v0.16 to v1.5
    TODAY = 5


class Version(NamedTuple):
    """An apiVersion: its form, and what it is called today."""

    age: Age
    today: str


_OWN: Final = {
    f"{group}/{age.name.lower()}": Version(age, f"{group}/v1")
    for group in ("cert-manager.io", "acme.cert-manager.io")
    for age in (Age.V1ALPHA2, Age.V1ALPHA3, Age.V1BETA1)
}
_INGRESS: Final = {
    ("extensions/v1beta1", "Ingress"): NETWORKING,
    ("networking.k8s.io/v1beta1", "Ingress"): NETWORKING,
    ("networking.k8s.io/v1beta1", "IngressClass"): NETWORKING,
}

# What a document must contain to be looked at; the rest of a file is not even parsed.
MARKS: Final = (
    LEGACY_GROUP,
    *_OWN,
    "extensions/v1beta1",
    "networking.k8s.io/v1beta1",
    "finalizer.acme.cert-manager.io",
)


def version_of(api_version: str, kind: str) -> Version | None:
    """Return form and today's name of a type of before, None when there is nothing to convert in it."""
    word = kind.removesuffix("List")
    if word in OWN_KINDS:
        if api_version == LEGACY_VERSION:
            return Version(Age.V1ALPHA1, ACME if word in ACME_KINDS else CERT_MANAGER)
        if api_version in (CERT_MANAGER, ACME):
            return Version(Age.TODAY, api_version)
        return _OWN.get(api_version)
    today = _INGRESS.get((api_version, word))
    return Version(Age.V1BETA1, today) if today is not None else None


# --- Annotations and labels ------------------------------------------------------------------

GONE_LABELS: Final = frozenset(("acme.cert-manager.io/certificate-name", "acme.cert-manager.io/order-name"))
FINALIZERS: Final[Mapping[str, str]] = {"finalizer.acme.cert-manager.io": "acme.cert-manager.io/finalizer"}

ISSUER: Final = "cert-manager.io/issuer"
CLUSTER_ISSUER: Final = "cert-manager.io/cluster-issuer"
TLS_ACME: Final = "kubernetes.io/tls-acme"
INGRESS_CLASS: Final = "kubernetes.io/ingress.class"
EDIT_IN_PLACE: Final = "acme.cert-manager.io/http01-edit-in-place"
HTTP01_CLASS: Final = "acme.cert-manager.io/http01-ingress-class"
HTTP01_CLASS_NAME: Final = "acme.cert-manager.io/http01-ingress-ingressclassname"
OVERRIDE_CLASS: Final = "acme.cert-manager.io/http01-override-ingress-class"
OVERRIDE_NAME: Final = "acme.cert-manager.io/http01-override-ingress-name"
