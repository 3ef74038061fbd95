"""When certificates are renewed, as their status tells it: windows, never, a renewBefore that does not fit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.system.shop import Shop, eventually
from tests.system.test_ca import bootstrap, certificate

pytestmark = pytest.mark.system
LIFETIME = timedelta(hours=24)
HOUR = timedelta(hours=1)


def issue(shop: Shop, **spec: Any) -> None:
    """Have a Certificate of a day from a CA of one's own, whether it is ready or not."""
    bootstrap(shop)
    want(shop, **spec)
    eventually(lambda: status(shop).get("revision"), "the first revision")


def want(shop: Shop, **spec: Any) -> None:
    """Apply the Certificate, always of the same name."""
    shop.apply(certificate("web", "ca", dnsNames=["web.example.test"], duration="24h", **spec))


def status(shop: Shop) -> dict[str, Any]:
    found: dict[str, Any] = (shop.get("Certificate", "web") or {}).get("status", {})
    return found


def moment(shop: Shop, name: str) -> datetime:
    return datetime.fromisoformat(status(shop)[name])


def window(opens: datetime, length: str = "30m") -> dict[str, Any]:
    """Return renewal in one window a year, which opens at that minute."""
    cron = f"{opens.minute} {opens.hour} {opens.day} {opens.month} *"
    return {"policy": "RenewBefore", "windows": [{"cron": cron, "windowDuration": length}]}


def test_a_window_has_the_renewal(shop: Shop) -> None:
    """Due in 16 hours, the window opens in 18: that is when it is renewed."""
    opens = (datetime.now(UTC) + 18 * HOUR).replace(second=0, microsecond=0)

    issue(shop, renewal=window(opens))

    shop.ready("Certificate", "web")
    assert moment(shop, "renewalTime") == opens


def test_a_window_is_by_the_clock_of_its_zone(shop: Shop) -> None:
    """Kathmandu is 5:45 ahead, all year."""
    opens = (datetime.now(UTC) + 18 * HOUR).replace(second=0, microsecond=0)
    there = window(opens + timedelta(hours=5, minutes=45))
    there["windows"][0]["timezone"] = "Asia/Kathmandu"

    issue(shop, renewal=there)

    shop.ready("Certificate", "web")
    assert moment(shop, "renewalTime") == opens


def test_windows_that_miss_the_lifetime_are_told(shop: Shop) -> None:
    """The certificate is there, Ready says that its renewal cannot keep the window; another window mends that."""
    now = datetime.now(UTC)
    issue(shop, renewal=window(now + 30 * LIFETIME))

    eventually(lambda: shop.condition("Certificate", "web").get("reason") == "WindowError", "it is told")
    ready = shop.condition("Certificate", "web")
    assert ready["status"] == "False"
    assert ready["message"].startswith(
        "Could not calculate renewal time: cannot find a time with the given windows between "
    )
    assert moment(shop, "renewalTime") == moment(shop, "notAfter") - LIFETIME / 3
    assert status(shop)["revision"] == 1
    assert eventually(lambda: dict(shop.events("Certificate")).get("WindowError"), "the warning") == ready["message"]

    want(shop, renewal=window(now + 18 * HOUR))

    shop.ready("Certificate", "web")
    assert status(shop)["revision"] == 1


def test_disabled_renewal_has_no_time(shop: Shop) -> None:
    issue(shop, renewal={"policy": "Disabled"})

    shop.ready("Certificate", "web")
    assert "renewalTime" not in status(shop)


def test_renewbefore_beyond_what_was_granted_is_clamped(shop: Shop) -> None:
    """No webhook here, which knows the lifetime that is asked for; what an issuer grants nobody knows beforehand."""
    issue(shop, renewBefore="48h")

    shop.ready("Certificate", "web")
    assert moment(shop, "renewalTime") == moment(shop, "notAfter") - LIFETIME / 3
    assert status(shop)["revision"] == 1
    told = eventually(lambda: dict(shop.events("Certificate")).get("RenewBeforeClamped"), "the warning")
    assert told.startswith("renewBefore 48h is not less than the ")
