"""The table of what is used again: a new secretName moves the certificate, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from certs.api.certificate import (
    ARIStatus,
    ARIWindow,
    Certificate,
    CertificateACMEStatus,
    CertificateStatus,
    KeyAlgorithm,
    KeyUsage,
    PrivateKey,
    Renewal,
    RotationPolicy,
)
from certs.api.core import Secret
from certs.api.issuer import CAIssuer, IssuerSpec
from certs.api.meta import IssuerReference
from certs.api.order import ACMEState, OrderStatus
from certs.decide.certificate import decide
from certs.decide.certificatesteps import ObservedCertificate, ReuseSecret, SetCertificateStatus, StoreNextKey
from certs.decide.policies import CERTIFICATE_NAME, ISSUER_NAME
from certs.decide.reuse import made_by, not_yet_moved
from certs.pki.ari import certificate_id
from certs.pki.csr import build_csr
from certs.pki.x509 import read_chain
from tests.certs.decide import objects
from tests.certs.decide.objects import DAY, HOST, LIFETIME, NOW, condition, issued, pem, request, sign, written

OLD, NEW = "shop-tls", "moved-tls"
Observed = ObservedCertificate
CA_KEY = b"authority-key-id-aaa"


def moved(**fields: Any) -> Observed:
    """Return a Certificate that is well in `shop-tls` and whose spec, generation 2, has just begun to ask otherwise."""
    before = objects.certificate()
    chain = sign(build_csr(before.spec, objects.key()), key_id=CA_KEY)
    current = issued(request(before), chain, at=NOW - DAY)
    status = CertificateStatus(
        revision=1,
        conditions=(msgspec.structs.replace(condition("Ready", reason="Ready"), observed_generation=1),),
        not_after=NOW - DAY + LIFETIME,
        renewal_time=NOW - DAY + LIFETIME * 2 / 3,
    )
    after = objects.certificate(status=status, **({"secret_name": NEW} | fields))
    after = msgspec.structs.replace(after, metadata=msgspec.structs.replace(after.metadata, generation=2))
    return Observed(
        certificate=after,
        requests=(current,),
        siblings=(written(before, chain, pem()),),
        by_acme=True,
        heeds_ari=True,
        same_ca=True,
    )


def test_a_new_secret_name_has_what_is_there_written_again() -> None:
    """One step that names the request and the other Secret, and one event that says so."""
    observed = moved()

    step = decide(observed, NOW)

    assert isinstance(step, ReuseSecret)
    assert (step.request, step.source) == (observed.requests[0], OLD)
    assert step.tell.reason == "CertificateReused"
    assert OLD in step.tell.message
    assert NEW in step.tell.message


def test_then_the_certificate_is_ready_with_the_revision_that_it_had() -> None:
    """It is no issuance: no revision, no Issuing, and the next step is the renewal of old."""
    observed = moved()
    source = observed.siblings[0]
    secret = msgspec.structs.replace(source, metadata=msgspec.structs.replace(source.metadata, name=NEW))

    step = decide(replace(observed, secret=secret), NOW)

    assert isinstance(step, SetCertificateStatus)
    assert step.status.revision == 1
    assert [(one.type, one.status, one.observed_generation) for one in step.status.conditions] == [("Ready", "True", 2)]
    assert step.status.renewal_time == observed.certificate.status.renewal_time


PLACES = {
    "an empty Secret": objects.secret(NEW),
    "a Secret without a certificate": objects.secret(NEW, data={"tls.key": pem("two")}),
    "garbage": objects.secret(NEW, data={"tls.key": b"garbage", "tls.crt": b"garbage"}),
    "a certificate that does not decode": objects.secret(NEW, data={"tls.key": pem(), "tls.crt": b"garbage"}),
    "a pair that is none": objects.stored(objects.certificate(secret_name=NEW)),
    "what another issuer made": objects.stored(objects.certificate(secret_name=NEW)),
    "what another Certificate had": objects.stored(objects.certificate("other", secret_name=NEW), with_key="two"),
    "what stands in for a certificate": objects.secret(
        NEW,
        data={
            "tls.key": pem("two"),
            "tls.crt": sign(build_csr(objects.spec(), objects.key("two")), issuer="cert-manager.local"),
        },
    ),
    "another key of the same names": objects.stored(objects.certificate(secret_name=NEW), with_key="two"),
}
PLACES["a pair that is none"].data["tls.key"] = pem("two")
PLACES["what another issuer made"].metadata.annotations[ISSUER_NAME] = "other"


@pytest.mark.parametrize("secret", PLACES.values(), ids=PLACES)
def test_whatever_is_wrong_with_the_new_place_it_is_mended_by_what_is_in_the_old_one(secret: Secret) -> None:
    assert isinstance(decide(replace(moved(), secret=secret), NOW), ReuseSecret)


def test_a_failed_attempt_before_does_not_hold_it_up() -> None:
    """Nothing is asked of the issuer, so there is no back-off to keep."""
    observed = moved()
    status = msgspec.structs.replace(observed.certificate.status, last_failure_time=NOW, failed_issuance_attempts=3)
    observed = replace(observed, certificate=msgspec.structs.replace(observed.certificate, status=status))

    assert isinstance(decide(observed, NOW), ReuseSecret)


@pytest.mark.parametrize("policy", RotationPolicy, ids=str)
def test_the_rotation_policy_does_not_matter_since_it_is_no_issuance(policy: RotationPolicy) -> None:
    private_key = PrivateKey(algorithm=KeyAlgorithm.ECDSA, rotation_policy=policy)

    assert isinstance(decide(moved(private_key=private_key), NOW), ReuseSecret)


def with_status(observed: Observed, **fields: Any) -> Observed:
    status = msgspec.structs.replace(observed.certificate.status, **fields)
    return replace(observed, certificate=msgspec.structs.replace(observed.certificate, status=status))


def with_ready(observed: Observed, generation: int) -> Observed:
    ready = msgspec.structs.replace(condition("Ready"), observed_generation=generation)
    return with_status(observed, conditions=(ready,))


def with_source(observed: Observed, change: Callable[[Secret], Secret]) -> Observed:
    return replace(observed, siblings=tuple(change(one) for one in observed.siblings))


def annotated(key: str, value: str | None) -> Callable[[Secret], Secret]:
    def change(secret: Secret) -> Secret:
        annotations = {k: v for k, v in secret.metadata.annotations.items() if k != key}
        annotations |= {key: value} if value is not None else {}
        return msgspec.structs.replace(
            secret, metadata=msgspec.structs.replace(secret.metadata, annotations=annotations)
        )

    return change


def holding(**data: bytes) -> Callable[[Secret], Secret]:
    """Change what a Secret holds: `key` and `crt`."""
    return lambda secret: msgspec.structs.replace(
        secret, data=dict(secret.data) | {f"tls.{name}": value for name, value in data.items()}
    )


def with_chain(observed: Observed, chain: bytes) -> Observed:
    """Have request and Secret hold that chain."""
    current = issued(observed.requests[0], chain)
    return with_source(replace(observed, requests=(current,)), holding(crt=chain))


def chain_of(observed: Observed) -> bytes:
    return observed.requests[0].status.certificate


def suggested_now(observed: Observed) -> Observed:
    """Have the CA say that the certificate is to be renewed."""
    assert certificate_id(read_chain(chain_of(observed))[0])
    window = ARIWindow(NOW - timedelta(hours=2), NOW - timedelta(hours=1))
    return with_status(observed, acme=CertificateACMEStatus(ari=ARIStatus(suggested_window=window, last_checked=NOW)))


def issued_at(observed: Observed, at: datetime, further: bytes = b"") -> Observed:
    """Have the certificate valid from then on."""
    csr = observed.requests[0].spec.request
    return with_chain(observed, sign(csr, not_before=at) + further)


def intermediate(at: datetime) -> bytes:
    return sign(build_csr(objects.spec(dns_names=("ca.example.org",)), objects.key("ca")), not_before=at)


def without_request(observed: Observed) -> Observed:
    return replace(observed, requests=())


ISSUED_ANEW: dict[str, Callable[[], Observed]] = {
    "the Secret of a spec that was settled is deleted": lambda: with_ready(moved(), 2),
    "nothing was ever said of the Certificate": lambda: with_status(moved(), conditions=()),
    "whoever wrote Ready says not of which spec": lambda: with_ready(moved(), 0),
    "another name": lambda: moved(dns_names=(HOST, "www.example.org")),
    "another key size": lambda: moved(private_key=PrivateKey(algorithm=KeyAlgorithm.ECDSA, size=384)),
    "another key algorithm": lambda: moved(private_key=PrivateKey(algorithm=KeyAlgorithm.RSA)),
    "another issuer": lambda: moved(issuer_ref=IssuerReference(name="other")),
    "a ClusterIssuer of the same name": lambda: moved(issuer_ref=IssuerReference("letsencrypt", "ClusterIssuer")),
    "another usage": lambda: moved(usages=(KeyUsage.CLIENT_AUTH,)),
    "a CA certificate": lambda: moved(is_ca=True),
    "a subject": lambda: moved(common_name=HOST),
    "another CA under the name of the issuer": lambda: replace(moved(), same_ca=False),
    "no other Secret": lambda: replace(moved(), siblings=()),
    "the request is gone": lambda: without_request(moved()),
    "the current revision is another": lambda: with_status(moved(), revision=2),
    "the old Secret is another Certificate's": lambda: with_source(moved(), annotated(CERTIFICATE_NAME, "other")),
    "the old Secret says not whose it is": lambda: with_source(moved(), annotated(CERTIFICATE_NAME, None)),
    "the old Secret is of another issuer": lambda: with_source(moved(), annotated(ISSUER_NAME, "other")),
    "the old Secret says not who issued it": lambda: with_source(moved(), annotated(ISSUER_NAME, None)),
    "the old Secret has another key": lambda: with_source(moved(), holding(key=pem("two"))),
    "the old Secret has no key": lambda: with_source(moved(), holding(key=b"")),
    "the old Secret has a garbled key": lambda: with_source(moved(), holding(key=b"garbage")),
    "the old Secret has no certificate": lambda: with_source(moved(), holding(crt=b"")),
    "the old Secret has an earlier certificate": lambda: with_source(
        moved(), holding(crt=sign(build_csr(objects.spec(), objects.key())))
    ),
    "the request has no certificate": lambda: replace(moved(), requests=(request(objects.certificate()),)),
    "the time for renewal has come": lambda: issued_at(moved(), NOW - LIFETIME * 2 / 3 - DAY),
    "it has expired": lambda: issued_at(moved(), NOW - LIFETIME - DAY),
    "it is not valid yet": lambda: issued_at(moved(), NOW + DAY),
    "a certificate of its chain has expired": lambda: issued_at(moved(), NOW - DAY, intermediate(NOW - LIFETIME - DAY)),
    "never renewed, and in its last third": lambda: issued_at(
        moved(renewal=Renewal(policy="Disabled")), NOW - LIFETIME * 2 / 3 - DAY
    ),
    "never renewed, and expired": lambda: issued_at(moved(renewal=Renewal(policy="Disabled")), NOW - LIFETIME - DAY),
    "the CA suggests to renew it": lambda: suggested_now(moved()),
}


@pytest.mark.parametrize("make", ISSUED_ANEW.values(), ids=ISSUED_ANEW)
def test_otherwise_a_new_one_is_issued(make: Callable[[], Observed]) -> None:
    """Each differs in one thing from what is used again."""
    assert isinstance(decide(make(), NOW), StoreNextKey)


def test_who_asks_for_a_renewal_gets_one() -> None:
    observed = moved()
    asked = condition("Issuing", reason="ManuallyTriggered")
    conditions = (*observed.certificate.status.conditions, asked)

    assert isinstance(decide(with_status(observed, conditions=conditions), NOW), StoreNextKey)


def test_never_renewed_and_fresh_is_used_again() -> None:
    assert isinstance(decide(moved(renewal=Renewal(policy="Disabled")), NOW), ReuseSecret)


def test_of_several_the_one_that_serves_is_taken() -> None:
    observed = moved()
    stale = with_source(observed, holding(key=pem("two"))).siblings[0]

    step = decide(replace(observed, siblings=(stale, *observed.siblings)), NOW)

    assert isinstance(step, ReuseSecret)


def test_while_the_secret_cannot_be_written_the_spec_stays_a_new_one() -> None:
    """So that it is used again once it can, and nothing is ordered for a missing password."""
    observed = moved()

    status = not_yet_moved(observed, NOW)

    assert [(one.type, one.status, one.reason) for one in status.conditions] == [("Ready", "False", "DoesNotExist")]
    waiting = replace(observed, certificate=msgspec.structs.replace(observed.certificate, status=status))
    assert isinstance(decide(waiting, NOW), ReuseSecret)


MADE_BY = {
    "the host of the server": (objects.issuer(), "https://ca.test/order/1", ACMEState.VALID, True),
    "whatever the case": (objects.issuer(server="https://CA.test/dir"), "https://ca.test/1", ACMEState.VALID, True),
    "the usual port written out": (
        objects.issuer(server="https://ca.test:443/d"),
        "https://ca.test/1",
        ACMEState.VALID,
        True,
    ),
    "another host": (objects.issuer(server="https://staging.ca.test/dir"), "https://ca.test/1", ACMEState.VALID, False),
    "another port": (objects.issuer(server="https://ca.test:14000/dir"), "https://ca.test/1", ACMEState.VALID, False),
    "an order that came to nothing": (objects.issuer(), "https://ca.test/1", ACMEState.INVALID, False),
    "an order without a URL": (objects.issuer(), "", ACMEState.VALID, False),
    "a URL that is none": (objects.issuer(server="https://[ca"), "https://[ca", ACMEState.VALID, False),
    "no host to compare": (objects.issuer(server=""), "", ACMEState.VALID, False),
    "no issuer": (None, "https://ca.test/1", ACMEState.VALID, False),
    "an issuer that signs here": (
        msgspec.structs.replace(objects.issuer(), spec=IssuerSpec(ca=CAIssuer(secret_name="ca"))),
        "https://ca.test/1",
        ACMEState.VALID,
        False,
    ),
}


@pytest.mark.parametrize(("issuer", "url", "state", "expected"), MADE_BY.values(), ids=MADE_BY)
def test_the_ca_is_known_by_the_host_of_the_order(issuer: Any, url: str, state: ACMEState, *, expected: bool) -> None:
    order = objects.order(status=OrderStatus(url=url, state=state))

    assert made_by(issuer, (order,)) is expected


def test_without_an_order_the_ca_is_not_known() -> None:
    assert not made_by(objects.issuer(), ())


def test_the_certificate_of_this_table_is_well_where_it_was() -> None:
    """The table would show nothing if something else were wrong with it."""
    observed = moved(secret_name=OLD)
    settled: Certificate = with_ready(observed, 2).certificate

    step = decide(replace(observed, certificate=settled, secret=observed.siblings[0], siblings=()), NOW)

    assert isinstance(step, SetCertificateStatus)  # what the conditions of the table leave out
    assert step.status.conditions[0].reason == "Ready"
