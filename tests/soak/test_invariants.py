"""The judges of the soak can say no."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.cluster.pki import CA
from tests.soak.invariants import GONE_WITHIN, REVISION, Invariants
from tests.soak.wanted import lacking

ONE, OTHER = CA("soak").server("a.test"), CA("soak").server("a.test")


def secret(pair: Any = ONE, key: Any = ONE, **metadata: Any) -> dict[str, Any]:
    data = {"tls.crt": base64.b64encode(pair.certificate).decode(), "tls.key": base64.b64encode(key.key).decode()}
    return {"metadata": {"namespace": "n", "name": "s", "uid": "u", "resourceVersion": "7"} | metadata, "data": data}


def request(uid: str, revision: int = 1, owner: str = "o", **rest: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"r-{uid}",
            "namespace": "n",
            "uid": uid,
            "annotations": {REVISION: str(revision)},
            "ownerReferences": [{"name": "c", "uid": owner, "controller": True}],
            **rest,
        }
    }


def test_a_torn_pair_is_seen() -> None:
    """A whole one, and a Secret with neither, are none."""
    invariants = Invariants()
    invariants.changed("Secret", secret(), gone=False)
    invariants.changed("Secret", secret() | {"data": {"tls.crt": "", "tls.key": ""}}, gone=False)
    assert invariants.breaches == []

    invariants.changed("Secret", secret(key=OTHER), gone=False)

    assert invariants.breaches == ["Secret n/s at version 7: the key does not belong to the certificate"]


def test_two_live_requests_of_a_revision_are_seen() -> None:
    invariants = Invariants()
    invariants.changed("CertificateRequest", request("1"), gone=False)

    invariants.changed("CertificateRequest", request("2"), gone=False)

    assert len(invariants.breaches) == 1
    assert len(invariants.repeated()) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(request("2", revision=2), id="of another revision"),
        pytest.param(request("2", owner="p"), id="of another Certificate"),
        pytest.param(request("2", deletionTimestamp="2026-01-01T00:00:00Z"), id="on its way out"),
        pytest.param(
            request("2") | {"status": {"conditions": [{"type": "Ready", "reason": "Failed"}]}}, id="that has failed"
        ),
    ],
)
def test_a_request_beside_one(other: dict[str, Any]) -> None:
    invariants = Invariants()
    invariants.changed("CertificateRequest", request("1"), gone=False)

    invariants.changed("CertificateRequest", other, gone=False)

    assert invariants.breaches == []


@pytest.mark.parametrize("how", ["deleted", "missing in a list"])
def test_a_request_after_one_that_is_gone(how: str) -> None:
    """Not two at a time, but two were made."""
    invariants = Invariants()
    invariants.changed("CertificateRequest", request("1"), gone=False)
    if how == "deleted":
        invariants.changed("CertificateRequest", request("1"), gone=True)

    if how == "deleted":
        invariants.changed("CertificateRequest", request("2"), gone=False)
    else:
        invariants.listed("CertificateRequest", [request("2")])

    assert invariants.breaches == []
    assert len(invariants.repeated()) == 1


def test_what_lingers_is_seen() -> None:
    now = 0.0
    invariants = Invariants(lambda: now)
    leaving = secret(deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["foregroundDeletion"])
    invariants.changed("Secret", leaving, gone=False)
    now = GONE_WITHIN + 1
    assert invariants.lingering() == ["Secret n/s is still being deleted"]

    invariants.changed("Secret", leaving, gone=True)

    assert invariants.lingering() == []
    assert invariants.breaches == []


def test_a_finalizer_is_seen() -> None:
    invariants = Invariants()

    invariants.changed("Secret", secret(finalizers=["acme.example.test/finalizer"]), gone=False)

    assert invariants.breaches == ["Secret n/s has the finalizer acme.example.test/finalizer"]


def certificate(*conditions: dict[str, Any], generation: int = 2, names: str = "a.test", **status: Any) -> Any:
    ready = {"type": "Ready", "status": "True", "observedGeneration": 2}
    return {
        "metadata": {"generation": generation},
        "spec": {"dnsNames": [names]},
        "status": {"conditions": [*conditions] or [ready], "revision": 1} | status,
    }


@pytest.mark.parametrize(
    ("looked_at", "stored", "revision", "sentence"),
    [
        pytest.param(certificate(), secret(), 1, "", id="well"),
        pytest.param({}, secret(), 1, "there is no Certificate", id="gone"),
        pytest.param(certificate({"type": "Ready", "status": "False", "message": "m"}), {}, 1, "not ready: m", id="m"),
        pytest.param(certificate(generation=3), secret(), 1, "ready at an older generation", id="edited"),
        pytest.param(certificate(), secret(), 2, "at revision 1, and 2 was asked for", id="not renewed"),
        pytest.param(certificate(), {}, 1, "there is no Secret with a certificate", id="robbed"),
        pytest.param(certificate(), secret(key=OTHER), 1, "the key does not belong to the certificate", id="torn"),
        pytest.param(certificate(names="b.test"), secret(), 1, "the certificate has other names", id="other names"),
    ],
)
def test_what_a_certificate_lacks(looked_at: Any, stored: Any, revision: int, sentence: str) -> None:
    assert lacking(looked_at, stored, revision=revision) == sentence
