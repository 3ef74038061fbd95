"""A vendor's API end to end: lexicon, PowerDNS' API (a fake) before a real name server, and a real CA that asks it."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import dns.name
import dns.query
import dns.tsig
import dns.update
import pytest

from tests.cluster import Cluster, Pebble, PebbleSettings, Process
from tests.cluster.named import SECRET as TSIG
from tests.cluster.named import Named
from tests.contract.dns01 import ZONE
from tests.contract.dns01.lexicon import Fake
from tests.contract.dns01.server import Reply, Request
from tests.contract.dns01.vendor import SECRET
from tests.product import Product
from tests.system.nameservers import serving
from tests.system.shop import Shop, eventually

pytestmark = pytest.mark.system


class PowerDNS(Fake):
    """Has the name server say what its records are."""

    def __init__(self, named: Named) -> None:
        super().__init__()
        self._named = named

    def handle(self, request: Request) -> Reply:
        reply = super().handle(request)
        message = dns.update.UpdateMessage(ZONE)
        for name, values in self.sets.items():
            message.delete(dns.name.from_text(name), "TXT")
            for value in values:
                message.add(dns.name.from_text(name), 60, "TXT", f'"{value}"')
        message.use_tsig(dns.tsig.Key("hmac-sha256", TSIG, "hmac-sha256"))
        dns.query.tcp(message, "127.0.0.1", timeout=3, port=self._named.port)
        return reply


@pytest.fixture(scope="module")
def named(cluster: Cluster) -> Iterator[Named]:
    with serving(cluster, "named-lexicon", ZONE) as made:
        yield made


@pytest.fixture(scope="module")
def ca(cluster: Cluster, named: Named) -> Iterator[Pebble]:
    made = cluster.pebble("pebble-lexicon", PebbleSettings(), resolver=named.address)
    yield made
    cluster.stop_pebble(made)


@pytest.fixture(scope="module")
def shim(product: Product, named: Named) -> Iterator[Process]:
    process = product.start_shim(
        "--log-level=debug",
        "--leader-elect=false",
        f"--dns01-recursive-nameservers={named.address}",
        f"--dns01-authoritative-port={named.port}",
    )
    yield process
    process.stop()


@dataclass(frozen=True, slots=True)
class Account:
    """A namespace whose issuer proves names by an account at the vendor."""

    shop: Shop
    vendor: PowerDNS
    ca: Pebble

    def token(self, token: str) -> None:
        data = {"auth_token": base64.b64encode(token.encode()).decode()}
        self.shop.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "powerdns"}, "data": data})

    def certificate(self) -> str:
        """Ask for a wildcard and its apex; return the apex."""
        lexicon = {
            "provider": "powerdns",
            "options": {"pdns_server": self.vendor.url, "ttl": 60},
            "secretRef": {"name": "powerdns"},
        }
        acme = self.shop.product.acme("dns", self.ca) | {"solvers": [{"dns01": {"lexicon": lexicon}}]}
        issuer = {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "dns"}}
        self.shop.apply(issuer | {"spec": {"acme": acme}})
        host = f"{secrets.token_hex(4)}.{ZONE}"
        spec = {"secretName": "site", "dnsNames": [host, f"*.{host}"], "issuerRef": {"name": "dns"}}
        certificate = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "site"}}
        self.shop.apply(certificate | {"spec": spec})
        return host

    def reasons(self) -> str:
        return " ".join(str(one.get("status", {}).get("reason", "")) for one in self.shop.all("Challenge"))


@pytest.fixture
def account(
    product: Product, cluster: Cluster, shim: Process, named: Named, ca: Pebble, namespace: str
) -> Iterator[Account]:
    vendor = PowerDNS(named)
    with vendor.serving():
        yield Account(Shop(product, cluster, namespace), vendor, ca)


def test_a_vendor_of_lexicon_proves_wildcard_and_apex(account: Account) -> None:
    account.token(SECRET)

    host = account.certificate()

    assert set(account.shop.issued("site").leaf.dns_names) == {host, f"*.{host}"}
    eventually(lambda: not account.shop.all("Challenge"), "the Challenges are gone")
    assert not account.vendor.values(f"_acme-challenge.{host}")


def test_a_token_that_is_refused_is_named_and_its_correction_wakes(account: Account) -> None:
    account.token("wrong")
    account.certificate()
    eventually(lambda: 'Secret "powerdns"' in account.reasons(), "the Secret is named")
    assert "correct the options" in account.reasons()

    account.token(SECRET)

    account.shop.issued("site")
