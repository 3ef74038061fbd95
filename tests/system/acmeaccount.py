"""An ACME account that another client than ours has: certbot's, as one of those that came before us.

Names are proven over DNS, at the kit's own resolver, so that nothing of HTTP-01 has to stand for an issuance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from acme import messages
from acme.client import ClientNetwork, ClientV2
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from josepy.jwk import JWKRSA

from certs.api.certificate import CertificateSpec, KeyAlgorithm
from certs.pki.csr import build_csr
from certs.pki.keys import Key
from shim.keys import generate_key
from tests.cluster import Cluster
from tests.cluster.interposer import Interposer
from tests.system.shop import eventually


@dataclass(frozen=True, slots=True)
class Issued:
    """What an issuance brought; `ca` is empty with ACME."""

    csr: bytes
    key: Key
    chain: bytes
    ca: bytes = b""


@dataclass(slots=True)
class Account:
    """An account at a CA, of an RSA key; `uri` is what the CA calls it."""

    cluster: Cluster
    ca: Interposer
    email: str
    uri: str = field(init=False)
    _key: rsa.RSAPrivateKey = field(init=False)
    _client: ClientV2 = field(init=False)

    def __post_init__(self) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        network = ClientNetwork(JWKRSA(key=self._key))
        network.verify_ssl = str(self.ca.root_file)  # type: ignore[assignment]  # requests takes a path, too
        self._client = ClientV2(ClientV2.get_directory(self.ca.directory_url, network), network)
        wanted = messages.NewRegistration.from_data(email=self.email, terms_of_service_agreed=True)
        self.uri = self._client.new_account(wanted).uri

    def key(self, encoding: Encoding) -> bytes:
        """Return its key, as PKCS #1."""
        return self._key.private_bytes(encoding, PrivateFormat.TraditionalOpenSSL, NoEncryption())

    def value(self, challenge: messages.ChallengeBody) -> str:
        """Return what has to be seen for a challenge: the key authorization, over DNS its digest."""
        key = self._client.net.key
        chall = challenge.chall
        return str(chall.validation(key) if chall.typ == "dns-01" else chall.key_authorization(key))

    def order(self, csr: bytes) -> messages.OrderResource:
        """Place an order for the names of a request."""
        return self._client.new_order(csr)

    def answer(self, order: messages.OrderResource) -> None:
        """Tell the CA that the token can be fetched over HTTP, and wait until it has seen that it cannot."""
        (authorization,) = order.authorizations
        self._answer(offered(authorization, "http-01"))

        def is_invalid() -> bool:
            polled, _ = self._client.poll(authorization)
            return bool(polled.body.status == messages.STATUS_INVALID)

        eventually(is_invalid, "the CA has found nobody")

    def issue(self, spec: Mapping[str, Any]) -> tuple[Issued, messages.OrderResource]:
        """Have a certificate issued for the spec of a Certificate, and return it with its order."""
        csr, key = csr_of(spec)
        order = self.order(csr)
        for authorization in order.authorizations:
            challenge = offered(authorization, "dns-01")
            name = f"_acme-challenge.{authorization.body.identifier.value}."
            self.cluster.names.set("set-txt", host=name, value=self.value(challenge))
            self._answer(challenge)
        deadline = datetime.now() + timedelta(seconds=30)  # noqa: DTZ005  the client's way of telling time
        order = self._client.poll_and_finalize(order, deadline)
        return Issued(csr, key, order.fullchain_pem.encode()), order

    def _answer(self, challenge: messages.ChallengeBody) -> None:
        self._client.answer_challenge(challenge, challenge.chall.response(self._client.net.key))


def offered(authorization: messages.AuthorizationResource, kind: str) -> messages.ChallengeBody:
    """Return the challenge of that type."""
    return next(one for one in authorization.body.challenges if one.chall.typ == kind)


def csr_of(spec: Mapping[str, Any]) -> tuple[bytes, Key]:
    """Return the signing request (PEM) of the spec of a Certificate, and its new key."""
    wanted = msgspec.convert(spec, CertificateSpec)
    algorithm = wanted.private_key.algorithm if wanted.private_key is not None else None
    key = generate_key(algorithm or KeyAlgorithm.RSA)
    return build_csr(wanted, key), key


def authorizations(order: messages.OrderResource, state: str = "pending") -> list[dict[str, Any]]:
    """Return the authorizations of an order as they stand in a status, once each has been fetched."""
    return [
        {
            "url": one.uri,
            "identifier": one.body.identifier.value,
            "wildcard": False,
            "initialState": state,
            "challenges": [
                # There are kinds without a token.
                {"token": "", "url": offered.uri}
                | {key: value for key, value in offered.chall.to_json().items() if key in {"type", "token"}}
                for offered in one.body.challenges
            ],
        }
        for one in order.authorizations
    ]


def placed(order: messages.OrderResource) -> dict[str, Any]:
    """Return the status of an Order right after it was placed."""
    urls = [{"url": url} for url in order.body.authorizations]
    return {"url": order.uri, "finalizeURL": order.body.finalize, "state": "pending", "authorizations": urls}
