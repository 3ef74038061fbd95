from __future__ import annotations

from typing import Any, Literal

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key

from certs.api.certificate import (
    AdditionalOutputFormat,
    JKSKeystore,
    KeyAlgorithm,
    KeyEncoding,
    Keystores,
    PKCS12Keystore,
)
from certs.pki import pem
from certs.pki.keys import InvalidKey, encode_key, public_der
from certs.pki.keystore import (
    RANDOM,
    keystore_keys,
    known_ca,
    make_keystores,
    output_formats,
    read_material,
)
from tests.certs.decide.objects import NOW, spec
from tests.certs.pki.keystores import JKSReader, chain, material

Format = Literal["DER", "CombinedPEM"]


def formats(*types: Format) -> tuple[AdditionalOutputFormat, ...]:
    return tuple(AdditionalOutputFormat(type=one) for one in types)


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
@pytest.mark.parametrize("encoding", KeyEncoding)
def test_key_der_is_the_key_in_its_encoding(algorithm: KeyAlgorithm, encoding: KeyEncoding) -> None:
    """The bytes between the lines of tls.key."""
    key = material(algorithm).key
    text = bytes(encode_key(key, encoding))

    made = output_formats(spec(additional_output_formats=formats("DER")), {"tls.key": text})

    assert made == {"key.der": pem.blocks(text, "key", 10_000)[0].der}
    assert public_der(load_der_private_key(made["key.der"], None).public_key()) == public_der(key.public_key())


def test_key_der_is_not_what_stands_before_the_key() -> None:
    key = bytes(encode_key(material().key))
    parameters = pem.encode("EC PARAMETERS", b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")

    made = output_formats(spec(additional_output_formats=formats("DER")), {"tls.key": parameters + key})

    assert made["key.der"] == pem.blocks(key, "key", 10_000)[0].der


def test_key_der_needs_a_key() -> None:
    with pytest.raises(InvalidKey, match="no PEM block of one"):
        output_formats(
            spec(additional_output_formats=formats("DER")), {"tls.key": pem.encode("CERTIFICATE", b"\x30\x00")}
        )


def test_combined_pem_is_key_newline_chain() -> None:
    data = {"tls.key": b"the key\n", "tls.crt": b"the chain\n"}

    made = output_formats(spec(additional_output_formats=formats("CombinedPEM")), data)

    assert made == {"tls-combined.pem": b"the key\n\nthe chain\n"}


JKS = JKSKeystore(create=True)
P12 = PKCS12Keystore(create=True)


@pytest.mark.parametrize(
    ("keystores", "has_ca", "keys"),
    [
        pytest.param(None, True, set(), id="none"),
        pytest.param(Keystores(), True, set(), id="none of either"),
        pytest.param(Keystores(jks=JKS), False, {"keystore.jks"}, id="JKS"),
        pytest.param(Keystores(jks=JKS), True, {"keystore.jks", "truststore.jks"}, id="JKS with a CA"),
        pytest.param(Keystores(pkcs12=P12), False, {"keystore.p12"}, id="PKCS#12"),
        pytest.param(Keystores(pkcs12=P12), True, {"keystore.p12", "truststore.p12"}, id="PKCS#12 with a CA"),
        pytest.param(Keystores(JKS, P12), False, {"keystore.jks", "keystore.p12"}, id="both"),
        pytest.param(
            Keystores(JKSKeystore(create=False), PKCS12Keystore(create=False)), True, set(), id="create is false"
        ),
    ],
)
def test_keys_are_those_of_what_is_created(keystores: Keystores | None, *, has_ca: bool, keys: set[str]) -> None:
    assert keystore_keys(keystores, has_ca=has_ca) == keys


@pytest.mark.parametrize("keystore", [JKS, P12], ids=["JKS", "PKCS#12"])
@pytest.mark.parametrize("ca", [0, 1])
def test_what_is_made_are_the_keys_that_are_expected(keystore: Any, ca: int) -> None:
    made = make_keystores(keystore, material(ca=ca), password="changeit", random=bytes(RANDOM), now=NOW)

    expected = Keystores(jks=keystore) if isinstance(keystore, JKSKeystore) else Keystores(pkcs12=keystore)
    assert made.keys() == keystore_keys(expected, has_ca=bool(ca))


@pytest.mark.parametrize(
    ("alias", "aliases"),
    [
        pytest.param(None, ["certificate", "ca", "ca-1"], id="default"),
        pytest.param("", ["certificate", "ca", "ca-1"], id="empty"),
        pytest.param("shop", ["shop", "ca", "ca-1"], id="given"),
        pytest.param("CA", ["ca", "ca-1", "ca-2"], id="the name of a CA"),
    ],
)
def test_no_alias_is_given_twice(alias: str | None, aliases: list[str]) -> None:
    keystore = JKSKeystore(create=True, alias=alias)

    made = make_keystores(keystore, material(ca=2), password="changeit", random=bytes(RANDOM), now=NOW)

    assert [entry.alias for entry in JKSReader(made["keystore.jks"], "changeit").entries()] == aliases
    assert [entry.alias for entry in JKSReader(made["truststore.jks"], "changeit").entries()] == ["ca", "ca-1"]


def test_material_is_read_from_a_secret() -> None:
    """A CA that stands there twice counts once."""
    key, ders = chain(KeyAlgorithm.ECDSA, 4)
    blocks = [pem.encode("CERTIFICATE", der) for der in ders]
    data = {"tls.key": bytes(encode_key(key)), "tls.crt": blocks[0] + blocks[1], "ca.crt": blocks[2] * 2}

    read = read_material(data)

    assert public_der(read.key.public_key()) == public_der(key.public_key())
    assert (read.chain, read.ca) == (ders[:2], ders[2:3])


@pytest.mark.parametrize("data", [{}, {"ca.crt": b""}, {"ca.crt": b"garbage"}], ids=["absent", "empty", "garbage"])
def test_a_ca_that_cannot_be_read_is_not_known(data: dict[str, bytes]) -> None:
    """The Secret gets everything else."""
    assert known_ca(data) == ()
