from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from kubernetes.client.configuration import Configuration

from certs.api.certificate import CertificateStatus
from certs.api.challenge import ChallengeStatus
from certs.api.issuer import ClusterIssuer
from certs.api.meta import ObjectMeta
from certs.api.order import ACMEState
from certs.decide.ratelimits import limits_of, of_order
from shim.acme.ledgers import AccountAt, Ledgers
from shim.acme.transport import Exchange
from shim.engine.figures import MOST_REASONS, WAITS, Ending, Tally
from shim.engine.loop import Ended
from shim.engine.queue import WorkQueue
from shim.engine.reconciler import Key
from shim.engine.workers import Workers
from shim.keymill import KeyMill
from shim.kube.cluster import Cluster
from shim.kube.traffic import MOST_KINDS, Kind, Traffic
from shim.kube.transport import Transport
from shim.metrics import Metrics
from shim.metrics.acme import MOST_EXCHANGES, Refusals
from shim.stores import Stores
from tests.certs.decide.objects import HOST, NOW, certificate, challenge, condition, issuer, with_status
from tests.shim.conftest import Put

LABELS = 'issuer_group="cert-manager.io",issuer_kind="Issuer",issuer_name="letsencrypt",name="shop",namespace="web"'


@pytest.fixture
def queue() -> WorkQueue:
    return WorkQueue()


@pytest.fixture
def ledgers() -> Ledgers:
    return Ledgers()


@pytest.fixture
def metrics(stores: Stores, queue: WorkQueue, ledgers: Ledgers) -> Metrics:
    made = Metrics()
    made.watch(stores, queue, Workers(queue, (), count=1), KeyMill(), ledgers)
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
    labels = f'domain="{HOST}",name="shop-1-1234-{HOST}",namespace="web",processing="true",reason="other"'
    (state,) = (line for line in found if line.endswith(" 1.0"))

    assert state == f'certmanager_certificate_challenge_status{{{labels},status="pending",type="HTTP-01"}} 1.0'
    assert len(found) == 8


def test_the_reason_of_a_challenge_is_one_of_a_few(metrics: Metrics, put: Put) -> None:
    """What others say in it is for `kubectl describe`: each sentence would make eight series anew."""
    reason = "Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'"
    put(challenge(status=ChallengeStatus(processing=True, reason=reason, state=ACMEState.PENDING)))

    found = lines(metrics, "certmanager_certificate_challenge_status{")

    assert len(found) == 8
    assert all('reason="Waiting for HTTP-01 challenge propagation"' in line for line in found)


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


def test_what_is_left_of_a_ca_s_limits(metrics: Metrics, ledgers: Ledgers) -> None:
    """Nothing is told of accounts without limits; of many domains the emptiest is."""
    account, now = AccountAt("https://ca.test/dir", "https://ca.test/account/1"), datetime.now(UTC)
    limits = limits_of(account.server, "orders=10/10h, domain=5/10h")
    for number, host in enumerate(("a.example.org", "b.example.org", "a.example.net")):
        ledgers.enter(account, limits, str(number), of_order([host]), (), attempt="", now=now)

    told = (
        'certshim_acme_rate_limit_left{account="https://ca.test/account/1",limit="%s",server="https://ca.test/dir"} %s'
    )
    assert lines(metrics, "certshim_acme_rate_limit_left{") == {told % ("orders", 7.0), told % ("domain", 3.0)}


def test_hosts_of_hostile_issuers_are_bounded(metrics: Metrics) -> None:
    """Whoever may create Issuers names any number of servers, which answer any status: at some point, `other`."""
    for number in range(5000):
        host = f"ca-{number}.test"
        metrics.exchanged(Exchange("discover", "GET", 200 + number % 399, 0.1, "https", host))
    found = lines(metrics, "certmanager_http_acme_client_request_count{")

    assert len(found) == MOST_EXCHANGES + 1
    other = 'action="discover",host="other",method="GET",scheme="https",status="other"'
    assert f"certmanager_http_acme_client_request_count{{{other}}} 3000.0" in found


def test_reasons_of_failures_are_bounded() -> None:
    """A server may call its problems what it likes."""
    tally = Tally()
    for number in range(1000):
        tally.turn(
            "orders", Ending.PERMANENT, steps=0, busy_for=0, waited_for=0, level="fresh", reason=f"Made{number}Up"
        )

    failures = tally.figures().failures
    assert len(failures) == MOST_REASONS + 1
    assert failures[Ending.PERMANENT, "other"] == 1000 - MOST_REASONS


