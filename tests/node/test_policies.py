"""The chart's NetworkPolicies, enforced: what the product needs passes, and nothing else does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.cluster import Cluster
from tests.node.installation import SHIM, WEBHOOK, Installation
from tests.node.machine import Machine
from tests.node.network import CA_HOST, HOST
from tests.node.release import released, upgrade
from tests.node.ways import CUT, ELSEWHERE, MONITORING, OPEN, SITE_PORT, STRAY_PORT, Way, Ways
from tests.system.shop import Shop, eventually

pytestmark = [pytest.mark.node, pytest.mark.timeout(400)]
ISSUER: Final = "cert-manager.io/issuer"
INSTALL: Final = Path(__file__).parents[2] / "docs" / "install.md"
KUBERNETES: Final = "10.0.0.1"  # the Service of the API server
# A change of a policy or of a pod has to become rules on two busy nodes first.
EFFECT: Final = 40.0  # seconds

# What is to be of each way: as the policies are by default, and as docs/install.md narrows them.
WAYS: Final[dict[Way, tuple[str, str]]] = {
    Way(ELSEWHERE, SHIM, 8089): (OPEN, CUT),
    Way(ELSEWHERE, SHIM, 9402): (OPEN, CUT),
    Way(ELSEWHERE, SHIM, 9403): (OPEN, CUT),
    Way(ELSEWHERE, SHIM, STRAY_PORT): (CUT, CUT),
    Way(ELSEWHERE, WEBHOOK, 10250): (OPEN, CUT),
    Way(ELSEWHERE, WEBHOOK, 9402): (OPEN, CUT),
    Way(ELSEWHERE, WEBHOOK, 6080): (OPEN, CUT),
    Way(ELSEWHERE, WEBHOOK, STRAY_PORT): (CUT, CUT),
    Way(MONITORING, SHIM, 9402): (OPEN, OPEN),
    Way(MONITORING, SHIM, 8089): (OPEN, CUT),
    Way(MONITORING, WEBHOOK, 9402): (OPEN, OPEN),
    Way(MONITORING, WEBHOOK, 10250): (OPEN, CUT),
    Way(SHIM, KUBERNETES, 443): (OPEN, OPEN),
    Way(SHIM, CA_HOST, 443): (OPEN, OPEN),
    Way(SHIM, HOST, 80): (OPEN, OPEN),
    Way(SHIM, HOST, 53): (OPEN, OPEN),
    # A replica asks its own responder alone, and nobody else's.
    Way(SHIM, SHIM, 8089): (CUT, CUT),
    Way(SHIM, ELSEWHERE, SITE_PORT): (CUT, CUT),
    Way(SHIM, WEBHOOK, 10250): (CUT, CUT),
    Way(WEBHOOK, KUBERNETES, 443): (OPEN, OPEN),
    Way(WEBHOOK, HOST, 53): (OPEN, OPEN),
    Way(WEBHOOK, HOST, 80): (CUT, CUT),
    Way(WEBHOOK, ELSEWHERE, SITE_PORT): (CUT, CUT),
    Way(WEBHOOK, SHIM, 8089): (CUT, CUT),
}
# What nobody enforces, or forbids.
ALL_OPEN: Final = dict.fromkeys(WAYS, OPEN)
BY_DEFAULT: Final = {way: states[0] for way, states in WAYS.items()}
NARROWED: Final = {way: states[1] for way, states in WAYS.items()}


@pytest.fixture(scope="module")
def chart(machine: Machine, cluster: Cluster) -> Iterator[Installation]:
    """The release without policies, on nodes that enforce what there is."""
    with released(cluster) as installed:
        machine.enforce_policies()
        yield installed


@pytest.fixture(scope="module")
def ways(chart: Installation) -> Iterator[Ways]:
    """The ways between its pods and others."""
    between = Ways(chart)
    with between.strangers():
        between.listen()
        yield between


@pytest.fixture(scope="module")
def protected(chart: Installation) -> Installation:
    """The same with policies."""
    upgrade(chart, "--set=networkPolicy.enabled=true", "--set=webhook.networkPolicy.enabled=true")
    return chart


@pytest.fixture(scope="module")
def narrowed(chart: Installation) -> Installation:
    """The same with the policies of docs/install.md."""
    upgrade(chart, values=documented())
    return chart


def test_without_policies_all_ways_are_open(ways: Ways) -> None:
    """So what is cut below is cut by a policy."""
    become(ways, ALL_OPEN)


def test_the_policies_cut_all_but_what_is_needed(protected: Installation, ways: Ways) -> None:
    become(ways, BY_DEFAULT)


def test_certificates_are_issued_behind_policies(protected: Installation, shop: Shop) -> None:
    """The API server asks the webhook, the shim asks the CA, and the CA finds the responder by the proxy."""
    issue(shop)


def test_new_pods_become_ready_behind_policies(protected: Installation) -> None:
    """Kubelets reach them, they reach the API server, and meanwhile no admission fails."""
    with protected.admitting() as failed:
        protected.restart(SHIM)
        protected.restart(WEBHOOK)

    assert failed == []


def test_what_fails_is_not_blamed_on_the_responder(protected: Installation, shop: Shop) -> None:
    """No proxy serves the class; the shim's own responder answers as it should, and no policy keeps that from it."""
    issuer = shop.product.issuer("nobodys", shop.namespace)
    issuer["spec"]["acme"]["solvers"][0]["http01"]["ingress"]["ingressClassName"] = "nobodys"
    shop.apply(issuer)
    shop.ready("Issuer", "nobodys")

    shop.ingress("shop", shop.host(), annotations={ISSUER: "nobodys"})

    told = eventually(lambda: "; ".join(filter(None, reasons(shop))), "the Challenge says why it is not done")
    assert "wrong status code" in told
    assert "responder" not in told


