"""Objects for the tables of decisions: an issuer with real keys, requests and certificates, and builders with defaults.

Keys are made once for all tests (`KEY`, `OTHER_KEY`): what differs between cases is never the key itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from certs.api.certificate import Certificate, CertificateSpec, CertificateStatus, KeyAlgorithm, PrivateKey
from certs.api.certificaterequest import CertificateRequest, CertificateRequestSpec, CertificateRequestStatus
from certs.api.challenge import Challenge, ChallengeSpec, ChallengeStatus
from certs.api.core import Secret, SecretMeta
from certs.api.issuer import (
    ACMEIssuer,
    ACMESolver,
    HTTP01Ingress,
    HTTP01Solver,
    Issuer,
    IssuerSpec,
    IssuerStatus,
)
from certs.api.meta import (
    Condition,
    ConditionStatus,
    IssuerReference,
    ObjectMeta,
    OwnerReference,
    SecretKeySelector,
    owner_reference,
)
from certs.api.order import Order, OrderSpec, OrderStatus
from certs.decide.contents import BASE_LABELS
from certs.decide.policies import CERTIFICATE_NAME, ISSUER_GROUP, ISSUER_KIND, ISSUER_NAME, REVISION
from certs.pki.csr import build_csr, read_csr
from certs.pki.keys import Key, encode_key
from certs.pki.x509 import read_chain, secret_annotations
from shim.keys import generate_key

ObjectT = TypeVar("ObjectT", Certificate, CertificateRequest, Order, Challenge, Issuer)

NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY: Final = timedelta(days=1)
LIFETIME: Final = 90 * DAY
ISSUER: Final = IssuerReference(name="letsencrypt", kind="Issuer", group="cert-manager.io")
HTTP01: Final = ACMESolver(http01=HTTP01Solver(ingress=HTTP01Ingress()))
ECDSA: Final = PrivateKey(algorithm=KeyAlgorithm.ECDSA)
HOST: Final = "shop.example.org"


def key(which: str = "one") -> Key:
    """Return a private key; the same one for the same word."""
    return _key(which)


@cache
def _key(_which: str) -> Key:
    return generate_key(KeyAlgorithm.ECDSA)


def pem(which: str = "one") -> bytes:
    """Return that key as it stands in a Secret."""
    return bytes(encode_key(key(which)))


def sign(
    csr: bytes,
    *,
    not_before: datetime = NOW - DAY,
    lifetime: timedelta = LIFETIME,
    issuer: str = "Test CA",
    key_id: bytes = b"",
) -> bytes:
    """Return what a CA makes of a request: the chain as PEM; with a `key_id` the certificate names the CA's key."""
    request = x509.load_pem_x509_csr(csr)
    builder = x509.CertificateBuilder(
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
        subject_name=request.subject,
        public_key=request.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=not_before,
        not_valid_after=not_before + lifetime,
    )
    for extension in request.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    if key_id:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier(key_id, None, None), critical=False)
    return builder.sign(key("ca"), hashes.SHA256()).public_bytes(Encoding.PEM)


def condition(
    kind: str, status: str = "True", *, reason: str = "", message: str = "", since: datetime | None = NOW
) -> Condition:
    """Return a condition."""
    return Condition(
        type=kind, status=ConditionStatus(status), last_transition_time=since, reason=reason, message=message
    )


def spec(**fields: Any) -> CertificateSpec:
    """Return what a Certificate for the shop asks for, with an ECDSA key."""
    usual: dict[str, Any] = {
        "secret_name": "shop-tls",
        "issuer_ref": ISSUER,
        "dns_names": (HOST,),
        "private_key": ECDSA,
    }
    return CertificateSpec(**(usual | fields))


def certificate(
    name: str = "shop", *, status: CertificateStatus | None = None, created: datetime = NOW - DAY, **fields: Any
) -> Certificate:
    """Return a Certificate; further fields are its spec's."""
    metadata = ObjectMeta(
        name=name, namespace="web", uid=f"uid-of-{name}", resource_version="1", generation=1, creation_timestamp=created
    )
    return Certificate(metadata=metadata, spec=spec(**fields), status=status or CertificateStatus())


def request(
    of: Certificate | None = None,
    revision: int | str = 1,
    *,
    with_key: str = "one",
    status: CertificateRequestStatus | None = None,
) -> CertificateRequest:
    """Return the request of a Certificate for that revision, signed with that key."""
    of = of or certificate()
    metadata = ObjectMeta(
        name=f"{of.metadata.name}-{revision}",
        namespace="web",
        uid=f"uid-of-{of.metadata.name}-{revision}",
        annotations={REVISION: str(revision)},
        owner_references=(owner_reference(of),),
    )
    return CertificateRequest(
        metadata=metadata,
        spec=CertificateRequestSpec(
            request=build_csr(of.spec, key(with_key)),
            issuer_ref=of.spec.issuer_ref,
            duration=of.spec.duration,
            is_ca=of.spec.is_ca,
            usages=of.spec.usages,
        ),
        status=status or CertificateRequestStatus(),
    )


def issued(of: CertificateRequest, chain: bytes | None = None, at: datetime = NOW) -> CertificateRequest:
    """Return the request as it is once its issuer has signed."""
    ready = condition("Ready", reason="Issued", message="Certificate fetched from issuer successfully", since=at)
    status = CertificateRequestStatus(conditions=(condition("Approved"), ready), certificate=chain or signed(of))
    return with_status(of, status)


