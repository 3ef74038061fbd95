"""Formats and keystores between issuances: what is noticed, and what it leads to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from certs.api.certificate import (
    AdditionalOutputFormat,
    Certificate,
    CertificateStatus,
    JKSKeystore,
    Keystores,
    PKCS12Keystore,
)
from certs.api.core import Secret
from certs.decide.certificate import decide
from certs.decide.certificatesteps import ObservedCertificate, RewriteSecret, SetCertificateStatus
from certs.decide.contents import outdated
from certs.outcomes import Wait
from certs.pki.keystore import output_formats
from tests.certs.decide.objects import NOW, certificate, request, sign, stored, with_status

BOTH = (AdditionalOutputFormat("DER"), AdditionalOutputFormat("CombinedPEM"))
JKS = Keystores(jks=JKSKeystore(create=True, password="changeit"))
P12 = Keystores(pkcs12=PKCS12Keystore(create=True, password="changeit"))
OFF = Keystores(jks=JKSKeystore(create=False, password="changeit"))
CA = sign(request().spec.request)


def holding(cert: Certificate, **data: bytes) -> Secret:
    """Return the Secret of a Certificate with further data, `_` for each dot in a key."""
    held = stored(cert)
    return msgspec.structs.replace(held, data={**held.data, **{key.replace("_", "."): data[key] for key in data}})


@pytest.mark.parametrize(
    ("fields", "data", "reason", "named"),
    [
        pytest.param({}, {}, None, "", id="nothing asked for, nothing there"),
        pytest.param({"keystores": JKS}, {}, "SecretMismatch", "keystore.jks", id="JKS missing"),
        pytest.param({"keystores": JKS}, {"keystore_jks": b"x"}, None, "", id="JKS there, whatever is in it"),
        pytest.param({"keystores": JKS}, {"keystore_jks": b""}, "SecretMismatch", "keystore.jks", id="JKS empty"),
        pytest.param(
            {"keystores": JKS}, {"keystore_jks": b"x", "ca_crt": CA}, "SecretMismatch", "truststore.jks", id="JKS, CA"
        ),
        pytest.param(
            {"keystores": JKS}, {"keystore_jks": b"x", "ca_crt": b"garbage"}, None, "", id="JKS, CA unreadable"
        ),
        pytest.param({"keystores": P12}, {}, "SecretMismatch", "keystore.p12", id="PKCS#12 missing"),
        pytest.param(
            {"keystores": P12},
            {"keystore_p12": b"x", "truststore_p12": b"x", "ca_crt": CA},
            None,
            "",
            id="P12 all there",
        ),
        pytest.param(
            {"keystores": P12},
            {"keystore_p12": b"x", "truststore_p12": b"x"},
            "SecretMismatch",
            "truststore.p12",
            id="a truststore without CA",
        ),
        pytest.param({}, {"keystore_jks": b"x"}, "SecretMismatch", "keystore.jks", id="JKS dropped"),
        pytest.param({"keystores": OFF}, {"keystore_jks": b"x"}, "SecretMismatch", "keystore.jks", id="create false"),
        pytest.param({"keystores": OFF}, {}, None, "", id="create false, none there"),
        pytest.param(
            {"additional_output_formats": BOTH},
            {},
            "AdditionalOutputFormatsMismatch",
            "key.der, tls-combined.pem",
            id="formats missing",
        ),
        pytest.param({}, {"key_der": b"x"}, "AdditionalOutputFormatsMismatch", "key.der", id="a format dropped"),
    ],
)
def test_what_is_there_is_compared_with_what_is_asked_for(
    fields: dict[str, Any], data: dict[str, bytes], reason: str | None, named: str
) -> None:
    cert = certificate(**fields)

    found = outdated(cert, holding(cert, **data))

    assert (found and found.reason) == reason
    assert found is None or found.message == f"not as the spec says: {named}"


def test_formats_are_compared_by_content() -> None:
    """They must follow key and chain."""
    cert = certificate(additional_output_formats=BOTH)
    held = stored(cert)
    good = {**held.data, **output_formats(cert.spec, held.data)}

    assert outdated(cert, msgspec.structs.replace(held, data=good)) is None
    assert outdated(cert, msgspec.structs.replace(held, data={**good, "tls-combined.pem": b"old"})) is not None


def test_nothing_is_made_of_what_cannot_be_read() -> None:
    """That needs a new certificate, for which there are other policies."""
    cert = certificate(keystores=JKS)
    held = stored(cert)

    assert outdated(cert, None) is None
    assert outdated(cert, msgspec.structs.replace(held, data={**held.data, "tls.key": b"garbage"})) is None
    assert outdated(cert, msgspec.structs.replace(held, data={**held.data, "tls.crt": b"garbage"})) is None


def test_the_secret_of_another_certificate_is_left_alone() -> None:
    assert outdated(certificate("other", keystores=JKS), stored(certificate(keystores=JKS))) is None


def settled(cert: Certificate, held: Secret, **fields: Any) -> ObservedCertificate:
    """Return an observation in which readiness has been told."""
    observed = ObservedCertificate(cert, held, requests=(request(cert),), **fields)
    step = decide(observed, NOW)
    assert isinstance(step, SetCertificateStatus)
    return ObservedCertificate(with_status(cert, step.status), held, requests=observed.requests, **fields)


def test_a_settled_certificate_has_its_secret_rewritten() -> None:
    """Without a new certificate, and only once: what stays there after that is not ours."""
    cert = with_status(certificate(keystores=JKS), CertificateStatus(revision=1))
    held = holding(cert, key_der=b"somebody's")
    formats = RewriteSecret("AdditionalOutputFormatsMismatch", "not as the spec says: key.der")

    assert decide(settled(cert, held), NOW) == formats
    assert isinstance(decide(settled(cert, held, is_rewritten=True), NOW), Wait)


def test_a_back_off_does_not_keep_it_from_that() -> None:
    """A renewal that fails may fail for days."""
    held = stored(certificate(), not_before=NOW - timedelta(days=80))
    failing = CertificateStatus(revision=1, last_failure_time=NOW, failed_issuance_attempts=1)
    cert = with_status(certificate(keystores=JKS), failing)

    assert decide(settled(cert, held), NOW) == RewriteSecret("SecretMismatch", "not as the spec says: keystore.jks")
