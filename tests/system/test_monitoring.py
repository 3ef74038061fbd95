"""What the running product tells: the metrics that alerts and dashboard ask about, and its health in words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.cluster import Process
from tests.metricspage import names, shim_registry, webhook_registry
from tests.product import NAMESPACE, Product
from tests.system.shop import eventually
from tests.system.witnessed import Witness

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def webhook(product: Product) -> Iterator[Process]:
    """A webhook that the API server calls."""
    process = product.start_webhook()
    yield process
    product.withdraw_admission()
    process.stop()


def declared(url: str) -> set[str]:
    """Return the names of the families that a page declares."""
    text = requests.get(f"{url}/metrics", timeout=5).text
    return {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}


def value(url: str, name: str) -> float:
    """Return the value of a metric without labels."""
    text = requests.get(f"{url}/metrics", timeout=5).text
    (found,) = (
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    )
    return float(found)


def families(series: frozenset[str]) -> set[str]:
    """Return the families of series, as the pages declare them."""
    return {name.removesuffix("_bucket").removesuffix("_sum") for name in series if not name.endswith("_count")} | {
        name for name in series if name.endswith("sync_call_count")
    }


def test_the_processes_tell_what_the_page_of_metrics_says(product: Product, shim: Process, webhook: Process) -> None:
    """Alerts and dashboard are held against that page, and the page against the processes."""
    del shim, webhook
    for url, registry in ((product.shim_metrics, shim_registry()), (product.webhook_metrics, webhook_registry())):
        missing = families(names(registry)) - declared(url)
        assert missing == set()


def test_the_shim_says_how_it_is(product: Product, shim: Process) -> None:
    """Each check by name, the one word for probes."""
    del shim
    verbose = requests.get(f"{product.shim_health}/readyz?verbose", timeout=5).text.splitlines()

    assert requests.get(f"{product.shim_health}/livez", timeout=5).text == "ok\n"
    assert "[+]stores ok" in verbose
    assert "[+]leader ok: this replica works" in verbose
    assert verbose[-1] == "readyz check passed"
    assert value(product.shim_metrics, "certshim_leader") == 1.0


def test_the_webhook_says_how_it_is(product: Product, webhook: Process) -> None:
    """It has been called, and its certificate is good for days."""
    del webhook
    verbose = requests.get(f"{product.webhook_health}/readyz?verbose", timeout=5).text.splitlines()

    assert "[+]serving-certificate ok" in verbose
    assert "[+]called-by-api-server ok" in verbose
    assert value(product.webhook_metrics, "certshim_webhook_certificate_remaining_seconds") > 86_400


def test_secrets_of_the_run_are_known(product: Product, webhook: Process, namespace: str, witness: Witness) -> None:
    """Those that tests make, and those that the product makes: else the look at the logs would prove nothing."""
    del webhook
    product.cluster.kubectl(
        "create",
        "secret",
        "generic",
        "seen",
        f"--namespace={namespace}",
        "--from-literal=password=correct-horse-battery",
    )

    eventually(lambda: "correct-horse-battery" in witness.values, "the witness sees it")
    assert f"Secret {NAMESPACE}/certshim-webhook-ca" in witness.values.values()
