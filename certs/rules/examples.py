"""For each rule the smallest manifest that it speaks about, as YAML: the object, then what else there must be.

The page of rules shows them with the sentence that the judge really says (`shim.cli.rules`), and the tests fail when a
rule has none or the judge says something else.  Kept here as text, since this package reads no YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_INGRESS: Final = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations:
    {annotations}
spec:
  {spec}
"""
_HOST: Final = "rules: [{host: shop.example.com}]"
_TLS: Final = "tls: [{hosts: [shop.example.com], secretName: shop-tls}]"
_ISSUER: Final = "cert-manager.io/cluster-issuer: letsencrypt"


def _ingress(*annotations: str, spec: str = _HOST) -> str:
    return _INGRESS.format(annotations="\n    ".join(annotations), spec=spec)


def _with(*documents: str) -> str:
    return "---\n".join(documents)


_PLAIN: Final = f"""\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
spec:
  {_TLS}
"""
_OTHER: Final = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
  namespace: {namespace}
  annotations:
    cert-manager.io/cluster-issuer: letsencrypt
spec:
  tls: [{{hosts: [{host}], secretName: shop-tls}}]
"""


def _acme(*solvers: str, server: str = "https://acme.example.net/directory") -> str:
    listed = "\n".join(f"      - {solver}" for solver in solvers)
    return f"""\
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata:
  name: letsencrypt
spec:
  acme:
    server: {server}
    privateKeySecretRef: {{name: account}}
    solvers:
{listed}
"""


_HTTP01: Final = "http01: {ingress: {ingressClassName: nginx}}"
_READY: Final = _acme(_HTTP01)
_LETS_ENCRYPT: Final = _acme(_HTTP01, server="https://acme-v02.api.letsencrypt.org/directory")
_UNREADY: Final = f"""\
{_READY}status:
  conditions: [{{type: Ready, status: "False", reason: ErrRegisterACMEAccount, message: no such host}}]
"""


def _certificate(*names: str, more: str = "") -> str:
    return f"""\
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: shop
spec:
  secretName: shop-tls
  issuerRef: {{name: letsencrypt, kind: ClusterIssuer}}
  dnsNames: [{", ".join(names or ("shop.example.com",))}]
{more}"""


def _annotated(manifest: str, *annotations: str) -> str:
    lines = "".join(f"    {annotation}\n" for annotation in annotations)
    return manifest.replace("  name: shop\n", f"  name: shop\n  annotations:\n{lines}", 1)


def _issuer(acme: str) -> str:
    return f"""\
apiVersion: cert-manager.io/v1
kind: Issuer
metadata:
  name: letsencrypt
spec:
  acme:
    {acme}
    privateKeySecretRef: {{name: account}}
"""


_DIRECTORY: Final = "server: https://acme-v02.api.letsencrypt.org/directory"
_SOLVERS: Final = f"{_DIRECTORY}\n    solvers:\n"
_OPAQUE: Final = """\
apiVersion: v1
kind: Secret
metadata:
  name: shop-tls
