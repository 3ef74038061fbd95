"""What a Secret can hold beside `tls.crt`, `tls.key` and `ca.crt`: further encodings, and keystores.

| asked for                         | key in the Secret                               |
|-----------------------------------|-------------------------------------------------|
| additionalOutputFormats DER       | key.der: DER of what tls.key holds              |
| additionalOutputFormats CombinedPEM | tls-combined.pem: tls.key, newline, tls.crt   |
| keystores.jks                     | keystore.jks, and truststore.jks with a CA      |
| keystores.pkcs12                  | keystore.p12, and truststore.p12 with a CA      |

A truststore holds the certificates of `ca.crt`, under the aliases `ca`, `ca-1`, and so on.  A keystore holds
them too, beside key and chain.  Passwords, random bytes and the time are given; `shim` knows where they come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from certs.api.certificate import CertificateSpec, JKSKeystore, Keystores, PKCS12Keystore
from certs.pki import jks, pkcs12
from certs.pki.jks import KeyEntry, jks_store
from certs.pki.keys import InvalidKey, Key, decode_key
from certs.pki.pem import MAX_PRIVATE_KEY, blocks
from certs.pki.pkcs12 import PROFILES, pkcs12_keystore, pkcs12_truststore
from certs.pki.x509 import InvalidCertificate, read_chain

KEY_DER: Final = "key.der"
COMBINED_PEM: Final = "tls-combined.pem"
FORMAT_KEYS: Final = (KEY_DER, COMBINED_PEM)
KEYSTORE_KEYS: Final = ("keystore.jks", "truststore.jks", "keystore.p12", "truststore.p12")
DEFAULT_ALIAS: Final = "certificate"
DEFAULT_PROFILE: Final = "LegacyRC2"
RANDOM: Final = 2 * max(jks.SALT, pkcs12.RANDOM)  # bytes for all keystores of one kind


@dataclass(frozen=True, slots=True)
class Material:
    """What keystores are made of: the key, its chain (DER, leaf first), and the CA's certificates (DER)."""

    key: Key
    chain: tuple[bytes, ...]
    ca: tuple[bytes, ...] = ()


def read_material(data: Mapping[str, bytes]) -> Material:
    """Return what a Secret holds; raises `InvalidPEM` when key or chain cannot be read."""
    chain = tuple(one.der for one in read_chain(data.get("tls.crt", b"")))
    return Material(decode_key(data.get("tls.key", b"")), chain, known_ca(data))


def known_ca(data: Mapping[str, bytes]) -> tuple[bytes, ...]:
    """Return the certificates of `ca.crt`, once each; none when it is not there or cannot be read."""
    try:
        return tuple(dict.fromkeys(one.der for one in read_chain(data.get("ca.crt", b""))))
    except InvalidCertificate:
        return ()


def output_formats(spec: CertificateSpec, data: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the further encodings that are asked for, made of `tls.key` and `tls.crt`; raises `InvalidPEM`."""
    wanted = {output.type for output in spec.additional_output_formats}
    formats = {}
    if "DER" in wanted:
        formats[KEY_DER] = _key_der(data.get("tls.key", b""))
    if "CombinedPEM" in wanted:
        formats[COMBINED_PEM] = b"\n".join((data.get("tls.key", b""), data.get("tls.crt", b"")))
    return formats


def _key_der(pem: bytes) -> bytes:
    """Return the content of the block that holds the key: before it there may be EC PARAMETERS."""
    for block in blocks(pem, "private key", MAX_PRIVATE_KEY):
        if block.label.endswith("PRIVATE KEY"):
            return block.der
    raise InvalidKey("cannot read private key: no PEM block of one")


def created(keystores: Keystores | None) -> tuple[JKSKeystore | PKCS12Keystore, ...]:
    """Return the keystores that shall be made."""
    given = (keystores.jks, keystores.pkcs12) if keystores is not None else ()
    return tuple(keystore for keystore in given if keystore is not None and keystore.create)


def keystore_keys(keystores: Keystores | None, *, has_ca: bool) -> frozenset[str]:
    """Return the keys that the Secret has for its keystores."""
    endings = ("jks" if isinstance(keystore, JKSKeystore) else "p12" for keystore in created(keystores))
    names = ("keystore", "truststore") if has_ca else ("keystore",)
    return frozenset(f"{name}.{ending}" for ending in endings for name in names)


def make_keystores(
    keystore: JKSKeystore | PKCS12Keystore, material: Material, *, password: str, random: bytes, now: datetime
) -> dict[str, bytes]:
    """Return keystore and truststore of one kind, by their keys in the Secret.

    `random` is `RANDOM` fresh random bytes.  Raises `jks.UnusableAlias`.
    """
    half = RANDOM // 2
    if isinstance(keystore, JKSKeystore):
        return _jks(keystore, material, password, (random[: jks.SALT], random[half : half + jks.SALT]), now)
    return _pkcs12(keystore, material, password, (random[:half], random[half:]))


def _jks(
    keystore: JKSKeystore, material: Material, password: str, salts: tuple[bytes, bytes], now: datetime
) -> dict[str, bytes]:
    entry = KeyEntry(keystore.alias or DEFAULT_ALIAS, material.key, material.chain)
    beside = ca_aliases(material.ca, taken=entry.alias.lower())
    made = {"keystore.jks": jks_store(entry, beside, password=password, salt=salts[0], now=now)}
    if material.ca:
        trusted = ca_aliases(material.ca)
        made["truststore.jks"] = jks_store(None, trusted, password=password, salt=salts[1], now=now)
    return made


def _pkcs12(
    keystore: PKCS12Keystore, material: Material, password: str, random: tuple[bytes, bytes]
) -> dict[str, bytes]:
    profile = PROFILES[keystore.profile or DEFAULT_PROFILE]
    others = [der for der in material.ca if der not in material.chain]
    made = {
        "keystore.p12": pkcs12_keystore(
            material.key, material.chain, others=others, profile=profile, password=password, random=random[0]
        )
    }
    if material.ca:
        trusted = ca_aliases(material.ca)
        made["truststore.p12"] = pkcs12_truststore(trusted, profile=profile, password=password, random=random[1])
    return made


def ca_aliases(certificates: Iterable[bytes], *, taken: str = "") -> dict[str, bytes]:
    """Return the certificates under `ca`, `ca-1`, and so on, without the alias that is taken.

    >>> ca_aliases([b"one", b"two"], taken="ca")
    {'ca-1': b'one', 'ca-2': b'two'}
    """
    certificates = tuple(certificates)
    numbered = ("ca" if number == 0 else f"ca-{number}" for number in range(len(certificates) + 1))
    free = (alias for alias in numbered if alias != taken)
    return dict(zip(free, certificates, strict=False))
