"""The short way of an issuance, where the issuer signs in this process, and where it turns onto the long one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest

from certs.api.certificate import Certificate, CertificateStatus, Renewal, RenewalWindow
from certs.api.certificaterequest import CertificateRequest, CertificateRequestStatus
from certs.api.core import Secret
from certs.api.meta import find_condition, is_true
from certs.decide.certificate import decide
from certs.decide.certificatestatus import held_up
from certs.decide.certificatesteps import (
    CreateRequest,
    DeleteNextKey,
    DeleteRequest,
    NewKey,
    ObservedCertificate,
    OrderKey,
    SetCertificateStatus,
    StoreNextKey,
    WriteSecret,
    WriteTemporary,
)
from certs.decide.effects import Tell
from certs.decide.policies import CERTIFICATE_NAME, reason_not_ready, reason_to_issue
from certs.outcomes import Wait
from certs.pki.signing import Wanted
from certs.pki.temporary import temporary_certificate
from tests.certs.decide.objects import (
    NOW,
    certificate,
    condition,
    failed,
    issued,
    key,
    next_key,
    pem,
    request,
    secret,
    stored,
    with_status,
    written,
)

KEY = "shop-next"
WHY = "Issuing certificate as Secret does not exist"
SECOND = timedelta(seconds=1)


def at_once(
    *requests: CertificateRequest, of: Certificate | None = None, held: Secret | None = None
) -> ObservedCertificate:
    """Return a Certificate of a CA issuer that has its next key."""
    cert = of or certificate()
    return ObservedCertificate(cert, held, named_key(cert), requests, signs_at_once=True)


def named_key(of: Certificate) -> Secret:
    """Return the next key under the name that the issuance gives it."""
    return next_key(of, ObservedCertificate(of).next_key_name)


def asked(at: datetime = NOW, of: Certificate | None = None, revision: int = 1) -> CertificateRequest:
    """Return a request that was created at that moment."""
    made = request(of, revision)
    return msgspec.structs.replace(made, metadata=msgspec.structs.replace(made.metadata, creation_timestamp=at))


def holding(done: CertificateRequest, of: Certificate | None = None) -> Secret:
    """Return the Secret with what the request brought."""
    cert = of or certificate()
    return written(cert, done.status.certificate, named_key(cert).data["tls.key"])


def test_nothing_is_said_before_the_end() -> None:
    """Key, request, Secret, and one status: the reason to issue is told in the event of the request's creation."""
    fresh = ObservedCertificate(certificate(), signs_at_once=True)
    assert decide(fresh, NOW) == StoreNextKey(fresh.next_key_name, quietly=True)

    assert decide(at_once(), NOW) == CreateRequest("shop-1", 1, (Tell("Issuing", WHY),))

    done = issued(asked())
    assert decide(at_once(done), NOW) == WriteSecret(done)

    last = decide(at_once(done, held=holding(done)), NOW)
    assert isinstance(last, SetCertificateStatus)
    assert is_true(last.status.conditions, "Ready")
    assert find_condition(last.status.conditions, "Issuing") is None
    assert last.status.revision == 1
    assert last.tell == (Tell("Issuing", "The certificate has been successfully issued"),)


def test_the_second_issuance_is_as_short() -> None:
    """A renewal that is due: the old pair is served until the new one is there, and no word before that."""
    first = asked()
    settled = with_status(certificate(), CertificateStatus(revision=1))
    old = stored(settled)
    later = NOW + timedelta(days=60)
    observed = at_once(first, of=settled, held=old)

    step = decide(observed, later)
    assert isinstance(step, CreateRequest)
    assert (step.name, step.tell[0].message) == (
        "shop-2",
        "Renewing certificate as renewal was scheduled at 2026-04-29 12:00:00 +0000 UTC",
    )

    second = issued(asked(later, settled, 2))
    assert decide(at_once(first, second, of=settled, held=old), later) == WriteSecret(second)
    last = decide(at_once(first, second, of=settled, held=holding(second, settled)), later)
    assert isinstance(last, SetCertificateStatus)
    assert last.status.revision == 2


def test_the_last_word_is_said_after_a_crash_too() -> None:
    """The Secret is right and nothing is violated any more; the revision is still to be told."""
    done = issued(asked())
    for lost_key in (True, False):
        observed = at_once(done, held=holding(done))
        step = decide(replace(observed, next_key=None) if lost_key else observed, NOW)

        assert isinstance(step, SetCertificateStatus)
        assert step.status.revision == 1


