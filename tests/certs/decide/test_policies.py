from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from certs.api.certificate import Certificate, KeyAlgorithm, PrivateKey, Renewal, RenewalWindow
from certs.api.certificaterequest import CertificateRequest, CertificateRequestSpec, CertificateRequestStatus
from certs.api.core import Secret
from certs.api.meta import Condition, IssuerReference
from certs.decide.policies import (
    CERTIFICATE_NAME,
    Subject,
    Violation,
    first_violation,
    reason_not_ready,
    reason_to_issue,
    renewal_due,
    renewal_plan,
)
from certs.pki.csr import build_csr
from certs.pki.signing import Wanted
from certs.pki.temporary import temporary_certificate
from tests.certs.decide.objects import (
    DAY,
    HOST,
    ISSUER,
    LIFETIME,
    NOW,
    certificate,
    condition,
    key,
    pem,
    request,
    secret,
    sign,
    stored,
    told,
)

BEGIN = NOW - DAY
HOUR = timedelta(hours=1)
DUE = BEGIN + 60 * DAY
END = BEGIN + LIFETIME
OPEN = Renewal(policy="RenewBefore", windows=(RenewalWindow("0 10 * * *", "1h"),))
NEVER_OPEN = Renewal(policy="RenewBefore", windows=(RenewalWindow("0 0 30 2 *", "1h"),))


def pair(cert: Certificate | None = None, **changes: bytes) -> Secret:
    """Return the Secret of the Certificate with some of its data changed; empty bytes take a key away."""
    whole = stored(cert)
    data = {**whole.data, **{name.replace("_", "."): value for name, value in changes.items()}}
    return secret(data={name: value for name, value in data.items() if value}, annotations=whole.metadata.annotations)


def test_secret_that_fits_violates_nothing() -> None:
    """A pair for this spec, from this issuer, with or without the request that brought it."""
    cert = certificate()

    assert first_violation(Subject(cert, stored(cert), None)) is None
    assert first_violation(Subject(cert, stored(cert), request(cert))) is None


@pytest.mark.parametrize(
    ("held", "reason", "message"),
    [
        pytest.param(None, "DoesNotExist", "Issuing certificate as Secret does not exist", id="no Secret"),
        pytest.param(secret(), "MissingData", "Issuing certificate as Secret does not contain any data", id="no data"),
        pytest.param(
            pair(tls_key=b""),
            "MissingData",
            "Issuing certificate as Secret does not contain a private key",
            id="no private key",
        ),
        pytest.param(
            pair(tls_crt=b""),
            "MissingData",
            "Issuing certificate as Secret does not contain a certificate",
            id="no certificate",
        ),
        pytest.param(
            pair(tls_key=b"garbage"),
            "InvalidKeyPair",
            "Issuing certificate as Secret contains invalid private key data: "
            "cannot read private key: neither PKCS#1, SEC 1 nor PKCS#8 in PEM",
            id="key cannot be read",
        ),
        pytest.param(
            pair(tls_crt=b"garbage"),
            "InvalidCertificate",
            "Issuing certificate as Secret contains an invalid certificate: "
            "cannot read certificate chain: no PEM block in its 7 bytes",
            id="certificate cannot be read",
        ),
        pytest.param(
            pair(tls_key=pem("two")),
            "InvalidKeyPair",
            "Issuing certificate as Secret contains a private key that does not match the certificate",
            id="no pair",
        ),
        pytest.param(
            secret(data=pair().data, annotations=told(certificate(), IssuerReference("old", "Issuer", ""))),
            "IncorrectIssuer",
            'Issuing certificate as Secret was previously issued by "Issuer.cert-manager.io/old"',
            id="other issuer",
        ),
        pytest.param(
            secret(
                data=pair().data,
                annotations={"cert-manager.io/issuer-name": ISSUER.name}
                | {"cert-manager.io/issuer-kind": "ClusterIssuer"},
            ),
            "IncorrectIssuer",
            'Issuing certificate as Secret was previously issued by "ClusterIssuer.cert-manager.io/letsencrypt"',
            id="other kind of issuer",
        ),
        pytest.param(
            secret(data=pair().data, annotations=told(certificate("blog"))),
            "IncorrectCertificate",
            'Secret was issued for "blog". If this message is not transient, you might have two conflicting '
            "Certificates pointing to the same secret.",
            id="other Certificate",
        ),
    ],
)
def test_secret_is_not_what_it_should_be(held: Secret | None, reason: str, message: str) -> None:
    """The first thing that is wrong names the reason, in the API's words."""
    assert first_violation(Subject(certificate(), held, None)) == Violation(reason, message)


