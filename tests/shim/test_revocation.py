"""Whether a certificate is revoked: real CRLs and OCSP answers, and those that prove nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shim.revocation import NO_ISSUER, Fetch, NotFetched, by_crl, by_ocsp, fetch
from tests.certs.decide.objects import DAY, NOW
from tests.shim.test_inspecting import ROOT, ROOT_KEY, ROOT_NAME, build, leaf

URL = "http://ca.test/1"
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
LEAF = leaf()
Signer = ec.EllipticCurvePrivateKey


def answering(body: bytes) -> Fetch:
    return lambda _url, _asked: body


def crl(
    *revoked: int, by: Signer = ROOT_KEY, until: datetime = NOW + DAY, part: str = "", reason: bool = True
) -> bytes:
    """Return a CRL (DER) that has these serial numbers in it."""
    builder = x509.CertificateRevocationListBuilder(ROOT_NAME, NOW - 2 * DAY, until)
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder(serial, NOW - 3 * DAY)
        if reason:
            entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    if part:
        names = [x509.UniformResourceIdentifier(part)]
        point = x509.IssuingDistributionPoint(
            names,
            None,
            only_contains_user_certs=True,
            only_contains_ca_certs=False,
            only_some_reasons=None,
            indirect_crl=False,
            only_contains_attribute_certs=False,
        )
        builder = builder.add_extension(point, critical=True)
    return builder.sign(by, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        pytest.param(crl(), "not revoked, as of {before}", id="not in it"),
        pytest.param(crl(LEAF.serial_number), "REVOKED at {since}, reason: keyCompromise", id="in it"),
        pytest.param(crl(LEAF.serial_number, reason=False), "REVOKED at {since}", id="without a reason"),
        pytest.param(crl(part=URL), "not revoked, as of {before}", id="its part"),
        pytest.param(crl(part="http://ca.test/2"), "not known: the CRL is about other certificates", id="another part"),
        pytest.param(crl(by=OTHER_KEY), "not known: the CRL is not signed by the issuer", id="signed by somebody"),
        pytest.param(crl(until=NOW - DAY), "not known: the CRL ended at", id="old"),
        pytest.param(b"<html>", "not known: the answer is no CRL that can be read", id="none"),
        pytest.param(b"", "not known: the answer is no CRL that can be read", id="empty"),
    ],
)
def test_what_a_crl_says(answer: bytes, told: str) -> None:
    """Only what the issuer has signed, and what is current, says anything."""
    before, since = (f"{NOW - days * DAY:%Y-%m-%d %H:%M} UTC" for days in (2, 3))

    found = by_crl(LEAF, ROOT, (URL,), NOW, answering(answer))

    assert found.startswith(told.format(before=before, since=since))


def responder(*usages: x509.ObjectIdentifier) -> x509.Certificate:
    """Return a certificate of the CA for the other key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Responder")])
    return build(name, OTHER_KEY.public_key(), *((x509.ExtendedKeyUsage([one]), False) for one in usages))


def answered(
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    *,
    about: x509.Certificate = LEAF,
    by: Signer = ROOT_KEY,
    of: x509.Certificate = ROOT,
    until: datetime = NOW + DAY,
) -> bytes:
    """Return an OCSP answer, signed by that key."""
    is_revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=about,
        issuer=ROOT,
        algorithm=hashes.SHA1(),  # noqa: S303  as asked
        cert_status=status,
        this_update=NOW - 2 * DAY,
        next_update=until,
        revocation_time=NOW - 3 * DAY if is_revoked else None,
        revocation_reason=x509.ReasonFlags.superseded if is_revoked else None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, of)
    if of is not ROOT:
        builder = builder.certificates([of])
    return builder.sign(by, hashes.SHA256()).public_bytes(Encoding.DER)


