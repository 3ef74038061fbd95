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
from certs.route import PREFIX
from shim import probe
from shim.flags import Address
from shim.kube.store import Store
from shim.responder import Responder, key_authorization
from shim.stores import TOKEN
from shim.tokenserver import MOST_HEAD
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
        pytest.param(HOST, f"{PREFIX}%74oken-of-{HOST}", id="an escaped letter"),
        pytest.param(HOST, f"{PATH}%00", id="an escaped zero"),
        pytest.param(HOST, f"/.well-known%2Facme-challenge/token-of-{HOST}", id="an escaped slash"),
        pytest.param(HOST, f"/{PATH}", id="two slashes"),
        pytest.param(HOST, PATH.upper(), id="path in capitals"),
        pytest.param(HOST, f"/token-of-{HOST}", id="another path"),
        pytest.param(HOST, f"{PREFIX}../{PREFIX}token-of-{HOST}", id="a path with dots"),
        pytest.param("dns.test", f"{PREFIX}token-of-dns.test", id="a challenge of another type"),
    ],
)
def test_everything_else_is_unknown(responder: Responder, asked: Asked, host: str, path: str) -> None:
    """404, without an echo of what was asked."""
    status, body = ask(responder, path, host)

    assert (status, body) == (404, b"")
    assert asked.empty()


def test_our_own_question_is_answered_at_any_host(responder: Responder, asked: Asked) -> None:
    """So a way can be tried while nobody waits for a proof; and it is not the CA who asks."""
    assert ask(responder, probe.PATH, "any.example") == (200, probe.ANSWER.encode())
    assert ask(responder, probe.PATH, method="HEAD") == (200, b"")
    assert ask(responder, probe.PATH, method="POST")[0] == 404
    assert asked.empty()


def test_a_challenge_that_is_gone_is_answered_no_more(responder: Responder, store: Store[Challenge]) -> None:
    """What is in the store is what is answered."""
    gone = challenge()
    store.forget("web", gone.metadata.name, uid=gone.metadata.uid)

    assert ask(responder)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "X"])
def test_other_methods_are_unknown(responder: Responder, asked: Asked, method: str) -> None:
    """A CA fetches; nobody else has a reason to come here, and nobody is told what there is."""
    assert ask(responder, method=method) == (404, b"")
    assert asked.empty()


def exchange(responder: Responder, *pieces: bytes) -> bytes:
    """Send the pieces as they are and return everything that comes until the other side ends."""
    with socket.create_connection(("127.0.0.1", responder.port), timeout=5) as sock:
        for piece in pieces:
            sock.sendall(piece)
        return b"".join(iter(lambda: sock.recv(4096), b""))


