"""Issuer and ClusterIssuer: who signs, and for ACME also how control over a name is proven."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta, field

from certs.api.certificate import Conditions
from certs.api.meta import (
    APIStruct,
    GoDuration,
    Int64,
    LocalObjectReference,
    NonEmpty,
    ObjectMeta,
    Quantity,
    Resource,
    SecretKeySelector,
)
from certs.api.scheduling import Affinity, Toleration

JSON = Annotated[Any, Meta(extra_json_schema={"x-kubernetes-preserve-unknown-fields": True})]
ServiceType = Annotated[str, Meta(description="ClusterIP, or NodePort when absent.")]


class ServiceAccountRef(APIStruct, frozen=True):
    """A service account whose token is requested for the purpose."""

    name: str
    """Name of the service account."""
    audiences: tuple[str, ...] = ()
    """Audiences of the token, beside those the issuer sets itself."""


# --- ACME: HTTP-01 ---------------------------------------------------------------------------


class TemplateMeta(APIStruct, frozen=True):
    """Annotations and labels of a created object."""

    annotations: dict[str, str] = {}
    """Annotations, merged over the defaults."""
    labels: dict[str, str] = {}
    """Labels, merged over the defaults."""


class SELinuxOptions(APIStruct, frozen=True):
    """SELinux context of a solver pod."""

    level: str = ""
    """Level label."""
    role: str = ""
    """Role label."""
    type: str = ""
    """Type label."""
    user: str = ""
    """User label."""


class SeccompProfile(APIStruct, frozen=True):
    """Seccomp profile of a solver pod."""

    type: str
    """RuntimeDefault, Unconfined or Localhost."""
    localhost_profile: str | None = None
    """File on the node, for Localhost."""


class Sysctl(APIStruct, frozen=True):
    """A kernel parameter of a solver pod."""

    name: str
    """Name of the parameter."""
    value: str
    """Value of the parameter."""


class PodSecurityContext(APIStruct, frozen=True):
    """Security context of a solver pod; replaces the default one completely."""

    se_linux_options: SELinuxOptions | None = None
    """SELinux context."""
    run_as_user: Int64 | None = None
    """User id."""
    run_as_group: Int64 | None = None
    """Group id."""
    run_as_non_root: bool | None = None
    """Refuse to run as root."""
    supplemental_groups: tuple[Int64, ...] = ()
    """Further groups."""
    fs_group: Int64 | None = None
    """Group that owns volumes."""
    sysctls: tuple[Sysctl, ...] = ()
    """Kernel parameters."""
    fs_group_change_policy: str | None = None
    """How ownership of volumes changes."""
    seccomp_profile: SeccompProfile | None = None
    """Seccomp profile."""


class ResourceRequirements(APIStruct, frozen=True):
    """Requests and limits of a solver container."""

    limits: dict[str, Quantity] = {}
    """Limits."""
    requests: dict[str, Quantity] = {}
    """Requests."""


class ImagePullSecret(APIStruct, frozen=True):
    """A Secret for pulling an image."""

    name: Annotated[str, Meta(extra_json_schema={"default": ""})] = ""
    """Name of the Secret."""


class PodSpec(APIStruct, frozen=True):
    """The part of a solver pod's spec that may be set (mode pod only)."""

    node_selector: dict[str, str] = {}
    """Labels of the node."""
    affinity: Affinity | None = None
    """Scheduling constraints, as in a pod."""
    tolerations: tuple[Toleration, ...] = ()
    """Tolerations, as in a pod."""
    priority_class_name: str = ""
    """Priority class."""
    service_account_name: str = ""
    """Service account."""
    image_pull_secrets: Annotated[
        tuple[Annotated[ImagePullSecret, Meta(extra_json_schema={"x-kubernetes-map-type": "atomic"})], ...],
        Meta(extra_json_schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}),
    ] = ()
    """Secrets for pulling the image."""
    security_context: PodSecurityContext | None = None
    """Security context."""
    resources: ResourceRequirements | None = None
    """Requests and limits of the container."""


