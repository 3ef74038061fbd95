"""What is written into the Secret of a Certificate: all that we own of it, each time.

Server-side apply takes away what we owned and do not name any more, so a format or keystore that is not
asked for any longer goes by being left out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from certs.api.certificate import Certificate, JKSKeystore, PKCS12Keystore
from certs.api.certificaterequest import CertificateRequest
from certs.api.core import Secret
from certs.api.meta import IssuerReference, ObjectMeta, owner_reference
from certs.decide.policies import CERTIFICATE_NAME, ISSUER_GROUP, ISSUER_KIND, ISSUER_NAME
from certs.outcomes import WaitingForUser
from certs.pki.jks import UnusableAlias
from certs.pki.keys import Key, encode_key
from certs.pki.keystore import RANDOM, created, make_keystores, output_formats, read_material
from certs.pki.x509 import read_chain, secret_annotations
from shim.controllers.secrets import Secrets
from shim.stores import OURS

ISSUED_KEYS: Final = ("tls.crt", "tls.key", "ca.crt")


class UnmakeableKeystore(WaitingForUser):
    """A keystore that cannot be made as the spec says; the Certificate as such may be well."""


def issued_data(certificate: Certificate, request: CertificateRequest, key: Key) -> dict[str, bytes]:
    """Return what an issuance brought: chain, key in its encoding, and the CA if the issuer gave one."""
    private_key = certificate.spec.private_key
    data = {
        "tls.crt": request.status.certificate,
        "tls.key": bytes(encode_key(key, private_key.encoding if private_key else None)),
    }
    return data | ({"ca.crt": request.status.ca} if request.status.ca else {})


def stored_data(secret: Secret) -> dict[str, bytes]:
    """Return what an earlier issuance brought, as it stands in the Secret."""
    return {key: secret.data[key] for key in ISSUED_KEYS if key in secret.data}


def stored_issuer(certificate: Certificate, secret: Secret) -> IssuerReference:
    """Return who issued what is in the Secret, as it says itself; the spec's issuer where it does not say."""
    told = secret.metadata.annotations
    if not any(key in told for key in (ISSUER_NAME, ISSUER_KIND, ISSUER_GROUP)):
        return certificate.spec.issuer_ref
    return IssuerReference(
        name=told.get(ISSUER_NAME, ""), kind=told.get(ISSUER_KIND, ""), group=told.get(ISSUER_GROUP, "")
    )


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
    certificate: Certificate, issuer: IssuerReference, data: Mapping[str, bytes], *, kind: str, owned: bool
) -> Secret:
    """Return exactly what we own of the Secret: data, annotations, label.

    The template goes first, so that it cannot override what says who issued what for whom.
    """
    template = certificate.spec.secret_template
    annotations = {
        **(template.annotations if template is not None else {}),
        CERTIFICATE_NAME: certificate.metadata.name,
        ISSUER_NAME: issuer.name,
        ISSUER_KIND: issuer.kind,
        ISSUER_GROUP: issuer.group,
        **secret_annotations(read_chain(data["tls.crt"])[0]),
    }
    return Secret(
        metadata=ObjectMeta(
            name=certificate.spec.secret_name,
            namespace=certificate.metadata.namespace,
            labels={**(template.labels if template is not None else {}), **OURS},
            annotations=annotations,
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
