"""JKS files, against the JDK: a file that keytool wrote, and keytool itself where it is installed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key

from certs.api.certificate import KeyAlgorithm
from certs.pki.jks import KeyEntry, UnusableAlias, jks_store
from certs.pki.keys import public_der
from tests.certs.decide.objects import NOW
from tests.certs.pki.keystores import PASSWORDS, JKSReader, material, program

SALT = bytes(range(20))
# keytool of OpenJDK 17: -genkeypair -alias shop (RSA 1024), then -importcert -alias ca; the password is changeit.
WRITTEN_BY_KEYTOOL = Path(__file__).with_name("vectors") / "keytool-17.jks"


def test_it_is_byte_for_byte_what_keytool_writes() -> None:
    """Given the moment and the salt that are in keytool's file."""
    file = WRITTEN_BY_KEYTOOL.read_bytes()
    by_alias = {entry.alias: entry for entry in JKSReader(file, "changeit").entries()}
    shop, ca = by_alias["shop"], by_alias["ca"]
    entry = KeyEntry("shop", load_der_private_key(shop.key, None), shop.chain)  # type: ignore[arg-type] # an RSA key

    def at(time: int) -> datetime:
        return datetime.fromtimestamp(time / 1000, UTC)

    key_only = jks_store(entry, {}, password="changeit", salt=shop.salt, now=at(shop.time))
    ca_only = jks_store(None, {"ca": ca.chain[0]}, password="changeit", salt=b"", now=at(ca.time))

    assert key_only[12:-20] in file
    assert ca_only[12:-20] in file
    assert len(key_only[12:-20]) + len(ca_only[12:-20]) + 32 == len(file)


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
@pytest.mark.parametrize("password", PASSWORDS)
def test_what_goes_in_comes_out(algorithm: KeyAlgorithm, password: str) -> None:
    """Key, chain, trusted certificates; the checks of both digests hold."""
    held = material(algorithm, ca=1)

    file = jks_store(KeyEntry("Shop", held.key, held.chain), {"ca": held.ca[0]}, password=password, salt=SALT, now=NOW)

    shop, ca = JKSReader(file, password).entries()
    assert (shop.alias, shop.time, shop.salt) == ("shop", int(NOW.timestamp() * 1000), SALT)
    read = load_der_private_key(shop.key, None)
    assert public_der(read.public_key()) == public_der(held.key.public_key())
    assert shop.chain == held.chain
    assert (ca.alias, ca.chain) == ("ca", held.ca)


@pytest.mark.parametrize(
    ("alias", "written"),
    [
        pytest.param("Größe", "größe".encode(), id="small letters"),
        pytest.param("a\0b", b"a\xc0\x80b", id="NUL"),
        pytest.param("𝄞", b"\xed\xa0\xb4\xed\xb4\x9e", id="surrogates"),
    ],
)
def test_names_are_in_the_utf_8_of_java(alias: str, written: bytes) -> None:
    held = material()

    file = jks_store(KeyEntry(alias, held.key, held.chain), {}, password="x", salt=SALT, now=NOW)

    assert file[16:].startswith(len(written).to_bytes(2) + written)


def test_an_alias_has_room_up_to_its_length_field() -> None:
    held = material()
    with pytest.raises(UnusableAlias, match="65536 bytes is too long"):
        jks_store(KeyEntry("a" * 65536, held.key, held.chain), {}, password="x", salt=SALT, now=NOW)


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_keytool_reads_it(algorithm: KeyAlgorithm, tmp_path: Path) -> None:
    """It opens the key, too: only then can it be moved to another file."""
    held, file, moved = material(algorithm, ca=1), tmp_path / "keystore.jks", tmp_path / "moved.p12"
    entry = KeyEntry("shop", held.key, held.chain)
    file.write_bytes(jks_store(entry, {"ca": held.ca[0]}, password="changeit", salt=SALT, now=NOW))

    listed = program("keytool", "-list", "-v", "-keystore", file, "-storepass", "changeit")
    program(
        "keytool", "-importkeystore", "-noprompt", "-srckeystore", file, "-srcstorepass", "changeit",
        "-destkeystore", moved, "-deststoretype", "PKCS12", "-deststorepass", "changeit",
    )  # fmt: skip

    assert "Keystore type: JKS" in listed
    assert "Certificate chain length: 2" in listed
    assert listed.count("trustedCertEntry") == 1
    assert moved.exists()