class PodTemplate(APIStruct, frozen=True):
    """Template of a solver pod (mode pod only)."""

    metadata: TemplateMeta | None = None
    """Annotations and labels."""
    spec: PodSpec | None = None
    """Pod settings."""


class IngressTemplate(APIStruct, frozen=True):
    """Template of the route Ingress."""

    metadata: TemplateMeta | None = None
    """Annotations and labels."""


class HTTP01Ingress(APIStruct, frozen=True):
    """Solve HTTP-01 through an Ingress."""

    service_type: ServiceType = ""
    """Type of the solver Service."""
    ingress_class_name: str | None = None
    """Value of spec.ingressClassName of the route."""
    class_: str | None = None
    """Value of the annotation kubernetes.io/ingress.class of the route."""
    name: str = ""
    """An existing Ingress to carry the path, instead of a route of its own."""
    pod_template: PodTemplate | None = None
    """Template of the solver pod."""
    ingress_template: IngressTemplate | None = None
    """Template of the route."""


LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN: Final = rf"{LABEL}(\.{LABEL})*"
KIND: Final = "[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?"


PARENT_GROUP: Final = "gateway.networking.k8s.io"
PARENT_KIND: Final = "Gateway"


class ParentReference(APIStruct, frozen=True):
    """A Gateway (or like object) that a route attaches to; bounded as in the Gateway API."""

    name: Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": 253})]
    """Name of the parent."""
    group: Annotated[
        str | None,
        Meta(
            extra_json_schema={
                "default": PARENT_GROUP,
                "maxLength": 253,
                "pattern": f"^$|^{SUBDOMAIN}$",
            }
        ),
    ] = None
    """API group of the parent."""
    kind: Annotated[
        str | None,
        Meta(extra_json_schema={"default": PARENT_KIND, "minLength": 1, "maxLength": 63, "pattern": f"^{KIND}$"}),
    ] = None
    """Kind of the parent."""
    namespace: Annotated[
        str | None, Meta(extra_json_schema={"minLength": 1, "maxLength": 63, "pattern": f"^{LABEL}$"})
    ] = None
    """Namespace of the parent."""
    section_name: Annotated[
        str | None, Meta(extra_json_schema={"minLength": 1, "maxLength": 253, "pattern": f"^{SUBDOMAIN}$"})
    ] = None
    """Listener of the parent."""
    port: Annotated[int | None, Meta(extra_json_schema={"format": "int32", "minimum": 1, "maximum": 65535})] = None
    """Port of the parent."""

    @property
    def completed(self) -> ParentReference:
        """The same with what the API server fills in, to be compared with what is stored."""
        group = PARENT_GROUP if self.group is None else self.group
        return msgspec.structs.replace(self, group=group, kind=self.kind or PARENT_KIND)


class HTTP01GatewayHTTPRoute(APIStruct, frozen=True):
    """Solve HTTP-01 through an HTTPRoute."""

    service_type: ServiceType = ""
    """Type of the solver Service."""
    labels: dict[str, str] = {}
    """Labels of the HTTPRoute."""
    parent_refs: tuple[ParentReference, ...] = ()
    """Which Gateways the route attaches to."""
    pod_template: PodTemplate | None = None
    """Template of the solver pod."""


class HTTP01Solver(APIStruct, frozen=True):
    """How to prove control over HTTP; not possible for wildcards."""

    ingress: HTTP01Ingress | None = None
    """Through an Ingress."""
    gateway_http_route: HTTP01GatewayHTTPRoute | None = None
    """Through an HTTPRoute."""


# --- ACME: DNS-01 ----------------------------------------------------------------------------


class AcmeDNS(APIStruct, frozen=True):
    """A server that speaks acme-dns."""

    host: str
    """Its URL."""
    account_secret_ref: SecretKeySelector
    """JSON map from domain to account."""


class Akamai(APIStruct, frozen=True):
    """Akamai Edge DNS."""

    service_consumer_domain: str
    """API host."""
    client_token_secret_ref: SecretKeySelector
    """Client token."""
    client_secret_secret_ref: SecretKeySelector
    """Client secret."""
    access_token_secret_ref: SecretKeySelector
    """Access token."""


