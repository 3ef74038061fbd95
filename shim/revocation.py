"""Whether the CA has revoked a certificate: its CRL and its OCSP responder, asked for a person who looks at a Secret.

Each answer is one line of text.  What is asked is bounded in time and size, and an answer counts only when the
certificate's issuer has signed it (RFC 5280 §6.3, RFC 6960 §3.2): the addresses stand in a certificate that anybody
may have put into the Secret.  Only `http` and `https` are asked, and no redirect is followed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from shim import VERSION
from shim.acme.deadline import pool

WITHIN: Final = 5.0  # seconds for an answer that is complete; a person waits
MAX_BODY: Final = 32 << 20  # bytes; the largest CRLs of public CAs have some ten million
OCSP_REQUEST: Final = "application/ocsp-request"
NO_ISSUER: Final = "not known: its issuer is neither in tls.crt nor in ca.crt, so no answer could be verified"

Fetch = Callable[[str, bytes], bytes]  # URL and body (empty: a GET) to the body of the answer; raises NotFetched


class NotFetched(Exception):
    """There is no answer; the message says why."""


class NotUsable(Exception):
    """The answer proves nothing; the message says why."""


def fetch(url: str, body: bytes) -> bytes:
    """Return what a server answers with 200; raises NotFetched."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise NotFetched(f"{parts.scheme or 'no scheme'} is not asked, only http")
    proxy = "" if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme, "")
    headers = {"User-Agent": f"certshim/{VERSION}"} | ({"Content-Type": OCSP_REQUEST} if body else {})
    try:
        with pool(proxy, ca_certs=certifi.where(), retries=False) as manager:
            answer = manager.request(
                "POST" if body else "GET",
                url,
                body=body or None,
                headers=headers,
                timeout=urllib3.Timeout(total=WITHIN),
                redirect=False,
                preload_content=False,
            )
            content = bytes(answer.read(MAX_BODY + 1))
            answer.close()
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise NotFetched(f"no complete answer from {parts.hostname} ({type(error).__name__})") from error
    if answer.status != 200:
        raise NotFetched(f"{parts.hostname} answered {answer.status}")
    if len(content) > MAX_BODY:
        raise NotFetched(f"{parts.hostname} answered with more than {MAX_BODY} bytes")
    return content


def by_crl(
    certificate: x509.Certificate, issuer: x509.Certificate | None, urls: tuple[str, ...], now: datetime, ask: Fetch
) -> str:
    """Return what the CRLs say, those at `urls` in turn until one can be used."""
    return _told(urls, issuer, lambda issuer, url: _in_crl(certificate, issuer, url, ask(url, b""), now))


def by_ocsp(
    certificate: x509.Certificate, issuer: x509.Certificate | None, urls: tuple[str, ...], now: datetime, ask: Fetch
) -> str:
    """Return what the OCSP responders say, those at `urls` in turn until one's answer can be used."""

    def asked(issuer: x509.Certificate, url: str) -> str:
        # SHA-1 names the issuer here and protects nothing; responders need know no other (RFC 9654 §3.1).
        builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303
        request = builder.build()
        return _in_ocsp(request, issuer, ask(url, request.public_bytes(Encoding.DER)), now)

    return _told(urls, issuer, asked)


def _told(urls: tuple[str, ...], issuer: x509.Certificate | None, look: Callable[[x509.Certificate, str], str]) -> str:
    if not urls:
        return "not known: the certificate names none"
    if issuer is None:
        return NO_ISSUER
    wrong = []
    for url in urls:
        try:
            return look(issuer, url)
        except (NotFetched, NotUsable) as error:
            wrong.append(str(error))
    return f"not known: {'; '.join(wrong)}"


def _in_crl(certificate: x509.Certificate, issuer: x509.Certificate, url: str, answer: bytes, now: datetime) -> str:
    try:
        pem = answer.startswith(b"-----BEGIN")
        crl = x509.load_pem_x509_crl(answer) if pem else x509.load_der_x509_crl(answer)
        signed = crl.issuer == issuer.subject and crl.is_signature_valid(_public_key(issuer))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise NotUsable("the answer is no CRL that can be read") from error
    if not signed:
        raise NotUsable("the CRL is not signed by the issuer")
    if not _is_about(crl, url):
        raise NotUsable("the CRL is about other certificates of the issuer")
    if crl.next_update_utc is not None and crl.next_update_utc < now:
        raise NotUsable(f"the CRL ended at {_moment(crl.next_update_utc)}")
    entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is None:
        return f"not revoked, as of {_moment(crl.last_update_utc)}"
    return _revoked(entry.revocation_date_utc, _reason_of(entry))


def _is_about(crl: x509.CertificateRevocationList, url: str) -> bool:
    """Is it the part of the CA's list that is had at that URL, where there are parts?  RFC 5280 §6.3.3 (b)(2)."""
    try:
        part = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return True
    names = [str(name.value) for name in part.full_name or ()]
    return not part.indirect_crl and not part.only_contains_ca_certs and (not names or url in names)


def _in_ocsp(request: ocsp.OCSPRequest, issuer: x509.Certificate, answer: bytes, now: datetime) -> str:
    try:
        response = ocsp.load_der_ocsp_response(answer)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            word = response.response_status.name.lower().replace("_", " ")
            raise NotUsable(f"the responder answers: {word}")
        _verify(response, issuer, now)
        if _subject(response) != _subject(request):
            raise NotUsable("the responder answers about another certificate")
        if response.next_update_utc is not None and response.next_update_utc < now:
            raise NotUsable(f"the responder's answer ended at {_moment(response.next_update_utc)}")
        status, since, reason = response.certificate_status, response.revocation_time_utc, response.revocation_reason
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise NotUsable("the responder's answer cannot be read") from error
    if status is ocsp.OCSPCertStatus.REVOKED and since is not None:
        return _revoked(since, reason.value if reason is not None else "")
    if status is ocsp.OCSPCertStatus.GOOD:
        return f"not revoked, as of {_moment(response.this_update_utc)}"
    raise NotUsable("the responder does not know the certificate")


def _subject(of: ocsp.OCSPRequest | ocsp.OCSPResponse) -> tuple[int, bytes, bytes]:
    return of.serial_number, of.issuer_name_hash, of.issuer_key_hash


def _verify(response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> None:
    """Raise NotUsable unless the issuer has signed, or a responder that it has made for that (RFC 6960 §4.2.2.2)."""
    for signer in (issuer, *(one for one in response.certificates if _may_answer(one, issuer, now))):
        if _has_signed(signer, response):
            return
    raise NotUsable("the responder's answer is not signed by the issuer")


def _may_answer(responder: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    try:
        responder.verify_directly_issued_by(issuer)
        usages = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    is_valid = responder.not_valid_before_utc <= now <= responder.not_valid_after_utc
    return is_valid and ExtendedKeyUsageOID.OCSP_SIGNING in usages


def _has_signed(signer: x509.Certificate, response: ocsp.OCSPResponse) -> bool:
    signature, data, algorithm = response.signature, response.tbs_response_bytes, response.signature_hash_algorithm
    try:
        match signer.public_key():
            case rsa.RSAPublicKey() as key if algorithm is not None:
                key.verify(signature, data, padding.PKCS1v15(), algorithm)
            case ec.EllipticCurvePublicKey() as key if algorithm is not None:
                key.verify(signature, data, ec.ECDSA(algorithm))
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey() as key:
                key.verify(signature, data)
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def _public_key(issuer: x509.Certificate) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey:
    key = issuer.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        raise TypeError("no key that signs CRLs")
    return key


def _reason_of(entry: x509.RevokedCertificate) -> str:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except (x509.ExtensionNotFound, ValueError):
        return ""


def _revoked(at: datetime, reason: str) -> str:
    return f"REVOKED at {_moment(at)}{f', reason: {reason}' if reason else ''}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
