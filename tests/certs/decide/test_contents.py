"""The Secret between issuances: what is noticed, and what it leads to."""

from __future__ import annotations

from dataclasses import replace
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
    Renewal,
    SecretTemplate,
)
from certs.api.core import Secret
from certs.api.meta import IssuerReference, owner_reference
from certs.api.ownership import Owned
from certs.decide.backoff import Setback
from certs.decide.certificate import decide
from certs.decide.certificatesteps import ObservedCertificate, RewriteSecret, Rewritten, SetCertificateStatus
from certs.decide.contents import BASE_LABELS, outdated, stored_issuer
from certs.decide.policies import CERTIFICATE_NAME, ISSUER_GROUP, ISSUER_KIND, ISSUER_NAME
from certs.outcomes import Wait
from certs.pki.keystore import output_formats
from tests.certs.decide.objects import ISSUER, LIFETIME, NOW, certificate, request, sign, stored, told, with_status

BOTH = (AdditionalOutputFormat("DER"), AdditionalOutputFormat("CombinedPEM"))
JKS = Keystores(jks=JKSKeystore(create=True, password="changeit"))
P12 = Keystores(pkcs12=PKCS12Keystore(create=True, password="changeit"))
OFF = Keystores(jks=JKSKeystore(create=False, password="changeit"))
CA = sign(request().spec.request)


def holding(cert: Certificate, **data: bytes) -> Secret:
    """Return the Secret of a Certificate with further data of ours, `_` for each dot in a key."""
    held = stored(cert)
    named = {key.replace("_", "."): data[key] for key in data}
    return altered(msgspec.structs.replace(held, data={**held.data, **named}), owned=Owned(data=tuple(named)))


def altered(held: Secret, **metadata: Any) -> Secret:
    """Return the Secret with other metadata."""
    return msgspec.structs.replace(held, metadata=msgspec.structs.replace(held.metadata, **metadata))


def found(cert: Certificate, held: Secret | None, **fields: Any) -> tuple[str, str] | None:
    """Return reason and message of what is not as it should be."""
    violation = outdated(ObservedCertificate(cert, held, **fields))
    return (violation.reason, violation.message.removeprefix("not as the spec says: ")) if violation else None


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

    expected = (reason, named) if reason else None

    assert found(cert, holding(cert, **data)) == expected


def test_formats_are_compared_by_content() -> None:
    """They must follow key and chain."""
    cert = certificate(additional_output_formats=BOTH)
    held = stored(cert)
    good = {**held.data, **output_formats(cert.spec, held.data)}

    assert found(cert, msgspec.structs.replace(held, data=good)) is None
    assert found(cert, msgspec.structs.replace(held, data={**good, "tls-combined.pem": b"old"})) is not None


def test_nothing_is_made_of_what_cannot_be_read() -> None:
    """That needs a new certificate, for which there are other policies."""
    cert = certificate(keystores=JKS)
    held = stored(cert)

    assert found(cert, None) is None
    assert found(cert, msgspec.structs.replace(held, data={**held.data, "tls.key": b"garbage"})) is None
    assert found(cert, msgspec.structs.replace(held, data={**held.data, "tls.crt": b"garbage"})) is None


def test_what_others_put_there_is_left_to_them() -> None:
    """Encodings and keystores that nobody asked for, under the names that ours would have."""
    cert = certificate()
    theirs = {"key.der": b"x", "keystore.jks": b"x", "truststore.p12": b"x"}
    held = stored(cert)

    assert found(cert, msgspec.structs.replace(held, data={**held.data, **theirs})) is None


TEMPLATE = SecretTemplate(labels={"team": "shop"}, annotations={"note": "x", "cert-manager.io/allow": "y"})
GIVEN: dict[str, Any] = {
    "labels": BASE_LABELS | {"team": "shop"},
    "annotations": {"note": "x", "cert-manager.io/allow": "y"},
}


@pytest.mark.parametrize(
    ("template", "labels", "annotations", "owned", "expected"),
    [
        pytest.param(None, {}, {}, Owned(), None, id="no template"),
        pytest.param(TEMPLATE, {"team": "shop"}, GIVEN["annotations"], Owned(), None, id="all there"),
        pytest.param(TEMPLATE, {}, GIVEN["annotations"], Owned(), "label team", id="a label is missing"),
        pytest.param(TEMPLATE, {"team": "x"}, GIVEN["annotations"], Owned(), "label team", id="another label"),
        pytest.param(
            TEMPLATE,
            {"team": "shop"},
            {"note": ""},
            Owned(),
            "annotation note, annotation cert-manager.io/allow",
            id="annotations",
        ),
        pytest.param(None, {"team": "shop"}, {"note": "x"}, Owned(), None, id="somebody else's"),
        pytest.param(None, {"team": "shop"}, {}, Owned(labels=("team",)), "label team", id="our label, dropped"),
        pytest.param(None, {}, {"note": "x"}, Owned(annotations=("note",)), "annotation note", id="ours, dropped"),
        pytest.param(
            TEMPLATE, {"team": "shop"}, GIVEN["annotations"], Owned(("note",), ("team",)), None, id="ours and wanted"
        ),
    ],
)
def test_the_template_is_kept(
    template: SecretTemplate | None,
    labels: dict[str, str],
    annotations: dict[str, str],
    owned: Owned,
    expected: str | None,
) -> None:
    """By value, and what of ours it does not name any more goes; what others add stays."""
    cert = certificate(secret_template=template)
    held = stored(cert)
    held = altered(held, labels=BASE_LABELS | labels, annotations=held.metadata.annotations | annotations, owned=owned)

    assert found(cert, held) == (("SecretTemplateMismatch", expected) if expected else None)