SIGNING = responder(ExtendedKeyUsageOID.OCSP_SIGNING)
SERVING = responder(ExtendedKeyUsageOID.SERVER_AUTH)
PRETENDER = (
    x509.CertificateBuilder(ROOT_NAME, ROOT_NAME, OTHER_KEY.public_key(), 1, NOW - DAY, NOW + DAY)
    .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
    .sign(OTHER_KEY, hashes.SHA256())
)
LATER = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        pytest.param(answered(), "not revoked, as of {before}", id="good"),
        pytest.param(answered(ocsp.OCSPCertStatus.REVOKED), "REVOKED at {since}, reason: superseded", id="revoked"),
        pytest.param(answered(ocsp.OCSPCertStatus.UNKNOWN), "not known: the responder does not know", id="unknown"),
        pytest.param(answered(by=OTHER_KEY, of=SIGNING), "not revoked, as of {before}", id="a responder of the CA"),
        pytest.param(answered(by=OTHER_KEY, of=SERVING), "not known: the responder's answer is not", id="a server"),
        pytest.param(answered(by=OTHER_KEY, of=PRETENDER), "not known: the responder's answer is not", id="somebody"),
        pytest.param(answered(about=PRETENDER), "not known: the responder answers about another", id="another"),
        pytest.param(answered(until=NOW - DAY), "not known: the responder's answer ended at", id="old"),
        pytest.param(LATER, "not known: the responder answers: try later", id="later"),
        pytest.param(b"<html>", "not known: the responder's answer cannot be read", id="none"),
    ],
)
def test_what_a_responder_says(answer: bytes, told: str) -> None:
    """Its own word counts only with the certificate for it, RFC 6960 §4.2.2.2."""
    before, since = (f"{NOW - days * DAY:%Y-%m-%d %H:%M} UTC" for days in (2, 3))

    found = by_ocsp(LEAF, ROOT, (URL,), NOW, answering(answer))

    assert found.startswith(told.format(before=before, since=since))


@pytest.mark.parametrize("look", [by_crl, by_ocsp])
def test_where_there_is_nothing_to_ask(look: Callable[..., str]) -> None:
    assert look(LEAF, ROOT, (), NOW, fetch) == "not known: the certificate names none"
    assert look(LEAF, None, (URL,), NOW, fetch) == NO_ISSUER


def test_the_next_is_asked_where_one_is_of_no_use() -> None:
    def ask(url: str, _body: bytes) -> bytes:
        if url == URL:
            raise NotFetched("nobody answers")
        return crl()

    assert by_crl(LEAF, ROOT, (URL, "http://ca.test/2"), NOW, ask).startswith("not revoked")


class Site(BaseHTTPRequestHandler):
    """Answers as the path says."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            threading.Event().wait(8)
        self.send_response(302 if self.path == "/moved" else 200 if self.path == "/crl" else 404)
        self.send_header("Location", "/crl")
        self.end_headers()
        with suppress(BrokenPipeError):  # who asked has not waited
            self.wfile.write(crl())

    def do_POST(self) -> None:
        asked = ocsp.load_der_ocsp_request(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["Content-Type"] == "application/ocsp-request"
        assert asked.serial_number == LEAF.serial_number
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answered(ocsp.OCSPCertStatus.REVOKED))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """A CA's server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_server_is_asked(site: str) -> None:
    """The CRL by GET, the responder by POST."""
    assert by_crl(LEAF, ROOT, (f"{site}/crl",), NOW, fetch).startswith("not revoked")
    assert by_ocsp(LEAF, ROOT, (f"{site}/ocsp",), NOW, fetch).startswith("REVOKED")


@pytest.mark.parametrize(
    ("path", "why"),
    [("/nothing", "127.0.0.1 answered 404"), ("/moved", "127.0.0.1 answered 302"), ("/slow", "no complete answer")],
)
def test_what_is_no_answer(site: str, path: str, why: str) -> None:
    """A redirect is not followed, and nobody is waited for long."""
    with pytest.raises(NotFetched, match=why):
        fetch(f"{site}{path}", b"")


def test_other_schemes_are_not_asked() -> None:
    with pytest.raises(NotFetched, match="ldap is not asked"):
        fetch("ldap://ca.test/cn=crl", b"")
