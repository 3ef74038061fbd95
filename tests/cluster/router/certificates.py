"""Which certificate answers for which name.

As ingress-nginx does: an entry of `spec.tls` gives its Secret's certificate to its hosts (or, when it names none, to
the hosts of the rules); where two Ingresses name the same host, the older has it; a Secret that is missing or broken
makes its hosts answer with the fake certificate, so that the handshake succeeds and a person sees why it is refused.
"""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Iterable, Mapping

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from tests.cluster.pki import Pair
from tests.cluster.router.objects import Ingress, Secret, World


def choose(name: str, certificates: Mapping[str, Pair | None], fake: Pair) -> Pair:
    """Return the certificate for a server name: the name's own, else its wildcard's, else the fake one."""
    _, _, parent = name.lower().partition(".")
    wanted = name.lower() if name.lower() in certificates else f"*.{parent}"
    return certificates.get(wanted) or fake


def certificates_by_host(ingresses: Iterable[Ingress], world: World) -> dict[str, Pair | None]:
    """Return the certificate of each host that asks for TLS, oldest Ingress first; None is the fake one."""
    secrets = {(s.metadata.namespace, s.metadata.name): s for s in world.secrets}
    found: dict[str, Pair | None] = {}
    for ingress in ingresses:
        for entry in ingress.spec.tls:
            pair = pair_of(secrets.get((ingress.metadata.namespace, entry.secret_name)))
            for host in entry.hosts or [rule.host for rule in ingress.spec.rules if rule.host]:
                found[host] = found.get(host) or pair
    return found


def pair_of(secret: Secret | None) -> Pair | None:
    """Return the Secret's certificate and key, or None when something about them is wrong."""
    data = secret.data or {} if secret else {}
    try:
        certificate, key = (base64.b64decode(data[name], validate=True) for name in ("tls.crt", "tls.key"))
    except (KeyError, binascii.Error):
        return None
    return Pair(certificate, key) if _belong_together(certificate, key) else None


@functools.lru_cache(maxsize=4096)  # asked for every Secret at every change, and parsing costs 0.2 ms
def _belong_together(certificate: bytes, key: bytes) -> bool:
    try:
        leaf = x509.load_pem_x509_certificates(certificate)[0]
        private = serialization.load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return _spki(leaf.public_key()) == _spki(private.public_key())


def _spki(key: object) -> bytes:
    # The unions of public key types differ between the two loaders; both have this method.
    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined]  # see above
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded
