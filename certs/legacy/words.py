"""What `certmanager.k8s.io/v1alpha1` (cert-manager v0.1 to v0.10) called differently: the tables of every translation.

Sources: cert-manager's conversions of v1alpha2, v1alpha3 and v1beta1; its notes on upgrading from v0.10 to v0.11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LEGACY_GROUP: Final = "certmanager.k8s.io"
LEGACY_VERSION: Final = f"{LEGACY_GROUP}/v1alpha1"

# --- Annotations and labels ------------------------------------------------------------------

# `certmanager.k8s.io/NAME` became `cert-manager.io/NAME` …
RENAMED: Final = frozenset(
    (
        "allow-direct-injection",
        "alt-names",
        "cluster-issuer",
        "common-name",
        "disable-validation",
        "inject-apiserver-ca",
        "inject-ca-from",
        "inject-ca-from-secret",
        "ip-sans",
        "issue-temporary-certificate",
        "issuer",
        "issuer-kind",
        "issuer-name",
        "private-key-secret-name",
    )
)
# … or `acme.cert-manager.io/…`.
RENAMED_ACME: Final[Mapping[str, str]] = {
    "acme-http01-edit-in-place": "acme.cert-manager.io/http01-edit-in-place",
    "acme-http01-ingress-class": "acme.cert-manager.io/http01-ingress-class",
}
KEYS: Final[Mapping[str, str]] = {
    **{f"{LEGACY_GROUP}/{name}": f"cert-manager.io/{name}" for name in RENAMED},
    **{f"{LEGACY_GROUP}/{name}": key for name, key in RENAMED_ACME.items()},
}
CHALLENGE_TYPE: Final = f"{LEGACY_GROUP}/acme-challenge-type"
DNS01_PROVIDER: Final = f"{LEGACY_GROUP}/acme-dns01-provider"
CERTIFICATE_NAME: Final = f"{LEGACY_GROUP}/certificate-name"  # a label then, an annotation now

# --- Fields ----------------------------------------------------------------------------------

PRIVATE_KEY: Final = {"keyAlgorithm": "algorithm", "keySize": "size", "keyEncoding": "encoding"}
ALGORITHMS: Final[Mapping[str, str]] = {"rsa": "RSA", "ecdsa": "ECDSA", "ed25519": "Ed25519"}
PROVIDERS: Final[Mapping[str, str]] = {"clouddns": "cloudDNS", "azuredns": "azureDNS", "acmedns": "acmeDNS"}

# Let's Encrypt's API of before RFC 8555, gone since June 2021.
SERVERS: Final[Mapping[str, str]] = {
    "acme-v01.api.letsencrypt.org": "acme-v02.api.letsencrypt.org",
    "acme-staging.api.letsencrypt.org": "acme-staging-v02.api.letsencrypt.org",
}
