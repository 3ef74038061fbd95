"""The shape of an ACME solver: one type, one provider, and what that provider needs (`validation/issuer.go`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from certs.api.issuer import (
    RFC2136,
    AcmeDNS,
    ACMESolver,
    Akamai,
    AzureDNS,
    CloudDNS,
    Cloudflare,
    DigitalOcean,
    DNS01Solver,
    DNS01Webhook,
    HTTP01GatewayHTTPRoute,
    HTTP01Ingress,
    HTTP01Solver,
    Route53,
)
from certs.api.meta import SecretKeySelector
from certs.durations import parse_duration
from certs.names import subdomain_problems
from certs.problems import Path, Problems
from certs.rules.findings import Undecodable

SERVICE_TYPES: Final = ("", "ClusterIP", "NodePort")
SERVICE_TYPE_TEXT: Final = 'must be empty, "ClusterIP" or "NodePort"'
CNAME_STRATEGIES: Final = ("", "None", "Follow")
TSIG_ALGORITHMS: Final = ("HMACMD5", "HMACSHA1", "HMACSHA256", "HMACSHA512")
AZURE_ENVIRONMENTS: Final = ("AzurePublicCloud", "AzureChinaCloud", "AzureGermanCloud", "AzureUSGovernmentCloud")
MORE_THAN_ONE: Final = "may not specify more than one provider type"
NAMESERVER_TEXT: Final = (
    "Nameserver must be set in the form host:port where host is an IPv4 address, an IPv6 address in square brackets"
    " or a name"
)


def check_solver(path: Path, solver: ACMESolver, problems: Problems) -> None:
    """Exactly one of http01 and dns01, and that one well formed."""
    if solver.http01 is None and solver.dns01 is None:
        problems.required(path, "no solver type configured", remedy="add http01 or dns01")
    if solver.http01 is not None and solver.dns01 is not None:
        detail = "may not specify more than one solver type in a single solver"
        problems.forbidden(path, detail, remedy="make two solvers of it, each with its selector")
    if solver.wait_instead_of_self_check is not None:
        _check_wait(path / "waitInsteadOfSelfCheck", solver.wait_instead_of_self_check, problems)
    if solver.http01 is not None:
        check_http01(path / "http01", solver.http01, problems)
    if solver.dns01 is not None:
        check_dns01(path / "dns01", solver.dns01, problems)


def _check_wait(path: Path, text: str, problems: Problems) -> None:
    try:
        wait = parse_duration(text)
    except ValueError as error:
        raise Undecodable(str(error)) from error
    if wait.nanoseconds < 0:
        problems.invalid(path, wait.nanoseconds, "waitInsteadOfSelfCheck must not be negative")


def check_http01(path: Path, solver: HTTP01Solver, problems: Problems) -> None:
    """Through an Ingress or through an HTTPRoute."""
    if solver.ingress is None and solver.gateway_http_route is None:
        problems.required(path, "no HTTP01 solver type configured", remedy="add ingress or gatewayHTTPRoute")
    if solver.ingress is not None and solver.gateway_http_route is not None:
        problems.required(path, "only 1 HTTP01 solver type may be configured", remedy="keep one of the two")
    if solver.ingress is not None:
        _check_ingress(path / "ingress", solver.ingress, problems)
    if solver.gateway_http_route is not None:
        _check_gateway(path / "gateway", solver.gateway_http_route, problems)  # sic, the field is gatewayHTTPRoute


def _check_ingress(path: Path, ingress: HTTP01Ingress, problems: Problems) -> None:
    if sum((ingress.class_ is not None, ingress.ingress_class_name is not None, bool(ingress.name))) > 1:
        detail = "only one of 'ingressClassName', 'name' or 'class' should be specified"
        problems.forbidden(path, detail, remedy="keep ingressClassName")
    if ingress.ingress_class_name:
        for text in subdomain_problems(ingress.ingress_class_name):
            detail = f"must be a valid IngressClass name: {text}"
            problems.invalid(path / "ingressClassName", ingress.ingress_class_name, detail)
    if ingress.service_type not in SERVICE_TYPES:
        problems.invalid(path / "serviceType", ingress.service_type, SERVICE_TYPE_TEXT)


def _check_gateway(path: Path, route: HTTP01GatewayHTTPRoute, problems: Problems) -> None:
    if route.service_type not in SERVICE_TYPES:
        problems.invalid(path / "serviceType", route.service_type, SERVICE_TYPE_TEXT)
    for i, parent in enumerate(route.parent_refs):
        if parent.kind and not parent.name:
            problems.required(path / "parentRefs" @ i / "name", "name is required when kind is specified")
            return
        if parent.name and not parent.kind:
            problems.required(path / "parentRefs" @ i / "kind", "kind is required when name is specified")
            return


def check_dns01(path: Path, solver: DNS01Solver, problems: Problems) -> None:
    """Exactly one provider; of a second one only that it is too many is told."""
    if (solver.cname_strategy or "") not in CNAME_STRATEGIES:
        problems.invalid(path / "cnameStrategy", solver.cname_strategy, 'must be one of "None" or "Follow"')
    given = [(name, getattr(solver, field)) for name, field in PROVIDER_FIELDS if getattr(solver, field) is not None]
    if not given:
        problems.required(path, "no DNS01 provider configured", remedy="add one, for example cloudflare or webhook")
        return
    (first, config), *others = given
    PROVIDERS[first](path / first, config, problems)
    for name, other in others:
        if name == "acmeDNS":  # the one that never complains about itself
            PROVIDERS[name](path / name, other, problems)
        else:
            problems.forbidden(path / name, MORE_THAN_ONE, remedy="make a solver of its own for it")


def _require(path: Path, value: str, problems: Problems) -> None:
    if not value:
        problems.required(path)


def _require_key(path: Path, ref: SecretKeySelector, problems: Problems) -> None:
    if not ref.name:
        problems.required(path / "name", "secret name is required")
    if not ref.key:
        problems.required(path / "key", "secret key is required")


def _akamai(path: Path, akamai: Akamai, problems: Problems) -> None:
    _require_key(path / "accessToken", akamai.access_token_secret_ref, problems)
    _require_key(path / "clientSecret", akamai.client_secret_secret_ref, problems)
    _require_key(path / "clientToken", akamai.client_token_secret_ref, problems)
    _require(path / "serviceConsumerDomain", akamai.service_consumer_domain, problems)


def _azure(path: Path, azure: AzureDNS, problems: Problems) -> None:
    credentials = {
        "clientID": azure.client_id,
        "clientSecretSecretRef": azure.client_secret_secret_ref,
        "tenantID": azure.tenant_id,
    }
    if any(credentials.values()):
        for name, value in credentials.items():
            if not value:
                problems.required(path / name)
    _azure_identity(path, azure, problems, with_credentials=any(credentials.values()))
    _require(path / "subscriptionID", azure.subscription_id, problems)
    _require(path / "resourceGroupName", azure.resource_group_name, problems)
    if azure.environment and azure.environment not in AZURE_ENVIRONMENTS:
        detail = f"must be either empty or one of {', '.join(AZURE_ENVIRONMENTS)}"
        problems.invalid(path / "environment", azure.environment, detail)


def _azure_identity(path: Path, azure: AzureDNS, problems: Problems, *, with_credentials: bool) -> None:
    identity = azure.managed_identity
    if identity is None:
        return
    path = path / "managedIdentity"
    if with_credentials:
        problems.forbidden(
            path, "managed identity can not be used at the same time as clientID, clientSecretSecretRef or tenantID"
        )
    if identity.client_id and identity.resource_id:
        problems.forbidden(path, "managedIdentityClientID and managedIdentityResourceID cannot both be specified")
    if identity.tenant_id and identity.resource_id:
        problems.forbidden(path, "managedIdentityTenantID and managedIdentityResourceID cannot both be specified")
    if identity.tenant_id and not identity.client_id:
        problems.required(
            path / "clientID", "managedIdentityClientID is required when managedIdentityTenantID is specified"
        )


def _cloud_dns(path: Path, cloud: CloudDNS, problems: Problems) -> None:
    if cloud.service_account_secret_ref is not None:
        _require_key(path / "serviceAccountSecretRef", cloud.service_account_secret_ref, problems)
    _require(path / "project", cloud.project, problems)


def _cloudflare(path: Path, cloudflare: Cloudflare, problems: Problems) -> None:
    key, token = cloudflare.api_key_secret_ref, cloudflare.api_token_secret_ref
    if key is not None:
        _require_key(path / "apiKeySecretRef", key, problems)
    if token is not None:
        _require_key(path / "apiTokenSecretRef", token, problems)
    if key is not None and token is not None:
        detail = "apiKeySecretRef and apiTokenSecretRef cannot both be specified"
        problems.forbidden(path, detail, remedy="keep apiTokenSecretRef")
    if key is None and token is None:
        problems.required(path, "apiKeySecretRef or apiTokenSecretRef is required", remedy="add apiTokenSecretRef")
    if key is not None and not cloudflare.email:
        problems.required(path / "email", "email field is required when using API key auth")


def _route53(path: Path, route53: Route53, problems: Problems) -> None:
    if route53.access_key_id and route53.access_key_id_secret_ref is not None:
        problems.required(path, "accessKeyID and accessKeyIDSecretRef cannot both be specified")


def _acme_dns(path: Path, acme_dns: AcmeDNS, problems: Problems) -> None:
    _require_key(path / "accountSecretRef", acme_dns.account_secret_ref, problems)
    _require(path / "host", acme_dns.host, problems)


def _digitalocean(path: Path, digitalocean: DigitalOcean, problems: Problems) -> None:
    _require_key(path / "tokenSecretRef", digitalocean.token_secret_ref, problems)


def _rfc2136(path: Path, rfc2136: RFC2136, problems: Problems) -> None:
    if not rfc2136.nameserver:
        problems.required(path / "nameserver", remedy="write host:port of the primary server")
    elif rfc2136.nameserver.startswith(":") or (rfc2136.nameserver.count(":") > 1 and "[" not in rfc2136.nameserver):
        problems.invalid(path / "nameserver", rfc2136.nameserver, NAMESERVER_TEXT)
    if rfc2136.tsig_algorithm and rfc2136.tsig_algorithm.upper() not in TSIG_ALGORITHMS:
        problems.unsupported(path / "tsigAlgorithm", "", TSIG_ALGORITHMS)
    secret = rfc2136.tsig_secret_secret_ref
    if rfc2136.tsig_key_name and (secret is None or not secret.name):
        problems.required(path / "tsigSecretSecretRef" / "name", "secret name is required")
    if rfc2136.tsig_key_name and (secret is None or not secret.key):
        problems.required(path / "tsigSecretSecretRef" / "key", "secret key is required")
    if secret is not None and secret.name and not rfc2136.tsig_key_name:
        problems.required(path / "tsigKeyName")


def _webhook(path: Path, webhook: DNS01Webhook, problems: Problems) -> None:
    if not webhook.solver_name:
        problems.required(path / "solverName", "solver name must be specified")


# In the order in which the API looks at them.
PROVIDER_FIELDS: Final = (
    ("akamai", "akamai"),
    ("azureDNS", "azure_dns"),
    ("cloudDNS", "cloud_dns"),
    ("cloudflare", "cloudflare"),
    ("route53", "route53"),
    ("acmeDNS", "acme_dns"),
    ("digitalocean", "digitalocean"),
    ("rfc2136", "rfc2136"),
    ("webhook", "webhook"),
)
PROVIDERS: Final[dict[str, Callable[[Path, Any, Problems], None]]] = {
    "akamai": _akamai,
    "azureDNS": _azure,
    "cloudDNS": _cloud_dns,
    "cloudflare": _cloudflare,
    "route53": _route53,
    "acmeDNS": _acme_dns,
    "digitalocean": _digitalocean,
    "rfc2136": _rfc2136,
    "webhook": _webhook,
}
