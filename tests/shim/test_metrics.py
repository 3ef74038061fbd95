from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from certs.api.certificate import CertificateStatus
from certs.api.challenge import ChallengeStatus
from certs.api.issuer import ClusterIssuer
from certs.api.meta import ObjectMeta
from certs.api.order import ACMEState
from shim.acme.transport import Exchange
from shim.engine.queue import WorkQueue
from shim.engine.reconciler import Key
from shim.engine.workers import Workers
from shim.keymill import KeyMill
from shim.metrics import Metrics
from shim.stores import Stores
from tests.certs.decide.objects import HOST, NOW, certificate, challenge, condition, issuer, with_status
from tests.shim.conftest import Put

LABELS = 'issuer_group="cert-manager.io",issuer_kind="Issuer",issuer_name="letsencrypt",name="shop",namespace="web"'


@pytest.fixture
def queue() -> WorkQueue:
    return WorkQueue()


@pytest.fixture
def metrics(stores: Stores, queue: WorkQueue) -> Metrics:
    made = Metrics()
    made.watch(stores, queue, Workers(queue, (), count=1), KeyMill())
    return made


def lines(metrics: Metrics, name: str) -> set[str]:
    """Return the samples whose name begins so."""
    return {line for line in metrics.render().decode().splitlines() if line.startswith(name)}


@pytest.mark.parametrize(
    ("word", "values"),
    [("True", (1.0, 0.0, 0.0)), ("False", (0.0, 1.0, 0.0)), (None, (0.0, 0.0, 1.0))],
    ids=["ready", "not ready", "unknown"],
)
def test_readiness_of_a_certificate(
    metrics: Metrics, put: Put, word: str | None, values: tuple[float, float, float]
) -> None:
    """Three series, one of which is 1."""
    conditions = (condition("Ready", word),) if word else ()
    put(with_status(certificate(), CertificateStatus(conditions=conditions)))

    assert lines(metrics, "certmanager_certificate_ready_status{") == {
        f'certmanager_certificate_ready_status{{condition="{one}",{LABELS}}} {value}'
        for one, value in zip(("True", "False", "Unknown"), values, strict=True)
    }


def test_times_of_a_certificate(metrics: Metrics, put: Put) -> None:
    """Seconds since the epoch."""
    times = {"not_before": NOW, "not_after": NOW + timedelta(days=90), "renewal_time": NOW + timedelta(days=60)}
    put(with_status(certificate(), msgspec.structs.replace(CertificateStatus(), **times)))

    for name, moment in (
        ("expiration", times["not_after"]),
        ("not_after", times["not_after"]),
        ("not_before", times["not_before"]),
        ("renewal", times["renewal_time"]),
    ):
        (line,) = lines(metrics, f"certmanager_certificate_{name}_timestamp_seconds{{")
        assert line.partition("}")[0].endswith(LABELS)
        assert float(line.rpartition(" ")[2]) == moment.timestamp()


def test_times_that_are_not_known_are_zero(metrics: Metrics, put: Put) -> None:
    """An alert on expiry sees that there is none."""
    put(certificate())

    assert lines(metrics, "certmanager_certificate_expiration_timestamp_seconds{") == {
        f"certmanager_certificate_expiration_timestamp_seconds{{{LABELS}}} 0.0"
    }


def test_state_of_a_challenge(metrics: Metrics, put: Put) -> None:
    """One series for each possible state, the empty one too."""
    put(challenge(status=ChallengeStatus(processing=True, reason="waiting", state=ACMEState.PENDING)))
    found = lines(metrics, "certmanager_certificate_challenge_status{")
    labels = f'domain="{HOST}",name="shop-1-1234-{HOST}",namespace="web",processing="true",reason="waiting"'
    (state,) = (line for line in found if line.endswith(" 1.0"))

    assert state == f'certmanager_certificate_challenge_status{{{labels},status="pending",type="HTTP-01"}} 1.0'
    assert len(found) == 8


def test_readiness_of_issuers(metrics: Metrics, put: Put) -> None:
    """With and without a namespace."""
    put(issuer())
    put(ClusterIssuer(metadata=ObjectMeta(name="le"), spec=issuer().spec))

    assert 'certmanager_issuer_ready_status{condition="True",name="letsencrypt",namespace="web"} 1.0' in lines(
        metrics, "certmanager_issuer"
    )
    assert 'certmanager_clusterissuer_ready_status{condition="Unknown",name="le"} 1.0' in lines(
        metrics, "certmanager_clusterissuer"
    )


def test_exchanges_with_cas(metrics: Metrics) -> None:
    """Counted and timed under the API's names, which have no suffix."""
    for seconds in (0.25, 0.5):
        metrics.exchanged(Exchange("get_order", "POST", 200, seconds, "https", "ca.test"))
    metrics.exchanged(Exchange("discover", "GET", 999, 1.0, "https", "ca.test"))
    labels = 'action="get_order",host="ca.test",method="POST",scheme="https",status="200"'
    found = lines(metrics, "certmanager_http_acme_client_request_")

    assert f"certmanager_http_acme_client_request_count{{{labels}}} 2.0" in found
    assert f"certmanager_http_acme_client_request_duration_seconds_count{{{labels}}} 2.0" in found
    assert f"certmanager_http_acme_client_request_duration_seconds_sum{{{labels}}} 0.75" in found
    assert len(found) == 6


def test_types_are_those_of_the_names(metrics: Metrics) -> None:
    """Counters are declared as such, under the names of their samples."""
    types = dict(line.split()[2:] for line in lines(metrics, "# TYPE certmanager_"))

    assert types == {
        "certmanager_certificate_ready_status": "gauge",
        "certmanager_certificate_expiration_timestamp_seconds": "gauge",
        "certmanager_certificate_not_after_timestamp_seconds": "gauge",
        "certmanager_certificate_not_before_timestamp_seconds": "gauge",
        "certmanager_certificate_renewal_timestamp_seconds": "gauge",
        "certmanager_certificate_challenge_status": "gauge",
        "certmanager_issuer_ready_status": "gauge",
        "certmanager_clusterissuer_ready_status": "gauge",
        "certmanager_http_acme_client_request_count": "counter",
        "certmanager_http_acme_client_request_duration_seconds": "summary",
        "certmanager_controller_sync_call_count": "counter",
        "certmanager_controller_sync_error_count": "counter",
        "certmanager_clock_time_seconds": "counter",
        "certmanager_clock_time_seconds_gauge": "gauge",
    }


def test_the_queue_is_told(metrics: Metrics, queue: WorkQueue) -> None:
    """How many keys wait, and in which state."""
    queue.add(Key("orders", "web", "a"))
    queue.add(Key("orders", "web", "b"), after=60)
    queue.failed(Key("orders", "web", "b"))

    assert lines(metrics, "certshim_queue_keys{") == {
        'certshim_queue_keys{state="ready"} 1.0',
        'certshim_queue_keys{state="delayed"} 1.0',
        'certshim_queue_keys{state="running"} 0.0',
        'certshim_queue_keys{state="failing"} 1.0',
    }


def test_the_process_is_told(metrics: Metrics) -> None:
    """Memory, CPU and open files, as every exporter has them."""
    assert lines(metrics, "process_resident_memory_bytes")
    assert lines(metrics, "process_cpu_seconds_total")
