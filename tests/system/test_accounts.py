"""The ACME account of an issuer: its key, who shares it, what happens when it changes or goes, and the commands."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from certs.api.certificate import KeyAlgorithm
from certs.pki.keys import encode_key
from shim.acme.accounts import Accounts
from shim.acme.gateway import Gateway
from shim.acme.problems import AccountGone
from shim.acme.signing import AccountKey
from shim.acme.transport import Settings
from shim.keys import generate_key
from tests.cluster import Cluster, PebbleSettings
from tests.cluster.ca import Pebble
from tests.product import CERTSHIM
from tests.system.shop import Shop, eventually

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
ISSUER = "cert-manager.io/issuer"
KEY, NEXT = "tls.key", "tls.key.next"


@pytest.fixture(scope="module")
def other(cluster: Cluster) -> Iterator[Pebble]:
    """A second CA."""
    pebble = cluster.pebble("accounts-other", PebbleSettings())
    yield pebble
    cluster.stop_pebble(pebble)


def test_a_ca_that_nobody_vouches_for_is_used_where_the_issuer_says_so(shop: Shop) -> None:
    """`skipTLSVerify`: an account, and a certificate; without it and without `caBundle` the server is not believed."""
    strict = shop.product.issuer("strict", shop.namespace)
    del strict["spec"]["acme"]["caBundle"]
    lax = shop.product.issuer("lax", shop.namespace)
    del lax["spec"]["acme"]["caBundle"]
    lax["spec"]["acme"]["skipTLSVerify"] = True

    shop.apply(strict)
    shop.apply(lax)

    shop.ready("Issuer", "lax")
    shop.ingress("web", shop.host(), annotations={ISSUER: "lax"})
    assert shop.issued("web-tls").is_pair
    refused = eventually(lambda: shop.condition("Issuer", "strict"), "it is told")
    assert refused["status"] == "False"
    assert "certificate verify failed" in refused["message"].lower(), refused


def certshim(shop: Shop, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `certshim account …` about an issuer of the shop as the admin."""
    flags = ("--kubeconfig", str(shop.cluster.admin), "--namespace", shop.namespace)
    argv: list[str | Path] = [CERTSHIM, "account", *words, *flags]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  our own program


def account(shop: Shop, name: str = "pebble") -> dict[str, str]:
    """Return what the issuer's status says of its account."""
    found = shop.get("Issuer", name) or {}
    said: dict[str, str] = found.get("status", {}).get("acme", {})
    return said


def keys(shop: Shop, name: str = "pebble-account") -> dict[str, bytes]:
    """Return the data of the Secret of an account."""
    data = (shop.get("Secret", name) or {}).get("data", {})
    return {key: base64.b64decode(text) for key, text in data.items()}


def put(shop: Shop, data: dict[str, bytes | None], name: str = "pebble-account") -> None:
    """Change data of the Secret of an account by hand."""
    encoded = {key: None if value is None else base64.b64encode(value).decode() for key, value in data.items()}
    words = ("patch", "secret", name, f"--namespace={shop.namespace}", "--type=merge", "--patch-file=/dev/stdin")
    shop.cluster.kubectl(*words, stdin=json.dumps({"data": encoded}))


def new_key() -> bytes:
    return bytes(encode_key(generate_key(KeyAlgorithm.ECDSA)))


def at_ca(ca: Pebble, key: bytes, uri: str = "") -> Gateway:
    """Return our own way to the CA, with that key."""
    return Accounts(Settings()).gateway(ca.directory_url, key, account_uri=uri, ca_bundle=ca.root_file.read_bytes())


def issues(shop: Shop, issuer: str = "pebble", name: str = "web") -> None:
    """A certificate can be had from the issuer."""
    shop.ingress(name, shop.host(), annotations={ISSUER: issuer})
    assert shop.issued(f"{name}-tls").is_pair


def ready_since(shop: Shop, name: str = "pebble") -> str:
    """Return since when the issuer is ready, without a break."""
    condition = shop.condition("Issuer", name)
    assert condition["status"] == "True"
    return str(condition["lastTransitionTime"])


def hash_of(key: bytes) -> str:
    return AccountKey(key).hash


