from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import trustme

from certs.outcomes import Permanent, Transient, WaitingForUser
from certs.pki.keys import PrivateKeyPEM
from shim.acme.gateway import Gateway
from shim.acme.signing import AccountKey
from shim.acme.transport import MAX_JSON, Exchange, Settings, Transport, Trust
from tests.fakes.acme import FakeCA, Scripted


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure_ca(authority: trustme.CA) -> Iterator[FakeCA]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with FakeCA(context) as server:
        yield server


def connected(server: str, key_pem: PrivateKeyPEM, settings: Settings, trust: Trust | None = None) -> Gateway:
    return Gateway(server, AccountKey(key_pem), Transport(trust or Trust(), settings))


@pytest.mark.parametrize(
    "trusted",
    [lambda ca: Trust(ca.cert_pem.bytes()), lambda _: Trust(skip_tls_verify=True)],
    ids=["bundle", "skip verification"],
)
def test_a_private_ca_is_trusted_when_told(
    secure_ca: FakeCA,
    authority: trustme.CA,
    key_pem: PrivateKeyPEM,
    settings: Settings,
    trusted: Callable[[trustme.CA], Trust],
) -> None:
    """By its bundle, or by not looking."""
    gateway = connected(secure_ca.url, key_pem, settings, trusted(authority))

    assert gateway.register().status == "valid"


def test_a_private_ca_is_not_trusted_by_itself(
    secure_ca: FakeCA, key_pem: PrivateKeyPEM, settings: Settings, exchanges: list[Exchange]
) -> None:
    """The sentence says where to put its certificate; the metric shows an exchange without an answer."""
    with pytest.raises(Transient, match=r"put that into spec\.acme\.caBundle"):
        connected(secure_ca.url, key_pem, settings).directory()

    assert [exchange.status for exchange in exchanges] == [999]


def test_a_bundle_is_the_only_thing_trusted(secure_ca: FakeCA, key_pem: PrivateKeyPEM, settings: Settings) -> None:
    """Another authority's bundle does not help."""
    with pytest.raises(Transient, match="certificate verify failed"):
        connected(secure_ca.url, key_pem, settings, Trust(trustme.CA().cert_pem.bytes())).directory()


def test_a_broken_bundle_waits_for_the_user(settings: Settings) -> None:
    """It is told before anything is sent."""
    with pytest.raises(WaitingForUser, match=r"cannot use spec\.acme\.caBundle"):
        Transport(Trust(b"no pem"), settings)


def test_plain_urls_of_a_secure_server_are_not_followed(
    secure_ca: FakeCA, authority: trustme.CA, key_pem: PrivateKeyPEM, settings: Settings
) -> None:
    """RFC 8555 §6.1."""
    gateway = connected(secure_ca.url, key_pem, settings, Trust(authority.cert_pem.bytes()))
    gateway.register()

    with pytest.raises(Permanent, match="which is not https"):
        gateway.order("http://127.0.0.1:1/order/1")


@pytest.mark.parametrize("fault", [Scripted(hang=True), Scripted(drip=True)], ids=["silence", "a byte now and then"])
def test_an_exchange_ends_at_its_deadline(
    ca: FakeCA, key_pem: PrivateKeyPEM, settings: Settings, fault: Scripted
) -> None:
    """However slowly the server sends, the worker is free again."""
    ca.script("/dir", fault)
    gateway = connected(ca.url, key_pem, replace(settings, total_seconds=0.2))
    before = time.monotonic()

    with pytest.raises(Transient, match="no complete answer in time"):
        gateway.directory()
    assert time.monotonic() - before < 2


def test_a_huge_answer_is_not_read(ca: FakeCA, key_pem: PrivateKeyPEM, settings: Settings) -> None:
    """Memory is bounded, whatever the server sends."""
    ca.script("/dir", Scripted(200, b" " * (MAX_JSON + 1)))

    with pytest.raises(Transient, match=f"longer than {MAX_JSON} bytes"):
        connected(ca.url, key_pem, settings).directory()


@pytest.mark.parametrize("url", ["", "ftp://ca.example/dir", "https://", "http://[::1", "ca.example/directory"])
def test_what_is_no_url_waits_for_the_user(key_pem: PrivateKeyPEM, settings: Settings, url: str) -> None:
    """The sentence names the field."""
    with pytest.raises(WaitingForUser, match=r"correct spec\.acme\.server"):
        connected(url, key_pem, settings).directory()


def test_a_refused_connection_is_transient(key_pem: PrivateKeyPEM, settings: Settings) -> None:
    """The CA restarts, a policy is wrong: it may pass by itself."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/dir"

        with pytest.raises(Transient, match=r"cannot read the ACME directory .*check its address"):
            connected(url, key_pem, settings).directory()


def test_a_proxy_of_the_environment_is_used(ca: FakeCA, key_pem: PrivateKeyPEM, settings: Settings) -> None:
    """The request goes to the proxy with its whole URL."""
    through = replace(settings, environment_proxies={"http": ca.root})
    with pytest.raises(WaitingForUser):
        connected("http://acme.invalid/dir", key_pem, through).directory()

    assert [request.path for request in ca.received] == ["http://acme.invalid/dir"]


def test_a_proxy_is_not_used_for_exempt_hosts(ca: FakeCA, key_pem: PrivateKeyPEM, settings: Settings) -> None:
    """NO_PROXY."""
    through = replace(settings, environment_proxies={"http": "http://127.0.0.1:1", "no": "127.0.0.1"})

    assert connected(ca.url, key_pem, through).directory().new_order


def test_connections_are_kept(ca: FakeCA, key_pem: PrivateKeyPEM, settings: Settings) -> None:
    """Exchanges follow each other on one connection."""
    transport = Transport(Trust(), settings)
    gateway = Gateway(ca.url, AccountKey(key_pem), transport)
    gateway.register()
    for _ in range(3):
        gateway.new_order(["a.example"])

    assert ca.connections == 1


def test_who_refuses_is_not_said_to_be_slow(key_pem: PrivateKeyPEM, settings: Settings) -> None:
    """Nobody listens on port 1."""
    with pytest.raises(Transient) as raised:
        connected("http://127.0.0.1:1/dir", key_pem, settings).directory()

    assert str(raised.value) == (
        "cannot read the ACME directory http://127.0.0.1:1/dir: Failed to establish a new connection: "
        "[Errno 111] Connection refused: check its address, network policies and proxies"
    )
