"""The gateway against a real Pebble that rejects every second nonce: accounts, orders, proofs, certificates."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from josepy.b64 import b64encode

from certs.api.certificate import CertificateSpec, KeyAlgorithm
from certs.api.meta import IssuerReference
from certs.api.order import ACMEState
from certs.outcomes import Failure, Permanent, WaitingForUser
from certs.pki.csr import build_csr, read_csr
from certs.pki.keys import Key, PrivateKeyPEM, encode_key, matches
from certs.pki.x509 import read_chain
from shim.acme.accounts import Accounts
from shim.acme.gateway import Gateway
from shim.acme.problems import AccountGone, OrderGone, OrderNotReady
from shim.acme.resources import AuthorizationResource, OrderResource
from shim.acme.signing import AccountKey, ExternalAccount, generate_account_key
from shim.acme.transport import Exchange, Settings
from shim.keys import generate_key
from tests.cluster import Cluster, Pebble, PebbleSettings

pytestmark = pytest.mark.system

MAC_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"

SeenT = TypeVar("SeenT")


@pytest.fixture(scope="module")
def pebble(cluster: Cluster) -> Iterator[Pebble]:
    settings = PebbleSettings(
        profiles={"default": 7_776_000, "short": 300},
        nonce_reject_percent=50,
        alternate_roots=1,
        blocked_domains=("blocked.example",),
    )
    extra = cluster.pebble("pebble-gateway", settings)
    yield extra
    cluster.stop_pebble(extra)


@pytest.fixture
def exchanges() -> list[Exchange]:
    return []


@pytest.fixture
def accounts(exchanges: list[Exchange]) -> Accounts:
    return Accounts(Settings(observe=exchanges.append))


@pytest.fixture(params=["RSA", "ECDSA"])
def key_pem(request: pytest.FixtureRequest) -> PrivateKeyPEM:
    return generate_account_key() if request.param == "RSA" else encode_key(generate_key(KeyAlgorithm.ECDSA))


@pytest.fixture
def gateway(accounts: Accounts, pebble: Pebble, key_pem: PrivateKeyPEM) -> Gateway:
    made = accounts.gateway(pebble.directory_url, key_pem, ca_bundle=pebble.root_file.read_bytes())
    accounts.register(made, "ops@example.org")
    return made


def prove(cluster: Cluster, gateway: Gateway, order: OrderResource) -> None:
    """Publish the DNS-01 answers of an order, answer, and wait until the server believes it."""
    for url in order.authorizations:
        authorization = gateway.authorization(url)
        challenge = next(offered for offered in authorization.challenges if offered.type == "dns-01")
        digest = hashlib.sha256(gateway.key_authorization(challenge.token).encode()).digest()
        host = f"_acme-challenge.{authorization.identifier}."
        cluster.names.set("set-txt", host=host, value=b64encode(digest).decode())
        gateway.answer(challenge.url)
        until(lambda url=url: gateway.authorization(url), lambda seen: seen.status is not ACMEState.PENDING)  # type: ignore[misc]  # a default binds the loop's value


def until(read: Callable[[], SeenT], holds: Callable[[SeenT], bool], seconds: float = 20) -> SeenT:
    deadline = time.monotonic() + seconds
    while not holds(seen := read()):
        assert time.monotonic() < deadline, f"still {seen}"
        time.sleep(0.02)
    return seen


def seconds_to_wait(authorization: AuthorizationResource) -> float | None:
    if authorization.retry_after is None:
        return None
    return (authorization.retry_after - datetime.now(UTC)).total_seconds()


def request_for(key: Key, *names: str) -> bytes:
    spec = CertificateSpec(secret_name="tls", issuer_ref=IssuerReference("pebble"), dns_names=names)
    return read_csr(build_csr(spec, key)).der


def test_a_certificate_is_issued(cluster: Cluster, gateway: Gateway, exchanges: list[Exchange]) -> None:
    """The whole way for a name and a wildcard; the chain fits our key, and another one is offered."""
    names = ("gateway.example", "*.gateway.example")
    key = generate_key(KeyAlgorithm.ECDSA)
    order = gateway.new_order(names, profile="short")
    prove(cluster, gateway, order)
    ready = until(lambda: gateway.order(order.url), lambda seen: seen.status is ACMEState.READY)
    gateway.finalize(ready.finalize, request_for(key, *names), order_url=order.url)
    valid = until(lambda: gateway.order(order.url), lambda seen: seen.status is ACMEState.VALID)
    chain = gateway.certificate(valid.certificate)

    leaf, *others = read_chain(chain.pem)
    assert matches(key, leaf)
    assert set(leaf.dns_names) == set(names)
    assert (leaf.not_after - leaf.not_before).total_seconds() <= 300
    assert len(others) >= 1
    (alternate,) = chain.alternates
    assert read_chain(gateway.certificate(alternate).pem)[0] == leaf
    assert 400 in {exchange.status for exchange in exchanges}, "no nonce was rejected: this test shows nothing"


def test_an_account_is_found_again(
    accounts: Accounts, pebble: Pebble, gateway: Gateway, key_pem: PrivateKeyPEM
) -> None:
    """By its key, after a restart that forgot the URL; its contact can be changed."""
    fresh = Accounts(Settings()).gateway(pebble.directory_url, key_pem, ca_bundle=pebble.root_file.read_bytes())

    assert fresh.find_account().uri == gateway.account_uri
    assert accounts.register(fresh).uri == gateway.account_uri
    assert fresh.update_account("Other@Example.org").contact == ("mailto:other@example.org",)


def test_a_key_without_an_account_is_told(accounts: Accounts, pebble: Pebble) -> None:
    """Real servers answer with `accountDoesNotExist`."""
    key_pem = encode_key(generate_key(KeyAlgorithm.ECDSA))
    gateway = accounts.gateway(pebble.directory_url, key_pem, ca_bundle=pebble.root_file.read_bytes())

    with pytest.raises(AccountGone, match="accountDoesNotExist"):
        gateway.find_account()
    gateway.use_account(pebble.directory_url.replace("/dir", "/my-account/nobody"))
    with pytest.raises(AccountGone):
        gateway.new_order(["a.example"])


def test_an_account_moves_to_another_key(accounts: Accounts, pebble: Pebble, gateway: Gateway) -> None:
    """Its URL stays; the old key has none any more, the new one orders with it."""
    new_pem = encode_key(generate_key(KeyAlgorithm.ECDSA))
    moved = accounts.gateway(pebble.directory_url, new_pem, ca_bundle=pebble.root_file.read_bytes())

    gateway.change_key(AccountKey(new_pem))

    assert moved.find_account().uri == gateway.account_uri
    assert moved.new_order(["moved.example"]).status is ACMEState.PENDING
    with pytest.raises(AccountGone):
        gateway.find_account()


def test_a_key_that_has_an_account_cannot_take_another(accounts: Accounts, pebble: Pebble, gateway: Gateway) -> None:
    """Each keeps its own.  This Pebble answers 200 all the same (RFC 8555 §7.3.5 wants 409): hence look afterwards."""
    new_pem = encode_key(generate_key(KeyAlgorithm.ECDSA))
    other = accounts.gateway(pebble.directory_url, new_pem, ca_bundle=pebble.root_file.read_bytes())
    uri = accounts.register(other).uri

    gateway.change_key(AccountKey(new_pem))

    assert other.find_account().uri == uri
    assert gateway.find_account().uri != uri


def test_a_gateway_follows_its_account_to_the_next_key(
    pebble: Pebble, gateway: Gateway, key_pem: PrivateKeyPEM
) -> None:
    """Another process has changed the key; what the server refuses for that is signed with the next."""
    new_pem, uri = encode_key(generate_key(KeyAlgorithm.ECDSA)), gateway.account_uri
    gateway.change_key(AccountKey(new_pem))
    bundle = pebble.root_file.read_bytes()
    late = Accounts(Settings()).gateway(pebble.directory_url, key_pem, account_uri=uri, ca_bundle=bundle)
    with pytest.raises(Failure, match=r"JWS verification error|is not supported"):
        late.new_order(["late.example"])

    late.expect_key(new_pem)

    assert late.new_order(["late.example"]).status is ACMEState.PENDING
    assert late.key_authorization("token").endswith(AccountKey(new_pem).thumbprint)


def test_a_next_key_that_is_not_the_accounts_is_left_alone(gateway: Gateway) -> None:
    """The refusal is the server's own, and the next request is signed as before."""
    gateway.expect_key(encode_key(generate_key(KeyAlgorithm.ECDSA)))

    with pytest.raises(Permanent) as caught:
        gateway.new_order(["not a name"])

    assert caught.value.reason == "Malformed"
    assert gateway.new_order(["fine.example"]).status is ACMEState.PENDING


