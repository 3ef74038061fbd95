"""What a Secret has beside key and chain, and whether it still has: metadata, owner, encodings, keystores.

Asked between issuances; what is found is mended from the Secret's own key and chain, without a new certificate.

| reason                          | what is not as it should be                                         |
|---------------------------------|---------------------------------------------------------------------|
| SecretTemplateMismatch          | labels and annotations of spec.secretTemplate                       |
| SecretManagedMetadataMismatch   | those that say what is in the Secret, from whom and for whom        |
| AdditionalOutputFormatsMismatch | encodings, compared by content: they follow from key and chain      |
| SecretOwnerRefMismatch          | the owner reference, by the flag --enable-certificate-owner-ref     |
| SecretMismatch                  | keystores; only their presence counts (the API's rule)              |

What is not asked for is too much only where our field manager owns it (`certs.api.ownership`); anything else there is
somebody's.  A keystore's password, alias or profile changes with the next issuance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from certs.api.certificate import Certificate
from certs.api.core import Secret
from certs.api.meta import IssuerReference, owner_reference
from certs.decide.certificatesteps import ObservedCertificate
from certs.decide.policies import (
    CERTIFICATE_NAME,
    ISSUER_GROUP,
    ISSUER_KIND,
    ISSUER_NAME,
    Violation,
    first_violation,
    stored_leaf,
)
from certs.legacy.output import old_annotations, old_labels
from certs.legacy.words import LEGACY_GROUP
from certs.pki.keystore import FORMAT_KEYS, KEYSTORE_KEYS, keystore_keys, output_formats, read_material
from certs.pki.pem import InvalidPEM
from certs.pki.x509 import Leaf, secret_annotations

BASE_LABELS: Final = {"controller.cert-manager.io/fao": "true"}
_OUR_PREFIXES: Final = ("cert-manager.io/", "controller.cert-manager.io/", f"{LEGACY_GROUP}/")


def outdated(observed: ObservedCertificate) -> Violation | None:
    """Return what is missing or too much; None when nothing is, or when there is nothing to make it of.

    The Secret of another Certificate is not looked at.
    """
    certificate, secret = observed.certificate, observed.secret
    leaf = stored_leaf(secret)
    if secret is None or leaf is None or not _is_for(observed, secret):
        return None
    return (
        _metadata(certificate, secret, leaf, legacy=observed.legacy_output)
        or _formats(certificate, secret)
        or _owner(certificate, secret, owner_ref=observed.owner_ref)
        or _keystores(certificate, secret)
    )


def wanted_annotations(
    certificate: Certificate, issuer: IssuerReference | None, leaf: Leaf, *, legacy: bool = False
) -> dict[str, str]:
    """Return all annotations that we write; what is in the Secret, from whom and for whom stands over the template.

    `legacy`: under the keys of before v0.11, too.
    """
    template = certificate.spec.secret_template
    return {**(template.annotations if template is not None else {}), **_told(certificate, issuer, leaf, legacy=legacy)}


def wanted_labels(certificate: Certificate, *, legacy: bool = False) -> dict[str, str]:
    """Return all labels that we write."""
    template = certificate.spec.secret_template
    return {**(template.labels if template is not None else {}), **_base_labels(certificate, legacy=legacy)}


def _base_labels(certificate: Certificate, *, legacy: bool) -> dict[str, str]:
    return {**BASE_LABELS, **(old_labels(certificate.metadata.name) if legacy else {})}


def stored_issuer(secret: Secret) -> IssuerReference | None:
    """Return who issued what is in the Secret, as it says itself; None where it does not say."""
    told = secret.metadata.annotations
    if not any(key in told for key in (ISSUER_NAME, ISSUER_KIND, ISSUER_GROUP)):
        return None
    return IssuerReference(
        name=told.get(ISSUER_NAME, ""), kind=told.get(ISSUER_KIND, ""), group=told.get(ISSUER_GROUP, "")
    )


def _told(certificate: Certificate, issuer: IssuerReference | None, leaf: Leaf, *, legacy: bool) -> dict[str, str]:
    issued = {ISSUER_NAME: issuer.name, ISSUER_KIND: issuer.kind, ISSUER_GROUP: issuer.group} if issuer else {}
    told = {CERTIFICATE_NAME: certificate.metadata.name, **issued, **secret_annotations(leaf)}
    return {**told, **old_annotations(told)} if legacy else told


def _is_for(observed: ObservedCertificate, secret: Secret) -> bool:
    """Is it this Certificate's?  One that does not say is, if we have written it, or if all the policies accept it."""
    named = secret.metadata.annotations.get(CERTIFICATE_NAME)
    if named is not None:
        return named == observed.certificate.metadata.name
    return bool(secret.metadata.owned.data) or first_violation(observed.subject) is None