def test_the_documented_policies_leave_only_the_named(narrowed: Installation, ways: Ways) -> None:
    """Proxies, Prometheus and the API server get in, each at its port."""
    ways.listen()
    become(ways, NARROWED)


def test_certificates_are_issued_behind_the_documented_policies(narrowed: Installation, shop: Shop) -> None:
    issue(shop)


def test_new_pods_become_ready_behind_the_documented_policies(narrowed: Installation) -> None:
    """Kubelets are named in no policy: a node reaches its own pods."""
    narrowed.restart(SHIM)
    narrowed.restart(WEBHOOK)


def become(ways: Ways, expected: dict[Way, str]) -> None:
    """Wait until all is as expected, and look once more whether it stays so."""
    found: dict[Way, str] = {}

    def look() -> bool:
        found.update(ways.look(expected))
        return found == expected

    try:
        eventually(look, "the ways are as expected", EFFECT)
    finally:
        assert found == expected
    assert ways.look(expected) == expected


def issue(shop: Shop) -> None:
    """Have a certificate issued for an Ingress; no issuer is taken that the webhook was not asked about."""
    issuer, host = shop.issuer(), shop.host()

    shop.ingress("shop", host, annotations={ISSUER: issuer})

    assert shop.issued("shop-tls", 60).leaf.dns_names == (host,)


def reasons(shop: Shop) -> list[str]:
    """Return why Challenges are not done."""
    return [str(one.get("status", {}).get("reason", "")) for one in shop.all("Challenge")]


def documented() -> dict[str, Any]:
    """Return the values of the page, with this cluster's API server and proxy, which is no pod here."""
    text = re.search(r"^```yaml\n(networkPolicy:\n.*?)^```", INSTALL.read_text(), re.MULTILINE | re.DOTALL)
    assert text is not None, f"{INSTALL} has no example of networkPolicy"
    values: dict[str, Any] = yaml.safe_load(text[1])
    here = {"ipBlock": {"cidr": f"{HOST}/32"}}
    values["networkPolicy"]["ingress"][0]["from"].append(here)
    values["webhook"]["networkPolicy"]["ingress"][0]["from"] = [here]
    return values