class AzureManagedIdentity(APIStruct, frozen=True):
    """Which managed identity to use."""

    client_id: str = ""
    """Client id; exclusive with resourceID."""
    resource_id: str = ""
    """Resource id; exclusive with clientID."""
    tenant_id: str = ""
    """Tenant id."""


class AzureDNS(APIStruct, frozen=True):
    """Azure DNS."""

    subscription_id: str
    """Subscription."""
    resource_group_name: str
    """Resource group of the zone."""
    client_id: str = ""
    """Application (client) id."""
    client_secret_secret_ref: SecretKeySelector | None = None
    """Client secret."""
    tenant_id: str = ""
    """Tenant id."""
    hosted_zone_name: str = ""
    """Name of the zone; found by lookup when absent."""
    environment: Literal["AzurePublicCloud", "AzureChinaCloud", "AzureGermanCloud", "AzureUSGovernmentCloud"] | None = (
        None
    )
    """Cloud; AzurePublicCloud when absent."""
    managed_identity: AzureManagedIdentity | None = None
    """Managed identity; exclusive with client credentials."""
    zone_type: Literal["AzurePublicZone", "AzurePrivateZone"] | None = None
    """Zone type; AzurePublicZone when absent."""


class CloudDNS(APIStruct, frozen=True):
    """Google Cloud DNS."""

    project: str
    """Project of the zone."""
    service_account_secret_ref: SecretKeySelector | None = None
    """Service account key in JSON; ambient credentials when absent."""
    hosted_zone_name: str = ""
    """Name of the zone; found by lookup when absent."""


class Cloudflare(APIStruct, frozen=True):
    """Cloudflare."""

    email: str = ""
    """Account e-mail, needed with an API key."""
    api_key_secret_ref: SecretKeySelector | None = None
    """Global API key; exclusive with the token."""
    api_token_secret_ref: SecretKeySelector | None = None
    """API token; exclusive with the key."""


class DigitalOcean(APIStruct, frozen=True):
    """DigitalOcean DNS."""

    token_secret_ref: SecretKeySelector
    """API token."""


class Lexicon(APIStruct, frozen=True):
    """Any provider that dns-lexicon knows."""

    provider: str
    """Name of the provider, as dns-lexicon writes it."""
    zone: str = ""
    """Name of the zone at the provider; found by lookup when absent."""
    options: dict[str, Any] = {}
    """Options of the provider, without dashes before them: texts, numbers and booleans; also ttl."""
    secret_ref: LocalObjectReference | None = None
    """Secret whose every key is an option too, such as auth_token."""


class RFC2136(APIStruct, frozen=True):
    """Dynamic updates, RFC 2136."""

    nameserver: str
    """host or host:port of the primary server; port 53 when absent."""
    tsig_secret_secret_ref: SecretKeySelector | None = None
    """TSIG secret."""
    tsig_key_name: str = ""
    """TSIG key name."""
    tsig_algorithm: str = ""
    """HMACMD5 (when absent), HMACSHA1, HMACSHA256 or HMACSHA512."""
    protocol: Literal["TCP", "UDP"] | None = None
    """UDP when absent."""


class Route53Kubernetes(APIStruct, frozen=True):
    """AWS credentials by a service account's token."""

    service_account_ref: ServiceAccountRef
    """The service account."""


class Route53Auth(APIStruct, frozen=True):
    """How to get AWS credentials."""

    kubernetes: Route53Kubernetes
    """By a service account's token."""


class Route53(APIStruct, frozen=True):
    """Amazon Route 53."""

    region: str = ""
    """AWS region."""
    hosted_zone_id: str = ""
    """Id of the zone; found by lookup when absent."""
    role: str = ""
    """ARN of a role to assume."""
    access_key_id: str = ""
    """Access key id; exclusive with accessKeyIDSecretRef."""
    access_key_id_secret_ref: SecretKeySelector | None = None
    """Where the access key id stands."""
    secret_access_key_secret_ref: SecretKeySelector | None = None
    """Where the secret access key stands."""
    auth: Route53Auth | None = None
    """Other ways to credentials."""


