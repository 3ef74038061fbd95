"""Renewal information: when it is asked for, what of it is stored, and the moment that it gives."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.api.certificate import (
    ARIStatus,
    ARIWindow,
    CertificateACMEStatus,
    CertificateStatus,
    Renewal,
)
from certs.decide import ari
from certs.decide.ari import Asked, Suggestion
from certs.decide.certificate import decide
from certs.decide.certificatesteps import AskRenewalInfo, ObservedCertificate, SetCertificateStatus
from certs.decide.policies import reason_to_issue, renewal_due, stored_leaf
from certs.decide.renewal import plan_renewal
from certs.outcomes import DONE, Wait
from certs.pki.ari import certificate_id
from certs.pki.x509 import Leaf, read_chain
from tests.certs.decide.objects import (
    DAY,
    NOW,
    certificate,
    issued,
    pem,
    request,
    secret,
    signed,
    spec,
    stored,
    told,
    with_status,
)

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
OWN = "AQ.AQ"
START, END = NOW + 40 * DAY, NOW + 42 * DAY


def leaf(not_before: datetime = NOW - DAY, lifetime: timedelta = 90 * DAY) -> Leaf:
    """Return a certificate whose issuer names its key."""
    one = read_chain(signed(request(), not_before=not_before, lifetime=lifetime))[0]
    return replace(one, authority_key_id=b"\1", serial=1)


def saying(
    start: datetime = START, end: datetime = END, *, checked: datetime | None = NOW, again: datetime | None = None
) -> CertificateStatus:
    """Return the status of a Certificate of which the CA has suggested a window."""
    told = ARIStatus(suggested_window=ARIWindow(start, end), last_checked=checked, next_check=again)
    return CertificateStatus(revision=1, acme=CertificateACMEStatus(ari=told))


# --- the moment -----------------------------------------------------------------------------------


@given(seconds=st.integers(min_value=1, max_value=30 * 86400), number=st.integers(min_value=1, max_value=1 << 60))
def test_the_moment_lies_in_the_window_and_is_always_the_same(seconds: int, number: int) -> None:
    """Whoever computes it, whenever."""
    end = START + timedelta(seconds=seconds)
    one = replace(leaf(), serial=number)
    found = ari.moment(one, saying(START, end))

    assert found is not None
    assert START <= found < end
    assert found == ari.moment(one, saying(START, end))


def test_moments_are_spread_over_the_window() -> None:
    """A thousand certificates of one issuance do not come back together (RFC 9773 §4.2)."""
    found = [ari.moment(replace(leaf(), serial=number), saying()) for number in range(1, 1001)]
    tenths = [0] * 10
    for one in found:
        assert one is not None
        tenths[int((one - START) / (END - START) * 10)] += 1

    assert min(tenths) > 60


def test_a_window_that_moves_is_drawn_from_anew() -> None:
    """The same fraction of it would be as good; a new one is what §4.2 says."""
    before, after = ari.moment(leaf(), saying()), ari.moment(leaf(), saying(START - DAY, END - DAY))

    assert before is not None
    assert after is not None
    assert before - after != DAY


@pytest.mark.parametrize(
    ("status", "one"),
    [
        pytest.param(CertificateStatus(), leaf(), id="nothing was said"),
        pytest.param(saying(END, START), leaf(), id="ends before it begins"),
        pytest.param(saying(checked=None), leaf(), id="nobody knows when it was said"),
        pytest.param(saying(checked=NOW - 2 * DAY), leaf(), id="said of an earlier certificate"),
        pytest.param(saying(), replace(leaf(), authority_key_id=b""), id="certificate without the issuer's key"),
    ],
)
def test_no_moment(status: CertificateStatus, one: Leaf) -> None:
    """Then all goes on as without."""
    assert ari.moment(one, status) is None


def test_a_window_near_or_after_expiry_leaves_time() -> None:
    """Never later than a twentieth of the lifetime before the end."""
    assert ari.moment(leaf(), saying(NOW + 88 * DAY, NOW + 100 * DAY)) == NOW + 89 * DAY - 90 * DAY / 20


# --- when to ask ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "asked", "expected"),
    [
        pytest.param(saying(again=NOW + HOUR), None, NOW + HOUR, id="as the status says"),
        pytest.param(saying(again=NOW + HOUR), Asked(OWN, NOW + DAY), NOW + DAY, id="this process knows better"),
        pytest.param(
            saying(again=NOW + HOUR), Asked("other", NOW + DAY), NOW + HOUR, id="it knows of an earlier certificate"
        ),
    ],
)
def test_when_the_next_question_is(status: CertificateStatus, asked: Asked | None, expected: datetime) -> None:
    assert ari.next_question(leaf(), status, asked) == expected


@pytest.mark.parametrize(
    ("lifetime", "within"),
    [pytest.param(90 * DAY, HOUR, id="long"), pytest.param(40 * MINUTE, 2 * MINUTE, id="short")],
)
def test_the_first_question_comes_a_while_after_the_issuance(lifetime: timedelta, within: timedelta) -> None:
    """Spread, so that a thousand new certificates do not ask at once."""
    found = [
        ari.next_question(replace(leaf(NOW, lifetime), serial=number), CertificateStatus(), None)
        for number in range(1, 101)
    ]
    moments = [one for one in found if one is not None]

    assert len(moments) == 100
    assert min(moments) >= NOW
    assert max(moments) < NOW + within
    assert max(moments) - min(moments) > within / 2


def test_of_a_certificate_without_the_issuers_key_nothing_is_asked() -> None:
    """It has no identifier."""
    assert ari.next_question(replace(leaf(), authority_key_id=b""), CertificateStatus(), None) is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, 6 * HOUR),
        (NOW + 6 * HOUR, 6 * HOUR),
        (NOW + timedelta(seconds=1), MINUTE),
        (NOW - HOUR, MINUTE),
        (NOW + 8 * DAY, DAY),
    ],
    ids=["no word", "as Let's Encrypt", "too soon", "in the past", "too late"],
)
def test_retry_after_counts_within_bounds(said: datetime | None, expected: timedelta) -> None:
    """RFC 9773 §4.3.1 names both bounds."""
    assert ari.next_check(Suggestion(START, END, retry_at=said), NOW) == NOW + expected


def test_failures_are_asked_after_less_and_less_often() -> None:
    """A minute, two, four; up to six hours.  What will last is left alone for six."""
    pauses, asked = [], None
    for _ in range(11):
        asked = ari.after_failure(OWN, asked, NOW, is_temporary=True)
        pauses.append((asked.next_check - NOW) / MINUTE)

    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == 360
    assert ari.after_failure("new", asked, NOW, is_temporary=True).failures == 1
    assert ari.after_failure(OWN, None, NOW, is_temporary=False).next_check == NOW + 6 * HOUR


# --- what is stored -------------------------------------------------------------------------------


def test_an_answer_is_stored_whole() -> None:
    """Whole seconds, as the API has them."""
    said = Suggestion(START + timedelta(microseconds=5), END, "https://ca.test/why", NOW + HOUR)
    status = ari.heard(CertificateStatus(revision=1), said, NOW + timedelta(microseconds=9))

    assert status.acme == CertificateACMEStatus(
        ari=ARIStatus(
            suggested_window=ARIWindow(START, END),
            explanation_url="https://ca.test/why",
            last_checked=NOW,
            next_check=NOW + HOUR,
        )
    )


@pytest.mark.parametrize(
    ("said", "after", "is_written"),
    [
        pytest.param(Suggestion(START, END), HOUR, False, id="nothing new"),
        pytest.param(Suggestion(START, END), DAY, True, id="nothing new for a day"),
        pytest.param(Suggestion(START + HOUR, END), HOUR, True, id="the window moved"),
        pytest.param(Suggestion(START, END, "https://ca.test/why"), HOUR, True, id="there is a reason now"),
    ],
)
def test_only_what_is_new_is_written(said: Suggestion, after: timedelta, *, is_written: bool) -> None:
    before = saying()

    assert (ari.heard(before, said, NOW + after) != before) is is_written


def test_a_failure_is_said_once_and_the_window_stays() -> None:
    """And taken back by the next answer."""
    before, asked = saying(), Asked(OWN, NOW + HOUR)
    status = ari.unheard(before, "no route", asked, NOW)

    assert status.acme is not None
    assert status.acme.ari is not None
    assert (status.acme.ari.last_error, status.acme.ari.next_check) == ("no route", NOW + HOUR)
    assert status.acme.ari.suggested_window == ARIWindow(START, END)
    assert ari.unheard(status, "no route", asked, NOW + HOUR) is status
    heard = ari.heard(status, Suggestion(START, END), NOW + HOUR)
    assert heard.acme is not None
    assert heard.acme.ari is not None
    assert heard.acme.ari.last_error == ""


# --- in the plan and in the decision --------------------------------------------------------------


def test_the_suggested_moment_counts_instead_of_renew_before() -> None:
    """The CA knows why; `renewBefore` is for CAs that say nothing."""
    wants = spec(renew_before="720h")
    plan = plan_renewal(NOW - DAY, NOW + 89 * DAY, wants, suggested=START)

    assert (plan.at, plan.remark) == (START, None)
    assert plan_renewal(NOW - DAY, NOW + 89 * DAY, wants, NOW, suggested=NOW).at == NOW + 59 * DAY
    assert plan_renewal(NOW, NOW + DAY, spec(renewal=Renewal(policy="Disabled")), suggested=START).at is None


@pytest.mark.parametrize(
    ("days", "by_acme", "expected"),
    [(6, True, 3), (6, False, 2), (9, True, 4.5), (10, True, 10 / 3), (90, True, 30)],
    ids=["six days", "six days of another CA", "nine days", "ten days", "ninety days"],
)
def test_short_lived_certificates_of_acme_cas_are_renewed_after_half(
    days: int, expected: float, *, by_acme: bool
) -> None:
    plan = plan_renewal(NOW, NOW + days * DAY, spec(), by_acme=by_acme)

    assert plan.at == (NOW + days * DAY - expected * DAY).replace(microsecond=0)


def observed(status: CertificateStatus, *, asked: Asked | None = None, now: datetime = NOW) -> ObservedCertificate:
    """Return a settled Certificate of an ACME issuer that names its key in certificates; its readiness is told."""
    cert = with_status(certificate(), status)
    one = ObservedCertificate(
        cert,
        stored(cert, key_id=b"\1"),
        requests=(issued(request(cert)),),
        by_acme=True,
        heeds_ari=True,
        asked=asked,
    )
    step = decide(one, now)
    return replace(one, certificate=with_status(cert, step.status)) if isinstance(step, SetCertificateStatus) else one


def own_id(one: ObservedCertificate) -> str:
    """Return the identifier of the stored certificate."""
    found = stored_leaf(one.secret)
    assert found is not None
    return certificate_id(found)


def test_a_settled_certificate_asks_when_it_is_time() -> None:
    """A day old and never asked about: now.  Asked a moment ago: when the CA said."""
    one = observed(CertificateStatus(revision=1))
    assert decide(one, NOW) == AskRenewalInfo(own_id(one))

    later = replace(one, asked=Asked(own_id(one), NOW + HOUR))
    assert decide(later, NOW) == Wait(NOW + HOUR, "renewal")
    assert decide(later, NOW + HOUR) == AskRenewalInfo(own_id(one))


def test_nobody_is_asked_where_it_is_switched_off_or_over() -> None:
    """Another issuer, `renewalInformationSource: None`; and a certificate that has expired."""
    one = observed(CertificateStatus(revision=1))
    assert isinstance(decide(replace(one, heeds_ari=False), NOW), Wait)

    disabled = with_status(certificate(renewal=Renewal(policy="Disabled")), CertificateStatus(revision=1))
    expired = replace(one, certificate=disabled)
    says = decide(expired, NOW + 100 * DAY)
    assert isinstance(says, SetCertificateStatus)
    assert decide(replace(expired, certificate=with_status(disabled, says.status)), NOW + 100 * DAY) == DONE


def test_the_window_moves_the_renewal_and_begins_it() -> None:
    """`renewalTime` shows the moment; a window that has come, as after a revocation, has it renewed at once."""
    one = observed(saying(again=NOW + DAY))
    moment = one.certificate.status.renewal_time
    assert moment is not None
    assert START <= moment < END
    assert renewal_due(one.subject) == moment

    revoked = observed(saying(NOW - HOUR, NOW - HOUR / 2, again=NOW + DAY))
    why = reason_to_issue(revoked.subject, NOW)
    assert why is None  # the CA has answered at NOW: a window before that would come again and again
    later = replace(revoked, requests=())
    why = reason_to_issue(later.subject, NOW)
    assert why is not None
    assert why.reason == "Renewing"


def test_what_was_said_of_the_old_certificate_is_forgotten_with_it() -> None:
    """The end of an issuance takes it out of the status."""
    cert = with_status(certificate(), saying())
    done = issued(request(cert, 2))
    held = secret(data={"tls.key": pem(), "tls.crt": done.status.certificate}, annotations=told(cert))
    step = decide(ObservedCertificate(cert, held, requests=(done,), by_acme=True, heeds_ari=True), NOW)

    assert isinstance(step, SetCertificateStatus)
    assert step.status.revision == 2
    assert step.status.acme is None
