from __future__ import annotations

from datetime import timedelta

import pytest

from certs.api.order import ACMEState, OrderStatus
from certs.decide.limits import is_limited, pace_of_account
from tests.certs.decide.objects import NOW, order

NEW_ORDERS = "too many new orders ({}) from this account in the last {}, retry after 2026-03-01 13:00:00 UTC"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(NEW_ORDERS.format(300, "3h0m0s"), timedelta(seconds=36), id="the published limit"),
        pytest.param(NEW_ORDERS.format(1500, "3h0m0s"), timedelta(seconds=7.2), id="another allowance"),
        pytest.param(NEW_ORDERS.format(0, "3h0m0s"), timedelta(hours=1), id="none at all"),
        pytest.param(NEW_ORDERS.format(1, "2500000h0m0s"), timedelta(hours=1), id="centuries"),
        pytest.param(NEW_ORDERS.format(1, "99999999999h"), None, id="beyond any duration"),
        pytest.param(NEW_ORDERS.format(300, "hms"), None, id="no duration"),
        pytest.param(
            'too many certificates (50) already issued for "example.org" in the last 168h0m0s', None, id="names"
        ),
        pytest.param('too many failed authorizations (5) for "example.org" in the last 1h0m0s', None, id="failures"),
        pytest.param("slow down", None, id="another CA"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_only_a_limit_of_new_orders_is_the_accounts(told: str, expected: timedelta | None) -> None:
    """Whose names are limited must not keep others waiting."""
    assert pace_of_account(told) == expected


MINUTE = timedelta(minutes=1)
TURN = "cannot create an order for a.example: the CA limits it, and they are used up: its turn is at 2026-07-02"
VENDOR = "cannot present dns-01 for a.example: Cloudflare asks to slow down (rate limit exceeded)"
AT_THE_CA = "https://ca.test/order/1"


@pytest.mark.parametrize(
    ("status", "until", "expected"),
    [
        pytest.param(OrderStatus(), None, False, id="new"),
        pytest.param(OrderStatus(), MINUTE, True, id="named, whatever the Order says"),
        pytest.param(OrderStatus(url=AT_THE_CA, reason=VENDOR), MINUTE, True, id="named while finalizing"),
        pytest.param(OrderStatus(reason=TURN), -MINUTE, True, id="being asked again"),
        pytest.param(OrderStatus(reason="no route to host"), -3 * MINUTE, False, id="over"),
        pytest.param(OrderStatus(reason=TURN), None, True, id="by another process"),
        pytest.param(OrderStatus(url=AT_THE_CA, reason=VENDOR), None, False, id="a provider of DNS"),
        pytest.param(OrderStatus(state=ACMEState.INVALID, reason=TURN), MINUTE, False, id="ended"),
    ],
)
def test_whether_a_limit_of_the_ca_holds_an_order_up(
    status: OrderStatus, until: timedelta | None, *, expected: bool
) -> None:
    """By the moment that was named; by the words only while the CA has no order yet."""
    assert is_limited(order(status=status), NOW + until if until is not None else None, NOW) is expected


def test_without_an_order_no_limit_is_in_the_way() -> None:
    assert is_limited(None, NOW + MINUTE, NOW) is False