class DNS01Webhook(APIStruct, frozen=True):
    """A solver that runs elsewhere as an aggregated API."""

    group_name: str
    """API group of the solver."""
    solver_name: str
    """Name of the solver within its group."""
    config: JSON = None
    """Whatever the solver wants to know; must not hold secrets."""


class DNS01Solver(APIStruct, frozen=True):
    """How to prove control over DNS."""

    cname_strategy: Literal["None", "Follow"] | None = None
    """Whether to follow CNAMEs of _acme-challenge to the zone where the record is written."""
    nameservers: tuple[str, ...] = ()
    """Resolvers for this solver: ip:port or https://… (DNS over HTTPS)."""
    acme_dns: AcmeDNS | None = None
    """acme-dns."""
    akamai: Akamai | None = None
    """Akamai Edge DNS."""
    azure_dns: AzureDNS | None = None
    """Azure DNS."""
    cloud_dns: CloudDNS | None = None
    """Google Cloud DNS."""
    cloudflare: Cloudflare | None = None
    """Cloudflare."""
    digitalocean: DigitalOcean | None = None
    """DigitalOcean DNS."""
    lexicon: Lexicon | None = None
    """Any provider that dns-lexicon knows."""
    rfc2136: RFC2136 | None = None
    """Dynamic updates, RFC 2136."""
    route53: Route53 | None = None
    """Amazon Route 53."""
    webhook: DNS01Webhook | None = None
    """A solver that runs elsewhere."""


# --- ACME ------------------------------------------------------------------------------------


class SolverSelector(APIStruct, frozen=True):
    """Which names and orders a solver is for; everything given must match."""

    match_labels: dict[str, str] = {}
    """Labels of the Order (copied from the Certificate)."""
    dns_names: tuple[str, ...] = ()
    """Exactly these names; a wildcard is named with its star."""
    dns_zones: tuple[str, ...] = ()
    """These zones and everything below; the longest wins."""


class ACMESolver(APIStruct, frozen=True):
    """One way of proving control, and for which names it is."""

    selector: SolverSelector | None = None
    """Which names it is for; all when absent."""
    http01: HTTP01Solver | None = None
    """Over HTTP."""
    dns01: DNS01Solver | None = None
    """Over DNS."""
    wait_instead_of_self_check: GoDuration | None = None
    """Tell the CA after this time, without checking first."""


class ExternalAccountBinding(APIStruct, frozen=True):
    """An account that exists at the CA outside ACME, RFC 8555 §7.3.4."""

    key_id: str
    """Key identifier that the CA gave."""
    key_secret_ref: SecretKeySelector
    """MAC key, base64url, padded or not."""
    key_algorithm: Literal["HS256", "HS384", "HS512"] | None = None
    """Algorithm of the MAC, HS256 when absent."""


class ACMEIssuer(APIStruct, frozen=True):
    """An ACME CA (RFC 8555) and our account there."""

    server: str
    """URL of the directory."""
    private_key_secret_ref: SecretKeySelector
    """Secret of the account key, key tls.key when absent; made when it does not exist."""
    email: str = ""
    """Contact of the account."""
    preferred_chain: Annotated[str, Meta(extra_json_schema={"maxLength": 64})] = ""
    """Common name of the issuer of the topmost certificate of the wanted chain."""
    ca_bundle: bytes = b""
    """PEM certificates to trust for the server; exclusive with skipTLSVerify."""
    skip_tls_verify: bool = False
    """Trust any certificate of the server; for tests only."""
    external_account_binding: ExternalAccountBinding | None = None
    """Account at the CA to bind to."""
    disable_account_key_generation: bool = False
    """Never make an account key; wait for the Secret."""
    enable_duration_feature: bool = False
    """Ask for the Certificate's duration (notAfter in the order)."""
    profile: str = ""
    """Certificate profile to ask for."""
    renewal_information_source: Annotated[Literal["ARI", "None"] | None, Meta(extra_json_schema={"default": "ARI"})] = (
        None
    )
    """Whether the CA's renewal information is used."""
    solvers: tuple[ACMESolver, ...] = ()
    """Ways of proving control; the best match is taken for each name."""


