"""The glue of DNS-01: values written together, taken out one by one, and whose credentials are used."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from certs.api.challenge import Challenge
from certs.api.issuer import (
    RFC2136,
    AcmeDNS,
    ACMESolver,
    AnyIssuer,
    ClusterIssuer,
    DigitalOcean,
    DNS01Solver,
    DNS01Webhook,
    IssuerSpec,
)
from certs.api.meta import ObjectMeta, SecretKeySelector
from certs.outcomes import Permanent, Transient, WaitingForUser
from shim.controllers.secrets import Secrets
from shim.kube.cluster import Cluster
from shim.solvers.dns01 import Change, Credentials, DNSWriter
from shim.solvers.dns01.registry import REGISTRY, provider
from shim.solvers.dns01.rfc2136 import build
from shim.solvers.dns01.solver import DNS01, DNSSettings, NotYet, StillWorking
from shim.stores import OURS, Stores
from tests.certs.decide.objects import HOST, challenge, issuer, secret
from tests.fakes.dns import Server, World
from tests.shim.conftest import Put

ADDRESS = "127.0.0.2"
NAME, ZONE = f"_acme-challenge.{HOST}", "example.org"
TSIG = SecretKeySelector("tsig", "key")
SOLVER = ACMESolver(dns01=DNS01Solver(rfc2136=RFC2136(nameserver="192.0.2.53", tsig_secret_secret_ref=TSIG)))


@dataclass(slots=True)
class Written:
    """Records what it is told, after asking for its credentials as vendors do."""

    changes: list[Change] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    ambient: list[bool] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)
    inside: int = 0
    failure: Exception | None = None

    def build(self, solver: DNS01Solver, credentials: Credentials) -> DNSWriter:
        assert solver.rfc2136 is not None
        self.ambient.append(credentials.ambient)
        self.keys.append(credentials.secret(TSIG))
        return self

    def change(self, change: Change) -> None:
        self.inside += 1
        assert self.hold.wait(5)
        self.inside -= 1
        if self.failure is not None:
            raise self.failure
        self.changes.append(change)


@pytest.fixture
def world() -> Iterator[World]:
    """One server for everything: a resolver that is authoritative for the zone."""
    records = {(ZONE, "NS"): [f"ns.{ZONE}."], (f"ns.{ZONE}", "A"): [ADDRESS]}
    with World({ADDRESS: Server(records, zones=(ZONE,))}) as made:
        yield made


@pytest.fixture
def written() -> Written:
    made = Written()
    made.hold.set()
    return made


@pytest.fixture
def woken() -> threading.Event:
    return threading.Event()


@pytest.fixture
def dns01(world: World, written: Written, kube: Cluster, stores: Stores, put: Put, woken: threading.Event) -> DNS01:
    put(secret("tsig", labels=OURS, data={"key": b"the key"}))
    settings = DNSSettings((world.at(ADDRESS),), authoritative_port=world.port)
    secrets = Secrets(stores.secrets, stores.secret_metadata, kube.client)
    namespace: Callable[[AnyIssuer], str] = lambda one: one.metadata.namespace or "web"  # noqa: E731
    return DNS01(
        secrets,
        kube.transport,
        settings,
        namespace,
        registry={"rfc2136": written.build},
        patience=0.2,
        wake=lambda _: woken.set(),
    )


def asked(value: str, uid: str = "", **fields: Any) -> Challenge:
    usual: dict[str, Any] = {"type": "DNS-01", "solver": SOLVER, "key": value}
    one = challenge(**(usual | fields))
    return msgspec.structs.replace(one, metadata=msgspec.structs.replace(one.metadata, uid=uid or f"uid-of-{value}"))


def nobody() -> list[Challenge]:
    return []


def no() -> bool:
    return False


def test_a_value_is_written_once_where_it_belongs(dns01: DNS01, written: Written) -> None:
    dns01.present(asked("a"), issuer(), nobody)
    dns01.present(asked("a"), issuer(), nobody)

    assert written.changes == [Change(ZONE, NAME, add=frozenset(("a",)))]
    assert written.keys == ["the key"]
    assert dns01.is_presented(asked("a"))


def test_values_at_one_name_are_written_together(dns01: DNS01, written: Written) -> None:
    """Whoever is written with another has nothing left to write; who is there already is not written again."""
    dns01.present(asked("a"), issuer(), nobody)
    dns01.present(asked("b"), issuer(), lambda: [asked("a"), asked("c"), asked("d", dns_name="other.example.org")])
    dns01.present(asked("c"), issuer(), nobody)

    assert [change.add for change in written.changes] == [{"a"}, {"b", "c"}]
    assert not dns01.is_presented(asked("d"))


def test_values_are_taken_out_one_by_one(dns01: DNS01, written: Written) -> None:
    dns01.present(asked("a"), issuer(), lambda: [asked("b")])

    dns01.clean_up(asked("a"), issuer(), "", no)

    assert written.changes[1:] == [Change(ZONE, NAME, remove=frozenset(("a",)))]
    assert not dns01.is_presented(asked("a"))
    assert dns01.is_presented(asked("b"))


def test_a_value_that_another_needs_stays(dns01: DNS01, written: Written) -> None:
    dns01.present(asked("a"), issuer(), nobody)

    dns01.clean_up(asked("a"), issuer(), "", lambda: True)

    assert len(written.changes) == 1


def test_who_has_forgotten_takes_out_from_the_challenge_alone(dns01: DNS01, written: Written) -> None:
    dns01.clean_up(asked("a"), issuer(), "", no)

    assert written.changes == [Change(ZONE, NAME, remove=frozenset(("a",)))]


def test_what_was_written_is_taken_out_when_issuer_and_secret_are_gone(dns01: DNS01, written: Written) -> None:
    """As they are in a namespace that goes."""
    dns01.present(asked("a"), issuer(), nobody)

    dns01.clean_up(asked("a"), None, "the issuer is not there", no)

    assert written.changes[1].remove == {"a"}
    assert written.keys == ["the key"]


def test_who_has_forgotten_gets_no_credentials_of_another_issuer(dns01: DNS01, written: Written) -> None:
    with pytest.raises(WaitingForUser, match="not its solver"):
        dns01.clean_up(asked("a"), issuer(), "not its solver", no)

    assert not written.changes
    assert not written.keys


def test_a_failed_change_is_not_presented(dns01: DNS01, written: Written) -> None:
    written.failure = Transient("out of order")
    with pytest.raises(Transient, match="out of order"):
        dns01.present(asked("a"), issuer(), nobody)
    assert not dns01.is_presented(asked("a"))
    written.failure = None

    dns01.present(asked("a"), issuer(), nobody)

    assert dns01.is_presented(asked("a"))


def test_a_worker_does_not_wait_for_a_slow_api(dns01: DNS01, written: Written, woken: threading.Event) -> None:
    """It comes back later for what came of it; a clean-up waits for the change that goes on."""
    written.hold.clear()
    with pytest.raises(StillWorking):
        dns01.present(asked("a"), issuer(), nobody)
    with pytest.raises(StillWorking):
        dns01.clean_up(asked("a"), issuer(), "", no)
    assert not written.changes
    written.hold.set()
    assert woken.wait(5)
    assert dns01.over(asked("a")) == {"present"}

    dns01.present(asked("a"), issuer(), nobody)
    dns01.clean_up(asked("a"), issuer(), "", no)

    assert [(set(change.add), set(change.remove)) for change in written.changes] == [({"a"}, set()), (set(), {"a"})]


def test_a_value_is_looked_for(dns01: DNS01, world: World) -> None:
    with pytest.raises(NotYet, match="not yet propagated"):
        dns01.check(asked("a"))
    world.servers[ADDRESS].records[NAME, "TXT"] = ['"a"']

    dns01.check(asked("a"))


def test_a_cname_is_followed_only_when_the_issuer_says_so(dns01: DNS01, world: World, written: Written) -> None:
    world.servers[ADDRESS].records[NAME, "CNAME"] = [f"x.{ZONE}."]
    assert SOLVER.dns01 is not None
    following = ACMESolver(dns01=msgspec.structs.replace(SOLVER.dns01, cname_strategy="Follow"))

    dns01.present(asked("a"), issuer(), nobody)
    dns01.present(asked("b", solver=following), issuer(), nobody)

    assert [change.name for change in written.changes] == [NAME, f"x.{ZONE}"]


def test_names_that_lead_to_one_target_are_written_one_after_another(
    dns01: DNS01, world: World, written: Written, woken: threading.Event
) -> None:
    """Some vendors replace what they have read, and a value that was lost would be waited for without end."""
    assert SOLVER.dns01 is not None
    solver = ACMESolver(dns01=msgspec.structs.replace(SOLVER.dns01, cname_strategy="Follow"))
    both = [asked(host, solver=solver, dns_name=f"{host}.{ZONE}") for host in ("a", "b")]
    for one in both:
        world.servers[ADDRESS].records[f"_acme-challenge.{one.spec.dns_name}", "CNAME"] = [f"x.{ZONE}."]
    written.hold.clear()

    for one in both:
        with pytest.raises(StillWorking):
            dns01.present(one, issuer(), nobody)
    at_once = written.inside
    written.hold.set()
    for one in both:
        while not dns01.is_presented(one):
            assert woken.wait(5)
            woken.clear()
            with suppress(StillWorking):
                dns01.present(one, issuer(), nobody)

    assert at_once == 1
    assert [change.name for change in written.changes] == [f"x.{ZONE}"] * 2


@pytest.mark.parametrize(
    ("strategy", "provider", "told"),
    [
        pytest.param(None, {}, ["set cnameStrategy: Follow"], id="not followed"),
        pytest.param("Follow", {}, [], id="followed"),
        pytest.param(None, {"rfc2136": None, "acme_dns": AcmeDNS("https://a.test", TSIG)}, [], id="acme-dns"),
    ],
)
def test_a_cname_that_hides_the_value_is_told(
    dns01: DNS01, world: World, strategy: str | None, provider: dict[str, Any], told: list[str]
) -> None:
    """Where the value was written at the name itself; acme-dns writes at the target in any case."""
    world.servers[ADDRESS].records[NAME, "CNAME"] = [f"x.{ZONE}."]
    assert SOLVER.dns01 is not None
    solver = ACMESolver(dns01=msgspec.structs.replace(SOLVER.dns01, cname_strategy=strategy, **provider))

    with pytest.raises(NotYet) as raised:
        dns01.check(asked("a", solver=solver))

    assert re.findall("set cnameStrategy: Follow", str(raised.value)) == told


def test_ambient_credentials_are_for_cluster_issuers(dns01: DNS01, written: Written) -> None:
    """By default: whoever may create an Issuer must not get the process' identity."""
    cluster = ClusterIssuer(ObjectMeta(name="all"), IssuerSpec(acme=issuer().spec.acme))

    dns01.present(asked("a"), issuer(), nobody)
    dns01.present(asked("b"), cluster, nobody)

    assert written.ambient == [False, True]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"other": b"x"}, 'the Secret "web/tsig" with the DNS credentials has no key "key"'),
        ({"key": b"\xff"}, 'the Secret "web/tsig" with the DNS credentials has no text under "key"'),
    ],
    ids=["no key", "no text"],
)
def test_credentials_that_are_missing_are_named(dns01: DNS01, put: Put, data: dict[str, bytes], sentence: str) -> None:
    put(secret("tsig", labels=OURS, data=data))

    with pytest.raises(WaitingForUser, match=sentence):
        dns01.present(asked("a"), issuer(), nobody)