def split(answer: bytes) -> tuple[bytes, bytes]:
    """Return the status line's code and the body of exactly one answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split(b" ")[1], body


def test_head_is_answered_without_a_body_and_is_not_the_ca(responder: Responder, asked: Asked) -> None:
    """The length is the one of the answer to GET (RFC 9110 §9.3.2)."""
    answer = exchange(responder, f"HEAD {PATH} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())

    assert split(answer) == (b"200", b"")
    assert f"content-length: {len(f'token-of-{HOST}.thumbprint')}".encode() in answer.lower()
    assert asked.empty()


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param((f"GET {PATH} HTTP/1.0\r\nHost: {HOST}\r\n\r\n",), id="HTTP/1.0"),
        pytest.param((f"GET http://{HOST}{PATH} HTTP/1.1\r\nHost: {HOST}\r\n\r\n",), id="absolute form"),
        pytest.param(
            (f"GET HTTP://{HOST}:80{PATH} HTTP/1.1\r\nHost: elsewhere\r\n\r\n",), id="absolute form outweighs Host"
        ),
        pytest.param((f"GET {PATH} HT", f"TP/1.1\r\nHost: {HOST}\r\n", "\r\n"), id="in pieces"),
        pytest.param((f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\n\r\n" * 3,), id="pipelined: one answer"),
        pytest.param(
            (f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 99999999\r\n\r\n", "x" * 200_000), id="a body"
        ),
        pytest.param(
            (f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\nnonsense",), id="bad chunks"
        ),
        pytest.param(
            (f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",),
            id="expects 100",
        ),
    ],
)
def test_requests_in_every_form_get_one_answer(responder: Responder, pieces: tuple[str, ...]) -> None:
    """The answer arrives whole, and the connection ends after it."""
    answer = exchange(responder, *(piece.encode() for piece in pieces))

    assert split(answer) == (b"200", f"token-of-{HOST}.thumbprint".encode())


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        pytest.param(b"GET /" + b"a" * MOST_HEAD + b" HTTP/1.1\r\n\r\n", b"431", id="endless path"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"b" * MOST_HEAD, b"431", id="endless header"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * MOST_HEAD, b"431", id="endless headers"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", b"400", id="no Host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400", id="two Hosts"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", b"400", id="no length"),
        pytest.param(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b"400", id="space before the colon"),
        pytest.param(b"\x16\x03\x01\x02\x00", b"400", id="TLS"),
    ],
)
def test_what_is_no_request_is_refused_without_a_word(responder: Responder, raw: bytes, status: bytes) -> None:
    """A status and nothing else."""
    assert split(exchange(responder, raw)) == (status, b"")


def silent(responder: Responder, stack: contextlib.ExitStack, count: int) -> list[socket.socket]:
    address = ("127.0.0.1", responder.port)
    return [stack.enter_context(socket.create_connection(address, timeout=5)) for _ in range(count)]


def test_two_thousand_idle_connections_are_harmless(store: Store[Challenge]) -> None:
    """The CA's request is answered within 100 ms beside them."""
    responder = Responder(Address("127.0.0.1", 0), store, lambda _: None, read_within=60)
    responder.start()
    with contextlib.ExitStack() as stack:
        silent(responder, stack, 2000)
        took = []
        for _ in range(5):
            began = time.monotonic()
            assert ask(responder)[0] == 200
            took.append(time.monotonic() - began)
    responder.stop()

    assert sorted(took)[2] < 0.1


def test_the_oldest_makes_room(store: Store[Challenge]) -> None:
    """Whoever fills the house with silent connections loses those, and not the CA its answer."""
    responder = Responder(Address("127.0.0.1", 0), store, lambda _: None, read_within=60, most_open=10)
    responder.start()
    with contextlib.ExitStack() as stack:
        first, *_, last = silent(responder, stack, 10)
        assert ask(responder)[0] == 200
        assert first.recv(1) == b""
        last.settimeout(0.05)
        with pytest.raises(TimeoutError):
            last.recv(1)
    responder.stop()


def test_a_silent_client_is_cut_off(store: Store[Challenge]) -> None:
    """Whoever says nothing within the deadline is no CA."""
    responder = Responder(Address("127.0.0.1", 0), store, lambda _: None, read_within=0.1)
    responder.start()
    with contextlib.ExitStack() as stack:
        (client,) = silent(responder, stack, 1)
        assert client.recv(1) == b""
    responder.stop()


def test_an_address_that_is_taken_is_said(responder: Responder, store: Store[Challenge]) -> None:
    """With what to do."""
    with pytest.raises(OSError, match=r"cannot listen on 127\.0\.0\.1:\d+ \(responder\): .*; choose another address"):
        Responder(Address("127.0.0.1", responder.port), store, lambda _: None)


def test_stop_before_start_is_safe(store: Store[Challenge]) -> None:
    """The process may end before it served."""
    Responder(Address("127.0.0.1", 0), store, lambda _: None).stop()


def test_both_families_are_served_at_the_ipv6_wildcard(store: Store[Challenge]) -> None:
    """`::` takes IPv4 too."""
    responder = Responder(Address("::", 0), store, lambda _: None)
    responder.start()
    assert ask(responder)[0] == 200
    responder.stop()


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
