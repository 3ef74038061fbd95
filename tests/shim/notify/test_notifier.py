"""From objects to messages: grouping, a receiver that is down, another process; and events for authors."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from certs.api.certificate import Certificate, CertificateStatus
from certs.api.core import ConfigMap
from certs.api.ingress import Ingress
from certs.api.meta import ObjectMeta, OwnerReference
from certs.decide.certificatestatus import news_of_issuance
from certs.decide.trouble import Kind, Patience
from shim.kube.cluster import Cluster
from shim.kube.errors import NotFound
from shim.kube.recorder import Recorder
from shim.notify.authors import Authors
from shim.notify.config import Notifications, Receiver, Webhook
from shim.notify.gathering import troubled
from shim.notify.memorystore import NAME
from shim.notify.notifier import Notifier
from shim.stores import Stores
from tests.certs.decide.objects import DAY, NOW, certificate, challenge, condition, order, request, with_status
from tests.fakes.apiserver import FakeAPIServer
from tests.shim.conftest import Put
from tests.shim.notify.places import Hook, hook

HOUR = timedelta(hours=1)


def failing(name: str, host: str) -> Certificate:
    issuing = condition("Issuing", "False", reason="Failed", message=f'Challenge for "{host}": no A record', since=NOW)
    one = with_status(certificate(), CertificateStatus(conditions=(issuing,), last_failure_time=NOW))
    return msgspec.structs.replace(
        one,
        metadata=msgspec.structs.replace(one.metadata, name=name, uid=f"uid-{name}"),
        spec=msgspec.structs.replace(one.spec, dns_names=(host,), secret_name=name),
    )


@contextmanager
def notifier(kube: Cluster, stores: Stores, receiver: Hook, now: Callable[[], datetime]) -> Iterator[Notifier]:
    config = Notifications(
        receivers=(Receiver("ops", webhook=Webhook(url=receiver.url)),), patience=Patience(grace=timedelta(seconds=1))
    )
    made = Notifier(
        stores, kube.client, "cert-manager", config, Authors(stores, Recorder(kube.client, instance="x")), now=now
    )
    made.start()
    try:
        yield made
    finally:
        made.stop()


def told(receiver: Hook) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in receiver.posted]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_two_hundred_are_one_message_with_the_first_ten(kube: Cluster, stores: Stores, put: Put) -> None:
    for number in range(200):
        put(failing(f"web{number:03}", f"shop{number}.example.com"))
    with hook() as receiver, notifier(kube, stores, receiver, lambda: NOW + HOUR) as running:
        until(lambda: receiver.posted)
        until(lambda: '"told":1' in kube.client.get(ConfigMap, "cert-manager", NAME).data["incidents"])
        metrics = {
            (sample.name, *sample.labels.values()): sample.value
            for family in running.collect()
            for sample in family.samples
        }

    (message,) = told(receiver)
    assert message["count"] == 200
    assert [one["name"] for one in message["certificates"]] == [f"web{number:03}" for number in range(10)]
    assert "does not exist; create it" in message["certificates"][0]["explanation"]
    assert metrics["certshim_notifications_total", "ops", "sent"] == 1
    assert metrics["certshim_incidents", "ops"] == 1


def test_another_process_tells_nothing_twice_and_the_end(kube: Cluster, stores: Stores, put: Put) -> None:
    put(failing("web", "shop.example.com"))
    with hook() as receiver:
        with notifier(kube, stores, receiver, lambda: NOW + HOUR):
            until(lambda: receiver.posted)
        with notifier(kube, stores, receiver, lambda: NOW + 2 * HOUR):
            time.sleep(1.5)
        assert [one["event"] for one in told(receiver)] == ["opened"]

        put(
            msgspec.structs.replace(
                failing("web", "shop.example.com"), status=CertificateStatus(conditions=(condition("Ready"),))
            )
        )
        clock = [NOW + 3 * HOUR]

        def passing() -> datetime:
            clock[0] += 11 * timedelta(minutes=1)
            return clock[0]

        with notifier(kube, stores, receiver, passing):
            until(lambda: len(receiver.posted) > 1)
    assert [one["event"] for one in told(receiver)] == ["opened", "closed"]
    assert "Certificate web/web was failing" in told(receiver)[1]["summary"]
    assert [one["number"] for one in told(receiver)] == [1, 2]


def test_a_receiver_that_is_down_gets_the_same_message_later(
    kube: Cluster, stores: Stores, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the same id, so that a receiver that had it all the same can tell."""
    monkeypatch.setattr("shim.notify.sender.Backoff", lambda *_: _Short())
    put(failing("web", "shop.example.com"))
    with hook() as receiver:
        receiver.status = 503
        with notifier(kube, stores, receiver, lambda: NOW + HOUR):
            until(lambda: receiver.posted)
            receiver.status = 200
            until(lambda: len(receiver.posted) > 1)
    first, second = told(receiver)[:2]

    assert first["id"] == second["id"]


