from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import dns.flags
import dns.message
import dns.rrset
import pytest
import trustme

from shim.solvers.selfcheck import NotReachable, SelfCheck, why_refused
from tests.fakes.site import KEY, PATH, Answer, Site, say


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture
def secure() -> Iterator[Site]:
    """A site with a certificate that nobody trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("elsewhere.test").configure_cert(context)
    made = Site(tls=context)
    yield made
    made.close()


def check(site: Site, host: str = "127.0.0.1", *nameservers: str, tls_port: int = 443) -> None:
    SelfCheck(nameservers, site.port, tls_port=tls_port, loopback=True).fetch(host, PATH, expected=KEY)


def why(site: Site, host: str = "127.0.0.1", *nameservers: str) -> str:
    """Return why the check fails; the body of an answer is never part of it."""
    with pytest.raises(NotReachable) as raised:
        check(site, host, *nameservers)
    assert "private" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("body", [KEY, f"{KEY}\n", f" {KEY}\r\n"], ids=["as it is", "with a newline", "with spaces"])
def test_token_is_found(site: Site, body: str) -> None:
    """White space around it is nothing; the host is asked for as the CA asks."""
    site.pages[PATH] = say(200, body.encode())

    check(site)

    assert site.hosts == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(say(404), "wrong status code '404' for '{url}', expected '200'", id="not found"),
        pytest.param(say(500, b"private"), "wrong status code '500' for '{url}', expected '200'", id="error"),
        pytest.param(say(204), "wrong status code '204' for '{url}', expected '200'", id="no content"),
        pytest.param(
            say(200, b"private"), "did not get the expected response from '{url}', but 7 other bytes", id="other body"
        ),
        pytest.param(
            say(200, KEY.encode() + b" private"),
            "did not get the expected response from '{url}', but 24 other bytes",
            id="more than the key",
        ),
        pytest.param(
            say(200, b"private" * 10_000),
            "did not get the expected response from '{url}', but 4096 other bytes",
            id="endless body",
        ),
        pytest.param(
            say(302, Location="ftp://files.test/"),
            "redirected from '{url}' to 'ftp://files.test/', where a CA does not follow",
            id="redirect to another scheme",
        ),
        pytest.param(
            say(302, Location="http://[::1/"),
            "redirected from '{url}' to 'http://[::1/', where a CA does not follow",
            id="redirect to half an address",
        ),
        pytest.param(
            say(301, Location="http://:80/"),
            "redirected from '{url}' to 'http://:80/', where a CA does not follow",
            id="redirect to no host",
        ),
        pytest.param(say(307, Location=PATH), "more than 10 redirects, the last to '{url}'", id="redirect to itself"),
        pytest.param(say(308), "more than 10 redirects, the last to '{url}'", id="redirect to nowhere"),
    ],
)
def test_token_is_not_found(site: Site, answer: Answer, message: str) -> None:
    """Each failure in words, with the URL that was asked for."""
    site.pages[PATH] = answer

    assert why(site) == message.format(url=f"http://127.0.0.1{PATH}")


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1:99999/", "http://127.0.0.1:port/", "http://a\u00e9\u2028b/", "http://" + "a" * 300 + ".test/"],
    ids=["port too high", "port is no number", "no host name", "endless label"],
)
def test_a_redirect_to_nonsense_is_an_answer_too(site: Site, target: str) -> None:
    """No crash, one sentence."""
    site.pages[PATH] = say(302, Location=target.encode().decode("latin-1"))

    assert why(site).startswith(("failed to perform self check GET request 'http://", "cannot resolve '"))


@pytest.mark.parametrize("port", [22, 6379, 8443, 10250])
def test_redirects_to_other_ports_are_not_followed(site: Site, port: int) -> None:
    """CAs follow to 80 and 443 only, and ports of services inside are nobody's to probe."""
    site.pages[PATH] = say(302, Location=f"http://127.0.0.1:{port}/")

    assert why(site) == f"redirected to port {port} of '127.0.0.1', where a CA does not follow: 80 and 443 only"


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("169.254.169.254", "a link-local address"),
        ("169.254.0.1", "a link-local address"),
        ("fe80::1", "a link-local address"),
        ("fe80::1%eth0", "a link-local address"),
        ("fd00:ec2::254", "a metadata service"),
        ("::ffff:169.254.169.254", "a link-local address"),
        ("64:ff9b::a9fe:a9fe", "a link-local address"),
        ("127.0.0.1", "a loopback address"),
        ("127.8.8.8", "a loopback address"),
        ("::1", "a loopback address"),
        ("::ffff:127.0.0.1", "a loopback address"),
        ("0.0.0.0", "an unspecified address"),  # noqa: S104  nothing is bound
        ("0.1.2.3", "an unspecified address"),
        ("::", "an unspecified address"),
        ("224.0.0.1", "a multicast address"),
        ("ff02::1", "a multicast address"),
        ("255.255.255.255", "a multicast address"),
        ("10.0.0.1", ""),
        ("192.168.1.1", ""),
        ("100.64.0.1", ""),
        ("198.51.100.1", ""),
        ("2001:db8::1", ""),
        ("fd00:1::1", ""),
        ("64:ff9b::c633:6401", ""),
        ("::ffff:198.51.100.1", ""),
    ],
)
def test_addresses_at_which_no_ca_can_be(address: str, kind: str) -> None:
    """Private networks are where proxies live; the rest leads nowhere, or to what must stay secret."""
    assert why_refused(address) == kind