def signed(of: CertificateRequest, **validity: Any) -> bytes:
    """Return the chain that a request gets."""
    return sign(of.spec.request, **validity)


def failed(of: CertificateRequest, message: str = "the CA says no", at: datetime | None = NOW) -> CertificateRequest:
    """Return the request as it is once its issuer has given up."""
    ready = condition("Ready", "False", reason="Failed", message=message)
    return with_status(of, CertificateRequestStatus(conditions=(ready,), failure_time=at))


def with_status(of: ObjectT, status: object) -> ObjectT:
    """Return the object with that status."""
    return msgspec.structs.replace(of, status=status)


def secret(
    name: str = "shop-tls",
    *,
    data: Mapping[str, bytes] | None = None,
    annotations: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    kind: str = "kubernetes.io/tls",
) -> Secret:
    """Return a Secret."""
    metadata = SecretMeta(name=name, namespace="web", annotations=dict(annotations or {}), labels=dict(labels or {}))
    return Secret(metadata=metadata, type=kind, data=dict(data or {}))


def told(of: Certificate, issuer: IssuerReference = ISSUER) -> dict[str, str]:
    """Return by which annotations a Secret says who issued it for whom."""
    return {
        CERTIFICATE_NAME: of.metadata.name,
        ISSUER_NAME: issuer.name,
        ISSUER_KIND: issuer.kind,
        ISSUER_GROUP: issuer.group,
    }


def stored(of: Certificate | None = None, *, with_key: str = "one", **validity: Any) -> Secret:
    """Return the Secret of a Certificate with a pair that fits."""
    of = of or certificate()
    return written(of, sign(build_csr(of.spec, key(with_key)), **validity), pem(with_key))


def written(of: Certificate, chain: bytes, private_key: bytes) -> Secret:
    """Return the Secret of a Certificate as an issuance writes it."""
    return secret(
        of.spec.secret_name,
        data={"tls.key": private_key, "tls.crt": chain},
        annotations=told(of) | secret_annotations(read_chain(chain)[0]),
        labels=BASE_LABELS,
    )


def next_key(of: Certificate, name: str, with_key: str = "one") -> Secret:
    """Return the Secret of a next private key."""
    metadata = SecretMeta(
        name=name,
        namespace="web",
        labels={"cert-manager.io/next-private-key": "true"},
        owner_references=(owner_reference(of),),
    )
    return Secret(metadata=metadata, type="Opaque", data={"tls.key": pem(with_key)})


def issuer(
    *,
    status: IssuerStatus | None = None,
    ready: bool = True,
    solvers: tuple[ACMESolver, ...] = (HTTP01,),
    deleted: bool = False,
    **acme: Any,
) -> Issuer:
    """Return an ACME issuer; further fields are its `spec.acme`'s."""
    usual: dict[str, Any] = {
        "server": "https://ca.test/dir",
        "private_key_secret_ref": SecretKeySelector(name="account"),
    }
    word = "True" if ready else "False"
    return Issuer(
        metadata=ObjectMeta(
            name="letsencrypt",
            namespace="web",
            uid="uid-issuer",
            generation=1,
            deletion_timestamp=NOW if deleted else None,
        ),
        spec=IssuerSpec(acme=ACMEIssuer(**(usual | {"solvers": solvers} | acme))),
        status=status or IssuerStatus(conditions=(condition("Ready", word, message="the account is not registered"),)),
    )


def order(of: CertificateRequest | None = None, *, status: OrderStatus | None = None, **fields: Any) -> Order:
    """Return the Order of a request; further fields are its spec's."""
    of = of or request()
    csr = read_csr(of.spec.request)
    usual: dict[str, Any] = {
        "request": of.spec.request,
        "issuer_ref": of.spec.issuer_ref,
        "dns_names": csr.names.dns_names,
        "common_name": csr.common_name,
    }
    return Order(
        metadata=ObjectMeta(
            name=f"{of.metadata.name}-1234", namespace="web", uid="uid-order", owner_references=(owner_reference(of),)
        ),
        spec=OrderSpec(**(usual | fields)),
        status=status or OrderStatus(),
    )


def authorization_url(host: str) -> str:
    """Return where the CA keeps the authorization of a host."""
    return f"https://ca.test/authz/{host}"


def challenge(
    host: str = HOST,
    *,
    status: ChallengeStatus | None = None,
    finalizers: tuple[str, ...] = (),
    deleted: bool = False,
    **fields: Any,
) -> Challenge:
    """Return an HTTP-01 Challenge of the Order; further fields are its spec's."""
    usual: dict[str, Any] = {
        "url": f"https://ca.test/chall/{host}",
        "authorization_url": authorization_url(host),
        "dns_name": host,
        "type": "HTTP-01",
        "token": f"token-of-{host}",
        "key": f"token-of-{host}.thumbprint",
        "solver": HTTP01,
        "issuer_ref": ISSUER,
    }
    return Challenge(
        metadata=ObjectMeta(
            name=f"shop-1-1234-{host}",
            namespace="web",
            uid=f"uid-of-challenge-{host}",
            finalizers=finalizers,
            deletion_timestamp=NOW if deleted else None,
            owner_references=(
                OwnerReference("acme.cert-manager.io/v1", "Order", "shop-1-1234", "uid-order", controller=True),
            ),
        ),
        spec=ChallengeSpec(**(usual | fields)),
        status=status or ChallengeStatus(),
    )
