"""The backends of all vendors, by the field of the solver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Final

from tests.contract.dns01 import (
    Backend,
    acmedns,
    akamai,
    azuredns,
    clouddns,
    cloudflare,
    digitalocean,
    lexicon,
    route53,
)
from tests.contract.dns01.vendor import Vendor


def _serving(fake: type[Vendor]) -> Callable[[], AbstractContextManager[Backend]]:
    return lambda: fake().serving()


BACKENDS: Final[Mapping[str, Callable[[], AbstractContextManager[Backend]]]] = {
    "acmeDNS": _serving(acmedns.Fake),
    "akamai": _serving(akamai.Fake),
    "azureDNS": _serving(azuredns.Fake),
    "cloudDNS": _serving(clouddns.Fake),
    "cloudflare": _serving(cloudflare.Fake),
    "digitalocean": _serving(digitalocean.Fake),
    "lexicon": _serving(lexicon.Fake),
    "route53": route53.backend,
}