def test_a_name_at_a_refused_address_is_not_asked(site: Site, names: Names) -> None:
    """The connection is not even tried."""
    with pytest.raises(NotReachable) as raised:
        SelfCheck((names.place,), site.port).fetch("shop.test", PATH, expected=KEY)

    assert str(raised.value) == (
        "'shop.test' leads to 127.0.0.1, a loopback address, where no CA can reach it; correct its DNS"
    )
    assert not raised.value.from_here
    assert site.hosts == []


@pytest.mark.parametrize("host", ["169.254.169.254", "metadata.test", "[fd00:ec2::254]"])
def test_a_redirect_to_a_metadata_service_is_not_followed(site: Site, names: Names, host: str) -> None:
    """Neither by address nor by name."""
    site.pages[PATH] = say(302, Location=f"http://{host}/latest/meta-data/")

    assert "where no CA can reach it" in why(site, "shop.test", names.place)


def test_only_what_cannot_be_reached_may_look_different_to_the_ca(site: Site, names: Names) -> None:
    """A refused connection or a hang-up may be the cluster's own view; an answer or a missing name is not."""
    found = {}
    for case, host, answer in (
        ("answer", "shop.test", say(404)),
        ("missing name", "gone.test", say(404)),
        ("hang-up", "shop.test", lambda _handler: None),
    ):
        site.pages[PATH] = answer
        with pytest.raises(NotReachable) as raised:
            check(site, host, names.place)
        found[case] = raised.value.from_here

    assert found == {"answer": False, "missing name": False, "hang-up": True}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(site: Site, status: int) -> None:
    """Within the host and to others, with every status that a CA follows."""
    site.pages[PATH] = say(status, Location="/elsewhere?x=1")
    site.pages["/elsewhere?x=1"] = say(302, Location=f"http://127.0.0.1:{site.port}/there")
    site.pages["/there"] = say(200, KEY.encode())

    check(site)

    assert site.hosts == ["127.0.0.1", "127.0.0.1", f"127.0.0.1:{site.port}"]


def test_a_redirect_to_https_needs_no_valid_certificate(site: Site, secure: Site) -> None:
    """None can be expected yet (RFC 8555 §8.3); the name is told, since proxies choose by it."""
    site.pages[PATH] = say(301, Location=f"https://localhost{PATH}")

    check(site, tls_port=secure.port)

    assert secure.names == ["localhost"]


def test_ipv6_hosts_are_asked_for_in_brackets() -> None:
    """An address is a host like any other."""
    site = Site(socket.AF_INET6)
    try:
        check(site, "::1")
    finally:
        site.close()

    assert site.hosts == ["[::1]"]