def test_nobody_notices_a_change_of_keys(accounts: Accounts, pebble: Pebble, gateway: Gateway) -> None:
    """Orders of many workers before, while and after the account gets another key."""
    new_pem = encode_key(generate_key(KeyAlgorithm.ECDSA))
    with ThreadPoolExecutor(8) as workers:
        made = [workers.submit(gateway.new_order, [f"change-{number}.example"]) for number in range(40)]
        gateway.change_key(AccountKey(new_pem))
        made += [workers.submit(gateway.new_order, [f"change-{number}.example"]) for number in range(40, 60)]
        states = {one.result().status for one in made}

    assert states == {ACMEState.PENDING}
    moved = accounts.gateway(pebble.directory_url, new_pem, ca_bundle=pebble.root_file.read_bytes())
    assert moved.find_account().uri == gateway.account_uri


def test_a_deactivated_account_orders_nothing(gateway: Gateway) -> None:
    """And this cannot be taken back."""
    assert gateway.deactivate_account().status == "deactivated"

    with pytest.raises(Failure):
        gateway.new_order(["gone.example"])


def test_many_workers_share_an_account(gateway: Gateway) -> None:
    """Half of the nonces are rejected, and nobody notices."""
    with ThreadPoolExecutor(8) as workers:
        orders = list(workers.map(lambda number: gateway.new_order([f"many-{number}.example"]), range(24)))

    assert len({order.url for order in orders}) == 24
    assert {order.status for order in orders} == {ACMEState.PENDING}