@pytest.mark.parametrize(
    ("made", "now", "waits"),
    [
        pytest.param(asked(NOW), NOW + SECOND, True, id="a moment old"),
        pytest.param(asked(NOW + SECOND), NOW, True, id="the server's clock is ahead"),
        pytest.param(asked(NOW), NOW + 2 * SECOND, False, id="long enough"),
        pytest.param(asked(NOW + 3 * SECOND), NOW, False, id="the server's clock is far ahead"),
        pytest.param(request(), NOW, False, id="nobody knows how old"),
        pytest.param(
            with_status(
                asked(),
                CertificateRequestStatus(
                    conditions=(condition("Ready", "False", reason="Pending", message="Secret x not found"),)
                ),
            ),
            NOW,
            False,
            id="the issuer waits for something",
        ),
    ],
)
def test_what_does_not_end_within_the_moment_is_said_to_be_under_way(
    made: CertificateRequest, now: datetime, *, waits: bool
) -> None:
    """From then on it is an issuance like any other, with what holds it up in its condition."""
    observed = at_once(made)
    step = decide(observed, now)

    if waits:
        assert step == Wait(now + 2 * SECOND, "the issuer's signature")
        return
    assert isinstance(step, SetCertificateStatus)
    issuing = find_condition(step.status.conditions, "Issuing")
    assert issuing is not None
    assert (issuing.status, issuing.reason, issuing.message) == ("True", "DoesNotExist", WHY)
    assert step.status.next_private_key_secret_name == observed.next_key_name


def test_after_a_failure_every_attempt_is_said_beforehand() -> None:
    """A request that failed ends the short way; the back-off over, Issuing=True comes first."""
    no = failed(asked())
    step = decide(at_once(no), NOW)
    assert isinstance(step, SetCertificateStatus)
    assert step.status.failed_issuance_attempts == 1
    cert = with_status(certificate(), step.status)

    again = decide(at_once(no, of=cert), NOW + timedelta(hours=1))

    assert isinstance(again, SetCertificateStatus)
    assert is_true(again.status.conditions, "Issuing")
    next_try = at_once(no, of=with_status(certificate(), again.status))
    assert decide(next_try, NOW + timedelta(hours=1)) == DeleteRequest("shop-1")


def test_what_was_begun_for_no_reason_any_more_goes() -> None:
    """Somebody changed the spec, and back before it was signed: key and request go, the pair that is served stays."""
    settled = with_status(certificate(), CertificateStatus(revision=1))
    held = stored(settled)
    observed = at_once(asked(), asked(NOW, settled, 2), of=settled, held=held)
    says = decide(observed, NOW)
    assert isinstance(says, SetCertificateStatus)
    observed = replace(observed, certificate=with_status(settled, says.status))

    assert decide(observed, NOW) == DeleteNextKey(observed.next_key_name)
    assert decide(replace(observed, next_key=None), NOW) == DeleteRequest("shop-2")


def test_a_request_that_failed_stays_to_be_looked_at() -> None:
    """The reason to issue is gone; why it did not work may still be read, within the history limit."""
    settled = with_status(certificate(revision_history_limit=2), CertificateStatus(revision=1))
    observed = at_once(asked(), failed(asked(NOW, settled, 2)), of=settled, held=stored(settled))
    says = decide(observed, NOW)
    assert isinstance(says, SetCertificateStatus)

    step = decide(replace(observed, certificate=with_status(settled, says.status), next_key=None), NOW)

    assert isinstance(step, Wait)


@pytest.mark.parametrize("signs_at_once", [True, False])
@pytest.mark.parametrize(
    ("new_key", "expected"),
    [(NewKey.AT_HAND, StoreNextKey), (NewKey.TO_BE_ORDERED, OrderKey), (NewKey.UNDER_WAY, Wait)],
)
def test_a_key_that_takes_its_time_is_made_elsewhere(
    new_key: NewKey, expected: type[object], *, signs_at_once: bool
) -> None:
    """It is ordered once; whoever makes it wakes the Certificate."""
    observed = ObservedCertificate(certificate(), new_key=new_key, signs_at_once=signs_at_once)

    assert isinstance(decide(observed, NOW), expected)


# Opens in February only, while the certificate lives from March to May.
FEBRUARY = Renewal(windows=(RenewalWindow(cron="0 0 1 2 *", window_duration="1h"),))
MISSED = "cannot find a time with the given windows between"