FAO = "controller.cert-manager.io/fao"
NAMES = "cert-manager.io/alt-names"


@pytest.mark.parametrize(
    ("changes", "owned", "expected"),
    [
        pytest.param({}, Owned(), None, id="all there"),
        pytest.param({NAMES: None}, Owned(), f"annotation {NAMES}", id="names missing"),
        pytest.param({NAMES: "other.test"}, Owned(), f"annotation {NAMES}", id="other names"),
        pytest.param({ISSUER_KIND: None}, Owned(), f"annotation {ISSUER_KIND}", id="kind of the issuer missing"),
        pytest.param({ISSUER_NAME: "other"}, Owned(), None, id="another issuer: a matter of the policies"),
        pytest.param(
            {ISSUER_NAME: None, ISSUER_KIND: None, ISSUER_GROUP: None}, Owned(), None, id="no issuer: none is made up"
        ),
        pytest.param({CERTIFICATE_NAME: "other"}, Owned(), None, id="of another Certificate"),
        pytest.param(
            {CERTIFICATE_NAME: None}, Owned(data=("tls.crt",)), f"annotation {CERTIFICATE_NAME}", id="name missing"
        ),
        pytest.param({FAO: None}, Owned(), f"label {FAO}", id="label missing"),
        pytest.param({FAO: "false"}, Owned(), f"label {FAO}", id="label false"),
        pytest.param({"cert-manager.io/email-sans": "a@b.c"}, Owned(), None, id="somebody else's"),
        pytest.param(
            {"cert-manager.io/email-sans": "a@b.c"},
            Owned(("cert-manager.io/email-sans",)),
            "annotation cert-manager.io/email-sans",
            id="ours, of an earlier leaf",
        ),
    ],
)
def test_what_the_secret_says_of_itself_is_kept(
    changes: dict[str, str | None], owned: Owned, expected: str | None
) -> None:
    """From the leaf, and from the issuer that it names."""
    cert = certificate()
    metadata = stored(cert).metadata

    def changed(before: dict[str, str], kind: str) -> dict[str, str]:
        mine = {key: value for key, value in changes.items() if (key == FAO) == (kind == "label")}
        return {key: value for key, value in (before | mine).items() if value is not None}

    held = altered(
        stored(cert),
        labels=changed(metadata.labels, "label"),
        annotations=changed(metadata.annotations, "annotation"),
        owned=owned,
    )

    assert found(cert, held) == (("SecretManagedMetadataMismatch", expected) if expected else None)


def test_the_template_cannot_override_what_the_secret_says_of_itself() -> None:
    """So it is not found missing either."""
    cert = certificate(secret_template=SecretTemplate(labels={FAO: "no"}, annotations={CERTIFICATE_NAME: "x"}))

    assert found(cert, stored(cert)) is None


@pytest.mark.parametrize(
    ("owner_ref", "there", "ours", "is_right"),
    [
        pytest.param(True, "mine", ("uid-of-shop",), True, id="on, there"),
        pytest.param(True, "mine", (), True, id="on, there by somebody else"),
        pytest.param(True, "", (), False, id="on, missing"),
        pytest.param(True, "other", (), False, id="on, another's"),
        pytest.param(True, "weak", ("uid-of-shop",), False, id="on, not the controller"),
        pytest.param(True, "mine", ("uid-of-shop", "uid-of-before"), False, id="on, one of before"),
        pytest.param(False, "", (), True, id="off, none"),
        pytest.param(False, "mine", (), True, id="off, somebody else's"),
        pytest.param(False, "mine", ("uid-of-shop",), False, id="off, ours"),
    ],
)
def test_the_owner_reference_follows_the_flag(
    *, owner_ref: bool, there: str, ours: tuple[str, ...], is_right: bool
) -> None:
    cert = certificate()
    mine = owner_reference(cert)
    references = {
        "": (),
        "mine": (mine,),
        "other": (owner_reference(certificate("other")),),
        "weak": (msgspec.structs.replace(mine, controller=False),),
    }
    held = altered(stored(cert), owner_references=references[there], owned=Owned(owners=ours))

    expected = None if is_right else ("SecretOwnerRefMismatch", "owner reference")
    assert found(cert, held, owner_ref=owner_ref) == expected


