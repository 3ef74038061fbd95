"""A control plane filled as years of use leave it, without the years: Certificates that were issued, others' Secrets.

Each Certificate gets what an issuance leaves behind: a real pair, signed by the CA, in a Secret with the labels and
annotations; its CertificateRequest of revision 1, Issued; the status.  They are written as admin, and made by the same
functions by which the shim makes them: were they not what it wants, it would write, and the measurement says so.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from certs.api.certificate import Certificate, CertificateSpec, KeyAlgorithm, PrivateKey
from certs.api.certificaterequest import CertificateRequest, CertificateRequestSpec
from certs.api.core import Namespace, Secret, SecretMeta
from certs.api.issuer import CAIssuer, ClusterIssuer, IssuerSpec
from certs.api.meta import IssuerReference, ObjectMeta, owner_reference
from certs.decide.certificatestatus import finished
from certs.decide.certificatesteps import ObservedCertificate
from certs.decide.policies import CERTIFICATE_NAME, PRIVATE_KEY_SECRET, REVISION
from certs.decide.request import signed
from certs.pki.authority import Authority, chain_pem, read_authority
from certs.pki.csr import build_csr
from certs.pki.keys import encode_key
from certs.pki.signing import Wanted, sign_by, sign_by_itself
from shim.controllers.certificate import COMPONENT
from shim.controllers.certificatesecret import ISSUING
from shim.controllers.contents import issued_data, issued_secret
from shim.keys import generate_key
from shim.kube.kubeclient import KubeClient
from shim.kube.transport import connect
from tests.product import NAMESPACE

ISSUER: Final = "bench-ca"
CLIENTS: Final = 8
NAMESPACES: Final = 50
FOREIGN_BYTES: Final = 100_000
_KEY_BITS: Final = 128  # of a serial number


class Filling:
    """Writes into a control plane, over many connections, as its admin."""

    def __init__(self, kubeconfig: Path) -> None:
        self._transport = connect(str(kubeconfig), workers=CLIENTS)
        self._client = KubeClient(self._transport)
        self._authority = _root()
        self._namespaces = tuple(f"bench-{number}" for number in range(NAMESPACES))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def create_issuer(self) -> None:
        """Create the CA's Secret and its ClusterIssuer, and the namespaces."""
        for name in self._namespaces:
            self._client.create(Namespace(metadata=ObjectMeta(name=name)), field_manager="bench")
        pair = {"tls.crt": _pem(self._authority), "tls.key": bytes(encode_key(self._authority.key))}
        meta = SecretMeta(name=ISSUER, namespace=NAMESPACE)
        self._client.create(Secret(metadata=meta, type="kubernetes.io/tls", data=pair), field_manager="bench")
        spec = IssuerSpec(ca=CAIssuer(secret_name=ISSUER))
        self._client.create(ClusterIssuer(metadata=ObjectMeta(name=ISSUER), spec=spec), field_manager="bench")

    def certificates(self, number: int) -> None:
        """Create so many Certificates that were issued, each with its Secret and its request."""
        _all(self._certificate, range(number))

    def foreign_secrets(self, number: int) -> None:
        """Create so many Secrets of 100 kB that have nothing to do with certificates."""
        _all(self._foreign_secret, range(number))

    def place(self, number: int) -> tuple[str, str]:
        """Return namespace and name of a Certificate; its Secret has the same name."""
        return self._namespaces[number % NAMESPACES], f"shop-{number}"

    def certificate(self, number: int) -> Certificate:
        """Read a Certificate as it is now."""
        return self._client.get(Certificate, *self.place(number))

    def take_away_secret(self, number: int) -> None:
        """Delete the Secret of a Certificate."""
        self._client.delete(Secret, *self.place(number))

    def _certificate(self, number: int) -> None:
        client, now = self._client, datetime.now(UTC).replace(microsecond=0)
        namespace, name = self.place(number)
        spec = CertificateSpec(
            secret_name=name,
            issuer_ref=IssuerReference(ISSUER, kind="ClusterIssuer"),
            dns_names=(f"{name}.example.test",),
            private_key=PrivateKey(algorithm=KeyAlgorithm.ECDSA),
        )
        meta = ObjectMeta(name=name, namespace=namespace)
        certificate = client.create(Certificate(metadata=meta, spec=spec), field_manager="bench")
        key = generate_key(KeyAlgorithm.ECDSA)
        request = client.create(_request(certificate, build_csr(spec, key)), field_manager=COMPONENT)
        wanted = Wanted(csr=request.spec.request, serial=secrets.randbits(_KEY_BITS) or 1, not_before=now)
        issued = sign_by(self._authority, wanted)
        status = signed(request, issued.chain, issued.ca, now).status
        request = client.update_status(msgspec.structs.replace(request, status=status), field_manager=COMPONENT)
        data = issued_data(certificate, request, key)
        secret = issued_secret(certificate, spec.issuer_ref, data, kind="kubernetes.io/tls", owned=False)
        client.apply(secret, field_manager=ISSUING)
        observed = ObservedCertificate(certificate, secret=secret, requests=(request,))
        ended = msgspec.structs.replace(certificate, status=finished(observed, now).status)
        client.update_status(ended, field_manager=COMPONENT)

    def _foreign_secret(self, number: int) -> None:
        meta = SecretMeta(name=f"release-{number}", namespace=self._namespaces[number % NAMESPACES])
        secret = Secret(metadata=meta, type="helm.sh/release.v1", data={"release": os.urandom(FOREIGN_BYTES)})
        self._client.create(secret, field_manager="bench")


def _root() -> Authority:
    key = generate_key(KeyAlgorithm.ECDSA)
    spec = CertificateSpec(secret_name=ISSUER, issuer_ref=IssuerReference("none"), common_name="Root", is_ca=True)
    now = datetime.now(UTC)
    wanted = Wanted(build_csr(spec, key), 1, now, timedelta(days=3650), is_ca=True)
    chain = sign_by_itself(key, wanted).chain
    return read_authority({"tls.crt": chain, "tls.key": bytes(encode_key(key))}, now)


def _pem(authority: Authority) -> bytes:
    return chain_pem(authority.certificates)


def _request(certificate: Certificate, csr: bytes) -> CertificateRequest:
    meta, spec = certificate.metadata, certificate.spec
    return CertificateRequest(
        metadata=ObjectMeta(
            name=f"{meta.name}-1",
            namespace=meta.namespace,
            annotations={REVISION: "1", CERTIFICATE_NAME: meta.name, PRIVATE_KEY_SECRET: f"{meta.name}-gone"},
            owner_references=(owner_reference(certificate),),
        ),
        spec=CertificateRequestSpec(request=csr, issuer_ref=spec.issuer_ref, usages=spec.usages),
    )


def _all(create: Callable[[int], None], numbers: Iterable[int]) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in pool.map(create, numbers):
            pass
