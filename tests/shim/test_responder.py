from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import msgspec
import pytest

from certs.api.challenge import Challenge
from shim.flags import Address
from shim.kube.store import Store
from shim.responder import MOST_AT_ONCE, PREFIX, Responder, key_authorization
from shim.stores import TOKEN
from tests.certs.decide.objects import HOST, challenge

Asked = SimpleQueue[str]
IPV6 = "2001:db8::1"
PATH = f"{PREFIX}token-of-{HOST}"


def named(one: Challenge, namespace: str) -> Challenge:
    return msgspec.structs.replace(one, metadata=msgspec.structs.replace(one.metadata, namespace=namespace))


@pytest.fixture
def store() -> Store[Challenge]:
    made: Store[Challenge] = Store()
    made.add_index(TOKEN, lambda one: (one.spec.token,))
    made.offer(challenge())
    made.offer(challenge(IPV6))
    made.offer(challenge("dns.test", type="DNS-01"))
    made.offer(named(challenge("www.example.org", token=f"token-of-{HOST}", key="another key"), "other"))
    return made


@pytest.fixture
def asked() -> Asked:
    return SimpleQueue()


@pytest.fixture
def responder(store: Store[Challenge], asked: Asked) -> Iterator[Responder]:
    made = Responder(Address("127.0.0.1", 0), store, lambda one: asked.put(one.spec.dns_name))
    made.start()
    yield made
    made.stop()


def ask(responder: Responder, path: str = PATH, host: str = HOST, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", responder.port, timeout=5)
    connection.request(method, path, headers={"Host": host})
    answer = connection.getresponse()
    found = (answer.status, answer.read())
    connection.close()
    return found


@pytest.mark.parametrize(
    ("host", "path", "key"),
    [
        pytest.param(HOST, PATH, f"token-of-{HOST}.thumbprint", id="host"),
        pytest.param(f"{HOST}:80", PATH, f"token-of-{HOST}.thumbprint", id="host and port"),
        pytest.param(HOST.upper(), PATH, f"token-of-{HOST}.thumbprint", id="capitals"),
        pytest.param("www.example.org", PATH, "another key", id="the same token for another host"),
        pytest.param(f"[{IPV6}]", f"{PREFIX}token-of-{IPV6}", f"token-of-{IPV6}.thumbprint", id="IPv6"),
        pytest.param(f"[{IPV6}]:80", f"{PREFIX}token-of-{IPV6}", f"token-of-{IPV6}.thumbprint", id="IPv6 and port"),
    ],
)
def test_token_is_answered_for_its_host(responder: Responder, asked: Asked, host: str, path: str, key: str) -> None:
    """200 with the key authorization, and the word that somebody asked."""
    assert ask(responder, path, host) == (200, key.encode())
    assert asked.get(timeout=5)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        pytest.param("b.test", PATH, id="another host"),
        pytest.param("", PATH, id="no host"),
        pytest.param(f"{HOST}.", PATH, id="host with a dot"),
        pytest.param(HOST, f"{PREFIX}unknown", id="unknown token"),
        pytest.param(HOST, PREFIX, id="no token"),
        pytest.param(HOST, f"{PATH}?x=1", id="a query"),
        pytest.param(HOST, f"{PATH}/more", id="a longer path"),
        pytest.param(HOST, f"/token-of-{HOST}", id="another path"),
        pytest.param(HOST, f"{PREFIX}../{PREFIX}token-of-{HOST}", id="a path with dots"),
        pytest.param("dns.test", f"{PREFIX}token-of-dns.test", id="a challenge of another type"),
    ],
)
def test_everything_else_is_unknown(responder: Responder, asked: Asked, host: str, path: str) -> None:
    """404, without an echo of what was asked."""
    status, body = ask(responder, path, host)

    assert (status, body) == (404, b"no challenge of this token is pending for this host\n")
    assert asked.empty()


def test_a_challenge_that_is_gone_is_answered_no_more(responder: Responder, store: Store[Challenge]) -> None:
    """What is in the store is what is answered."""
    gone = challenge()
    store.forget("web", gone.metadata.name, uid=gone.metadata.uid)

    assert ask(responder)[0] == 404


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
def test_other_methods_are_refused(responder: Responder, method: str) -> None:
    """A CA fetches; nobody else has a reason to come here."""
    assert ask(responder, method=method)[0] == 501


def test_silent_clients_do_not_hold_up_others(responder: Responder) -> None:
    """Many connections that say nothing, and one that does."""
    with contextlib.ExitStack() as silent:
        for _ in range(MOST_AT_ONCE // 2):
            silent.enter_context(socket.create_connection(("127.0.0.1", responder.port), timeout=5))
        began = time.monotonic()

        assert ask(responder)[0] == 200
        assert time.monotonic() - began < 2


def test_many_are_answered_at_once(responder: Responder) -> None:
    """More than are served at a time: the rest waits its turn."""
    with ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(lambda _: ask(responder)[0], range(300)))

    assert set(statuses) == {200}


def test_a_request_that_comes_in_drops_is_cut_off(store: Store[Challenge]) -> None:
    """The deadline is for the whole request; a byte now and then does not extend it."""
    responder = Responder(Address("127.0.0.1", 0), store, lambda _: None, read_within=0.3)
    responder.start()
    with socket.create_connection(("127.0.0.1", responder.port), timeout=0.05) as sock:
        began = time.monotonic()
        for byte in b"GET " + PATH.encode():
            try:
                sock.sendall(bytes([byte]))
                if not sock.recv(1):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
    responder.stop()

    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "raw",
    [
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ],
    ids=["half a request", "TLS", "endless path", "future version"],
)
def test_garbage_does_no_harm(responder: Responder, raw: bytes) -> None:
    """The connection ends; the next request is answered."""
    with socket.create_connection(("127.0.0.1", responder.port), timeout=5) as sock:
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while sock.recv(4096):
                pass

    assert ask(responder)[0] == 200


def test_lookup_needs_no_port_in_a_bare_ipv6_host(store: Store[Challenge]) -> None:
    """Some clients send it without brackets."""
    assert key_authorization(store, IPV6, f"{PREFIX}token-of-{IPV6}") is not None