def test_problems_of_cas_are_counted_by_type_and_class() -> None:
    """Those that the engine tries again, and those that have ended an Order or a Challenge; types that ACME knows."""
    failures = {(Ending.RATE_LIMITED, "RateLimited"): 2, (Ending.TRANSIENT, "Invented"): 5}
    refusals = Refusals(lambda: failures)
    before = challenge(status=ChallengeStatus(state=ACMEState.PENDING))
    after = challenge(status=ChallengeStatus(state=ACMEState.INVALID, reason="dns: no such name: caa: misleading"))
    strange = challenge(status=ChallengeStatus(state=ACMEState.INVALID, reason="x" * 300))
    for new in (before, after, after, strange):
        refusals.changed(before, new)
    refusals.changed(None, after)  # it failed before we were there
    refusals.changed(after, after)

    (family,) = refusals.collect()
    told = {(sample.labels["type"], sample.labels["class"]): sample.value for sample in family.samples}
    assert told == {("rateLimited", "rate-limited"): 2.0, ("dns", "permanent"): 2.0}


class Idle:
    """A loop that never has a turn."""

    name = "orders"

    def turn(self, key: Key) -> Ended:
        raise AssertionError(key)


def test_mistakes_are_counted_from_zero_on(stores: Stores, queue: WorkQueue, ledgers: Ledgers) -> None:
    """An alert asks for an increase, and the first mistake is one only if there was a number before it."""
    metrics = Metrics()
    metrics.watch(stores, queue, Workers(queue, (Idle(),), count=1), KeyMill(), ledgers)

    assert lines(metrics, "certshim_turns_total{") == {
        f'certshim_turns_total{{controller="orders",ending="{ending}"}} 0.0' for ending in ("crashed", "circling")
    }
    assert lines(metrics, "certmanager_controller_sync_error_count{") == {
        'certmanager_controller_sync_error_count{controller="orders"} 0.0'
    }


def test_requests_to_the_api_server_are_told(stores: Stores) -> None:
    """By verb, resource and class of status; nothing of an object's name."""
    cluster = Cluster(Transport(Configuration(host="http://apiserver.invalid")))
    cluster.follow(ClusterIssuer)
    path = "/apis/cert-manager.io/v1/namespaces/web/certificates/{}/status"
    for number in range(100):
        cluster.transport.traffic.count("PUT", path.format(number), {}, 200)
    metrics = Metrics()
    metrics.connected(cluster, lambda: True)

    requests = 'group="cert-manager.io",resource="certificates/status",status="2xx",verb="update"'
    assert lines(metrics, "certshim_api_requests_total{") == {f"certshim_api_requests_total{{{requests}}} 100.0"}
    assert lines(metrics, "certshim_leader ") == {"certshim_leader 1.0"}
    assert lines(metrics, "certshim_informer_synced{") == {
        'certshim_informer_synced{resource="clusterissuers.cert-manager.io"} 0.0'
    }


def test_groups_of_hostile_issuers_are_bounded() -> None:
    """Whoever may create an Issuer names the API of a webhook solver."""
    traffic = Traffic()
    for number in range(2 * MOST_KINDS):
        traffic.count("POST", f"/apis/acme{number}.example.com/v1alpha1/solver", {}, 404)

    counts = traffic.counts()
    assert len(counts) == MOST_KINDS + 1
    assert counts[Kind("create", "other", "other", "4xx")] == MOST_KINDS


def test_waits_are_told_by_lane(stores: Stores, queue: WorkQueue) -> None:
    """A histogram: most keys wait for milliseconds, and the lane says who does not."""
    tally = Tally()
    for seconds in (0.0005, 0.05, 30.0):
        tally.turn("orders", Ending.DONE, steps=1, busy_for=0.1, waited_for=seconds, level="fresh")
    timing = tally.figures().waits[("fresh",)]

    assert dict(zip((*WAITS, "inf"), timing.at_most, strict=True)) == {
        0.001: 1, 0.01: 1, 0.1: 2, 1.0: 2, 10.0: 2, 60.0: 3, 600.0: 3, "inf": 3,
    }  # fmt: skip
    assert timing.total == pytest.approx(30.0505)
