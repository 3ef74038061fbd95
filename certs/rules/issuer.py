"""Issuer and ClusterIssuer: the API's decisions (cert-manager, `internal/apis/certmanager/validation/issuer.go`).

Exactly one type; what that type needs; for ACME each solver (`certs.rules.solver`).  Paths and texts
are the API's, also where they are odd (`ocspServer`, a path that is not the field's).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from certs.api.issuer import (
    ACMEIssuer,
    AnyIssuer,
    CAIssuer,
    ExternalAccountBinding,
    IssuerSpec,
    VaultAuth,
    VaultAWS,
    VaultIssuer,
    VaultKubernetes,
    VenafiIssuer,
    issuer_types,
)
from certs.decide.ratelimits import ANNOTATION as RATE_LIMITS
from certs.decide.ratelimits import InvalidLimits, limits_of
from certs.pki.bundle import has_certificate
from certs.problems import Path, Problems
from certs.rules.findings import Findings
from certs.rules.solver import check_solver

SPEC: Final = Path("spec")
TLS_EXCLUSIVE: Final = "caBundle and skipTLSVerify are mutually exclusive and cannot both be set"
SNIP: Final = "<snip>"  # instead of a value that is long or nobody's business
VAULT_AUTHS: Final = "please supply one of: appRole, kubernetes, tokenSecretRef, clientCertificate, aws"
VAULT_TOKENS: Final = "please supply one of: secretRef, serviceAccountRef"
VENAFI_TYPES: Final = "please supply one of: tpp, cloud, ngts"
TPP_BUNDLES: Final = "may not specify more than one of caBundle/caBundleSecretRef as TPP CA Bundle"


def judge_issuer(issuer: AnyIssuer) -> Findings:
    """Return everything that is wrong with it."""
    findings = Findings()
    spec, problems = issuer.spec, findings.problems
    types = issuer_types(spec)
    if not types:
        problems.required(
            SPEC,
            "at least one issuer must be configured",
            remedy="add one of spec.acme, spec.ca, spec.selfSigned, spec.vault, spec.venafi",
        )
        return findings
    first, *others = types
    CHECKS[first](SPEC / first, _config(spec, first), problems)
    for later in others:
        detail = "may not specify more than one issuer type"
        problems.forbidden(SPEC / later, detail, remedy=f"make a second issuer for {later}")
    if spec.acme is not None:
        _check_limits(spec.acme, issuer.metadata.annotations.get(RATE_LIMITS, ""), problems)
    return findings


def _check_limits(acme: ACMEIssuer, said: str, problems: Problems) -> None:
    try:
        limits_of(acme.server, said)
    except InvalidLimits as error:
        problems.invalid(Path("metadata.annotations") @ RATE_LIMITS, said, str(error))


def _config(spec: IssuerSpec, kind: str) -> Any:
    return {
        "acme": spec.acme,
        "ca": spec.ca,
        "selfSigned": spec.self_signed,
        "vault": spec.vault,
        "venafi": spec.venafi,
    }[kind]


def check_acme(path: Path, acme: ACMEIssuer, problems: Problems) -> None:
    """A server, an account key, and solvers that are solvers."""
    if acme.ca_bundle and acme.skip_tls_verify:
        problems.invalid(path / "caBundle", "", TLS_EXCLUSIVE, remedy="remove skipTLSVerify")
        problems.invalid(path / "skipTLSVerify", value=True, detail=TLS_EXCLUSIVE)
    _check_bundle(path / "caBundle", acme.ca_bundle, "", problems)
    if not acme.private_key_secret_ref.name:
        problems.required(
            path / "privateKeySecretRef" / "name",
            "private key secret name is a required field",
            remedy="name the Secret that shall hold the account key; it is made when missing",
        )
    if not acme.server:
        problems.required(
            path / "server",
            "acme server URL is a required field",
            remedy="write the directory URL, for example https://acme-v02.api.letsencrypt.org/directory",
        )
    if acme.external_account_binding is not None:
        _check_eab(path / "externalAccountBinding", acme.external_account_binding, problems)
    for i, solver in enumerate(acme.solvers):
        check_solver(path / "solvers" @ i, solver, problems)


def _check_eab(path: Path, eab: ExternalAccountBinding, problems: Problems) -> None:
    if not eab.key_id:
        problems.required(path / "keyID", "the keyID field is required when using externalAccountBinding")
    if not eab.key_secret_ref.name:
        problems.required(path / "keySecretRef" / "name", "secret name is required")
    if not eab.key_secret_ref.key:
        problems.required(path / "keySecretRef" / "key", "secret key is required")


def check_ca(path: Path, ca: CAIssuer, problems: Problems) -> None:
    """A Secret, and no empty URLs."""
    if not ca.secret_name:
        problems.required(path / "secretName", remedy="name the Secret with tls.crt and tls.key of the CA")
    for i, url in enumerate(ca.ocsp_servers):
        if not url:
            detail = "must be a valid URL, e.g., http://ocsp.int-x3.letsencrypt.org"
            problems.invalid(path / "ocspServer" @ i, url, detail)  # sic
    for i, url in enumerate(ca.issuing_certificate_urls):
        if not url:
            problems.invalid(path / "issuingCertificateURLs" @ i, url, "must be a valid URL")


def check_self_signed(_path: Path, _config: object, _problems: Problems) -> None:
    """Nothing can be wrong with it."""


def check_vault(path: Path, vault: VaultIssuer, problems: Problems) -> None:
    """A server, a path, one bundle, a whole client pair, and a way to log in."""
    if not vault.server:
        problems.required(path / "server", remedy="write Vault's URL, for example https://vault.example.com:8200")
    if not vault.path:
        problems.required(path / "path", remedy="write the sign path, for example pki_int/sign/role")
    _check_mount(path / "path", vault.path, problems)
    _check_bundle(path / "caBundle", vault.ca_bundle, SNIP, problems)
    if vault.ca_bundle and vault.ca_bundle_secret_ref is not None:
        _exclude(path, "caBundle", SNIP, "caBundleSecretRef", problems)
        _exclude(path, "caBundleSecretRef", vault.ca_bundle_secret_ref.name, "caBundle", problems)
    certificate, key = vault.client_cert_secret_ref, vault.client_key_secret_ref
    if certificate is not None and key is None:
        _demand(path, "clientKeySecretRef", "clientCertSecretRef", problems)
    if key is not None and certificate is None:
        _demand(path, "clientCertSecretRef", "clientKeySecretRef", problems)
    _check_vault_auth(path / "auth", vault.auth, problems)


def _exclude(path: Path, field: str, value: str, other: str, problems: Problems) -> None:
    problems.invalid(path / field, value, f"specified {field} and {other} cannot be used together")


def _demand(path: Path, field: str, other: str, problems: Problems) -> None:
    problems.invalid(path / field, SNIP, f"{field} must be provided when defining the {other}")


def _check_vault_auth(path: Path, auth: VaultAuth, problems: Problems) -> None:
    """Each way that is there must be whole; that there are several is the controller's to refuse."""
    if auth.app_role is not None:
        role = path / "appRole"
        _require(role / "roleId", auth.app_role.role_id, problems)
        _require(role / "secretRef" / "name", auth.app_role.secret_ref.name, problems)
        _check_mount(role / "path", auth.app_role.path, problems)
    if auth.client_certificate is not None:
        _check_mount(path / "clientCertificate" / "path", auth.client_certificate.mount_path, problems)  # sic
    if auth.kubernetes is not None:
        _check_vault_kubernetes(path / "kubernetes", auth.kubernetes, problems)
    if auth.aws is not None:
        _check_vault_aws(path / "aws", auth.aws, problems)
    ways = (auth.token_secret_ref, auth.app_role, auth.client_certificate, auth.kubernetes, auth.aws)
    if all(way is None for way in ways):
        problems.required(path, VAULT_AUTHS)