type: Opaque
"""
_LINT: Final[Mapping[str, str]] = {
    "certificate-issuer-not-found": _with(_certificate(), _READY.replace("ClusterIssuer", "Issuer")),
    "certificate-issuer-group": _certificate().replace("kind: ClusterIssuer", "group: certmanager.k8s.io"),
    "certificate-issuer-not-ready": _with(_certificate(), _UNREADY),
    "certificate-secret-claimed": _with(_certificate(), _READY, _certificate().replace("name: shop", "name: first", 1)),
    "certificate-secret-type": _with(_certificate(), _READY, _OPAQUE),
    "certificate-keystore-password": _with(
        _certificate(
            more="  keystores: {pkcs12: {create: true, passwordSecretRef: {name: shop-password, key: password}}}\n"
        ),
        _READY,
    ),
    "certificate-name-form": _with(_certificate("Shop.example.com"), _READY),
    "certificate-name-invalid": _with(_certificate('"https://shop.example.com"'), _READY),
    "certificate-name-address": _with(_certificate("shop.example.com", "192.0.2.1"), _READY),
    "certificate-name-twice": _with(_certificate("shop.example.com", "shop.example.com"), _READY),
    "certificate-name-covered": _with(
        _certificate("shop.example.com", '"*.example.com"'), _acme("dns01: {rfc2136: {nameserver: 192.0.2.53}}")
    ),
    "certificate-common-name-apart": _with(_certificate(more="  commonName: The shop\n"), _READY),
    "certificate-name-not-public": _with(_certificate("shop.internal"), _LETS_ENCRYPT),
    "certificate-names-too-many": _with(
        _certificate(*(f"{i}.shop.org" for i in range(26))),
        _LETS_ENCRYPT.replace("    solvers:", "    profile: tlsserver\n    solvers:"),
    ),
    "certificate-name-unprovable": _with(_certificate('"*.example.com"'), _READY),
    "certificate-refused-by-ca": _with(_certificate(more="  privateKey: {algorithm: Ed25519}\n"), _LETS_ENCRYPT),
    "certificate-lifetime-unmet": _with(_certificate(more="  duration: 8760h\n"), _LETS_ENCRYPT),
    "certificate-profile-unknown": _with(
        _annotated(_certificate(), "acme.certshim.io/profile: short-lived"), _LETS_ENCRYPT
    ),
    "certificate-solver-override-twice": _annotated(
        _certificate(),
        "acme.cert-manager.io/http01-override-ingress-name: shop",
        "acme.cert-manager.io/http01-override-ingress-class: nginx",
    ),
    "issuer-server-lookalike": _issuer(f"{_SOLVERS}      - {_HTTP01}".replace("acme-v02", "acme-v01")),
    "issuer-server-scheme": _issuer(f"server: http://acme.example.net/directory\n    solvers:\n      - {_HTTP01}"),
    "issuer-email-reserved": _issuer(f"email: user@example.com\n    {_SOLVERS}      - {_HTTP01}"),
    "issuer-profile-unknown": _issuer(f"profile: short-lived\n    {_SOLVERS}      - {_HTTP01}"),
    "issuer-account-unbound": _issuer(
        f"{_SOLVERS}      - {_HTTP01}".replace("acme-v02.api.letsencrypt.org/directory", "acme.zerossl.com/v2/DV90")
    ),
    "issuer-dates-refused": _issuer(f"enableDurationFeature: true\n    {_SOLVERS}      - {_HTTP01}"),
    "issuer-secret-missing": _issuer(
        f"{_SOLVERS}      - dns01: {{cloudflare: {{apiTokenSecretRef: {{name: cloudflare, key: token}}}}}}"
    ),
    "issuer-without-solver": _issuer(_DIRECTORY),
    "issuer-solver-shadowed": _issuer(f"{_SOLVERS}      - {_HTTP01}\n      - {_HTTP01.replace('nginx', 'traefik')}"),
    "issuer-zone-form": _issuer(f'{_SOLVERS}      - selector: {{dnsZones: ["*.example.com"]}}\n        {_HTTP01}'),
    "issuer-http01-mode": _issuer(f"{_SOLVERS}      - {_HTTP01}").replace(
        "  name: letsencrypt\n", "  name: letsencrypt\n  annotations: {acme.certshim.io/http01-mode: pods}\n"
    ),
}

EXAMPLES: Final[Mapping[str, str]] = {
    **_LINT,
    "unknown-annotation": _ingress("cert-manager.io/cluster-isuer: letsencrypt"),
    "legacy-annotation": _with(_ingress("certmanager.k8s.io/cluster-issuer: letsencrypt"), _READY),
    "annotation-value": _with(_ingress(_ISSUER, "cert-manager.io/duration: 90d"), _READY),
    "annotation-undecided": _ingress('kubernetes.io/tls-acme: "yes"'),
    "solver-override-twice": _with(
        _ingress(
            _ISSUER,
            'acme.cert-manager.io/http01-edit-in-place: "true"',
            "acme.cert-manager.io/http01-ingress-class: nginx",
        ),
        _READY,
    ),
    "issuer-missing": _ingress('kubernetes.io/tls-acme: "true"'),
    "issuer-contradiction": _with(_ingress(_ISSUER, "cert-manager.io/issuer: letsencrypt"), _READY),
    "issuer-not-found": _with(_ingress("cert-manager.io/cluster-issuer: letsencript"), _READY),
    "issuer-not-ready": _with(_ingress(_ISSUER), _UNREADY),
    "tls-entry-incomplete": _with(_ingress(_ISSUER, spec="tls: [{secretName: shop-tls}]"), _READY),
    "tls-secret-twice": _with(
        _ingress(
            _ISSUER,
            spec="tls:\n  - {hosts: [a.example.com], secretName: shop-tls}\n"
            "  - {hosts: [b.example.com], secretName: shop-tls}",
        ),
        _READY,
    ),
    "tls-host-invalid": _with(
        _ingress(_ISSUER, spec='tls: [{hosts: ["https://shop.example.com"], secretName: shop-tls}]'), _READY
    ),
    "tls-missing": _with(_ingress(_ISSUER, spec="rules: [{}]"), _READY),
    "host-without-tls": _with(
        _ingress(_ISSUER, spec=f"rules: [{{host: shop.example.com}}, {{host: www.example.com}}]\n  {_TLS}"), _READY
    ),
    "secret-missing": _PLAIN,
    "tls-secret-invalid": _with(
        _ingress(_ISSUER, spec="tls: [{hosts: [shop.example.com], secretName: shop_tls}]"), _READY
    ),
    "tls-host-redundant": _with(
        _ingress(_ISSUER, spec="tls: [{hosts: [shop.example.com, shop.example.com], secretName: shop-tls}]"), _READY
    ),
    "secret-owned": _with(
        _ingress(_ISSUER, spec=_TLS), _READY, _OTHER.format(name="first", namespace="default", host="first.example.com")
    ),
    "host-claimed": _with(
        _ingress(_ISSUER), _READY, _OTHER.format(name="web", namespace="elsewhere", host="shop.example.com")
    ),
    "host-unprovable": _with(_ingress(_ISSUER, spec='tls: [{hosts: ["*.example.com"], secretName: shop-tls}]'), _READY),
    "name-not-public": _with(_ingress(_ISSUER, spec="rules: [{host: shop.internal}]"), _LETS_ENCRYPT),
    "names-too-many": _with(
        _ingress(_ISSUER, f"cert-manager.io/alt-names: {','.join(f'{i}.shop.org' for i in range(25))}"),
        _LETS_ENCRYPT.replace("    solvers:", "    profile: tlsserver\n    solvers:"),
    ),
    "common-name-impossible": _with(
        _ingress(
            _ISSUER, spec=f"rules: [{{host: {'a-name-of-more.' * 2}than-sixty-four-bytes.in-all-its-labels.shop.org}}]"
        ),
        _LETS_ENCRYPT,
    ),
    "http01-blocked": _with(
        _ingress(_ISSUER, 'nginx.ingress.kubernetes.io/auth-tls-match-cn: "CN=partner"'), _LETS_ENCRYPT
    ),
    "issuer-group": _ingress(
        "cert-manager.io/issuer: letsencrypt",
        "cert-manager.io/issuer-group: certmanager.k8s.io",
        spec=f"{_HOST}\n  {_TLS}",
    ),
    "http01-displaces": _with(
        _ingress(
            _ISSUER,
            'nginx.ingress.kubernetes.io/from-to-www-redirect: "true"',
            spec="rules: [{host: shop.org}]\n  tls: [{hosts: [shop.org, www.shop.org], secretName: shop-tls}]",
        ),
        _LETS_ENCRYPT,
    ),
    "refused-by-ca": _with(_ingress(_ISSUER, "cert-manager.io/private-key-algorithm: Ed25519"), _LETS_ENCRYPT),
    "lifetime-unmet": _with(_ingress(_ISSUER, "cert-manager.io/duration: 8760h"), _LETS_ENCRYPT),
    "profile-unknown": _with(_ingress(_ISSUER, "acme.certshim.io/profile: short-lived"), _LETS_ENCRYPT),
}