def test_nobody_there() -> None:
    """A refused connection says so."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with pytest.raises(NotReachable, match="Connection refused") as raised:
        SelfCheck((), port, loopback=True).fetch("127.0.0.1", PATH, expected=KEY)

    assert raised.value.from_here


@pytest.mark.parametrize(
    "raw", [b"", b"SSH-2.0-private\r\n", b"HTTP/1.1 private\r\n\r\n"], ids=["hangs up", "SSH", "half HTTP"]
)
def test_what_is_no_http_is_said(site: Site, raw: bytes) -> None:
    """The words of the other side are not repeated."""

    def garbage(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(raw)
        handler.close_connection = True

    site.pages[PATH] = garbage

    assert why(site).startswith("failed to perform self check GET request")


def test_an_answer_in_drops_is_not_waited_for(site: Site) -> None:
    """The timeout is for all of it, not for each byte."""

    def drip(handler: BaseHTTPRequestHandler) -> None:
        for _ in range(100):
            handler.wfile.write(b"H")
            time.sleep(0.1)

    site.pages[PATH] = drip
    began = time.monotonic()
    with pytest.raises(NotReachable, match=r"timed out|not complete in time"):
        SelfCheck((), site.port, timeout=0.3, loopback=True).fetch("127.0.0.1", PATH, expected=KEY)

    assert time.monotonic() - began < 2


class Names:
    """A name server on loopback that answers over TCP; what it does not know does not exist."""

    def __init__(self, **records: tuple[str, str]) -> None:
        self._records = {name.replace("_", "."): record for name, record in records.items()}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError):
                while size := stream.read(2):
                    wire = self._answer(stream.read(int.from_bytes(size))).to_wire()
                    connection.sendall(len(wire).to_bytes(2) + wire)

    def _answer(self, question: bytes) -> dns.message.Message:
        query = dns.message.from_wire(question)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        asked = query.question[0]
        name, kind = asked.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(asked.rdtype)
        self.asked.append(f"{name} {kind}")
        record = self._records.get(name)
        if record is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif record[0] == kind:
            answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, record[1]))
        return answer


@pytest.fixture
def names() -> Iterator[Names]:
    made = Names(
        shop_test=("A", "127.0.0.1"),
        metadata_test=("A", "169.254.169.254"),
        six_test=("AAAA", "::1"),
        text_test=("TXT", '"x"'),
    )
    yield made
    made.close()


def test_names_are_asked_of_the_nameservers_that_are_set(site: Site, names: Names) -> None:
    """The system's resolver does not know this name; the host is asked for by it."""
    check(site, "shop.test", names.place)

    assert names.asked == ["shop.test. A".replace(". ", " ")]
    assert site.hosts == ["shop.test"]


def test_a_name_with_only_an_ipv6_address(names: Names) -> None:
    """AAAA is asked for when there is no A."""
    site = Site(socket.AF_INET6)
    try:
        check(site, "six.test", names.place)
    finally:
        site.close()

    assert names.asked == ["six.test A", "six.test AAAA"]


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("gone.test", "cannot resolve gone.test: the name does not exist"),
        ("text.test", "cannot resolve text.test: it has neither an A nor an AAAA record"),
    ],
)
def test_names_that_lead_nowhere(site: Site, names: Names, host: str, message: str) -> None:
    """The sentence says that it is the DNS."""
    assert why(site, host, names.place) == message


def test_the_next_nameserver_is_asked_when_one_is_down(site: Site, names: Names) -> None:
    """All that are set are used."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        down = f"127.0.0.1:{sock.getsockname()[1]}"

    check(site, "shop.test", down, names.place)


def test_somebody_is_there(site: Site) -> None:
    """Told by the connection alone: nothing is asked for."""
    SelfCheck(port=site.port, loopback=True).reach("127.0.0.1")

    assert site.hosts == []


@pytest.mark.parametrize(
    ("host", "from_here"),
    [pytest.param("127.0.0.1", True, id="nobody"), pytest.param("gone.test", False, id="no name")],
)
def test_nobody_is_there(names: Names, host: str, *, from_here: bool) -> None:
    """Whether the name leads anywhere makes a difference: what a cluster sees from inside may be different."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotReachable) as raised:
        SelfCheck((names.place,), port, loopback=True).reach(host)

    assert raised.value.from_here is from_here