@pytest.mark.parametrize(
    ("ref", "violates"),
    [
        pytest.param(IssuerReference("any"), False, id="kind and group by default"),
        pytest.param(IssuerReference("any", "Issuer", "cert-manager.io"), False, id="kind and group written"),
        pytest.param(IssuerReference("any", "ClusterIssuer"), True, id="ClusterIssuer"),
        pytest.param(IssuerReference("any", "Issuer", "example.org"), True, id="external"),
    ],
)
def test_secret_without_annotations_is_taken_for_a_plain_issuers(ref: IssuerReference, *, violates: bool) -> None:
    """A Secret that was there before is adopted for an Issuer of our group, whatever its name."""
    bare = secret(data=pair().data)
    violation = first_violation(Subject(certificate(issuer_ref=ref), bare, None))

    assert (violation is not None and violation.reason == "IncorrectIssuer") is violates


def temporary(cert: Certificate) -> bytes:
    """Return a temporary certificate for it."""
    return temporary_certificate(Wanted(request(cert).spec.request, 8, NOW), key("throw-away"), 7)


@pytest.mark.parametrize(
    "ref",
    [
        pytest.param(IssuerReference("any"), id="Issuer"),
        pytest.param(IssuerReference("any", "ClusterIssuer"), id="ClusterIssuer"),
        pytest.param(IssuerReference("any", "Issuer", "example.org"), id="external"),
    ],
)
def test_temporary_certificate_never_counts_as_issued(ref: IssuerReference) -> None:
    """Whatever the issuer's kind, although nothing else is wrong with it; neither to be kept nor ready."""
    cert = certificate(issuer_ref=ref)
    held = secret(data=pair(tls_crt=temporary(cert)).data, annotations={CERTIFICATE_NAME: "shop"})
    subject = Subject(cert, held, None)
    violation = Violation("TemporaryCertificate", "Issuing certificate as Secret contains a temporary certificate")

    assert reason_to_issue(subject, NOW) == reason_not_ready(subject, NOW) == violation


def test_certificate_of_a_ca_with_the_temporary_name_is_issued_once() -> None:
    """Somebody's own CA may be called cert-manager.local: the Secret names the issuer."""
    cert = certificate()
    chain = sign(build_csr(cert.spec, key()), issuer="cert-manager.local")
    held = secret(data=pair(tls_crt=chain).data, annotations=told(cert))

    assert first_violation(Subject(cert, held, request(cert))) is None


@pytest.mark.parametrize(
    ("private_key", "field"),
    [
        pytest.param(None, "spec.privateKey.algorithm", id="algorithm by default"),
        pytest.param(PrivateKey(algorithm=KeyAlgorithm.ED25519), "spec.privateKey.algorithm", id="algorithm"),
        pytest.param(PrivateKey(algorithm=KeyAlgorithm.ECDSA, size=384), "spec.privateKey.size", id="size"),
    ],
)
def test_stored_key_must_fit_the_spec(private_key: PrivateKey | None, field: str) -> None:
    """Another algorithm or size needs a new certificate."""
    cert = certificate(private_key=private_key)

    violation = first_violation(Subject(cert, secret(data=pair().data, annotations=told(cert)), None))

    assert violation == Violation("SecretMismatch", f"Existing private key is not up to date for spec: [{field}]")


def test_stored_key_must_be_the_current_requests() -> None:
    """A pair that somebody put there is not the one that was requested."""
    cert = certificate()

    violation = first_violation(Subject(cert, stored(cert, with_key="two"), request(cert, with_key="one")))

    assert violation == Violation(
        "SecretMismatch", "Secret contains a private key that does not match the current CertificateRequest"
    )


def test_current_request_that_cannot_be_read_is_no_evidence() -> None:
    """What is in the request's place is said to be invalid."""
    cert, broken = certificate(), request()
    broken = CertificateRequest(
        metadata=broken.metadata, spec=CertificateRequestSpec(request=b"garbage", issuer_ref=ISSUER)
    )

    violation = first_violation(Subject(cert, stored(cert), broken))

    assert violation is not None
    assert violation.reason == "InvalidCertificateRequest"


def test_spec_that_changed_since_the_request_needs_a_new_one() -> None:
    """All changed fields are named."""
    before = certificate()
    after = certificate(dns_names=(HOST, "www.example.org"), is_ca=True)

    violation = first_violation(Subject(after, stored(before), request(before)))

    assert violation == Violation(
        "RequestChanged", "Fields on existing CertificateRequest resource not up to date: [spec.dnsNames spec.isCA]"
    )


def test_without_a_request_the_certificate_itself_is_compared() -> None:
    """An adopted Secret is compared by its names."""
    violation = first_violation(Subject(certificate(dns_names=("www.example.org",)), stored(certificate()), None))

    assert violation == Violation(
        "SecretMismatch", "Issuing certificate as Existing issued Secret is not up to date for spec: [spec.dnsNames]"
    )


