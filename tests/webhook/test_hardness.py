"""Hostile objects on the wire: each is answered with a verdict, soon, and leaves no memory behind."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.procfs import field_mb
from tests.webhook.reviews import certificate, ingress, review
from tests.webhook.wire import answer, connect, free_port, head, post, running

CERTSHIM = Path(sys.executable).with_name("certshim")
GROUP = "networking.k8s.io"
MANY = 100_000
WITHIN = 2.0  # seconds, the way there and back included, on a busy machine; the API server would wait for three
GROWTH_MB = 12.0  # rounds of megabytes leave the allocator with some spare pages


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[int, int]]:
    """The port and pid of a standalone webhook."""
    port = free_port()
    with running([str(CERTSHIM), "webhook", "--standalone", f"--bind=127.0.0.1:{port}"], port) as pid:
        yield port, pid


def issuer(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "x"}, "spec": spec}


def with_text(text: str) -> bytes:
    """Return the review of a Certificate in which that JSON text stands for a list of names."""
    return review("certificates", "Certificate", certificate(dnsNames="HERE")).replace(b'"HERE"', text.encode())


def asking(*, hosts: list[str] | None = None, annotations: dict[str, str] | None = None) -> bytes:
    tls = [{"hosts": hosts, "secretName": "x"}] if hosts else []
    notes = {"cert-manager.io/issuer": "le", **(annotations or {})}
    return review("ingresses", "Ingress", ingress(annotations=notes, tls=tls), group=GROUP)


SOLVERS: list[dict[str, Any]] = [{"http01": {}, "dns01": {}}] * 30_000
HOSTILE = {
    "many names": review("certificates", "Certificate", certificate(dnsNames=["A.example"] * MANY)),
    "many bad addresses": review("certificates", "Certificate", certificate(ipAddresses=["x"] * MANY)),
    "many usages": review("certificates", "Certificate", certificate(usages=["nothing"] * MANY)),
    "many other names": review("certificates", "Certificate", certificate(otherNames=[{"oid": "x"}] * 50_000)),
    "many output formats": review(
        "certificates", "Certificate", certificate(additionalOutputFormats=[{"type": "DER"}] * 50_000)
    ),
    "many windows": review(
        "certificates",
        "Certificate",
        certificate(renewal={"policy": "RenewBefore", "windows": [{"cron": "x", "timezone": "y"}] * 20_000}),
    ),
    "a long subject": review("certificates", "Certificate", certificate(literalSubject="CN=a+" * 300_000)),
    "a long cron": review(
        "certificates", "Certificate", certificate(renewal={"windows": [{"cron": "1," * 500_000 + " * * * *"}]})
    ),
    "a long address": review("certificates", "Certificate", certificate(emailAddresses=["a." * 700_000 + "@x"])),
    "many solvers": review("issuers", "Issuer", issuer(acme={"solvers": SOLVERS})),
    "a long bundle": review(
        "issuers", "Issuer", issuer(acme={"caBundle": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t" * 50_000})
    ),
    "many hosts": asking(hosts=[f"h{i}.example.com" for i in range(MANY)]),
    "many bad hosts": asking(hosts=["-x-"] * MANY),
    "many stars": asking(hosts=["*." * 120 + "com"] * 5_000 + ["*.example.com"] * 50_000),
    "many unknown keys": asking(annotations={f"cert-manager.io/isuer-{i}": "x" for i in range(30_000)}),
    "a long key": asking(annotations={"cert-manager.io/" + "issuer" * 200_000: "x"}),
    "a long record": asking(annotations={"cert-manager.io/subject-organizations": '"a""b",' * 200_000 + '"'}),
    "a deep template": asking(annotations={"cert-manager.io/secret-template": "[" * 500_000}),
    "many rules": review("ingresses", "Ingress", ingress(*(f"h{i}.example.com" for i in range(10_000))), group=GROUP),
    "deep nesting": with_text('{"a":' * 50_000 + "1" + "}" * 50_000),
    "deep lists": with_text("[" * 100_000 + "]" * 100_000),
    "not UTF-8": with_text('["x"]').replace(b'["x"]', b'["\xff\xfe"]'),
    "half a surrogate": with_text('["\\ud800"]'),
    "NaN": with_text("[NaN]"),
    "infinity": with_text("[1e999999]"),
    "digits": with_text("9" * 500_000),
    "duplicate keys": with_text('[],"dnsNames":["a.example"],"dnsNames":null'),
    "null": with_text("null"),
    "a signing request": review(
        "certificaterequests",
        "CertificateRequest",
        {"kind": "CertificateRequest", "metadata": {"name": "x"}, "spec": {"request": "LS0t" * 700_000}},
    ),
}


@pytest.mark.parametrize("path", ["/mutate", "/validate"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_object_gets_a_verdict_soon(server: tuple[int, int], name: str, path: str) -> None:
    """A verdict, or a refusal of what is no review; never a 5xx, and a friendly review is answered right after."""
    port, _ = server
    began = time.monotonic()

    status, body = post(port, HOSTILE[name], path=path)

    assert status in {200, 400, 413}, body[:200]
    assert time.monotonic() - began < WITHIN
    if status == 200:
        response = json.loads(body)["response"]
        assert response["allowed"] or response["status"]["code"] in {400, 403}
    assert post(port, review("certificates", "Certificate", certificate()))[0] == 200


def test_memory_stays_flat(server: tuple[int, int]) -> None:
    """The same hostile objects again and again take no more memory than at first, but for what the allocator keeps."""
    port, pid = server
    resident = []
    for _ in range(8):
        for body in HOSTILE.values():
            post(port, body)
        resident.append(field_mb(Path(f"/proc/{pid}/status").read_text(), "VmRSS"))

    assert min(resident[-3:]) - max(resident[:3]) < GROWTH_MB, resident


def test_two_hundred_idle_connections_stop_nobody(server: tuple[int, int]) -> None:
    """They are held, and reviews on other connections are answered as before."""
    port, _ = server
    good = review("certificates", "Certificate", certificate())
    idle = [connect(port) for _ in range(200)]
    began = time.monotonic()
    statuses = [post(port, good)[0] for _ in range(20)]
    took = time.monotonic() - began
    for connection in idle[::50]:
        connection.sendall(head(len(good)) + good)
        statuses.append(answer(connection)[0])
    for connection in idle:
        connection.close()

    assert statuses == [200] * 24
    assert took < 2 * WITHIN
