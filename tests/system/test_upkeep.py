"""The Secret between issuances, on the real API server: what is put right, what others put there, and who owns what."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from bench import traffic
from tests.cluster.audit import Mark
from tests.system.shop import Shop, eventually
from tests.system.test_ca import bootstrap, certificate

pytestmark = pytest.mark.system

NAME = "web-tls"
FAO = "controller.cert-manager.io/fao"
AT_ONCE = 1.0  # seconds; takes 50 ms on an idle machine
LABELLED = {"labels": {"team": "shop"}, "annotations": {"note": "x"}}


def ask(shop: Shop, name: str = NAME, **spec: Any) -> None:
    """Apply a Certificate of the CA issuer, with further fields of its spec."""
    shop.apply(certificate(name, "ca", **({"dnsNames": ["shop.example.test"]} | spec)))


def secret(shop: Shop) -> dict[str, Any]:
    return shop.get("Secret", NAME) or {"metadata": {}}


def metadata(shop: Shop) -> dict[str, Any]:
    found: dict[str, Any] = secret(shop)["metadata"]
    return found


def labels(shop: Shop) -> dict[str, str]:
    return dict(metadata(shop).get("labels", {}))


def settled(shop: Shop, **spec: Any) -> dict[str, Any]:
    """Have a Certificate issued and all tidied up; return its Secret's metadata."""
    bootstrap(shop)
    ask(shop, **spec)
    shop.issued(NAME)
    names = {"root", NAME}
    eventually(lambda: {one["metadata"]["name"] for one in shop.all("Secret")} == names, "the next keys are gone")
    return metadata(shop)


def patch(shop: Shop, manager: str = "somebody", **fields: Any) -> None:
    """Change the Secret as some program does, with an update."""
    shop.cluster.kubectl(
        "patch", "secret", NAME, "-n", shop.namespace, "--type=merge", f"--field-manager={manager}",
        "-p", json.dumps(fields),
    )  # fmt: skip


def put(shop: Shop, manager: str, **fields: Any) -> None:
    """Apply a part of the Secret under a field manager of its own."""
    obj = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME, "namespace": shop.namespace}}
    obj["metadata"] |= fields.pop("metadata", {})
    shop.cluster.kubectl(
        "apply", "--server-side", f"--field-manager={manager}", "-f", "-", stdin=json.dumps(obj | fields)
    )


def soon(look: Callable[[], object], what: str, seconds: float = AT_ONCE) -> None:
    eventually(look, what, seconds)


def applies_of(shop: Shop, mark: Mark) -> int:
    """Return how often the Secret was applied by the shim since the mark."""
    time.sleep(1)  # the audit log's last lines
    mine = (event for event in shop.cluster.audit(mark) if event.object_ref.namespace == shop.namespace)
    return traffic.count(mine).writes["patch", "secrets"]


@pytest.mark.parametrize(
    ("change", "restored"),
    [
        pytest.param({"labels": {"team": "x"}}, "team", id="a template's label has another value"),
        pytest.param({"labels": {"team": None}}, "team", id="a template's label is gone"),
        pytest.param({"annotations": {"note": "y"}}, "note", id="a template's annotation"),
        pytest.param({"labels": {FAO: None}}, FAO, id="our label is gone: the Secret leaves the watch"),
        pytest.param({"labels": {FAO: "false"}}, FAO, id="our label says false"),
        pytest.param({"annotations": {"cert-manager.io/alt-names": None}}, "cert-manager.io/alt-names", id="names"),
        pytest.param(
            {"annotations": {"cert-manager.io/certificate-name": None}},
            "cert-manager.io/certificate-name",
            id="whose it is",
        ),
    ],
)
def test_what_somebody_changes_is_put_right(shop: Shop, change: dict[str, Any], restored: str) -> None:
    """Within the second, with the same certificate, and nothing is told."""
    before = settled(shop, secretTemplate=LABELLED)
    kind = next(iter(change))

    patch(shop, metadata=change)

    soon(lambda: metadata(shop)[kind].get(restored) == before[kind][restored], "it is put right")
    after = metadata(shop)
    assert (after["labels"], after["annotations"]) == (before["labels"], before["annotations"])
    assert (shop.get("Certificate", NAME) or {})["status"]["revision"] == 1
    assert "SecretContested" not in dict(shop.events("Certificate"))


def test_the_template_is_followed_and_others_are_left_alone(shop: Shop) -> None:
    """What leaves the template leaves the Secret; what others put there survives all of it, a new certificate too."""
    settled(shop, secretTemplate=LABELLED)
    theirs = {"labels": {"backup": "daily"}, "annotations": {"seen": "today"}}
    put(shop, "backup", metadata=theirs, data={"notes": base64.b64encode(b"mine").decode()})

    def has(labels: dict[str, str], annotations: dict[str, str]) -> bool:
        there = metadata(shop)
        ours = {key: value for key, value in there["annotations"].items() if not key.startswith("cert-manager.io/")}
        return there["labels"] == labels | {FAO: "true", "backup": "daily"} and ours == annotations | {"seen": "today"}

    assert has({"team": "shop"}, {"note": "x"})
    ask(shop, secretTemplate={"labels": {"tier": "1"}, "annotations": {"note": "z"}})
    soon(lambda: has({"tier": "1"}, {"note": "z"}), "the new template")
    ask(shop)
    soon(lambda: has({}, {}), "no template")
    serial = shop.issued(NAME).chain
    ask(shop, dnsNames=["other.example.test"])
    eventually(lambda: (found := shop.stored(NAME)) is not None and found.chain != serial, "a new certificate")
    assert has({}, {})
    assert base64.b64decode(secret(shop)["data"]["notes"]) == b"mine"