# --- CA, self-signed, Vault, Venafi ----------------------------------------------------------


class CAIssuer(APIStruct, frozen=True):
    """A key pair in a Secret signs."""

    secret_name: str
    """Secret with tls.crt and tls.key of the CA."""
    crl_distribution_points: tuple[str, ...] = ()
    """CRL distribution points to write into certificates."""
    ocsp_servers: tuple[str, ...] = ()
    """OCSP servers to write into certificates."""
    issuing_certificate_urls: tuple[str, ...] = ()
    """Where the CA's certificate can be fetched, to write into certificates."""


class SelfSignedIssuer(APIStruct, frozen=True):
    """Each certificate is signed with its own key."""

    crl_distribution_points: tuple[str, ...] = ()
    """CRL distribution points to write into certificates."""


class VaultAppRole(APIStruct, frozen=True):
    """Vault AppRole."""

    path: str
    """Mount path."""
    role_id: str = field(name="roleId")
    """Role id."""
    secret_ref: SecretKeySelector
    """Secret id."""


class VaultClientCertificate(APIStruct, frozen=True):
    """Vault TLS certificate auth."""

    mount_path: str = ""
    """Mount path; /v1/auth/cert when absent."""
    secret_name: str = ""
    """Secret with tls.crt and tls.key."""
    name: str = ""
    """Certificate role."""


class VaultKubernetes(APIStruct, frozen=True):
    """Vault Kubernetes auth."""

    role: str
    """Vault role."""
    mount_path: str = ""
    """Mount path; /v1/auth/kubernetes when absent."""
    secret_ref: SecretKeySelector | None = None
    """A stored service account token."""
    service_account_ref: ServiceAccountRef | None = None
    """A service account whose token is requested."""


class VaultAWS(APIStruct, frozen=True):
    """Vault AWS IAM auth."""

    role: NonEmpty
    """Vault role."""
    mount_path: str = ""
    """Mount path; /v1/auth/aws when absent."""
    region: str = ""
    """AWS region."""
    service_account_ref: ServiceAccountRef | None = None
    """A service account whose token is exchanged at AWS."""
    iam_role_arn: str = ""
    """Role to assume with the service account's token."""
    vault_header_value: str = ""
    """Value of X-Vault-AWS-IAM-Server-ID."""


class VaultAuth(APIStruct, frozen=True):
    """How to log in to Vault; exactly one."""

    token_secret_ref: SecretKeySelector | None = None
    """A token, key token when absent."""
    app_role: VaultAppRole | None = None
    """AppRole."""
    client_certificate: VaultClientCertificate | None = None
    """TLS certificate."""
    kubernetes: VaultKubernetes | None = None
    """Kubernetes."""
    aws: VaultAWS | None = None
    """AWS IAM."""


class VaultIssuer(APIStruct, frozen=True):
    """HashiCorp Vault's PKI engine signs."""

    server: str
    """URL of Vault."""
    path: str
    """Sign path, for example pki_int/sign/role."""
    auth: VaultAuth
    """How to log in."""
    namespace: str = ""
    """Vault namespace."""
    server_name: str = ""
    """Name to expect in the server's certificate."""
    ca_bundle: bytes = b""
    """PEM certificates to trust; exclusive with caBundleSecretRef."""
    ca_bundle_secret_ref: SecretKeySelector | None = None
    """Where they stand, key ca.crt when absent."""
    client_cert_secret_ref: SecretKeySelector | None = None
    """Client certificate for mutual TLS, key tls.crt when absent."""
    client_key_secret_ref: SecretKeySelector | None = None
    """Client key for mutual TLS, key tls.key when absent."""


class VenafiTPP(APIStruct, frozen=True):
    """Self-hosted server (Trust Protection Platform)."""

    url: str
    """URL of the API."""
    credentials_ref: LocalObjectReference
    """Secret with access-token, or username and password."""
    ca_bundle: bytes = b""
    """PEM certificates to trust; exclusive with caBundleSecretRef."""
    ca_bundle_secret_ref: SecretKeySelector | None = None
    """Where they stand."""