def test_a_key_is_rotated(shop: Shop, cluster: Cluster) -> None:
    """The account stays, the old key is nobody's, the issuer was ready all the time, and issues as before."""
    shop.issuer()
    issues(shop)
    before, old, since = account(shop), keys(shop)[KEY], ready_since(shop)

    run = certshim(shop, "rotate-key", "pebble")

    assert run.returncode == 0, run.stderr
    assert f"The account is still {before['uri']}." in run.stdout
    after, new = account(shop), keys(shop)
    assert (after["uri"], after["lastPrivateKeyHash"]) == (before["uri"], hash_of(new[KEY]))
    assert list(new) == [KEY]
    assert new[KEY] != old
    assert at_ca(cluster.ca, new[KEY]).find_account().uri == before["uri"]
    with pytest.raises(AccountGone):
        at_ca(cluster.ca, old).find_account()
    issues(shop, name="again")
    assert ready_since(shop) == since
    assert ("AccountKeyChanged", "The ACME account has got another key") in shop.events("Issuer")
    assert old not in run.stdout.encode() + run.stderr.encode()


def test_what_waits_is_asked_for_anew(shop: Shop, cluster: Cluster) -> None:
    """A Challenge that nobody can reach yet holds no change up; afterwards it is answered with the new key."""
    shop.issuer()
    host = shop.host()
    cluster.names.set("set-servfail", host=f"{host}.")
    shop.ingress("web", host, annotations={ISSUER: "pebble"})

    def held_up() -> list[dict[str, Any]]:
        return [one for one in shop.all("Challenge") if "cannot resolve" in one.get("status", {}).get("reason", "")]

    (first,) = eventually(held_up, "the Challenge waits")
    assert certshim(shop, "rotate-key", "pebble").returncode == 0
    (second,) = eventually(lambda: [one for one in held_up() if one["metadata"]["uid"] != first["metadata"]["uid"]], "")
    assert second["spec"]["key"] != first["spec"]["key"]
    cluster.names.set("clear-servfail", host=f"{host}.")

    assert shop.issued("web-tls").is_pair
    assert len(shop.all("Order")) == 1


def test_a_change_that_was_broken_off_is_finished(shop: Shop, cluster: Cluster) -> None:
    """The CA has given the account to the next key, and whoever asked for that is gone."""
    shop.issuer()
    uri, key = account(shop)["uri"], new_key()
    at_ca(cluster.ca, keys(shop)[KEY], uri).change_key(AccountKey(key))

    put(shop, {NEXT: key})

    eventually(lambda: account(shop).get("lastPrivateKeyHash") == hash_of(key), "the issuer knows the key")
    assert keys(shop) == {KEY: key}
    assert account(shop)["uri"] == uri
    issues(shop)


def test_a_next_key_that_cannot_be_used_changes_nothing(shop: Shop, cluster: Cluster) -> None:
    """One that is none, and one that has an account: an event says so, and the issuer stays as it is."""
    shop.issuer()
    before, since, taken = keys(shop)[KEY], ready_since(shop), new_key()
    accounts = Accounts(Settings())
    bundle = cluster.ca.root_file.read_bytes()
    uri = accounts.register(accounts.gateway(cluster.ca.directory_url, taken, ca_bundle=bundle)).uri

    def told(text: str) -> None:
        eventually(lambda: any(text in message for _, message in shop.events("Issuer")), text)

    put(shop, {NEXT: b"no key"})
    told("Account private key is invalid")
    put(shop, {NEXT: taken})
    told(f"has the account {uri} already; put a new key there, or remove it")

    assert keys(shop)[KEY] == before
    issues(shop)
    assert ready_since(shop) == since


def test_issuers_that_share_a_key_change_it_together(shop: Shop, cluster: Cluster, other: Pebble) -> None:
    """Two at one CA, and one at another, where the same key has another account."""
    cas = {"one": cluster.ca, "two": cluster.ca, "three": other}
    for name, ca in cas.items():
        issuer = shop.product.issuer(name, shop.namespace, ca=ca)
        issuer["spec"]["acme"]["privateKeySecretRef"]["name"] = "shared"
        shop.apply(issuer)
        shop.ready("Issuer", name)
    before = {name: account(shop, name)["uri"] for name in cas}
    assert before["one"] == before["two"] != before["three"]

    run = certshim(shop, "rotate-key", "issuer/two")

    assert run.returncode == 0, run.stderr
    key = keys(shop, "shared")[KEY]

    def hashes() -> set[str]:
        return {account(shop, name).get("lastPrivateKeyHash", "") for name in cas}

    eventually(lambda: hashes() == {hash_of(key)}, "all know the key")
    assert {name: account(shop, name)["uri"] for name in cas} == before
    assert at_ca(other, key).find_account().uri == before["three"]


