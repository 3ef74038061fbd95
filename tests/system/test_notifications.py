"""A Certificate that fails leads to one message, and its repair to the closing one; its author is told, too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import APIFailure, Cluster, PebbleSettings
from tests.fakes.acme import FakeCA, Scripted
from tests.product import NAMESPACE, Product
from tests.shim.notify.places import Hook, Inbox, hook, mail_server
from tests.system.commands import runner
from tests.system.shop import Shop, eventually

pytestmark = pytest.mark.system
SECRET = "certshim-notify-test"
MEMORY = f"/api/v1/namespaces/{NAMESPACE}/configmaps/certshim-notifications"
LIFETIME = 45  # seconds, of which the last fifteen are near its end


@pytest.fixture
def shop(product: Product, cluster: Cluster, namespace: str) -> Shop:
    return Shop(product, cluster, namespace)


@pytest.fixture(autouse=True)
def nothing_told(cluster: Cluster, shop: Shop) -> None:
    """Have no incident of another test end in this one: they run in any order, and have the same receivers."""
    del shop  # the namespace that it is in is there
    with suppress(APIFailure):
        cluster.api.delete(MEMORY)


@pytest.fixture
def receiver() -> Iterator[Hook]:
    with hook() as made:
        yield made


@pytest.fixture
def inbox(cluster: Cluster, tmp_path: Path) -> Iterator[Inbox]:
    with mail_server(tmp_path, cluster.ports.free()) as made:
        yield made


@pytest.fixture
def file(shop: Shop, receiver: Hook, inbox: Inbox, tmp_path: Path) -> Path:
    """Tell both of the shop; the URL and the password stand in a Secret."""
    data = {"url": receiver.url, "password": "mail secret"}
    metadata = {"name": SECRET, "namespace": NAMESPACE}
    shop.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})
    mail = {
        "host": "127.0.0.1",
        "port": inbox.port,
        "username": "certshim",
        "passwordFrom": {"secret": {"name": SECRET, "key": "password"}},
        "from": "certs@example.com",
        "to": ["ops@example.com"],
        "caFile": str(inbox.ca_file),
    }
    told = {
        "version": 1,
        "grace": "2s",
        "calm": "1s",
        "receivers": [
            {"name": "hook", "webhook": {"urlFrom": {"secret": {"name": SECRET, "key": "url"}}}},
            {"name": "mail", "smtp": mail},
        ],
        "routes": [{"receivers": ["hook", "mail"], "namespaces": [shop.namespace]}],
    }
    path = tmp_path / "notifications.yaml"
    path.write_text(yaml.safe_dump(told))
    return path


def test_one_message_and_its_end(
    shop: Shop, product: Product, cluster: Cluster, receiver: Hook, inbox: Inbox, file: Path
) -> None:
    """Over the death of the process, too: what was told is not told again, and the end is."""
    shim = product.start_shim("--leader-elect=false", f"--notifications={file}")
    try:
        shop.ingress("web", shop.host(), annotations={"cert-manager.io/issuer": "later"})
        (opened,) = eventually(lambda: messages(receiver), "a message")
        eventually(lambda: inbox.mails, "a mail")
        eventually(lambda: '"told":1' in cluster.api.get(MEMORY)["data"]["incidents"], "it is remembered")
    finally:
        shim.kill()

    assert (opened["event"], opened["kind"], opened["count"]) == ("opened", "failing", 1)
    (told,) = opened["certificates"]
    assert (told["namespace"], told["name"]) == (shop.namespace, "web-tls")
    assert 'Issuer "later" does not exist; create it' in told["explanation"]

    shim = product.start_shim("--leader-elect=false", f"--notifications={file}", name="shim-after")
    try:
        shop.issuer("later")
        shop.issued("web-tls")
        eventually(lambda: len(messages(receiver)) > 1, "the closing message")
        eventually(lambda: len(inbox.mails) > 1, "the closing mail")
    finally:
        shim.stop()

    assert [one["event"] for one in messages(receiver)] == ["opened", "closed"]
    assert messages(receiver)[1]["incident"] == opened["incident"]
    first, second = inbox.mails
    assert second["References"] == first["Message-ID"]
    assert "mail secret" not in shim.log.read_text()


def test_a_limit_of_the_ca_is_told_as_one(shop: Shop, product: Product, receiver: Hook, file: Path) -> None:
    """An answer 429 that says nothing, which no sentence would tell from any other failure."""
    shim = product.start_shim("--leader-elect=false", f"--notifications={file}", name="shim-limited")
    try:
        with FakeCA() as ca:
            ca.script("/new-order", *[Scripted(429, b"", {"Retry-After": "3600"})] * 3)
            issuer = product.issuer("slow", shop.namespace)
            issuer["spec"]["acme"] |= {"server": ca.url}
            del issuer["spec"]["acme"]["caBundle"]
            shop.apply(issuer)
            shop.ready("Issuer", "slow")
            shop.ingress("web", shop.host(), annotations={"cert-manager.io/issuer": "slow"})
            (opened,) = eventually(lambda: messages(receiver), "a message")
            assert len(ca.requests("/new-order")) == 1
    finally:
        shim.stop()

    assert (opened["event"], opened["kind"]) == ("opened", "limited")
    assert "429" in opened["certificates"][0]["explanation"]


@pytest.fixture
def chat(shop: Shop, receiver: Hook, tmp_path: Path) -> Path:
    """Tell a channel of the shop; the URL of its incoming webhook stands in a Secret."""
    metadata = {"name": SECRET, "namespace": NAMESPACE}
    shop.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"url": receiver.url}})
    slack = {"urlFrom": {"secret": {"name": SECRET, "key": "url"}}}
    told = {
        "version": 1,
        "grace": "2s",
        "receivers": [{"name": "chat", "slack": slack}],
        "routes": [{"receivers": ["chat"], "namespaces": [shop.namespace], "kinds": ["limited", "expiring"]}],
    }
    path = tmp_path / "chat.yaml"
    path.write_text(yaml.safe_dump(told))
    return path


def test_slack_is_told_of_what_a_limit_holds_up(shop: Shop, product: Product, receiver: Hook, chat: Path) -> None:
    """The first order is the last for hours: who waits is named, with until when; the one that was served is not."""
    issuer = product.issuer("thrifty", shop.namespace)
    issuer["metadata"]["annotations"] = {"acme.certshim.io/rate-limits": "orders=1/3h"}
    shop.apply(issuer)
    shim = product.start_shim("--leader-elect=false", f"--notifications={chat}")
    try:
        shop.ingress("first", shop.host(), annotations={"cert-manager.io/issuer": "thrifty"})
        shop.issued("first-tls")
        shop.ingress("second", shop.host(), annotations={"cert-manager.io/issuer": "thrifty"})
        (posted,) = eventually(lambda: messages(receiver), "a message")
    finally:
        shim.stop()

    assert f"Certificate {shop.namespace}/second-tls is held up by a rate limit" in posted["text"]
    head, paragraph = (block["text"]["text"] for block in posted["blocks"])
    assert head.startswith(":warning: *")
    assert "its turn is at" in paragraph
    assert f"certshim explain certificate second-tls -n {shop.namespace}" in paragraph
    assert "first-tls" not in json.dumps(posted)


def test_slack_is_told_of_what_nobody_renews(
    shop: Shop, product: Product, cluster: Cluster, receiver: Hook, chat: Path
) -> None:
    """`policy: Disabled`, and a third of the lifetime is left."""
    brief = cluster.pebble("expiring", PebbleSettings(profiles={"brief": LIFETIME}))
    shim = product.start_shim("--leader-elect=false", f"--notifications={chat}")
    try:
        shop.apply(product.issuer("brief", shop.namespace, ca=brief))
        spec = {"secretName": "web", "dnsNames": [shop.host()], "issuerRef": {"name": "brief"}}
        metadata = {"name": "web"}
        spec["renewal"] = {"policy": "Disabled"}
        shop.apply({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": metadata, "spec": spec})
        leaf = shop.issued("web").leaf
        posted = eventually(lambda: messages(receiver), "a message", seconds=LIFETIME + 15)[0]
    finally:
        shim.stop()
        cluster.stop_pebble(brief)

    assert f"Certificate {shop.namespace}/web is expiring" in posted["text"]
    assert f"{leaf.not_after:%Y-%m-%d %H:%M}" in json.dumps(posted)


def messages(receiver: Hook) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in receiver.posted]


def test_the_author_is_told_on_the_ingress(shop: Shop, product: Product) -> None:
    """A smooth first issuance is none; each after it is."""
    shim = product.start_shim("--leader-elect=false")
    try:
        shop.issuer("good")
        shop.ingress("web", shop.host(), annotations={"cert-manager.io/issuer": "good"})
        shop.issued("web-tls")
        shop.delete("Secret", "web-tls")
        eventually(
            lambda: any(reason == "CertificateRenewed" for reason, _ in shop.events("Ingress")), "the renewal is told"
        )
    finally:
        shim.stop()


def test_the_test_message_is_sent(shop: Shop, cluster: Cluster, receiver: Hook, inbox: Inbox, file: Path) -> None:
    done = runner(cluster, NAMESPACE)("notify", "test", "-f", str(file))

    assert (done.returncode, done.stdout) == (0, "hook: sent\nmail: sent\n")
    assert "This is a test" in messages(receiver)[0]["certificates"][0]["explanation"]
    assert len(inbox.mails) == 1
