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
from certs.problems import Path, Problems
from certs.rules.findings import Findings
from certs.rules.solver import check_solver

SPEC: Final = Path("spec")
EAB_WARNING: Final = (
    "ACME issuer spec field 'externalAccount.keyAlgorithm' is deprecated. The value of this field will be ignored."
)
TLS_EXCLUSIVE: Final = "caBundle and skipTLSVerify are mutually exclusive and cannot both be set"
BUNDLES_EXCLUSIVE: Final = "specified caBundle and caBundleSecretRef cannot be used together"
VAULT_AUTHS: Final = "please supply one of: appRole, kubernetes, tokenSecretRef, clientCertificate, aws"
VENAFI_TYPES: Final = "please supply one of: tpp, cloud, ngts"


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
    for later in types[1:]:
        detail = "may not specify more than one issuer type"
        problems.forbidden(SPEC / later, detail, remedy=f"make a second issuer for {later}")
    first = types[0]
    CHECKS[first](SPEC / first, _config(spec, first), problems)
    if spec.acme is not None and first == "acme":
        findings.warnings.extend(_acme_warnings(spec.acme))
    return findings


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
        problems.invalid(path / "caBundle", "<snip>", TLS_EXCLUSIVE, remedy="remove skipTLSVerify")
        problems.invalid(path / "skipTLSVerify", value=True, detail=TLS_EXCLUSIVE)
    if acme.ca_bundle and b"-----BEGIN CERTIFICATE-----" not in acme.ca_bundle:
        problems.invalid(path / "caBundle", "", "cert bundle didn't contain any valid certificates")
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


def _acme_warnings(acme: ACMEIssuer) -> list[str]:
    eab = acme.external_account_binding
    return [EAB_WARNING] if eab is not None and eab.key_algorithm else []


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
    if vault.ca_bundle and b"-----BEGIN CERTIFICATE-----" not in vault.ca_bundle:
        problems.invalid(path / "caBundle", "<snip>", "cert bundle didn't contain any valid certificates")
    if vault.ca_bundle and vault.ca_bundle_secret_ref is not None:
        problems.invalid(path / "caBundle", "<snip>", BUNDLES_EXCLUSIVE)
        problems.invalid(path / "caBundleSecretRef", vault.ca_bundle_secret_ref.name, BUNDLES_EXCLUSIVE)
    cert, key = vault.client_cert_secret_ref, vault.client_key_secret_ref
    if (cert is None) != (key is None):
        missing, given = (
            ("clientKeySecretRef", "clientCertSecretRef") if cert else ("clientCertSecretRef", "clientKeySecretRef")
        )
        problems.invalid(path / missing, "", f"{missing} must be provided when defining the {given}")
    _check_vault_auth(path / "auth", vault.auth, problems)


def _check_vault_auth(path: Path, auth: VaultAuth, problems: Problems) -> None:
    if not any((auth.token_secret_ref, auth.app_role, auth.client_certificate, auth.kubernetes, auth.aws)):
        problems.required(path, VAULT_AUTHS)
    if auth.app_role is not None:
        if not auth.app_role.role_id:
            problems.required(path / "appRole" / "roleId")
        if not auth.app_role.secret_ref.name:
            problems.required(path / "appRole" / "secretRef" / "name")
        _check_mount(path / "appRole" / "path", auth.app_role.path, problems)
    if auth.client_certificate is not None:
        _check_mount(path / "clientCertificate" / "path", auth.client_certificate.mount_path, problems)
    if auth.kubernetes is not None:
        _check_vault_kubernetes(path / "kubernetes", auth.kubernetes, problems)
    if auth.aws is not None:
        _check_vault_aws(path / "aws", auth.aws, problems)


def _check_vault_kubernetes(path: Path, kubernetes: VaultKubernetes, problems: Problems) -> None:
    if not kubernetes.role:
        problems.required(path / "role")
    secret = kubernetes.secret_ref is not None and bool(kubernetes.secret_ref.name)
    account = kubernetes.service_account_ref
    if not secret and account is None:
        problems.required(path, "please supply one of: secretRef, serviceAccountRef")
    if secret and account is not None:
        problems.forbidden(path, "please supply one of: secretRef, serviceAccountRef")
    if account is not None and not account.name:
        problems.required(path / "serviceAccountRef" / "name")
    _check_mount(path / "path", kubernetes.mount_path, problems)


def _check_vault_aws(path: Path, aws: VaultAWS, problems: Problems) -> None:
    if not aws.role:
        problems.required(path / "role")
    if aws.service_account_ref is not None:
        if not aws.service_account_ref.name:
            problems.required(path / "serviceAccountRef" / "name")
        if not aws.iam_role_arn:
            problems.required(path / "iamRoleArn")
    _check_mount(path / "mountPath", aws.mount_path, problems)


def _check_mount(path: Path, mount: str, problems: Problems) -> None:
    if ".." in mount.split("/"):
        problems.invalid(path, mount, "must not contain '..' path segments")


def check_venafi(path: Path, venafi: VenafiIssuer, problems: Problems) -> None:
    """A zone, and exactly one service with what it needs."""
    if not venafi.zone:
        problems.required(path / "zone")
    services = [service for service in (venafi.tpp, venafi.cloud, venafi.ngts) if service is not None]
    if not services:
        problems.required(path, VENAFI_TYPES)
    if len(services) > 1:
        problems.forbidden(path, VENAFI_TYPES)
    if venafi.tpp is not None:
        if not venafi.tpp.url:
            problems.required(path / "tpp" / "url")
        if venafi.tpp.ca_bundle and venafi.tpp.ca_bundle_secret_ref is not None:
            detail = "may not specify more than one of caBundle/caBundleSecretRef as TPP CA Bundle"
            problems.forbidden(path / "tpp", detail)
    if venafi.ngts is not None:
        if not venafi.ngts.tsg_id:
            problems.required(path / "ngts" / "tsgID")
        if not venafi.ngts.credentials_ref.name:
            problems.required(path / "ngts" / "credentialsRef" / "name")


CHECKS: Final[dict[str, Callable[[Path, Any, Problems], None]]] = {
    "acme": check_acme,
    "ca": check_ca,
    "selfSigned": check_self_signed,
    "vault": check_vault,
    "venafi": check_venafi,
}