class VenafiCloud(APIStruct, frozen=True):
    """The vendor's cloud service."""

    api_token_secret_ref: SecretKeySelector
    """API key."""
    url: str = ""
    """URL of the API; the vendor's when absent."""


class VenafiNGTS(APIStruct, frozen=True):
    """The vendor's next-generation service."""

    tsg_id: str
    """Tenant service group."""
    credentials_ref: LocalObjectReference
    """Secret with client-id and client-secret."""
    url: str = ""
    """URL of the API; the vendor's when absent."""
    token_endpoint: str = ""
    """URL for tokens; the vendor's when absent."""


ONE_VENAFI: Final = {
    "rule": "[has(self.tpp), has(self.cloud), has(self.ngts)].filter(set, set).size() == 1",
    "message": "exactly one of tpp, cloud, or ngts must be configured",
}


class VenafiIssuer(APIStruct, frozen=True):
    """Certificate Manager (formerly Venafi) signs."""

    zone: str
    """Policy folder or application and template."""
    tpp: VenafiTPP | None = None
    """Self-hosted."""
    cloud: VenafiCloud | None = None
    """Cloud."""
    ngts: VenafiNGTS | None = None
    """Next generation."""


# --- The kinds -------------------------------------------------------------------------------


class IssuerSpec(APIStruct, frozen=True):
    """Who signs: exactly one of the fields."""

    acme: ACMEIssuer | None = None
    """An ACME CA such as Let's Encrypt."""
    ca: CAIssuer | None = None
    """A CA key pair in a Secret."""
    self_signed: SelfSignedIssuer | None = None
    """No CA: each certificate signs itself."""
    vault: VaultIssuer | None = None
    """HashiCorp Vault."""
    venafi: Annotated[VenafiIssuer | None, Meta(extra_json_schema={"x-kubernetes-validations": [ONE_VENAFI]})] = None
    """Certificate Manager (formerly Venafi)."""


class ACMEIssuerStatus(APIStruct, frozen=True):
    """Our account at the ACME CA."""

    uri: str = ""
    """Account URL."""
    last_registered_email: str = ""
    """Contact last sent to the CA."""
    last_private_key_hash: str = ""
    """Base64 SHA-256 of the account key (PKCS#1 DER)."""


class IssuerStatus(APIStruct, frozen=True):
    """Whether it can sign."""

    conditions: Conditions = ()
    """Ready."""
    acme: ACMEIssuerStatus | None = None
    """Our account at the ACME CA."""


class Issuer(APIStruct, frozen=True):
    """A source of certificates for its own namespace."""

    resource: ClassVar[Resource] = Resource("cert-manager.io", "v1", "Issuer", "issuers")

    metadata: ObjectMeta
    spec: IssuerSpec
    """Who signs."""
    status: IssuerStatus = IssuerStatus()
    """Whether it can sign."""


class ClusterIssuer(APIStruct, frozen=True):
    """A source of certificates for all namespaces."""

    resource: ClassVar[Resource] = Resource(
        "cert-manager.io", "v1", "ClusterIssuer", "clusterissuers", namespaced=False
    )

    metadata: ObjectMeta
    spec: IssuerSpec
    """Who signs."""
    status: IssuerStatus = IssuerStatus()
    """Whether it can sign."""


AnyIssuer = Issuer | ClusterIssuer


class IssuerType(StrEnum):
    """The five ways of signing, by the field of the spec that chooses them."""

    ACME = "acme"
    CA = "ca"
    SELF_SIGNED = "selfSigned"
    VAULT = "vault"
    VENAFI = "venafi"


def issuer_types(spec: IssuerSpec) -> tuple[IssuerType, ...]:
    """Return which of the five are set, in the API's order; a valid issuer has exactly one."""
    fields = (
        (IssuerType.ACME, spec.acme),
        (IssuerType.CA, spec.ca),
        (IssuerType.SELF_SIGNED, spec.self_signed),
        (IssuerType.VAULT, spec.vault),
        (IssuerType.VENAFI, spec.venafi),
    )
    return tuple(name for name, value in fields if value is not None)
