"""What is written into the Secret of a Certificate: all that we own of it, each time.

Server-side apply takes away what we owned and do not name any more, so a format or keystore that is not
asked for any longer goes by being left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from certs.api.certificate import Certificate, JKSKeystore, PKCS12Keystore
from certs.api.certificaterequest import CertificateRequest
from certs.api.core import Secret, SecretMeta
from certs.api.meta import IssuerReference, owner_reference
from certs.decide.certificatesteps import RewriteSecret
from certs.decide.contents import wanted_annotations, wanted_labels
from certs.decide.effects import Tell, one_line
from certs.outcomes import WaitingForUser
from certs.pki.jks import UnusableAlias
from certs.pki.keys import Key, encode_key
from certs.pki.keystore import RANDOM, created, make_keystores, output_formats, read_material
from certs.pki.x509 import read_chain
from shim.controllers.secrets import Secrets
from shim.kube.errors import Conflict, Invalid

ISSUED_KEYS: Final = ("tls.crt", "tls.key", "ca.crt")
# `conflict with "kubectl" using v1: .metadata.labels.team`, or several with their fields below.
_MANAGER: Final = re.compile(r'conflicts? with ("[^"]+")')


class UnmakeableKeystore(WaitingForUser):
    """A keystore that cannot be made as the spec says; the Certificate as such may be well."""


class UnwritableSecret(WaitingForUser):
    """The API server does not take the Secret as it must be."""


def unwritable(name: str, error: Invalid) -> UnwritableSecret:
    """Return what is in the way and what to do about it."""
    if "when `immutable` is set" in str(error):
        return UnwritableSecret(
            f'cannot write Secret "{name}": it is marked immutable, and nobody can take that back; '
            "delete it, and it is made anew at once",
            reason="ImmutableSecret",
        )
    return UnwritableSecret(
        f'cannot write Secret "{name}": the API server does not take it: {one_line(str(error))}; '
        "mend what it names in the Certificate or in the Secret, or delete the Secret",
        reason="UnwritableSecret",
    )


def overruled(conflict: Conflict) -> str:
    """Return the field managers that an apply without force would have overruled, as the API server names them."""
    return ", ".join(dict.fromkeys(_MANAGER.findall(str(conflict))))


def contested(name: str, step: RewriteSecret, managers: str) -> Tell:
    """Return what is told, once, when somebody undoes what we write."""
    who = f"field manager {managers}" if managers else "somebody"
    sentence = (
        f'Secret "{name}" is changed again and again by {who}, and repaired each time, now ever more rarely '
        f"({step.message}); let only one of the two write this"
    )
    return Tell("SecretContested", one_line(sentence), "Warning")


def issued_data(certificate: Certificate, request: CertificateRequest, key: Key) -> dict[str, bytes]:
    """Return what an issuance brought: chain, key in its encoding, and the CA if the issuer gave one."""
    data = pair_data(certificate, request.status.certificate, key)
    return data | ({"ca.crt": request.status.ca} if request.status.ca else {})


def pair_data(certificate: Certificate, chain: bytes, key: Key) -> dict[str, bytes]:
    """Return a chain, and its key in the encoding that the spec asks for."""
    private_key = certificate.spec.private_key
    return {"tls.crt": chain, "tls.key": bytes(encode_key(key, private_key.encoding if private_key else None))}


def stored_data(secret: Secret) -> dict[str, bytes]:
    """Return what an earlier issuance brought, as it stands in the Secret."""
    return {key: secret.data[key] for key in ISSUED_KEYS if key in secret.data}


def further_data(
    certificate: Certificate, data: Mapping[str, bytes], secrets: Secrets, now: datetime
) -> dict[str, bytes]:
    """Return further encodings and keystores of key and chain.

    Blocks for one request for each password that has changed.  Raises `UnmakeableKeystore`.
    """
    made = output_formats(certificate.spec, data)
    for keystore in created(certificate.spec.keystores):
        password = _password(certificate, keystore, secrets)
        try:
            made |= make_keystores(keystore, read_material(data), password=password, random=os.urandom(RANDOM), now=now)
        except UnusableAlias as error:
            raise UnmakeableKeystore(
                f"cannot make the keystore of {_field(keystore)}: {error}; shorten it", reason="InvalidKeystoreAlias"
            ) from error
    return made


def issued_secret(
    certificate: Certificate,
    issuer: IssuerReference | None,
    data: Mapping[str, bytes],
    *,
    kind: str,
    owned: bool,
    legacy: bool = False,
) -> Secret:
    """Return exactly what we own of the Secret: data, annotations, labels, and the owner reference if it has one."""
    return Secret(
        metadata=SecretMeta(
            name=certificate.spec.secret_name,
            namespace=certificate.metadata.namespace,
            labels=wanted_labels(certificate, legacy=legacy),
            annotations=wanted_annotations(certificate, issuer, read_chain(data["tls.crt"])[0], legacy=legacy),
            owner_references=(owner_reference(certificate),) if owned else (),
        ),
        type=kind,
        data=dict(data),
    )


def _password(certificate: Certificate, keystore: JKSKeystore | PKCS12Keystore, secrets: Secrets) -> str:
    """Return the password, exactly as it stands there: a line break at its end belongs to it."""
    ref, field = keystore.password_secret_ref, _field(keystore)
    if ref is None or not ref.name:
        if keystore.password:
            return keystore.password
        raise UnmakeableKeystore(
            f"cannot make the keystore of {field}: it has no password; name a Secret in passwordSecretRef",
            reason="KeystorePasswordMissing",
        )
    secret = secrets.get(certificate.metadata.namespace, ref.name)
    if secret is None or not secret.data.get(ref.key):
        missing = "does not exist" if secret is None else f'has nothing under "{ref.key}"'
        raise UnmakeableKeystore(
            f'cannot make the keystore of {field}: Secret "{ref.name}" of passwordSecretRef {missing}; '
            f'put the password there under "{ref.key}"',
            reason="KeystorePasswordSecretNotFound",
        )
    try:
        return secret.data[ref.key].decode()
    except UnicodeDecodeError:
        raise UnmakeableKeystore(
            f'cannot make the keystore of {field}: "{ref.key}" in Secret "{ref.name}" is not UTF-8; put text there',
            reason="InvalidKeystorePassword",
        ) from None


def _field(keystore: JKSKeystore | PKCS12Keystore) -> str:
    return "spec.keystores.jks" if isinstance(keystore, JKSKeystore) else "spec.keystores.pkcs12"