class _Short:
    def next(self) -> float:
        return 0.1

    def reset(self) -> None:
        """Nothing to reset."""


def test_a_quiet_cluster_costs_no_request(kube: Cluster, stores: Stores, api: FakeAPIServer) -> None:
    with hook() as receiver, notifier(kube, stores, receiver, lambda: NOW):
        time.sleep(0.3)

    with pytest.raises(NotFound):
        kube.client.get(ConfigMap, "cert-manager", NAME)


def of_ingress(status: CertificateStatus) -> Certificate:
    one = with_status(certificate(), status)
    owner = OwnerReference("networking.k8s.io/v1", "Ingress", "web", "uid-ingress", controller=True)
    return msgspec.structs.replace(one, metadata=msgspec.structs.replace(one.metadata, owner_references=(owner,)))


def test_the_author_of_an_ingress_is_told_once_that_a_certificate_expires(
    kube: Cluster, stores: Stores, put: Put
) -> None:
    one = of_ingress(
        CertificateStatus(
            conditions=(condition("Ready"),),
            not_before=NOW - 81 * DAY,
            not_after=NOW + 9 * DAY,
            renewal_time=NOW - 21 * DAY,
        )
    )
    put(Ingress(metadata=ObjectMeta(name="web", namespace=one.metadata.namespace, uid="uid-ingress")))
    put(one)
    recorder = Recorder(kube.client, instance="x")
    authors = Authors(stores, recorder)
    for _ in range(3):
        authors.tell(troubled(stores, NOW, Patience(), lambda _uid: None), NOW)

    ((saying, waiting),) = recorder._waiting.items()
    assert (saying.about.kind, saying.about.name, saying.reason) == ("Ingress", "web", "CertificateExpiring")
    assert "and nothing has replaced it" in saying.message
    assert waiting.count == 1


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        pytest.param("uid-order", Kind.LIMITED, id="the Order"),
        pytest.param("uid-challenge", Kind.LIMITED, id="a Challenge of it"),
        pytest.param("uid-other", Kind.FAILING, id="another"),
    ],
)
def test_a_limit_is_that_of_the_order_and_its_challenges(stores: Stores, put: Put, held: str, expected: Kind) -> None:
    """By what the process has come upon, not by what the Certificate says."""
    issuing = condition("Issuing", reason="DoesNotExist", message="429 rate limit", since=NOW)
    proving = challenge()
    proving = msgspec.structs.replace(proving, metadata=msgspec.structs.replace(proving.metadata, uid="uid-challenge"))
    put(with_status(certificate(), CertificateStatus(conditions=(issuing,))))
    for one in (request(), order(), proving):
        put(one)
    now = NOW + HOUR

    ((_, wrong),) = troubled(stores, now, Patience(), {held: now + HOUR}.get)

    assert (wrong.kind, wrong.since) == (expected, NOW)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(CertificateStatus(), [], id="the first, smoothly"),
        pytest.param(CertificateStatus(last_failure_time=NOW), ["CertificateIssued"], id="the first, after a failure"),
        pytest.param(CertificateStatus(revision=1), ["CertificateRenewed"], id="a renewal"),
        pytest.param(CertificateStatus(revision=2), [], id="another write"),
    ],
)
def test_what_the_author_is_told_of_a_success(before: CertificateStatus, expected: list[str]) -> None:
    after = CertificateStatus(revision=2, not_after=NOW + 90 * DAY)

    assert [tell.reason for tell in news_of_issuance(with_status(certificate(), before), after)] == expected