def test_the_order_of_the_reasons() -> None:
    """Template, then our metadata, formats, owner, keystores: mending one brings up the next."""
    cert = certificate(secret_template=TEMPLATE, keystores=JKS, additional_output_formats=BOTH)
    bare = altered(stored(cert), labels={})
    steps = [bare, altered(bare, labels={"team": "shop"}, annotations=bare.metadata.annotations | GIVEN["annotations"])]
    steps.append(altered(steps[-1], labels=GIVEN["labels"]))
    formats = output_formats(cert.spec, bare.data)
    steps.append(msgspec.structs.replace(steps[-1], data={**bare.data, **formats}))
    steps.append(altered(steps[-1], owner_references=(owner_reference(cert),)))

    reasons = [(found(cert, held, owner_ref=True) or ("", ""))[0] for held in steps]

    assert reasons == [
        "SecretTemplateMismatch",
        "SecretManagedMetadataMismatch",
        "AdditionalOutputFormatsMismatch",
        "SecretOwnerRefMismatch",
        "SecretMismatch",
    ]


def test_the_secret_of_another_certificate_is_left_alone() -> None:
    """And one of nobody's that does not fit: pointing at it is no reason to change it."""
    cert = certificate()
    assert found(certificate("other", keystores=JKS), stored(certificate(keystores=JKS))) is None

    untold = altered(stored(certificate(dns_names=("a.test",))), annotations={}, labels={})
    assert found(cert, untold) is None


def test_a_secret_that_fits_and_says_nothing_is_taken_on() -> None:
    """Without an issuer: nobody says which."""
    cert = certificate(issuer_ref=IssuerReference("x"))
    held = altered(stored(cert), annotations={}, labels={})

    assert (found(cert, held) or ("", ""))[0] == "SecretManagedMetadataMismatch"
    assert stored_issuer(held) is None


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param(told(certificate()), ISSUER, id="told"),
        pytest.param({"cert-manager.io/issuer-name": "old"}, IssuerReference("old", "", ""), id="in part"),
        pytest.param({}, None, id="not told"),
    ],
)
def test_the_secret_goes_on_telling_who_issued_it(
    annotations: dict[str, str], expected: IssuerReference | None
) -> None:
    """Not who would issue it now: that would hide that it has to be issued again."""
    assert stored_issuer(altered(stored(), annotations=annotations)) == expected


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
    answer = Rewritten(cert.metadata.generation, held.metadata.resource_version, NOW)
    assert isinstance(decide(settled(cert, held, rewritten=answer), NOW), Wait)


def test_a_back_off_does_not_keep_it_from_that() -> None:
    """A renewal that fails may fail for days."""
    held = stored(certificate(), not_before=NOW - timedelta(days=80))
    failing = CertificateStatus(revision=1, last_failure_time=NOW, failed_issuance_attempts=1)
    cert = with_status(certificate(keystores=JKS), failing)

    assert decide(settled(cert, held), NOW) == RewriteSecret("SecretMismatch", "not as the spec says: keystore.jks")


def test_a_fight_does_not_keep_it_from_the_clock() -> None:
    """Who waits to write the Secret again still says at its second that the certificate has expired."""
    ends = NOW + timedelta(seconds=3)
    held = altered(stored(certificate(), not_before=ends - LIFETIME), resource_version="9")
    renewal = Renewal(policy="Disabled")
    cert = with_status(certificate(keystores=JKS, renewal=renewal), CertificateStatus(revision=1))

    end = decide(settled(cert, held, rewritten=Rewritten(1, "8", NOW, times=5)), NOW)

    assert isinstance(end, Wait)
    assert end.until == ends


@pytest.mark.parametrize(
    ("expires", "expected"),
    [
        pytest.param(timedelta(days=10), timedelta(seconds=20), id="the next attempt"),
        pytest.param(timedelta(seconds=5), timedelta(seconds=5), id="the expiry"),
    ],
)
def test_a_fight_holds_up_no_attempt_after_a_failure(expires: timedelta, expected: timedelta) -> None:
    """The pause of a long fight is minutes; the back-off, or the certificate, may end before."""
    held = altered(stored(certificate(), not_before=NOW + expires - LIFETIME), resource_version="9")
    failing = CertificateStatus(revision=1, last_failure_time=NOW - timedelta(seconds=40), failed_issuance_attempts=1)
    cert = with_status(certificate(keystores=JKS), failing)
    note = Rewritten(1, "8", NOW, times=20)

    observed = replace(settled(cert, held, rewritten=note), setback=Setback.PROOF)
    end = decide(observed, NOW)

    assert isinstance(end, Wait)
    assert end.until == NOW + expected
