"""What monitoring is told of a certificate, and what an endpoint shows."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from certs.pki.csr import build_csr
from certs.pki.x509 import read_chain
from shim.cli.probe import command
from shim.probing import CannotProbe, Endpoint, Finding, Level, Shown, Thresholds, ask, judge, parse_endpoint
from tests.certs.decide.objects import DAY, NOW, certificate, key, sign
from tests.cluster.pki import CA

USUAL = Thresholds(21, 7)
LEAF = read_chain(sign(build_csr(certificate().spec, key()), not_before=NOW - 30 * DAY, lifetime=90 * DAY))[0]


@pytest.mark.parametrize(
    ("after", "level", "part"),
    [
        (timedelta(), Level.OK, "expires at 2026-04-30 12:00:00 UTC (in 60 days)"),
        (39 * DAY, Level.WARNING, "(in 21 days)"),
        (53 * DAY, Level.CRITICAL, "(in 7 days)"),
        (61 * DAY, Level.CRITICAL, "expired at 2026-04-30 12:00:00 UTC (1 day ago)"),
        (-31 * DAY, Level.CRITICAL, "is not valid before"),
    ],
)
def test_it_is_as_urgent_as_it_is_near(after: timedelta, level: Level, part: str) -> None:
    found = judge("shop", Shown(LEAF), USUAL, NOW + after)

    assert found.level is level
    assert part in found.text
    assert str(found).startswith(f"{level.name}: shop: the certificate for shop.example.org by Test CA ")


def test_the_line_ends_with_performance_data() -> None:
    assert str(judge("shop", Shown(LEAF), USUAL, NOW)).endswith(" | days=60.0;21:;7:;0")


def test_what_a_certificate_says_of_itself_is_text() -> None:
    """Its names are others' words: no line of theirs, and no performance data."""
    found = Finding(Level.OK, "shop: by Mallory | days=99;\nOK", "days=1.0;21:;7:;0")

    assert str(found) == "OK: shop: by Mallory / days=99; OK | days=1.0;21:;7:;0"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (f"{'ü' * 80}", "UNKNOWN: cannot ask " + "ü" * 80 + ":443 for its certificate: it is no name of a host"),
        ("-t 0 a.test", "0.0 is not in the range x>0"),
        ("-t -1 a.test", "-1.0 is not in the range x>0"),
    ],
    ids=["a name", "no time", "less than none"],
)
def test_what_cannot_be_asked(words: str, says: str) -> None:
    done = CliRunner().invoke(command, words.split())

    assert done.exit_code == Level.UNKNOWN
    assert says in done.output


def test_what_clients_refuse_is_critical_however_long_it_lasts() -> None:
    found = judge("shop", Shown(LEAF, "unable to get local issuer certificate"), USUAL, NOW)

    assert found.level is Level.CRITICAL
    assert "clients refuse it: unable to get local issuer certificate" in found.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.test", Endpoint("a.test", 443, "a.test")),
        ("a.test:8443", Endpoint("a.test", 8443, "a.test")),
        ("[2001:db8::1]:8443", Endpoint("2001:db8::1", 8443, "2001:db8::1")),
        ("[2001:db8::1]", Endpoint("2001:db8::1", 443, "2001:db8::1")),
        ("2001:db8::1", Endpoint("2001:db8::1", 443, "2001:db8::1")),
    ],
)
def test_endpoints_are_read(text: str, expected: Endpoint) -> None:
    assert parse_endpoint(text) == expected


@pytest.mark.parametrize("text", ["", ":443", "a.test:", "a.test:https", "a.test:0", "a.test:65536", "a.test:-1"])
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    if text == "a.test:":
        assert parse_endpoint(text).port == 443
        return
    with pytest.raises(ValueError, match="write HOST, HOST:PORT"):
        parse_endpoint(text)


@contextmanager
def serving(folder: Path, *names: str) -> Iterator[tuple[int, Path]]:
    """Serve TLS on loopback with a certificate for these names; the port, and the root."""
    ca = CA("probed")
    pair = ca.server(*names)
    (folder / "crt").write_bytes(pair.certificate)
    (folder / "key").write_bytes(pair.key)
    (folder / "root").write_bytes(ca.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "crt", folder / "key")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], folder / "root"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def test_an_endpoint_that_clients_take(tmp_path: Path) -> None:
    with serving(tmp_path, "shop.test", "127.0.0.1") as (port, root):
        shown = ask(Endpoint("127.0.0.1", port, "shop.test"), timeout=5, roots=str(root))

    assert shown.leaf.dns_names == ("shop.test",)
    assert not shown.objection


@pytest.mark.parametrize(
    ("name", "trusts", "part"),
    [("other.test", True, "Hostname mismatch"), ("shop.test", False, "self-signed certificate|issuer certificate")],
)
def test_an_endpoint_that_clients_refuse(tmp_path: Path, name: str, trusts: bool, part: str) -> None:  # noqa: FBT001
    with serving(tmp_path, "shop.test") as (port, root):
        shown = ask(Endpoint("127.0.0.1", port, name), timeout=5, roots=str(root) if trusts else "")

    assert re.search(part, shown.objection)


def test_nobody_at_home_is_unknown_and_says_so(tmp_path: Path) -> None:
    with serving(tmp_path, "shop.test") as (port, _):
        pass
    with pytest.raises(CannotProbe, match=f"cannot ask 127.0.0.1:{port} for its certificate: Connection refused"):
        ask(Endpoint("127.0.0.1", port, "shop.test"), timeout=1)

    told = CliRunner().invoke(command, [f"127.0.0.1:{port}", "-t", "1"])
    assert (told.exit_code, told.output.startswith("UNKNOWN: cannot ask 127.0.0.1")) == (3, True)
    assert CliRunner().invoke(command, ["pod/x"]).exit_code == 3
    assert CliRunner().invoke(command, ["a:b"]).output.startswith('UNKNOWN: "a:b" is no endpoint')


def test_the_exit_code_is_the_level(tmp_path: Path) -> None:
    with serving(tmp_path, "127.0.0.1") as (port, root):
        told = CliRunner().invoke(command, [f"127.0.0.1:{port}", "--ca-file", str(root), "-w", "0.1", "-c", "0"])

    assert told.output.startswith(f"OK: 127.0.0.1:{port}: the certificate for 127.0.0.1 by probed expires at")
    assert told.exit_code == 0
