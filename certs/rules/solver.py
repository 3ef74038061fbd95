"""The shape of an ACME solver: one type, one provider, and what that provider needs (`validation/issuer.go`).

Paths, types, values and the order in which problems are told are the API's, also where they are odd: an Akamai
path has no `SecretRef` at its end, `gatewayHTTPRoute` is called `gateway`, two things that exclude each other
may be a `Required value`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from certs.api.issuer import (
    RFC2136,
    AcmeDNS,
    ACMESolver,
    Akamai,
    AzureDNS,
    AzureManagedIdentity,
    CloudDNS,
    Cloudflare,
    DigitalOcean,
    DNS01Solver,
    DNS01Webhook,
    HTTP01GatewayHTTPRoute,
    HTTP01Ingress,
    HTTP01Solver,
    Lexicon,
    Route53,
)
from certs.api.meta import SecretKeySelector
from certs.hostport import has_host, require_url, split_host_port
from certs.names import subdomain_problems
from certs.problems import Path, Problems, Word
from certs.rules.durations import read_duration

SERVICE_TYPES: Final = ("", "ClusterIP", "NodePort")
SERVICE_TYPE_TEXT: Final = 'must be empty, "ClusterIP" or "NodePort"'
CNAME_STRATEGIES: Final = ("", "None", "Follow")
TSIG_ALGORITHMS: Final = ("HMACMD5", "HMACSHA1", "HMACSHA256", "HMACSHA512")
AZURE_ENVIRONMENTS: Final = ("", "AzurePublicCloud", "AzureChinaCloud", "AzureGermanCloud", "AzureUSGovernmentCloud")
AZURE_ENVIRONMENT_TEXT: Final = (
    "must be either empty or one of AzurePublicCloud, AzureChinaCloud, AzureGermanCloud, or AzureUSGovernmentCloud"
)
MORE_THAN_ONE: Final = "may not specify more than one provider type"
NAMESERVER_TEXT: Final = (
    "nameserver must be set in the form host:port where host is an IPv4 address, an enclosed IPv6 address or a"
    " hostname and port is an optional port number."
)


def check_solver(path: Path, solver: ACMESolver, problems: Problems) -> None:
    """Exactly one of http01 and dns01, and that one well formed."""
    if solver.http01 is not None:
        check_http01(path / "http01", solver.http01, problems)
        if solver.dns01 is not None:
            detail = "may not specify more than one solver type in a single solver"
            problems.forbidden(path, detail, remedy="make two solvers of it, each with its selector")
    elif solver.dns01 is not None:
        check_dns01(path / "dns01", solver.dns01, problems)
    else:
        problems.required(path, "no solver type configured", remedy="add http01 or dns01")
    wait = read_duration(solver.wait_instead_of_self_check)
    if wait is not None and wait.nanoseconds < 0:
        detail = "waitInsteadOfSelfCheck must not be negative"
        problems.invalid(path / "waitInsteadOfSelfCheck", wait.nanoseconds, detail)


def check_http01(path: Path, solver: HTTP01Solver, problems: Problems) -> None:
    """Through an Ingress or through an HTTPRoute."""
    ingress, gateway = solver.ingress, solver.gateway_http_route
    if ingress is not None:
        _check_ingress(path / "ingress", ingress, problems)
    if gateway is not None:
        _check_gateway(path / "gateway", gateway, problems)  # sic, the field is gatewayHTTPRoute
    if ingress is None and gateway is None:
        problems.required(path, "no HTTP01 solver type configured", remedy="add ingress or gatewayHTTPRoute")
    if ingress is not None and gateway is not None:
        problems.required(path, "only 1 HTTP01 solver type may be configured", remedy="keep one of the two")


def _check_ingress(path: Path, ingress: HTTP01Ingress, problems: Problems) -> None:
    if sum((ingress.class_ is not None, ingress.ingress_class_name is not None, bool(ingress.name))) > 1:
        detail = "only one of 'ingressClassName', 'name' or 'class' should be specified"
        problems.forbidden(path, detail, remedy="keep ingressClassName")
    name = ingress.ingress_class_name
    if name is not None and (found := subdomain_problems(name)):
        detail = f"must be a valid IngressClass name: {', '.join(found)}"
        problems.invalid(path / "ingressClassName", name, detail, remedy="`kubectl get ingressclass` lists the names")
    _check_service_type(path, ingress.service_type, problems)


def _check_gateway(path: Path, route: HTTP01GatewayHTTPRoute, problems: Problems) -> None:
    _check_service_type(path, route.service_type, problems)
    for i, parent in enumerate(route.parent_refs):  # the first that is wrong is told, as the API does
        if parent.kind is not None and not parent.name:
            problems.required(path / "parentRefs" @ i / "name", "name is required when kind is specified")
            return
        if parent.name and parent.kind is None:
            problems.required(path / "parentRefs" @ i / "kind", "kind is required when name is specified")
            return


def _check_service_type(path: Path, service_type: str, problems: Problems) -> None:
    if service_type not in SERVICE_TYPES:
        problems.invalid(path / "serviceType", Word(service_type), SERVICE_TYPE_TEXT)


def check_dns01(path: Path, solver: DNS01Solver, problems: Problems) -> None:
    """Exactly one provider; of a second one only that it is too many is told."""
    if (solver.cname_strategy or "") not in CNAME_STRATEGIES:
        detail = 'must be one of "None" or "Follow"'
        problems.invalid(path / "cnameStrategy", Word(solver.cname_strategy or ""), detail)
    for i, nameserver in enumerate(solver.nameservers):
        _check_resolver(path / "nameservers" @ i, nameserver, problems)
    given = [(name, getattr(solver, field)) for name, field in PROVIDER_FIELDS if getattr(solver, field) is not None]
    if not given:
        problems.required(path, "no DNS01 provider configured", remedy="add one, for example cloudflare or webhook")
        return
    for i, (name, config) in enumerate(given):
        if i and name != "acmeDNS":  # the one that never complains about itself
            problems.forbidden(path / name, MORE_THAN_ONE, remedy="make a solver of its own for it")
        else:
            PROVIDERS[name](path / name, config, problems)


def _check_resolver(path: Path, nameserver: str, problems: Problems) -> None:
    try:
        if nameserver.startswith("https://"):
            require_url(nameserver)
        else:
            split_host_port(nameserver)
    except ValueError as error:
        problems.invalid(path, nameserver, str(error), remedy="write ip:port, or https://… for DNS over HTTPS")


def _require(path: Path, value: str, problems: Problems, *, remedy: str = "") -> None:
    if not value:
        problems.required(path, remedy=remedy)


def _require_key(path: Path, ref: SecretKeySelector | None, problems: Problems) -> None:
    if ref is None or not ref.name:
        problems.required(path / "name", "secret name is required")
    if ref is None or not ref.key:
        problems.required(path / "key", "secret key is required")


def _akamai(path: Path, akamai: Akamai, problems: Problems) -> None:
    _require_key(path / "accessToken", akamai.access_token_secret_ref, problems)
    _require_key(path / "clientSecret", akamai.client_secret_secret_ref, problems)
    _require_key(path / "clientToken", akamai.client_token_secret_ref, problems)
    _require(path / "serviceConsumerDomain", akamai.service_consumer_domain, problems)


def _azure(path: Path, azure: AzureDNS, problems: Problems) -> None:
    if azure.client_id or azure.tenant_id or azure.client_secret_secret_ref is not None:
        _azure_client(path, azure, problems)
    elif azure.managed_identity is not None:
        _azure_identity(path / "managedIdentity", azure.managed_identity, problems)
    _require(path / "subscriptionID", azure.subscription_id, problems)
    _require(path / "resourceGroupName", azure.resource_group_name, problems)
    if (azure.environment or "") not in AZURE_ENVIRONMENTS:
        problems.invalid(path / "environment", Word(azure.environment or ""), AZURE_ENVIRONMENT_TEXT)


def _azure_client(path: Path, azure: AzureDNS, problems: Problems) -> None:
    _require(path / "clientID", azure.client_id, problems)
    if azure.client_secret_secret_ref is None:
        problems.required(path / "clientSecretSecretRef")
    else:
        _require_key(path / "clientSecretSecretRef", azure.client_secret_secret_ref, problems)
    _require(path / "tenantID", azure.tenant_id, problems)
    if azure.managed_identity is not None:
        detail = "managed identity cannot be used at the same time as clientID, clientSecretSecretRef or tenantID"
        problems.forbidden(path / "managedIdentity", detail, remedy="keep the one or the other")


def _azure_identity(path: Path, identity: AzureManagedIdentity, problems: Problems) -> None:
    if identity.client_id and identity.resource_id:
        problems.forbidden(path, "managedIdentityClientID and managedIdentityResourceID cannot both be specified")
    if identity.tenant_id and identity.resource_id:
        problems.forbidden(path, "managedIdentityTenantID and managedIdentityResourceID cannot both be specified")
    if identity.tenant_id and not identity.client_id:
        problems.required(path, "managedIdentityClientID is required when using managedIdentityTenantID")


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
    if key is not None:
        _require(path / "email", cloudflare.email, problems, remedy="an API key goes with the account's e-mail address")


def _route53(path: Path, route53: Route53, problems: Problems) -> None:
    ref = route53.access_key_id_secret_ref
    if route53.access_key_id and ref is not None:
        problems.required(path, "accessKeyID and accessKeyIDSecretRef cannot both be specified", remedy="keep one")
    if ref is not None:
        _require_key(path / "accessKeyIDSecretRef", ref, problems)


def _acme_dns(path: Path, acme_dns: AcmeDNS, problems: Problems) -> None:
    _require_key(path / "accountSecretRef", acme_dns.account_secret_ref, problems)
    _require(path / "host", acme_dns.host, problems)


def _digitalocean(path: Path, digitalocean: DigitalOcean, problems: Problems) -> None:
    _require_key(path / "tokenSecretRef", digitalocean.token_secret_ref, problems)


def _rfc2136(path: Path, rfc2136: RFC2136, problems: Problems) -> None:
    if not rfc2136.nameserver:
        problems.required(path / "nameserver", remedy="write host:port of the primary server")
    elif not has_host(rfc2136.nameserver):
        problems.invalid(path / "nameserver", rfc2136.nameserver, NAMESERVER_TEXT)
    if rfc2136.tsig_algorithm and rfc2136.tsig_algorithm.upper() not in TSIG_ALGORITHMS:
        problems.unsupported(path / "tsigAlgorithm", "", TSIG_ALGORITHMS)  # the API never shows the value
    secret = rfc2136.tsig_secret_secret_ref
    if rfc2136.tsig_key_name:
        _require_key(path / "tsigSecretSecretRef", secret, problems)
    elif secret is not None and secret.name and secret.key:
        problems.required(path / "tsigKeyName", remedy="write the name by which the server knows the key")


def _lexicon(path: Path, lexicon: Lexicon, problems: Problems) -> None:
    _require(path / "provider", lexicon.provider, problems, remedy="write its name as dns-lexicon does")
    if lexicon.secret_ref is not None:
        _require(path / "secretRef" / "name", lexicon.secret_ref.name, problems)


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
    ("lexicon", "lexicon"),  # ours, so after the API's own
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
    "lexicon": _lexicon,
}