MOMENTS = pytest.mark.parametrize(
    ("fields", "now", "to_issue", "not_ready"),
    [
        pytest.param({}, NOW, None, None, id="young"),
        pytest.param({}, DUE, "Renewing", None, id="due"),
        pytest.param({}, END, "Renewing", "Expired", id="expired"),
        pytest.param({"renewal": Renewal(policy="Disabled")}, DUE, None, None, id="due, renewal disabled"),
        pytest.param({"renewal": Renewal(policy="Disabled")}, END, None, "Expired", id="expired, renewal disabled"),
        pytest.param({"renew_before": "24h"}, DUE, None, None, id="not due yet by renewBefore"),
        pytest.param({"renew_before": "9000h"}, NOW, None, None, id="not due by a renewBefore that does not fit"),
        pytest.param({"renewal": OPEN}, DUE, None, None, id="due, but in the next window"),
        pytest.param({"renewal": OPEN}, DUE + 22 * HOUR, "Renewing", None, id="due when the window opens"),
        pytest.param({"renewal": NEVER_OPEN}, NOW, None, "WindowError", id="no window fits"),
        pytest.param({"renewal": NEVER_OPEN}, DUE, "Renewing", "WindowError", id="no window fits, due"),
        pytest.param({"renewal": NEVER_OPEN}, END, "Renewing", "Expired", id="no window fits, expired"),
    ],
)


@MOMENTS
def test_time_is_the_last_reason(
    fields: dict[str, Any], now: datetime, to_issue: str | None, not_ready: str | None
) -> None:
    """Due for renewal is a reason to issue, expiry one for not being ready."""
    cert = certificate(**fields)
    subject = Subject(cert, stored(cert, not_before=BEGIN), request(cert))
    reasons = [
        violation and violation.reason for violation in (reason_to_issue(subject, now), reason_not_ready(subject, now))
    ]

    assert reasons == [to_issue, not_ready]


def test_time_is_told_as_go_tells_it() -> None:
    """Moments in messages have the forms that people grep for."""
    cert = certificate()
    subject = Subject(cert, stored(cert, not_before=BEGIN), None)
    renewing, expired = reason_to_issue(subject, END), reason_not_ready(subject, END)

    assert renewing is not None
    assert renewing.message == "Renewing certificate as renewal was scheduled at 2026-04-29 12:00:00 +0000 UTC"
    assert expired is not None
    assert expired.message == "Certificate expired on Fri, 29 May 2026 12:00:00 UTC"


def test_windows_that_cannot_be_kept_are_told() -> None:
    """Ready says why, and Issuing that it goes on nevertheless."""
    cert = certificate(renewal=NEVER_OPEN)
    subject = Subject(cert, stored(cert, not_before=BEGIN), None)

    assert reason_to_issue(subject, DUE) == Violation(
        "Renewing", "Renewing certificate without satisfying renewal windows at: 2026-04-29 12:00:00 +0000 UTC"
    )
    assert reason_not_ready(subject, NOW) == Violation(
        "WindowError",
        "Could not calculate renewal time: cannot find a time with the given windows between "
        "2026-02-28 12:00:00 +0000 UTC and 2026-05-29 12:00:00 +0000 UTC for: 2026-04-29 12:00:00 +0000 UTC; "
        "open windows more often, or ask for a longer duration",
    )


def test_what_is_wrong_with_the_secret_comes_before_its_windows() -> None:
    """A window is of no interest for a certificate that is replaced anyway."""
    cert = certificate(renewal=NEVER_OPEN)
    violation = reason_not_ready(Subject(cert, stored(certificate("blog")), None), NOW)

    assert violation is not None
    assert violation.reason == "IncorrectCertificate"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(condition("Ready", since=BEGIN + HOUR), BEGIN + 60 * DAY, id="issued after notBefore"),
        pytest.param(condition("Ready", "False", since=BEGIN + HOUR), BEGIN + HOUR / 2, id="not issued"),
        pytest.param(condition("Ready", since=None), BEGIN + HOUR / 2, id="nobody knows when"),
        pytest.param(condition("Approved", since=BEGIN + HOUR), BEGIN + HOUR / 2, id="only approved"),
    ],
)
def test_issuance_is_when_the_current_request_became_ready(answer: Condition, expected: datetime) -> None:
    """A certificate that is dated back by an hour would be renewed for ever, if half an hour after notBefore."""
    cert = certificate(renew_before="2159h30m")
    current = request(cert, status=CertificateRequestStatus(conditions=(answer,)))
    plan = renewal_plan(Subject(cert, stored(cert, not_before=BEGIN), current))

    assert plan is not None
    assert plan.at == expected
    assert (plan.remark is not None) is (expected == DUE)


def test_nothing_stored_is_never_due() -> None:
    """Without a certificate that can be read there is no moment."""
    assert renewal_plan(Subject(certificate(), None, None)) is None
    assert renewal_due(Subject(certificate(), None, None)) is None
    assert renewal_due(Subject(certificate(), secret(data={"tls.crt": b"garbage"}), None)) is None


def test_first_of_several_violations_counts() -> None:
    """A foreign, expired Secret is foreign first."""
    other = certificate("blog")
    chain = sign(build_csr(other.spec, key()), not_before=NOW - 200 * DAY)
    held = secret(data={"tls.key": pem(), "tls.crt": chain}, annotations=told(other))
    violation = reason_to_issue(Subject(certificate(), held, None), NOW)

    assert violation is not None
    assert violation.reason == "IncorrectCertificate"