def test_a_settled_secret_is_not_written(shop: Shop) -> None:
    """Not for what others do to their own parts of it."""
    settled(shop, secretTemplate=LABELLED, additionalOutputFormats=[{"type": "DER"}])
    mark = shop.cluster.audit_mark()

    for number in range(3):
        put(shop, "backup", metadata={"annotations": {"seen": str(number)}})
    put(shop, "other", data={"keystore.jks": base64.b64encode(b"theirs").decode()})

    assert applies_of(shop, mark) == 0


def test_a_fight_is_few_writes_and_told_once(shop: Shop) -> None:
    """Somebody who undoes it at once, again and again: three times we are quick, then we wait, and say who it is."""
    settled(shop, secretTemplate=LABELLED)
    mark, over, undone = shop.cluster.audit_mark(), threading.Event(), 0

    def undo() -> None:
        nonlocal undone
        while not over.is_set():
            if labels(shop)["team"] == "shop":
                patch(shop, "gitops", metadata={"labels": {"team": "gitops"}})
                undone += 1
            time.sleep(0.05)

    fighter = threading.Thread(target=undo)
    fighter.start()
    told = eventually(lambda: dict(shop.events("Certificate")).get("SecretContested"), "it is told", 8)
    time.sleep(2)  # in which a loop would write a dozen times
    over.set()
    fighter.join()

    assert 'field manager "gitops"' in told
    assert "label team" in told
    assert undone <= 4
    assert applies_of(shop, mark) <= 4  # the third is tried without force first
    assert shop.condition("Certificate", NAME)["status"] == "True"


def test_a_secret_of_another_type_keeps_it(shop: Shop) -> None:
    """And what else is in it; the label makes it one of ours."""
    bootstrap(shop)
    put(
        shop,
        "owner",
        type="Opaque",
        data={"password": base64.b64encode(b"p").decode()},
        metadata={"labels": {"a": "b"}},
    )
    ask(shop)

    shop.issued(NAME)

    found = secret(shop)
    assert found["type"] == "Opaque"
    assert found["data"].keys() == {"password", "tls.crt", "tls.key", "ca.crt"}
    assert found["metadata"]["labels"] == {"a": "b", FAO: "true"}


def test_an_immutable_secret_is_told_and_its_deletion_lets_it_go_on(shop: Shop) -> None:
    """Once in an event as long as only a format is missing, and in the condition once a certificate is."""
    settled(shop)
    patch(shop, immutable=True)
    ask(shop, additionalOutputFormats=[{"type": "DER"}])
    told = eventually(lambda: dict(shop.events("Certificate")).get("ImmutableSecret"), "an event")
    assert "delete it, and it is made anew at once" in told
    assert shop.condition("Certificate", NAME)["status"] == "True"
    assert shop.condition("Certificate", NAME, "Issuing") == {}

    ask(shop, dnsNames=["other.example.test"])

    eventually(lambda: "immutable" in shop.condition("Certificate", NAME, "Issuing").get("message", ""), "it is told")
    assert len(shop.all("CertificateRequest")) <= 3  # the root's, the first, and the one that cannot be stored
    shop.delete("Secret", NAME)
    eventually(lambda: (one := shop.stored(NAME)) and one.leaf.dns_names == ("other.example.test",), "it goes on", 5)
    shop.ready("Certificate", NAME)
    assert shop.condition("Certificate", NAME, "Issuing") == {}


def test_an_emptied_secret_is_issued_anew(shop: Shop) -> None:
    """Its keys must stay, says the API server, so somebody leaves them empty."""
    settled(shop)
    patch(shop, data={"tls.crt": "", "tls.key": ""})

    eventually(lambda: secret(shop)["data"]["tls.crt"], "a new certificate", 5)

    assert shop.issued(NAME).is_pair


def test_of_two_certificates_with_one_secret_the_other_says_so(shop: Shop) -> None:
    """Once; and when the owner goes, it goes on at once."""
    settled(shop)
    ask(shop, "second", secretName=NAME, dnsNames=["second.example.test"])

    def ready() -> dict[str, Any]:
        return shop.condition("Certificate", "second")

    eventually(lambda: ready().get("reason") == "DuplicateSecretName", "it says so")
    assert f'belongs to Certificate "{NAME}"' in ready()["message"]
    assert ready()["status"] == "False"
    version = (shop.get("Certificate", "second") or {})["metadata"]["resourceVersion"]
    patch(shop, metadata={"labels": {FAO: None}})  # wakes both
    soon(lambda: labels(shop) == {FAO: "true"}, "the owner still looks after it")
    assert (shop.get("Certificate", "second") or {})["metadata"]["resourceVersion"] == version
    assert (shop.stored(NAME) or pytest.fail("gone")).leaf.dns_names == ("shop.example.test",)

    shop.delete("Certificate", NAME)

    shop.ready("Certificate", "second", 5)
    assert (shop.stored(NAME) or pytest.fail("gone")).leaf.dns_names == ("second.example.test",)
