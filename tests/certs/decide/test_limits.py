from __future__ import annotations

from datetime import timedelta

import pytest

from certs.decide.limits import pace_of_account

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