def test_a_forgotten_order_is_told(gateway: Gateway, pebble: Pebble) -> None:
    """As a restarted Pebble forgets them all."""
    root = pebble.directory_url.removesuffix("/dir")

    for read, path in ((gateway.order, "my-order"), (gateway.authorization, "authZ"), (gateway.answer, "chalZ")):
        with pytest.raises(OrderGone):
            read(f"{root}/{path}/forgotten")


def test_an_order_is_not_finalized_too_early(gateway: Gateway) -> None:
    """Pebble answers `orderNotReady`."""
    order = gateway.new_order(["early.example"])
    csr = request_for(generate_key(KeyAlgorithm.ECDSA), "early.example")

    with pytest.raises(OrderNotReady):
        gateway.finalize(order.finalize, csr, order_url=order.url)


@pytest.mark.parametrize(
    ("names", "profile", "reason"),
    [
        (["shop.blocked.example"], "", "RejectedIdentifier"),
        (["a.example"], "no-such-profile", "InvalidProfile"),
        (["not a name"], "", "Malformed"),
    ],
    ids=["blocked", "profile", "malformed"],
)
def test_what_cannot_be_ordered_is_permanent(gateway: Gateway, names: list[str], profile: str, reason: str) -> None:
    """With the server's word as reason."""
    with pytest.raises(Permanent, match="cannot create an order for") as caught:
        gateway.new_order(names, profile=profile)
    assert caught.value.reason == reason


def test_an_external_account_is_bound(cluster: Cluster, accounts: Accounts) -> None:
    """Without one, registration waits for the user; with one, in whatever spelling, it succeeds."""
    settings = PebbleSettings(external_account_required=True, external_account_keys={"kid-1": MAC_KEY})
    pebble = cluster.pebble("pebble-external", settings)
    gateway = accounts.gateway(pebble.directory_url, generate_account_key(), ca_bundle=pebble.root_file.read_bytes())
    try:
        assert gateway.directory().external_account_required
        with pytest.raises(WaitingForUser, match=r"set spec\.acme\.externalAccountBinding"):
            accounts.register(gateway)
        pasted = MAC_KEY.replace("-", "+").replace("_", "/") + "==\n"
        assert accounts.register(gateway, external_account=ExternalAccount("kid-1", pasted)).status == "valid"
    finally:
        cluster.stop_pebble(pebble)


def test_retry_after_of_a_real_server(cluster: Cluster, accounts: Accounts) -> None:
    """While a validation is under way the server says when to ask again, in seconds or as a date."""
    pebble = cluster.pebble("pebble-slow", PebbleSettings(sleep_seconds=15, retry_after_authz=7))
    gateway = accounts.gateway(pebble.directory_url, generate_account_key(), ca_bundle=pebble.root_file.read_bytes())
    try:
        accounts.register(gateway)
        # A validation sleeps up to that long, by chance not at all: six of them do not all end at once.
        order = gateway.new_order([f"{number}.slow.example" for number in range(6)])
        for url in order.authorizations:
            challenges = gateway.authorization(url).challenges
            gateway.answer(next(offered.url for offered in challenges if offered.type == "dns-01"))
        waits = [seconds_to_wait(gateway.authorization(url)) for url in order.authorizations]

        # A date is rounded down to the second, and so is the Date header that it is measured by.
        assert all(wait is None or 4.5 < wait <= 8 for wait in waits)
        assert set(waits) != {None}
    finally:
        cluster.stop_pebble(pebble)