def _check_vault_kubernetes(path: Path, kubernetes: VaultKubernetes, problems: Problems) -> None:
    _require(path / "role", kubernetes.role, problems)
    _check_mount(path / "path", kubernetes.mount_path, problems)  # sic, the field is mountPath
    secret = kubernetes.secret_ref is not None and bool(kubernetes.secret_ref.name)
    account = kubernetes.service_account_ref
    if account is not None:
        _require(path / "serviceAccountRef" / "name", account.name, problems)
    if not secret and account is None:
        problems.required(path, VAULT_TOKENS, remedy="add serviceAccountRef")
    if secret and account is not None:
        problems.forbidden(path, VAULT_TOKENS, remedy="keep serviceAccountRef")


def _check_vault_aws(path: Path, aws: VaultAWS, problems: Problems) -> None:
    _require(path / "role", aws.role, problems)
    _check_mount(path / "mountPath", aws.mount_path, problems)
    if aws.service_account_ref is not None:
        _require(path / "serviceAccountRef" / "name", aws.service_account_ref.name, problems)
        if not aws.iam_role_arn:
            problems.required(path / "iamRoleArn", "iamRoleArn is required when using serviceAccountRef for IRSA")


def _require(path: Path, value: str, problems: Problems) -> None:
    if not value:
        problems.required(path)


def _check_mount(path: Path, mount: str, problems: Problems) -> None:
    if ".." in mount.split("/"):
        problems.invalid(path, mount, "must not contain '..' path segments")


def _check_bundle(path: Path, bundle: bytes, shown: str, problems: Problems) -> None:
    if bundle and not has_certificate(bundle):
        detail = "cert bundle didn't contain any valid certificates"
        problems.invalid(path, shown, detail, remedy="base64-encode a PEM file with the CA's certificate")


def check_venafi(path: Path, venafi: VenafiIssuer, problems: Problems) -> None:
    """A zone, and exactly one service with what it needs."""
    _require(path / "zone", venafi.zone, problems)
    if venafi.tpp is not None:
        _require(path / "tpp" / "url", venafi.tpp.url, problems)
        if venafi.tpp.ca_bundle and venafi.tpp.ca_bundle_secret_ref is not None:
            problems.forbidden(path / "tpp", TPP_BUNDLES, remedy="keep one of the two")
    if venafi.ngts is not None:
        _require(path / "ngts" / "tsgID", venafi.ngts.tsg_id, problems)
        _require(path / "ngts" / "credentialsRef" / "name", venafi.ngts.credentials_ref.name, problems)
    services = sum(service is not None for service in (venafi.tpp, venafi.cloud, venafi.ngts))
    if not services:
        problems.required(path, VENAFI_TYPES)
    if services > 1:
        problems.forbidden(path, VENAFI_TYPES, remedy="keep one of them")


CHECKS: Final[dict[str, Callable[[Path, Any, Problems], None]]] = {
    "acme": check_acme,
    "ca": check_ca,
    "selfSigned": check_self_signed,
    "vault": check_vault,
    "venafi": check_venafi,
}
