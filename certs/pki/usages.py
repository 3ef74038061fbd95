"""Key usages: between the API's words and the two extensions (RFC 5280 §4.2.1.3 and §4.2.1.12).

The API mixes both kinds in one list.  Two words are synonyms (`signing` of `digital signature`,
`s/mime` of `email protection`); reading answers with the longer one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.api.certificate import DEFAULT_USAGES, KeyUsage

# The words and the attribute of `x509.KeyUsage`, in the order of the bits.
BITS: Final = {
    KeyUsage.DIGITAL_SIGNATURE: "digital_signature",
    KeyUsage.CONTENT_COMMITMENT: "content_commitment",
    KeyUsage.KEY_ENCIPHERMENT: "key_encipherment",
    KeyUsage.DATA_ENCIPHERMENT: "data_encipherment",
    KeyUsage.KEY_AGREEMENT: "key_agreement",
    KeyUsage.CERT_SIGN: "key_cert_sign",
    KeyUsage.CRL_SIGN: "crl_sign",
    KeyUsage.ENCIPHER_ONLY: "encipher_only",
    KeyUsage.DECIPHER_ONLY: "decipher_only",
}
_NEEDS_AGREEMENT: Final = (KeyUsage.ENCIPHER_ONLY, KeyUsage.DECIPHER_ONLY)

PURPOSES: Final = {
    KeyUsage.ANY: ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    KeyUsage.SERVER_AUTH: ExtendedKeyUsageOID.SERVER_AUTH,
    KeyUsage.CLIENT_AUTH: ExtendedKeyUsageOID.CLIENT_AUTH,
    KeyUsage.CODE_SIGNING: ExtendedKeyUsageOID.CODE_SIGNING,
    KeyUsage.EMAIL_PROTECTION: ExtendedKeyUsageOID.EMAIL_PROTECTION,
    KeyUsage.IPSEC_END_SYSTEM: x509.ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
    KeyUsage.IPSEC_TUNNEL: x509.ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    KeyUsage.IPSEC_USER: x509.ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
    KeyUsage.TIMESTAMPING: ExtendedKeyUsageOID.TIME_STAMPING,
    KeyUsage.OCSP_SIGNING: ExtendedKeyUsageOID.OCSP_SIGNING,
    KeyUsage.MICROSOFT_SGC: x509.ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),
    KeyUsage.NETSCAPE_SGC: x509.ObjectIdentifier("2.16.840.1.113730.4.1"),
}
_PURPOSE_WORDS: Final = {oid: word for word, oid in PURPOSES.items()}

SYNONYMS: Final = {KeyUsage.SIGNING: KeyUsage.DIGITAL_SIGNATURE, KeyUsage.SMIME: KeyUsage.EMAIL_PROTECTION}


def expected_usages(usages: Iterable[KeyUsage], *, is_ca: bool) -> tuple[KeyUsage, ...]:
    """Return the usages without synonyms and duplicates, defaults filled in; a CA also signs certificates.

    >>> [str(usage) for usage in expected_usages((), is_ca=True)]
    ['digital signature', 'key encipherment', 'cert sign']
    """
    wanted = (*(tuple(usages) or DEFAULT_USAGES), *((KeyUsage.CERT_SIGN,) if is_ca else ()))
    return tuple(dict.fromkeys(SYNONYMS.get(usage, usage) for usage in wanted))


def key_usage(usages: Iterable[KeyUsage]) -> x509.KeyUsage | None:
    """Return the key usage extension, None when no bit would be set (RFC 5280: at least one must).

    Raises ValueError for `encipher only` and `decipher only` without `key agreement`:
    their meaning is undefined then.
    """
    wanted = {SYNONYMS.get(usage, usage) for usage in usages}
    if not wanted & BITS.keys():
        return None
    if KeyUsage.KEY_AGREEMENT not in wanted and wanted.intersection(_NEEDS_AGREEMENT):
        raise ValueError("encipher only and decipher only mean nothing without key agreement")
    return x509.KeyUsage(**{attribute: word in wanted for word, attribute in BITS.items()})


def extended_key_usage(usages: Iterable[KeyUsage]) -> x509.ExtendedKeyUsage | None:
    """Return the extended key usage extension in the order of the words, None when there is none."""
    wanted = dict.fromkeys(SYNONYMS.get(usage, usage) for usage in usages)
    purposes = [PURPOSES[usage] for usage in wanted if usage in PURPOSES]
    return x509.ExtendedKeyUsage(purposes) if purposes else None


def read_usages(extensions: x509.Extensions) -> tuple[KeyUsage, ...]:
    """Return the usages of both extensions: bits first, then purposes in their order; unknown purposes are skipped."""
    found: list[KeyUsage] = []
    for extension in extensions:
        match extension.value:
            case x509.KeyUsage() as bits:
                found[:0] = [word for word, attribute in BITS.items() if _is_set(bits, word, attribute)]
            case x509.ExtendedKeyUsage() as purposes:
                found += [_PURPOSE_WORDS[oid] for oid in purposes if oid in _PURPOSE_WORDS]
            case _:
                pass
    return tuple(found)


def _is_set(bits: x509.KeyUsage, word: KeyUsage, attribute: str) -> bool:
    # The library refuses even to read these two without key agreement.
    if word in _NEEDS_AGREEMENT and not bits.key_agreement:
        return False
    return bool(getattr(bits, attribute))
