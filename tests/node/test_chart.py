"""The same from the Helm chart, with values of cert-manager's, and back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster import Cluster
from tests.node.installation import SHIM, WEBHOOK, Installation
from tests.node.release import released, upgrade
from tests.system.shop import Shop

pytestmark = [pytest.mark.node, pytest.mark.timeout(400)]
ISSUER = "cert-manager.io/issuer"


@pytest.fixture(scope="module")
def chart(cluster: Cluster) -> Iterator[Installation]:
    """The product as Helm installs it, in place of what was there; gone at the end."""
    with released(cluster, "--set=replicaCount=1") as installed:
        yield installed


def test_the_chart_becomes_ready_pods_that_issue(chart: Installation, shop: Shop) -> None:
    """With one replica of the shim, as its value says."""
    issuer = shop.issuer()

    shop.ingress("shop", shop.host(), annotations={ISSUER: issuer})
    shop.issued("shop-tls", 60)

    assert (len(chart.pods(SHIM)), len(chart.pods(WEBHOOK))) == (1, 2)


def test_an_upgrade_of_the_release_fails_no_admission(chart: Installation) -> None:
    """A value that changes both pods."""
    with chart.admitting() as failed:
        upgrade(chart, "--set=replicaCount=2", "--set=webhook.podLabels.upgraded=yes")

    assert failed == []
    assert [pod["metadata"]["labels"]["upgraded"] for pod in chart.pods(WEBHOOK)] == ["yes", "yes"]