def test_a_key_put_there_by_hand_is_another_account(shop: Shop) -> None:
    """Nobody has told the CA that it is to have the old one."""
    shop.issuer()
    before, key = account(shop)["uri"], new_key()

    put(shop, {KEY: key})

    eventually(lambda: account(shop).get("lastPrivateKeyHash") == hash_of(key), "the issuer knows the key")
    assert account(shop)["uri"] != before
    issues(shop)


def test_a_deleted_key_is_made_anew(shop: Shop) -> None:
    """With an account of its own; nothing else is to be done."""
    shop.issuer()
    before, old = account(shop)["uri"], keys(shop)[KEY]

    shop.delete("Secret", "pebble-account")

    eventually(lambda: keys(shop).get(KEY, old) != old, "another key")
    eventually(lambda: account(shop).get("uri", before) != before, "another account")
    shop.ready("Issuer", "pebble")
    issues(shop)


def test_another_server_is_another_account(shop: Shop, cluster: Cluster, other: Pebble) -> None:
    """The key goes along; at the same CA under another name it finds its account again."""
    shop.issuer()
    before = account(shop)["uri"]

    elsewhere = shop.product.issuer("pebble", shop.namespace, ca=cluster.ca)
    elsewhere["spec"]["acme"]["server"] = cluster.ca.directory_url.replace("127.0.0.1", "localhost")
    shop.apply(elsewhere)
    eventually(lambda: "//localhost:" in account(shop).get("uri", ""), "registered under the other name")
    assert account(shop)["uri"] == before.replace("127.0.0.1", "localhost")

    shop.apply(shop.product.issuer("pebble", shop.namespace, ca=other))
    place = other.directory_url.removesuffix("/dir")
    eventually(lambda: account(shop).get("uri", "").startswith(place), "registered at the other CA")
    issues(shop)


def test_an_account_is_shown(shop: Shop) -> None:
    """What the issuer, the Secret and the CA know of it, and no secret."""
    shop.issuer()

    run = certshim(shop, "show", "pebble")

    assert run.returncode == 0, run.stderr
    key = keys(shop)[KEY]
    for text in (account(shop)["uri"], "valid", "admin@example.test", "RSA, 2048 bits", AccountKey(key).thumbprint):
        assert text in run.stdout
    assert "PRIVATE KEY" not in run.stdout


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("nobody", "there is no issuer nobody, neither in namespace", id="no such issuer"),
        pytest.param("secret/pebble", "write issuer/NAME or clusterissuer/NAME", id="no kind of issuer"),
        pytest.param("own", "own is no ACME issuer, so it has no account", id="of another type"),
    ],
)
def test_what_has_no_account_is_told(shop: Shop, name: str, told: str) -> None:
    spec: dict[str, Any] = {"selfSigned": {}}
    shop.apply({"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "own"}, "spec": spec})

    run = certshim(shop, "show", name)

    assert run.returncode == 1
    assert told in run.stderr


def test_an_account_is_given_up(shop: Shop, cluster: Cluster) -> None:
    """Not without being asked; then the issuer says so, until the Secret is deleted."""
    shop.issuer()
    before = account(shop)["uri"]

    asked = certshim(shop, "deactivate", "pebble")
    assert asked.returncode == 1
    assert at_ca(cluster.ca, keys(shop)[KEY]).find_account().status == "valid"

    run = certshim(shop, "deactivate", "pebble", "--yes")
    assert run.returncode == 0, run.stderr
    assert "The CA says: deactivated." in run.stdout

    def says() -> bool:
        condition = shop.condition("Issuer", "pebble")
        return condition["status"] == "False" and f"the ACME account {before} was deactivated" in condition["message"]

    eventually(says, "the issuer says so")
    shop.delete("Secret", "pebble-account")
    shop.ready("Issuer", "pebble")
    assert account(shop)["uri"] != before
    issues(shop)
