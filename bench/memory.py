"""Memory of the shim and of the webhook after they have worked: the peak of each, and their share now."""

from __future__ import annotations

from bench import procfs
from bench.kit import Kit
from bench.measurement import Measurement, lower

SHIM_MB = 200
WEBHOOK_MB = 90


def measure(kit: Kit) -> list[Measurement]:
    """Return peak RSS and PSS of both."""
    figures = [
        lower("shim, peak RSS", procfs.peak_mb(kit.shim.pid), "MB", SHIM_MB),
        lower("shim, PSS", procfs.pss_mb(kit.shim.pid), "MB"),
    ]
    if kit.webhook is None:
        return figures
    return [
        *figures,
        lower("webhook, peak RSS", procfs.peak_mb(kit.webhook.pid), "MB", WEBHOOK_MB),
        lower("webhook, PSS", procfs.pss_mb(kit.webhook.pid), "MB"),
    ]