def test_that_no_window_fits_is_told_when_it_becomes_known_and_when_it_matters() -> None:
    """A warning with the status that says so, once; and another when the renewal happens all the same."""
    settled = with_status(certificate(renewal=FEBRUARY), CertificateStatus(revision=1))
    observed = at_once(asked(), of=settled, held=stored(settled))

    step = decide(observed, NOW)
    assert isinstance(step, SetCertificateStatus)
    ready = find_condition(step.status.conditions, "Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("False", "WindowError")
    assert step.tell == (Tell("WindowError", ready.message, "Warning"),)

    said = replace(observed, certificate=with_status(settled, step.status))
    assert not isinstance(decide(said, NOW), SetCertificateStatus)
    for signs_at_once in (True, False):
        due = decide(replace(said, signs_at_once=signs_at_once), NOW + timedelta(days=60))
        assert isinstance(due, CreateRequest | SetCertificateStatus)
        (warning, why) = due.tell
        assert (warning.type, warning.reason, why.reason) == ("Warning", "WindowError", "Issuing")
        assert warning.message.startswith(f"Renewing certificate without satisfying renewal windows due to {MISSED}")


def test_that_renew_before_does_not_count_is_told_at_the_end_of_the_issuance() -> None:
    """And again only when the moment changes."""
    cert = certificate(renew_before="2160h")
    done = issued(asked(of=cert))
    observed = at_once(done, of=cert, held=holding(done, cert))

    last = decide(observed, NOW)
    assert isinstance(last, SetCertificateStatus)
    assert [one.reason for one in last.tell] == ["Issuing", "RenewBeforeClamped"]

    settled = with_status(cert, last.status)
    again = decide(replace(observed, certificate=settled, next_key=None), NOW)
    assert isinstance(again, Wait)


def test_a_renew_before_that_grows_too_long_is_told_when_it_is_written() -> None:
    """The spec is edited between two issuances."""
    settled = with_status(certificate(), CertificateStatus(revision=1))
    first = decide(at_once(asked(), of=settled, held=stored(settled)), NOW)
    assert isinstance(first, SetCertificateStatus)
    edited = with_status(certificate(renew_before="2160h"), first.status)
    observed = at_once(asked(), of=edited, held=stored(settled))

    # The same third as before, and yet it is to be said.
    edited = msgspec.structs.replace(edited, metadata=msgspec.structs.replace(edited.metadata, generation=2))
    step = decide(replace(observed, certificate=edited), NOW)

    assert isinstance(step, SetCertificateStatus)
    assert step.status.renewal_time == first.status.renewal_time
    assert [one.reason for one in step.tell] == ["RenewBeforeClamped"]
    assert isinstance(decide(replace(observed, certificate=with_status(edited, step.status)), NOW), DeleteNextKey)


# --- temporary certificates -----------------------------------------------------------------------

TEMPORARY = {"cert-manager.io/issue-temporary-certificate": "true"}


def waiting(of: Certificate, held: Secret | None) -> ObservedCertificate:
    """Return an issuance that an issuer works on; readiness is told."""
    why = condition("Issuing", reason="DoesNotExist", message=WHY)
    key_name = ObservedCertificate(of).next_key_name
    cert = with_status(of, CertificateStatus(conditions=(why,), next_private_key_secret_name=key_name))
    observed = ObservedCertificate(cert, held, next_key(cert, key_name), (request(of),))
    status = held_up(observed, "", NOW)
    return replace(observed, certificate=with_status(cert, status))


def annotated(annotations: dict[str, str]) -> Certificate:
    one = certificate()
    return msgspec.structs.replace(one, metadata=msgspec.structs.replace(one.metadata, annotations=annotations))


def standing_in() -> Secret:
    """Return a Secret with a temporary certificate."""
    chain = temporary_certificate(Wanted(request().spec.request, 2, NOW), key("throw-away"), 1)
    return secret(data={"tls.key": pem("one"), "tls.crt": chain}, annotations={CERTIFICATE_NAME: "shop"})


@pytest.mark.parametrize(
    ("annotations", "held", "is_written"),
    [
        pytest.param(TEMPORARY, None, True, id="no Secret"),
        pytest.param(TEMPORARY, secret(data={"tls.key": b"", "tls.crt": b""}), True, id="empty Secret"),
        pytest.param(
            TEMPORARY,
            secret(data={"tls.key": pem("two"), "tls.crt": stored().data["tls.crt"]}),
            True,
            id="key and certificate that do not belong together",
        ),
        pytest.param(TEMPORARY, stored(), False, id="a pair is served"),
        pytest.param(TEMPORARY, standing_in(), False, id="it is there already"),
        pytest.param({}, None, False, id="nobody asked"),
        pytest.param(dict.fromkeys(TEMPORARY, "yes"), None, False, id="asked in other words"),
    ],
)
def test_what_stands_in_until_the_issuer_has_signed(
    annotations: dict[str, str], held: Secret | None, *, is_written: bool
) -> None:
    """Where it is asked for and nothing could be served; the request is there already, so nobody waits for it."""
    observed = waiting(annotated(annotations), held)
    step = decide(observed, NOW)

    assert isinstance(step, WriteTemporary) is is_written
    if is_written:
        assert not isinstance(decide(replace(observed, no_temporary=True), NOW), WriteTemporary)


def test_a_ca_gets_none() -> None:
    """Its issuer would sign with it."""
    observed = waiting(annotated(TEMPORARY), None)
    ca = msgspec.structs.replace(observed.certificate.spec, is_ca=True)
    observed = replace(observed, certificate=msgspec.structs.replace(observed.certificate, spec=ca))

    assert not isinstance(decide(observed, NOW), WriteTemporary)


def test_it_is_never_taken_for_the_real_one() -> None:
    """Nothing in its Secret says another issuer; and yet it is not ready, and is replaced."""
    cert = certificate()
    subject = ObservedCertificate(cert, standing_in()).subject
    why = reason_not_ready(subject, NOW)

    assert why is not None
    assert why.reason == "TemporaryCertificate"
    assert reason_to_issue(subject, NOW) == why
    done = issued(asked())
    assert decide(at_once(done, held=standing_in()), NOW) == WriteSecret(done)