# --- the registry ----------------------------------------------------------------------------

NO_CREDENTIALS = Credentials(secret=lambda ref: ref.name, keys=lambda _: {}, ambient=False, token=lambda *_: "")


def test_a_module_is_found_by_its_field() -> None:
    solver = DNS01Solver(rfc2136=RFC2136(nameserver="192.0.2.53"))

    assert REGISTRY[provider(solver)](solver, NO_CREDENTIALS) == build(solver, NO_CREDENTIALS)


def test_every_provider_of_the_api_has_a_builder() -> None:
    """Webhooks take more than credentials, and are made by the glue."""
    assert provider(DNS01Solver(webhook=DNS01Webhook("a", "b"))) == "webhook"
    assert provider(DNS01Solver(digitalocean=DigitalOcean(TSIG))) in REGISTRY
    with pytest.raises(Permanent, match="names no provider"):
        provider(DNS01Solver())


@pytest.mark.parametrize(
    ("nameserver", "expected"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("192.0.2.53:5353", ("192.0.2.53", 5353)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
        ("2001:db8::53", ("2001:db8::53", 53)),
        ("ns.example.org", ("ns.example.org", 53)),
    ],
)
def test_nameservers_are_read_as_issuers_write_them(nameserver: str, expected: tuple[str, int]) -> None:
    made = build(DNS01Solver(rfc2136=RFC2136(nameserver=nameserver)), NO_CREDENTIALS)

    assert (made.host, made.port) == expected


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        pytest.param({"nameserver": "a b/c"}, "is no host:port", id="nameserver"),
        pytest.param({"tsig_algorithm": "HMACSHA3"}, "HMACSHA3 is none of HMACMD5", id="algorithm"),
        pytest.param({}, "it is not base64", id="key"),
    ],
)
def test_what_cannot_be_used_is_named(config: dict[str, Any], sentence: str) -> None:
    usual: dict[str, Any] = {"nameserver": "192.0.2.53", "tsig_key_name": "k", "tsig_secret_secret_ref": TSIG}
    credentials = Credentials(secret=lambda _: "%%%", keys=lambda _: {}, ambient=False, token=lambda *_: "")

    with pytest.raises(WaitingForUser, match=sentence) as raised:
        build(DNS01Solver(rfc2136=RFC2136(**(usual | config))), credentials)

    assert "%%%" not in str(raised.value)
