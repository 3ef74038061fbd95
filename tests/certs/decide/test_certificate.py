"""States of a Certificate that the whole way (test_walk) does not come by: failures, back-off, repairs, rivals."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from certs.api.certificate import (
    Certificate,
    CertificateStatus,
    KeyAlgorithm,
    PrivateKey,
    Renewal,
)
from certs.api.certificaterequest import CertificateRequest, CertificateRequestStatus
from certs.api.core import Secret
from certs.api.meta import Condition, ConditionStatus, IssuerReference, find_condition, is_true
from certs.decide.backoff import Setback
from certs.decide.certificate import decide
from certs.decide.certificatesteps import (
    CreateRequest,
    DeleteNextKey,
    DeleteRequest,
    ObservedCertificate,
    SetCertificateStatus,
    Step,
    StoreNextKey,
    WriteSecret,
    revision_of,
)
from certs.decide.effects import Tell
from certs.decide.findings import Layer
from certs.decide.policies import REVISION
from certs.decide.repair import LookAgain, Watch
from certs.outcomes import DONE, Outcome, Wait
from tests.certs.decide.objects import (
    DAY,
    HOST,
    NOW,
    certificate,
    condition,
    failed,
    issued,
    next_key,
    request,
    secret,
    sign,
    signed,
    stored,
    told,
    with_status,
)

HOUR = timedelta(hours=1)
KEY = "shop-next"
SINCE = NOW - HOUR
BEFORE = SINCE - timedelta(seconds=1)
GOOD = issued(request(), at=BEFORE)
ISSUING = condition(
    "Issuing", reason="DoesNotExist", message="Issuing certificate as Secret does not exist", since=SINCE
)
UP_TO_DATE = "Certificate is up to date and has not expired"


def with_issuing(of: Certificate | None = None, **status: Any) -> Certificate:
    """Return the Certificate in the middle of an issuance."""
    usual: dict[str, Any] = {"conditions": (ISSUING,), "next_private_key_secret_name": KEY}
    return with_status(of or certificate(), CertificateStatus(**(usual | status)))


def issuing(
    *requests: CertificateRequest, held: Secret | None = None, key: Secret | None = None, of: Certificate | None = None
) -> ObservedCertificate:
    """Return an issuance under way, with a next key."""
    cert = of or with_issuing()
    return ObservedCertificate(cert, held, key or next_key(cert, KEY), requests)


def settled(of: Certificate | None = None, now: datetime = NOW, **fields: Any) -> Certificate:
    """Return a Certificate as it is after a successful issuance, readiness told."""
    cert = with_status(of or certificate(**fields), CertificateStatus(revision=1))
    step = decide(ObservedCertificate(cert, stored(cert), requests=(request(cert),)), now)
    assert isinstance(step, SetCertificateStatus)
    return with_status(cert, step.status)


def asking(revision: int) -> CreateRequest:
    """Return the step that creates the request of a revision."""
    name = f"shop-{revision}"
    return CreateRequest(name, revision, (Tell("Requested", f'Created new CertificateRequest resource "{name}"'),))


def status_of(step: Step | Outcome) -> CertificateStatus:
    assert isinstance(step, SetCertificateStatus)
    return step.status


def said(conditions: tuple[Condition, ...], kind: str) -> tuple[str, str, str]:
    found = find_condition(conditions, kind)
    assert found is not None
    return found.status, found.reason, found.message


def test_nothing_is_done_for_a_certificate_that_is_being_deleted() -> None:
    """Not even if its Secret is missing."""
    cert = certificate()
    dying = msgspec.structs.replace(cert, metadata=msgspec.structs.replace(cert.metadata, deletion_timestamp=NOW))

    assert decide(ObservedCertificate(dying), NOW) == DONE


def test_the_key_comes_before_the_word() -> None:
    """A fresh Certificate first gets its next key, then is said to be issuing with it, in one write."""
    cert = certificate()
    fresh = ObservedCertificate(cert)
    assert decide(fresh, NOW) == StoreNextKey(fresh.next_key_name)

    step = decide(ObservedCertificate(cert, next_key=next_key(cert, KEY)), NOW)

    why = "Issuing certificate as Secret does not exist"
    status = status_of(step)
    assert said(status.conditions, "Issuing") == ("True", "DoesNotExist", why)
    assert said(status.conditions, "Ready") == ("False", "DoesNotExist", why)
    assert status.next_private_key_secret_name == KEY
    assert isinstance(step, SetCertificateStatus)
    assert step.tell == (Tell("Issuing", why),)


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        pytest.param(issuing(), asking(1), id="no request"),
        pytest.param(issuing(request()), DONE, id="request is new"),
        pytest.param(
            issuing(with_status(request(), CertificateRequestStatus(conditions=(condition("Approved"),)))),
            DONE,
            id="request is approved",
        ),
        pytest.param(issuing(request(with_key="two")), DeleteRequest("shop-1"), id="request is for another key"),
        pytest.param(
            issuing(request(certificate(dns_names=("a.test",)))),
            DeleteRequest("shop-1"),
            id="request is for another spec",
        ),
        pytest.param(
            issuing(failed(request(), at=SINCE - timedelta(seconds=1))),
            DeleteRequest("shop-1"),
            id="request failed in an earlier attempt",
        ),
        pytest.param(
            issuing(issued(request(), b"garbage", at=BEFORE)),
            DeleteRequest("shop-1"),
            id="request got no certificate in an earlier attempt",
        ),
        pytest.param(
            issuing(issued(request(), signed(request(), not_before=NOW - 100 * DAY), at=BEFORE)),
            DeleteRequest("shop-1"),
            id="request's certificate has expired before this attempt",
        ),
        pytest.param(
            issuing(GOOD),
            WriteSecret(GOOD),
            id="request got a good certificate before it was said that one is needed",
        ),
        pytest.param(issuing(request(revision="one")), DeleteRequest("shop-one"), id="request has no revision"),
        pytest.param(issuing(key=secret(KEY, data={})), DeleteNextKey(KEY), id="next key is empty"),
        pytest.param(
            issuing(key=secret(KEY, data={"tls.key": b"garbage"})), DeleteNextKey(KEY), id="next key cannot be read"
        ),
        pytest.param(
            issuing(of=with_issuing(certificate(private_key=PrivateKey(algorithm=KeyAlgorithm.ED25519)))),
            DeleteNextKey(
                KEY,
                (Tell("Deleted", "Regenerating private key due to change in fields: [spec.privateKey.algorithm]"),),
            ),
            id="next key does not fit the spec any more",
        ),
    ],
)
def test_under_way(observed: ObservedCertificate, expected: Step | Outcome) -> None:
    """What is missing comes next; what is of no use any more goes."""
    if expected == DONE:  # readiness is told first
        observed = issuing(*observed.requests, of=with_status(observed.certificate, status_of(decide(observed, NOW))))

    assert decide(observed, NOW) == expected


def test_a_next_key_that_is_lost_is_made_again() -> None:
    """Whatever the request is for: it will be found not to fit, and go."""
    observed = ObservedCertificate(with_issuing(), None, None, (request(),))

    assert decide(observed, NOW) == StoreNextKey(observed.next_key_name)


def test_the_status_is_made_to_name_the_next_key_that_is_there() -> None:
    """A status written before a key was lost and made again names the old one."""
    cert = with_issuing(next_private_key_secret_name="gone")

    assert status_of(decide(issuing(of=cert), NOW)).next_private_key_secret_name == KEY


def test_what_is_signed_is_stored_then_told() -> None:
    """First the Secret; once it holds the chain, one write says everything."""
    done = issued(request())
    assert decide(issuing(done), NOW) == WriteSecret(done)

    held = secret(data={"tls.crt": done.status.certificate, "tls.key": next_key(certificate(), KEY).data["tls.key"]})
    held = msgspec.structs.replace(
        held, metadata=msgspec.structs.replace(held.metadata, annotations=told(certificate()))
    )
    before = with_issuing(last_failure_time=SINCE, failed_issuance_attempts=2)
    step = decide(issuing(done, held=held, of=before), NOW)

    status = status_of(step)
    assert said(status.conditions, "Ready") == ("True", "Ready", UP_TO_DATE)
    assert find_condition(status.conditions, "Issuing") is None
    assert (status.revision, status.next_private_key_secret_name) == (1, None)
    assert (status.last_failure_time, status.failed_issuance_attempts) == (None, None)
    assert (status.not_before, status.not_after) == (NOW - DAY, NOW + 89 * DAY)
    assert status.renewal_time == NOW + 59 * DAY
    assert isinstance(step, SetCertificateStatus)
    assert step.tell == (Tell("Issuing", "The certificate has been successfully issued"),)


def test_a_key_lost_after_the_secret_was_written_does_not_matter() -> None:
    """The Secret holds what was signed: the issuance is finished without it."""
    done = issued(request())
    held = secret(data={"tls.crt": done.status.certificate})

    assert status_of(decide(ObservedCertificate(with_issuing(), held, None, (done,)), NOW)).revision == 1


DENIED = condition("Denied", reason="Policy", message="not in this namespace")
INVALID = condition("InvalidRequest", reason="Forged", message="the CSR is not what the spec says")
RETRIED = "The certificate request has failed to complete and will be retried: "


@pytest.mark.parametrize(
    ("brought", "reason", "message"),
    [
        pytest.param(
            with_status(request(), CertificateRequestStatus(conditions=(DENIED,))),
            "Policy",
            "not in this namespace",
            id="denied",
        ),
        pytest.param(
            with_status(request(), CertificateRequestStatus(conditions=(INVALID,))),
            "Forged",
            "the CSR is not what the spec says",
            id="invalid request",
        ),
        pytest.param(failed(request()), "Failed", "the CA says no", id="failed"),
        pytest.param(failed(request(), at=SINCE), "Failed", "the CA says no", id="failed within the first second"),
        pytest.param(failed(request(), at=None), "Failed", "the CA says no", id="failed, nobody knows when"),
        pytest.param(
            issued(request(), b"garbage"),
            "InvalidCertificate",
            "Issuer returned an invalid certificate: failed to decode: "
            "cannot read certificate chain: no PEM block in its 7 bytes",
            id="not a certificate",
        ),
        pytest.param(
            issued(request(), sign(request(with_key="two").spec.request)),
            "InvalidCertificate",
            "Issuer returned a certificate with a public key that does not match the CSR. "
            "This usually indicates a misconfigured issuer.",
            id="for another key",
        ),
        pytest.param(
            issued(request(), signed(request(), not_before=NOW - 100 * DAY)),
            "InvalidCertificate",
            "Issuer returned an already expired certificate (notAfter: 2026-02-19T12:00:00Z). "
            "This usually indicates an expired CA certificate in the issuer.",
            id="expired",
        ),
    ],
)
def test_an_attempt_fails(brought: CertificateRequest, reason: str, message: str) -> None:
    """Issuing=False with the reason of the request, a Warning event, and the count for the back-off."""
    step = decide(issuing(brought, of=with_issuing(failed_issuance_attempts=2)), NOW + timedelta(microseconds=7))

    status = status_of(step)
    sentence = f"{RETRIED}{message} (next attempt at 2026-03-01 16:00:00 UTC)"
    assert said(status.conditions, "Issuing") == ("False", reason, sentence)
    assert (status.last_failure_time, status.failed_issuance_attempts) == (NOW, 3)
    assert isinstance(step, SetCertificateStatus)
    assert step.tell == (Tell(reason, sentence, "Warning"),)


@pytest.mark.parametrize(
    ("attempts", "setback", "again"),
    [
        (0, Setback.PROOF, "2026-03-01 12:01:00 UTC"),
        (1, Setback.PROOF, "2026-03-01 12:10:00 UTC"),
        (0, Setback.REFUSAL, "2026-03-02 12:00:00 UTC, or as soon as the spec changes"),
    ],
)
def test_what_the_order_failed_by_says_when_it_is_tried_again(attempts: int, setback: Setback, again: str) -> None:
    """And it is told with the failure."""
    observed = replace(issuing(failed(request()), of=with_issuing(failed_issuance_attempts=attempts)), setback=setback)

    message = said(status_of(decide(observed, NOW)).conditions, "Issuing")[2]

    assert message == f"{RETRIED}the CA says no (next attempt at {again})"


def test_a_denial_that_is_not_true_is_none() -> None:
    """A condition with status False says the opposite."""
    denied = with_status(request(), CertificateRequestStatus(conditions=(condition("Denied", "False"),)))

    assert status_of(decide(issuing(denied), NOW)).last_failure_time is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(
            'Waiting on certificate issuance from order web/shop-1-9: "pending"', ISSUING.message, id="nothing special"
        ),
        pytest.param("", ISSUING.message, id="nothing at all"),
        pytest.param(
            'Waiting on certificate issuance from order web/shop-1-9: "pending": rate limited until 14:00',
            'Waiting on certificate issuance from order web/shop-1-9: "pending": rate limited until 14:00',
            id="held up",
        ),
    ],
)
def test_what_holds_an_issuance_up_is_said_where_people_look(message: str, expected: str) -> None:
    """The sentence that a failure put into the request's condition goes on into the Certificate's."""
    ready = condition("Ready", "False", reason="Pending", message=message)
    waiting = with_status(request(), CertificateRequestStatus(conditions=(ready,)))
    status = status_of(decide(issuing(waiting), NOW))

    assert said(status.conditions, "Issuing") == ("True", "DoesNotExist", expected)
    assert not isinstance(decide(issuing(waiting, of=with_status(certificate(), status)), NOW), SetCertificateStatus)


@pytest.mark.parametrize(
    ("conditions", "auto_approve", "expected"),
    [
        pytest.param(
            (), False, 'Waiting for an approver to approve or deny CertificateRequest "shop-1"', id="nobody has said"
        ),
        pytest.param((condition("Approved"),), False, ISSUING.message, id="approved"),
        pytest.param((), True, ISSUING.message, id="we approve, in a moment"),
        pytest.param(
            (condition("Ready", "False", reason="Pending", message="approve me"),),
            False,
            "approve me",
            id="the issuer's own controller has said",
        ),
    ],
)
def test_that_an_approver_is_waited_for_is_said(
    conditions: tuple[Condition, ...], expected: str, *, auto_approve: bool
) -> None:
    """Where we do not approve, nobody may know that somebody has to."""
    waiting = with_status(request(), CertificateRequestStatus(conditions=conditions))
    status = status_of(decide(replace(issuing(waiting), auto_approve=auto_approve), NOW))

    assert said(status.conditions, "Issuing")[2] == expected


def failing(of: Certificate | None = None, attempts: int = 1, at: datetime = NOW) -> Certificate:
    """Return a Certificate whose last attempt failed; readiness is told."""
    cert = of or certificate()
    conditions = (condition("Issuing", "False", reason="Failed", message="no"),)
    status = CertificateStatus(conditions=conditions, last_failure_time=at, failed_issuance_attempts=attempts)
    cert = with_status(cert, status)
    return with_status(cert, status_of(decide(ObservedCertificate(cert, requests=(failed(request(cert)),)), at)))


@pytest.mark.parametrize(("attempts", "hours"), [(1, 1), (2, 2), (6, 32), (9, 32)])
def test_after_a_failure_nothing_happens_for_hours(attempts: int, hours: int) -> None:
    """One hour after the first failure, doubling to thirty-two; then the next attempt begins."""
    cert = failing(attempts=attempts)
    observed = ObservedCertificate(cert, None, next_key(cert, KEY), (failed(request(cert)),))
    end = NOW + hours * HOUR

    why = "next attempt after a failure: Issuing certificate as Secret does not exist"
    assert decide(observed, end - timedelta(seconds=1)) == Wait(end, why)
    assert is_true(status_of(decide(observed, end)).conditions, "Issuing")


@pytest.mark.parametrize(
    ("attempts", "setback", "pause"),
    [
        (1, Setback.PROOF, timedelta(minutes=1)),
        (3, Setback.PROOF, timedelta(minutes=100)),
        (1, Setback.REFUSAL, DAY),
    ],
)
def test_what_the_order_failed_by_sets_the_pause(attempts: int, setback: Setback, pause: timedelta) -> None:
    cert = failing(attempts=attempts)
    observed = ObservedCertificate(cert, None, next_key(cert, KEY), (failed(request(cert)),), setback=setback)

    waits = decide(observed, NOW + pause - timedelta(seconds=1))

    assert isinstance(waits, Wait)
    assert waits.until == NOW + pause
    assert is_true(status_of(decide(observed, NOW + pause)).conditions, "Issuing")


def sitting_out(watch: Watch) -> ObservedCertificate:
    """Return a Certificate in the first pause of the ladder, and what was seen of its names."""
    cert = failing()
    return ObservedCertificate(
        cert, None, next_key(cert, KEY), (failed(request(cert)),), setback=Setback.PROOF, watch=watch
    )


def test_during_a_pause_its_names_are_looked_at() -> None:
    """Until they are seen to be mended; then the next attempt begins, and says why."""
    second, fault = timedelta(seconds=1), frozenset(((HOST, Layer.DNS),))
    wrong = Watch(NOW, NOW + second, looks=1, answered=True, wrong=fault, still=fault)

    assert decide(sitting_out(Watch()), NOW + second) == LookAgain()
    waits = decide(sitting_out(wrong), NOW + second)
    assert isinstance(waits, Wait)
    assert waits.until == NOW + 2 * second
    assert decide(sitting_out(wrong), NOW + 2 * second) == LookAgain()
    begun = status_of(decide(sitting_out(replace(wrong, still=frozenset(), right=fault)), NOW + 2 * second))
    assert said(begun.conditions, "Issuing") == (
        "True",
        "DoesNotExist",
        f'Issuing certificate as Secret does not exist, and what was wrong with "{HOST}" is seen to be mended',
    )


def test_what_cannot_be_seen_from_here_is_sat_out() -> None:
    nothing = Watch(NOW, NOW, looks=3, answered=True, wrong=frozenset())

    waits = decide(sitting_out(nothing), NOW + timedelta(seconds=30))

    assert isinstance(waits, Wait)
    assert waits.until == NOW + timedelta(minutes=1)


@pytest.mark.parametrize("setback", [None, *Setback])
def test_a_changed_spec_ends_the_back_off(setback: Setback | None) -> None:
    """Whoever mends the names need not wait, whatever it failed by."""
    before = failing()
    after = msgspec.structs.replace(before, spec=certificate(dns_names=("other.test",)).spec)
    observed = ObservedCertificate(after, None, next_key(after, KEY), (failed(request(before)),), setback=setback)

    assert is_true(status_of(decide(observed, NOW)).conditions, "Issuing")


def test_an_unreadable_spec_ends_no_turn_with_a_crash() -> None:
    """An address that is none is a change; the request that is to be made of it tells what is wrong."""
    before = failing()
    after = msgspec.structs.replace(before, spec=certificate(ip_addresses=("10.0.0.300",), renew_before="soon").spec)
    observed = ObservedCertificate(after, stored(before), next_key(after, KEY), (failed(request(before)),))

    assert is_true(status_of(decide(observed, NOW)).conditions, "Issuing")


def test_expiry_during_the_back_off_is_told_at_that_moment() -> None:
    """A renewal that keeps failing does not hide that the certificate has expired."""
    held = stored(not_before=NOW - 89 * DAY - 23 * HOUR)  # one more hour
    cert = with_status(failing(attempts=6), msgspec.structs.replace(failing(attempts=6).status, conditions=()))
    told_before = status_of(decide(ObservedCertificate(cert, held), NOW))
    observed = ObservedCertificate(with_status(cert, told_before), held)
    assert is_true(told_before.conditions, "Ready")

    waits = decide(observed, NOW)

    assert isinstance(waits, Wait)
    assert waits.until == NOW + HOUR
    assert said(status_of(decide(observed, NOW + HOUR)).conditions, "Ready")[:2] == ("False", "Expired")


def test_expiry_during_an_issuance_is_told_at_that_moment() -> None:
    """The old certificate ends while the issuer still works."""
    held = stored(not_before=NOW - 89 * DAY - 23 * HOUR)
    waiting = issuing(request(), held=held)
    waiting = issuing(request(), held=held, of=with_status(waiting.certificate, status_of(decide(waiting, NOW))))

    assert decide(waiting, NOW) == Wait(NOW + HOUR, "expiry of the old certificate")
    assert said(status_of(decide(waiting, NOW + HOUR)).conditions, "Ready")[:2] == ("False", "Expired")


def test_a_settled_certificate_waits_for_its_renewal() -> None:
    """Nothing is written, nothing is polled."""
    cert = settled()
    observed = ObservedCertificate(cert, stored(cert), requests=(request(cert),))

    assert decide(observed, NOW) == Wait(NOW + 59 * DAY, "renewal")


def test_without_renewal_it_waits_for_its_expiry() -> None:
    """Policy Disabled: renewalTime is empty, and Ready becomes False in the end, once."""
    cert = settled(renewal=Renewal(policy="Disabled"))
    observed = ObservedCertificate(cert, stored(cert), requests=(request(cert),))
    end = NOW + 89 * DAY
    assert cert.status.renewal_time is None
    assert decide(observed, NOW) == Wait(end, "renewal")

    expired = with_status(cert, status_of(decide(observed, end)))

    assert said(expired.status.conditions, "Ready")[:2] == ("False", "Expired")
    assert decide(ObservedCertificate(expired, stored(cert), requests=(request(cert),)), end) == DONE


@pytest.mark.parametrize(
    ("after", "held", "reason"),
    [
        pytest.param(certificate(), None, "DoesNotExist", id="Secret deleted"),
        pytest.param(
            certificate(issuer_ref=IssuerReference("other")), stored(), "IncorrectIssuer", id="issuer changed"
        ),
        pytest.param(certificate(dns_names=(HOST, "b.test")), stored(), "RequestChanged", id="names changed"),
    ],
)
def test_a_settled_certificate_is_issued_again(after: Certificate, held: Secret | None, reason: str) -> None:
    """What was changed or deleted is made again at once, as revision 2."""
    before = settled()
    cert = msgspec.structs.replace(after, status=before.status)
    observed = ObservedCertificate(cert, held, next_key(cert, KEY), (request(before),))

    status = status_of(decide(observed, NOW))

    assert said(status.conditions, "Issuing")[:2] == ("True", reason)
    assert decide(issuing(request(before), of=with_status(cert, status), held=held), NOW) == asking(2)


@pytest.mark.parametrize("kind", ["Opaque", "kubernetes.io/tls", "example.org/own", ""])
def test_type_of_an_existing_secret_does_not_matter(kind: str) -> None:
    """Types cannot be changed, so a pair is a pair in a Secret of any."""
    cert = settled()
    held = msgspec.structs.replace(stored(cert), type=kind)

    assert isinstance(decide(ObservedCertificate(cert, held, requests=(request(cert),)), NOW), Wait)


@pytest.mark.parametrize(
    ("limit", "present", "expected"),
    [
        pytest.param(None, [1], None, id="one is kept"),
        pytest.param(None, [1, 2, 3], "shop-1", id="oldest first"),
        pytest.param(None, [10, 9], "shop-9", id="by number, not by name"),
        pytest.param(2, [1, 2], None, id="two are kept"),
        pytest.param(2, [1, 2, 3], "shop-1", id="more than two"),
        pytest.param(0, [1, 2], "shop-1", id="zero means one"),
        pytest.param(-3, [1], None, id="negative means one"),
        pytest.param(2, [1, 2, "x"], "shop-x", id="without a number goes first"),
    ],
)
def test_history_is_kept_short(limit: int | None, present: list[int | str], expected: str | None) -> None:
    """Requests beyond the limit go, one a step; the current one never does."""
    newest = max(number for number in present if isinstance(number, int))
    cert = settled(revision_history_limit=limit)
    cert = with_status(cert, msgspec.structs.replace(cert.status, revision=newest))
    requests = tuple(request(cert, number) for number in present)
    step = decide(ObservedCertificate(cert, stored(cert), requests=requests), NOW)

    assert step == DeleteRequest(expected) if expected else isinstance(step, Wait)


def test_keys_that_have_served_are_deleted() -> None:
    """The next key, and what crashes have left of earlier ones, one a step."""
    cert = settled()
    held, current = stored(cert), (request(cert),)
    old = next_key(cert, "shop-old")

    assert decide(ObservedCertificate(cert, held, next_key(cert, KEY), current), NOW) == DeleteNextKey(KEY)
    left = ObservedCertificate(cert, held, None, current, leftover_keys=(old,))
    assert decide(left, NOW) == DeleteNextKey("shop-old")


@pytest.mark.parametrize(
    ("held", "created", "is_owner"),
    [
        pytest.param(None, NOW - 2 * DAY, False, id="no Secret, the rival is older"),
        pytest.param(None, NOW, True, id="no Secret, the rival is younger"),
        pytest.param(None, NOW - DAY, False, id="no Secret, as old, the rival's name comes first"),
        pytest.param(stored(certificate("shop")), NOW - 2 * DAY, True, id="the Secret is ours"),
        pytest.param(stored(certificate("blog")), NOW, False, id="the Secret is the rival's"),
        pytest.param(stored(certificate("third")), NOW, True, id="the Secret is of one that is gone"),
    ],
)
def test_of_several_certificates_with_one_secret_one_works(
    held: Secret | None, created: datetime, *, is_owner: bool
) -> None:
    """The other says once why it is not ready, waits, and looks again after three minutes."""
    cert = certificate(status=CertificateStatus(not_after=NOW, renewal_time=NOW))
    observed = ObservedCertificate(cert, held, rivals=(certificate("blog", created=created),))
    step = decide(observed, NOW)
    duplicate = Tell(
        "DuplicateSecretName",
        'Secret "shop-tls" belongs to Certificate "blog", which asks for it, too; set another secretName '
        "here or there, or delete one of the two",
        "Warning",
    )

    assert (isinstance(step, SetCertificateStatus) and step.tell == (duplicate,)) is not is_owner
    if is_owner:
        return
    status = status_of(step)
    assert said(status.conditions, "Ready") == ("False", duplicate.reason, duplicate.message)
    assert (status.not_after, status.renewal_time) == (None, None)
    waiting = replace(observed, certificate=with_status(cert, status))
    assert decide(waiting, NOW) == Wait(NOW + timedelta(minutes=3), "another Certificate holds the Secret")


@pytest.mark.parametrize(
    ("annotations", "revision"),
    [
        ({REVISION: "7"}, 7),
        ({}, 0),
        ({REVISION: ""}, 0),
        ({REVISION: "-1"}, 0),
        ({REVISION: "1.5"}, 0),
        ({REVISION: "seven"}, 0),
        ({REVISION: "²"}, 0),
        ({REVISION: "٣"}, 0),
        ({REVISION: "9" * 5000}, 0),
    ],
    ids=["number", "none", "empty", "negative", "fraction", "word", "superscript", "Arabic digit", "endless"],
)
def test_revision_of_a_request(annotations: dict[str, str], revision: int) -> None:
    """An annotation is anybody's to write: what is no revision is none."""
    one = request()
    one = msgspec.structs.replace(one, metadata=msgspec.structs.replace(one.metadata, annotations=annotations))

    assert revision_of(one) == revision


def test_a_request_without_revision_is_nobodys_current_one() -> None:
    """Before the first issuance no request tells what is stored."""
    observed = ObservedCertificate(certificate(), stored(), requests=(request(revision="junk", with_key="two"),))

    assert observed.subject.current is None


def test_transition_time_moves_with_the_status_only() -> None:
    """A new message does not make a condition younger."""
    cert = settled()
    later = NOW + 89 * DAY
    conditions = status_of(decide(ObservedCertificate(cert, None, next_key(cert, KEY)), later)).conditions
    ready = find_condition(conditions, "Ready")

    assert ready is not None
    assert (ready.status, ready.last_transition_time) == (ConditionStatus.FALSE, later)