def _metadata(certificate: Certificate, secret: Secret, leaf: Leaf, *, legacy: bool) -> Violation | None:
    metadata, owned = secret.metadata, secret.metadata.owned
    annotations = wanted_annotations(certificate, stored_issuer(secret), leaf, legacy=legacy)
    labels = wanted_labels(certificate, legacy=legacy)
    differing = (
        *(("annotation", key) for key in _differing(annotations, metadata.annotations, owned.annotations)),
        *(("label", key) for key in _differing(labels, metadata.labels, owned.labels)),
    )
    told = (
        _told(certificate, stored_issuer(secret), leaf, legacy=legacy).keys()
        | _base_labels(certificate, legacy=legacy).keys()
    )
    base = [(kind, key) for kind, key in differing if key in told or not _is_template(certificate, kind, key)]
    template = [pair for pair in differing if pair not in base]
    if template:
        return _violation("SecretTemplateMismatch", (f"{kind} {key}" for kind, key in template))
    return _violation("SecretManagedMetadataMismatch", (f"{kind} {key}" for kind, key in base)) if base else None


def _is_template(certificate: Certificate, kind: str, key: str) -> bool:
    """Is or was it the template's?  Of what has gone, our prefixes were never its own to give."""
    template = certificate.spec.secret_template
    given = () if template is None else template.annotations if kind == "annotation" else template.labels
    return key in given or not key.startswith(_OUR_PREFIXES)


def _differing(wanted: Mapping[str, str], there: Mapping[str, str], owned: Iterable[str]) -> tuple[str, ...]:
    """Return the keys that are missing, have another value, or are ours and not wanted any more."""
    missing = (key for key, value in wanted.items() if there.get(key) != value)
    return (*missing, *(key for key in owned if key not in wanted))


def _formats(certificate: Certificate, secret: Secret) -> Violation | None:
    ours = secret.metadata.owned.data
    if not certificate.spec.additional_output_formats and not any(key in ours for key in FORMAT_KEYS):
        return None  # most ask for none, and reading their keys would be for nothing
    try:
        wanted = output_formats(certificate.spec, secret.data)
    except InvalidPEM:
        return None
    differing = [key for key in FORMAT_KEYS if (wanted[key] != secret.data.get(key) if key in wanted else key in ours)]
    return _violation("AdditionalOutputFormatsMismatch", differing) if differing else None


def _owner(certificate: Certificate, secret: Secret, *, owner_ref: bool) -> Violation | None:
    wanted = owner_reference(certificate)
    uids = secret.metadata.owned.owners
    if owner_ref:
        is_right = wanted in secret.metadata.owner_references and not any(uid != wanted.uid for uid in uids)
    else:
        is_right = not uids
    return None if is_right else _violation("SecretOwnerRefMismatch", ["owner reference"])


def _keystores(certificate: Certificate, secret: Secret) -> Violation | None:
    ours = secret.metadata.owned.data
    if certificate.spec.keystores is None and not any(key in ours for key in KEYSTORE_KEYS):
        return None
    try:
        has_ca = bool(read_material(secret.data).ca)
    except InvalidPEM:
        return None
    wanted = keystore_keys(certificate.spec.keystores, has_ca=has_ca)
    differing = [key for key in KEYSTORE_KEYS if (not secret.data.get(key) if key in wanted else key in ours)]
    return _violation("SecretMismatch", differing) if differing else None


def _violation(reason: str, differing: Iterable[str]) -> Violation:
    return Violation(reason, f"not as the spec says: {', '.join(differing)}")
