"""`kill -9` at any instant loses nothing: the next process continues from what the API server and the CA hold.

Whatever happens, an issuance ends with a Secret whose key and certificate match, with one live order at the CA, and
with nothing left over.  The crashes are real (SIGKILL), and the parts are.
"""

from __future__ import annotations

import base64
import random
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import yaml

from certs.api.certificate import KeyAlgorithm
from certs.pki.keys import decode_key, encode_key, matches
from shim.acme.signing import AccountKey
from shim.keys import generate_key
from tests.cluster import Cluster, PebbleSettings, Process
from tests.cluster.ca import Pebble
from tests.product import Product
from tests.system.shop import Shop, eventually
from tests.system.spent import NOTHING, ONE, spent

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
ISSUER = "cert-manager.io/issuer"
# An issuance from nothing takes twenty-one acts, over all controllers; the last ones only tidy up.
ACTS = 22


@pytest.fixture(scope="module")
def ca(cluster: Cluster) -> Pebble:
    """A CA of its own, so that its log tells of these orders only; it never reuses an authorization."""
    return cluster.pebble("crashes", PebbleSettings())


@pytest.fixture(scope="module")
def account(product: Product, cluster: Cluster, ca: Pebble) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The account key and the status of an Issuer that was registered once, to be copied into each namespace."""
    cluster.kubectl("create", "namespace", "crashes")
    shop = Shop(product, cluster, "crashes")
    process = product.start_shim("--leader-elect=false", "--namespace=crashes")
    shop.apply(product.issuer("pebble", "crashes", ca=ca))
    status = shop.ready("Issuer", "pebble")["status"]
    process.kill()
    secret = shop.get("Secret", "pebble-account") or {}
    yield secret["data"], status
    cluster.kubectl("delete", "namespace", "crashes", "--wait=false")


@pytest.fixture
def shop(
    product: Product, cluster: Cluster, namespace: str, ca: Pebble, account: tuple[dict[str, Any], dict[str, Any]]
) -> Shop:
    """A namespace with an Issuer that is ready, and no shim running."""
    shop, (key, status) = Shop(product, cluster, namespace), account
    labels = {"controller.cert-manager.io/fao": "true"}
    metadata = {"name": "pebble-account", "labels": labels}
    shop.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": key})
    issuer = product.issuer("pebble", namespace, ca=ca)
    shop.apply(issuer)
    product.cluster.kubectl(
        "apply", "--server-side", "--subresource=status", "-f", "-", stdin=yaml.safe_dump({**issuer, "status": status})
    )
    return shop


@dataclass(slots=True)
class Runner:
    """Starts shims for one namespace, and leaves none behind."""

    product: Product
    namespace: str
    started: list[Process] = field(default_factory=list)

    @property
    def flags(self) -> tuple[str, ...]:
        return "--leader-elect=false", f"--namespace={self.namespace}", "--log-level=debug"

    def whole(self) -> Process:
        """Start an ordinary shim and wait until it works."""
        return self._keep(self.product.start_shim(*self.flags))

    def crashing(self, stage: str, number: int) -> Process:
        """Start a shim that will kill itself."""
        _, _, *flags = self.product.shim_command(*self.flags)
        argv = [sys.executable, "-m", "tests.crashing", stage, str(number), *flags]
        return self._keep(self.product.cluster.run("crashing", argv))

    def stop(self) -> None:
        """Kill all that were started."""
        for process in self.started:
            process.kill()

    def _keep(self, process: Process) -> Process:
        self.started.append(process)
        return process


@pytest.fixture
def runner(product: Product, namespace: str) -> Iterator[Runner]:
    runner = Runner(product, namespace)
    yield runner
    runner.stop()


@pytest.mark.parametrize(
    ("stage", "number"),
    [("before", 1), ("key_change", 1), ("after", 1), ("after", 2)],
    ids=["unknown to the CA", "known to the CA alone", "stored", "told"],
)
def test_a_change_of_the_account_key_is_finished(
    product: Product, cluster: Cluster, namespace: str, ca: Pebble, runner: Runner, stage: str, number: int
) -> None:
    """Wherever it was broken off, the account is the same afterwards, and the next key has it."""
    shop = Shop(product, cluster, namespace)
    shop.apply(product.issuer("pebble", namespace, ca=ca))
    runner.whole()
    uri = shop.ready("Issuer", "pebble")["status"]["acme"]["uri"]
    runner.stop()
    key = bytes(encode_key(generate_key(KeyAlgorithm.ECDSA)))
    patch = {"data": {"tls.key.next": base64.b64encode(key).decode()}}
    words = ("patch", "secret", "pebble-account", f"--namespace={namespace}", "--type=merge")
    cluster.kubectl(*words, "--patch-file=/dev/stdin", stdin=yaml.safe_dump(patch))

    crashed = runner.crashing(stage, number)
    eventually(lambda: not crashed.running, "the crash")
    runner.whole()

    def account() -> dict[str, str]:
        found: dict[str, str] = (shop.get("Issuer", "pebble") or {})["status"]["acme"]
        return found

    eventually(lambda: account()["lastPrivateKeyHash"] == AccountKey(key).hash, "the issuer knows the key")
    assert account()["uri"] == uri
    assert list((shop.get("Secret", "pebble-account") or {})["data"]) == ["tls.key"]
    shop.ingress("web", shop.host(), annotations={ISSUER: "pebble"})
    assert shop.issued("web-tls").is_pair


def finish(shop: Shop, runner: Runner) -> None:
    """Have an ordinary shim finish what is there, and check how it ends."""
    runner.whole()
    stored = shop.issued("web-tls")
    assert stored.is_pair
    assert eventually(lambda: not shop.all("Challenge"), "no Challenge is left")
    assert eventually(
        lambda: {one["metadata"]["name"] for one in shop.all("Secret")} == {"pebble-account", "web-tls"},
        "no key is left over",
    )
    assert len(shop.all("CertificateRequest")) == 1
    assert len(shop.all("Order")) == 1
    assert shop.ready("Certificate", "web-tls")["status"]["revision"] == 1


def _has_ended(process: Process) -> bool:
    return not process.running


def live_orders(cluster: Cluster, ca: Pebble) -> int:
    """Return how many orders the CA has ever made that are not invalid.

    An order that the CA validated while our only responder was dead is invalid, and is rightly replaced.
    """
    log = cluster.process(ca.name).log.read_text()
    return log.count('Added order "') - len(re.findall(r"order \S+ set INVALID", log))


@pytest.mark.parametrize("stage", ["before", "after"])
@pytest.mark.parametrize("number", range(1, ACTS))
def test_a_crash_at_any_step_boundary_loses_nothing(
    shop: Shop, runner: Runner, cluster: Cluster, ca: Pebble, stage: str, number: int
) -> None:
    """One crash, before or after the nth act of an issuance, then an ordinary process."""
    before = live_orders(cluster, ca)
    process = runner.crashing(stage, number)
    shop.ingress("web", shop.host(), annotations={ISSUER: "pebble"})
    eventually(
        lambda: not process.running or shop.condition("Certificate", "web-tls").get("status") == "True", "a crash"
    )
    process.kill()

    finish(shop, runner)

    assert live_orders(cluster, ca) == before + 1


@pytest.mark.parametrize(
    "exchange", ["authorize_order", "get_authorization", "accept_challenge", "create_order_cert", "fetch_cert"]
)
def test_a_crash_with_the_ca_s_answer_in_hand_loses_nothing(
    shop: Shop, runner: Runner, cluster: Cluster, ca: Pebble, exchange: str
) -> None:
    """The CA has done it and we have not stored it: above all, the order that newOrder made is found again."""
    before = live_orders(cluster, ca)
    process = runner.crashing(exchange, 1)
    shop.ingress("web", shop.host(), annotations={ISSUER: "pebble"})
    eventually(partial(_has_ended, process), "it crashes")

    finish(shop, runner)

    assert live_orders(cluster, ca) == before + 1


# From the moment at which the CA begins to sign, each instant: what is in hand, and what is stored.
SIGNED_AND_NOT_STORED = {
    "about to finalize": "before:Finalize",
    "finalized, answer in hand": "create_order_cert",
    "finalized": "after:Finalize",
    "the order looked at": "after:Poll",
    "about to download": "before:Download",
    "certificate in hand": "fetch_cert",
    "certificate in the Order": "after:Download",
    "about to write the Secret": "before:WriteSecret",
    "Secret written": "after:WriteSecret",
    "about to delete the used key": "before:DeleteNextKey",
}


@pytest.mark.parametrize("stage", SIGNED_AND_NOT_STORED.values(), ids=SIGNED_AND_NOT_STORED)
def test_what_the_ca_signs_is_downloaded_and_stored_and_never_ordered_again(
    shop: Shop, runner: Runner, cluster: Cluster, ca: Pebble, stage: str
) -> None:
    """Killed between finalize and the end: one order, one finalize, one certificate, and that one is in the Secret."""
    before = spent(cluster, ca)
    process = runner.crashing(stage, 1)
    shop.ingress("web", shop.host(), annotations={ISSUER: "pebble"})
    eventually(partial(_has_ended, process), "it crashes")

    finish(shop, runner)

    assert spent(cluster, ca) - before == ONE
    number = shop.issued("web-tls").leaf.serial
    serial = number.to_bytes((number.bit_length() + 7) // 8).hex()
    assert f"Issued certificate serial {serial}" in cluster.process(ca.name).log.read_text()


def killed(shop: Shop, runner: Runner, stage: str, number: int = 1) -> None:
    """Have an issuance that is signed, and nobody who goes on with it."""
    process = runner.crashing(stage, number)
    shop.ingress("web", shop.host(), annotations={ISSUER: "pebble"})
    eventually(partial(_has_ended, process), "it crashes")
    assert shop.stored("web-tls") is None


def test_an_order_that_is_deleted_once_its_request_has_the_certificate_is_not_missed(
    shop: Shop, runner: Runner, cluster: Cluster, ca: Pebble
) -> None:
    before = spent(cluster, ca)
    killed(shop, runner, "before:WriteSecret")
    (order,) = shop.all("Order")

    shop.delete("Order", order["metadata"]["name"])
    runner.whole()

    assert shop.issued("web-tls").is_pair
    assert spent(cluster, ca) - before == ONE
    assert not shop.all("Order")


@pytest.mark.parametrize(
    ("stage", "number", "kind"),
    [
        pytest.param("before:WriteSecret", 1, "CertificateRequest", id="request"),
        pytest.param("before:SetRequestStatus", 2, "Order", id="order"),  # the first says that it is pending
    ],
)
def test_who_deletes_what_alone_holds_the_certificate_has_it_ordered_again(
    shop: Shop, runner: Runner, cluster: Cluster, ca: Pebble, stage: str, number: int, kind: str
) -> None:
    """The certificate was nowhere else; the private key was, and is used."""
    before = spent(cluster, ca)
    killed(shop, runner, stage, number)
    (holder,) = shop.all(kind)
    key = next(one for one in shop.all("Secret") if one["metadata"]["name"] not in {"pebble-account", "web-tls"})

    shop.delete(kind, holder["metadata"]["name"])
    eventually(lambda: not shop.all("Order"), "no Order is left")
    finish(shop, runner)

    assert (spent(cluster, ca) - before).orders == 2
    stored = shop.issued("web-tls")
    assert matches(decode_key(base64.b64decode(key["data"]["tls.key"])), stored.leaf)


@pytest.mark.parametrize("stage", ["before:ReuseSecret", "after:ReuseSecret"])
def test_a_crash_on_the_way_to_another_secret_costs_nothing(
    shop: Shop, runner: Runner, cluster: Cluster, ca: Pebble, stage: str
) -> None:
    """A new secretName, and killed before or after what is there was written into it."""
    spec = {"secretName": "web-tls", "dnsNames": [shop.host()], "issuerRef": {"name": "pebble"}}
    certificate = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "web"}, "spec": spec}
    process = runner.whole()
    shop.apply(certificate)
    shop.ready("Certificate", "web")
    first, before = shop.stored("web-tls"), spent(cluster, ca)
    process.kill()
    shop.apply({**certificate, "spec": {**spec, "secretName": "new-tls"}})
    crashing = runner.crashing(stage, 1)
    eventually(partial(_has_ended, crashing), "it crashes")

    runner.whole()

    second = eventually(lambda: shop.stored("new-tls"), "the new Secret")
    assert first is not None
    assert (second.key, second.chain) == (first.key, first.chain)
    settled = eventually(partial(_settled, shop, "web"), "the Certificate is ready as its spec stands now")
    assert settled["revision"] == 1
    assert spent(cluster, ca) - before == NOTHING


def _settled(shop: Shop, name: str) -> dict[str, Any] | None:
    """Return the status once it is of the present spec."""
    certificate, ready = shop.get("Certificate", name) or {}, shop.condition("Certificate", name)
    is_ready = ready["status"] == "True" and ready["observedGeneration"] == certificate["metadata"]["generation"]
    return dict(certificate["status"]) if is_ready else None


def test_a_crash_after_every_few_acts_loses_nothing(shop: Shop, runner: Runner, cluster: Cluster, ca: Pebble) -> None:
    """No process remembers what another has learned: each begins by asking, and gets a little further.

    Four, because the longest way between two writes is that: look, check, answer, look.
    """
    before = live_orders(cluster, ca)
    shop.ingress("web", shop.host(), annotations={ISSUER: "pebble"})
    crashes = 0
    while shop.condition("Certificate", "web-tls").get("status") != "True":
        process = runner.crashing("after", 4)
        eventually(partial(_has_ended, process), "it crashes after its fourth act")
        crashes += 1
        assert crashes < ACTS, "it does not converge"

    finish(shop, runner)

    assert crashes > 3
    assert live_orders(cluster, ca) == before + 1


@pytest.mark.parametrize("seed", range(6))
def test_a_crash_at_a_random_instant_loses_nothing(
    shop: Shop, runner: Runner, cluster: Cluster, ca: Pebble, seed: int
) -> None:
    """Three crashes at random moments, also in the middle of a request."""
    before = live_orders(cluster, ca)
    chance = random.Random(seed)  # noqa: S311  chance, not secrecy
    shop.ingress("web", shop.host(), annotations={ISSUER: "pebble"})
    for _ in range(3):
        process = runner.whole()
        time.sleep(chance.uniform(0.0, 0.5))
        process.kill()

    finish(shop, runner)

    assert live_orders(cluster, ca) == before + 1
