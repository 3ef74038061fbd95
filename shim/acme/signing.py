"""The account key and what it signs: requests (RFC 8555 §6.2), bindings (§7.3.4), key authorizations (§8.1).

`acme` and `josepy` do the JOSE part.  RSA of 2048 bits and more, and ECDSA on the NIST curves.
The key never leaves this object, and neither the object nor an external account prints its secret.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Final

from acme.jws import JWS
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from josepy.b64 import b64decode, b64encode
from josepy.jwa import ES256, ES384, ES512, HS256, HS384, HS512, RS256, JWASignature
from josepy.jwk import JWK, JWKEC, JWKRSA, JWKOct

from certs.api.certificate import KeyAlgorithm
from certs.outcomes import WaitingForUser
from certs.pki.keys import InvalidKey, PrivateKeyPEM, decode_key, encode_key
from shim.keys import generate_key

_CURVES: Final[dict[str, JWASignature]] = {
    "secp256r1": ES256,
    "secp384r1": ES384,
    "secp521r1": ES512,
}
_MACS: Final[dict[str, JWASignature]] = {"HS256": HS256, "HS384": HS384, "HS512": HS512}
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,512}")  # RFC 8555 §8.1: base64url


@dataclass(frozen=True, slots=True)
class ExternalAccount:
    """What a CA gave to bind the ACME account to one that it knows; `hmac_key` as it gave it (base64url or base64).

    `algorithm` is one of HS256, HS384 and HS512; RFC 8555 §7.3.4 leaves the choice to the client.
    """

    key_id: str
    hmac_key: str = field(repr=False)
    algorithm: str = "HS256"


class AccountKey:
    """The private key of an ACME account."""

    def __init__(self, pem: bytes) -> None:
        """Read the key; raises `WaitingForUser` when it cannot be one of an account."""
        try:
            key = decode_key(pem)
        except InvalidKey as error:
            raise WaitingForUser(f"Account private key is invalid: {error}", reason="InvalidAccountKey") from error
        self._jwk: JWK
        match key:
            case rsa.RSAPrivateKey() if key.key_size >= 2048:
                self._jwk, self._algorithm = JWKRSA(key=key), RS256
            case ec.EllipticCurvePrivateKey():
                self._jwk, self._algorithm = JWKEC(key=key), _CURVES[key.curve.name]
            case _:
                raise WaitingForUser(
                    "Account private key is invalid: neither RSA of at least 2048 bits nor ECDSA: "
                    "delete the Secret to have a new one made",
                    reason="InvalidAccountKey",
                )
        der = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        self.hash: Final = base64.b64encode(hashlib.sha256(der).digest()).decode()
        self.bits: Final = key.key_size
        self._thumbprint = b64encode(self._jwk.thumbprint()).decode()

    @property
    def thumbprint(self) -> str:
        """What the answers of its challenges end with, RFC 7638; public."""
        return self._thumbprint

    @property
    def algorithm(self) -> KeyAlgorithm:
        """RSA or ECDSA."""
        return KeyAlgorithm.RSA if self._algorithm is RS256 else KeyAlgorithm.ECDSA

    def sign(self, payload: bytes, *, url: str, nonce: str, account_uri: str = "") -> bytes:
        """Return the signed request; without an account URI it carries the public key itself."""
        signed = JWS.sign(
            payload,
            key=self._jwk,
            alg=self._algorithm,
            nonce=b64decode(nonce),
            url=url,
            kid=account_uri or None,
        )
        text: str = signed.json_dumps()
        return text.encode()

    def bind(self, external: ExternalAccount, *, url: str) -> dict[str, object]:
        """Return the `externalAccountBinding` for this key, RFC 8555 §7.3.4."""
        public = self._jwk.public_key().json_dumps().encode()
        secret = JWKOct(key=_decode_hmac_key(external.hmac_key))
        signed = JWS.sign(public, key=secret, alg=_MACS[external.algorithm], nonce=None, url=url, kid=external.key_id)
        binding: dict[str, object] = signed.to_json()
        return binding

    def consent(self, old: AccountKey, *, account_uri: str, url: str) -> bytes:
        """Return the inner request by which this key agrees to take the place of the old, RFC 8555 §7.3.5.

        It has no nonce; the old key signs it once more, with one.
        """
        claim = {"account": account_uri, "oldKey": old._jwk.public_key().to_json()}
        signed = JWS.sign(json.dumps(claim).encode(), key=self._jwk, alg=self._algorithm, nonce=None, url=url)
        text: str = signed.json_dumps()
        return text.encode()

    def authorize(self, token: str) -> str:
        """Return the key authorization of a challenge's token."""
        if not _TOKEN.fullmatch(token):
            raise ValueError(f"not a challenge token: {token[:80]!r}")
        return f"{token}.{self._thumbprint}"


def generate_account_key() -> PrivateKeyPEM:
    """Return a new account key: RSA 2048 as PKCS#1 PEM, which every ACME CA takes."""
    return encode_key(generate_key())


def key_hash(pem: bytes) -> str:
    """Return the standard base64 of the SHA-256 of the key's PKCS#1 (SEC 1) DER; raises `WaitingForUser`."""
    return AccountKey(pem).hash


def _decode_hmac_key(text: str) -> bytes:
    # CAs show base64url; people paste it padded, in standard base64, with line ends.
    plain = "".join(text.split()).rstrip("=").replace("+", "-").replace("/", "_")
    try:
        decoded = base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not decoded:
        raise WaitingForUser(
            "cannot use the external account key: it is not base64url: copy it again from the CA into the Secret",
            reason="InvalidExternalAccountKey",
        ) from None
    return decoded
