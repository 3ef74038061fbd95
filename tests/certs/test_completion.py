"""What an annotated Ingress gets filled in, as objects and as JSON Patch; and what of it follows the rules."""

from __future__ import annotations

from typing import Any

import jsonpatch
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.annotations import LEGACY
from certs.api.ingress import HTTPIngressRuleValue, Ingress, IngressRule, IngressSpec, IngressTLS
from certs.api.meta import ObjectMeta, to_builtins
from certs.completion import complete
from certs.hosts import stored_host
from certs.manifests import Manifests
from certs.mark import fingerprint, read_mark
from certs.route import SERVICE, challenge_path
from certs.wanted import Settings

ISSUER = {"cert-manager.io/issuer": "le"}
SETTINGS = Settings()


def ingress(
    *tls: IngressTLS,
    hosts: tuple[str, ...] = ("a.example",),
    annotations: dict[str, str] = ISSUER,
    name: str = "shop",
) -> Ingress:
    rules = tuple(IngressRule(host=host) for host in hosts)
    return Ingress(metadata=ObjectMeta(name=name, annotations=annotations), spec=IngressSpec(tls=tls, rules=rules))


def marked(secret: str, *hosts: str, **annotations: str) -> dict[str, str]:
    """Return the annotations of an Ingress of which we filled in the hosts for that Secret."""
    return ISSUER | annotations | {"certshim.io/filled": f"{secret}={fingerprint(hosts)}"}


@pytest.mark.parametrize(
    ("given", "tls"),
    [
        pytest.param(ingress(), [IngressTLS(("a.example",), "shop-tls")], id="only annotated"),
        pytest.param(
            ingress(hosts=("b.example", "", "a.example", "b.example")),
            [IngressTLS(("b.example", "a.example"), "shop-tls")],
            id="hosts of the rules, each once, in order",
        ),
        pytest.param(ingress(hosts=("",)), [], id="no host to fill in"),
        pytest.param(ingress(annotations={}), [], id="not asked for"),
        pytest.param(ingress(annotations={**ISSUER, "certshim.io/tls": "manual"}), [], id="hands off"),
        pytest.param(
            ingress(IngressTLS(("x.example",))), [IngressTLS(("x.example",), "shop-tls")], id="secret name missing"
        ),
        pytest.param(ingress(IngressTLS((), "x")), [IngressTLS(("a.example",), "x")], id="hosts missing"),
        pytest.param(
            ingress(IngressTLS(("a.example",), "x"), IngressTLS(), hosts=("a.example", "b.example")),
            [IngressTLS(("a.example",), "x"), IngressTLS(("b.example",), "shop-tls")],
            id="hosts that no other entry has",
        ),
        pytest.param(
            ingress(IngressTLS(("a.example",)), IngressTLS(("b.example",), "shop-tls"), IngressTLS(("c.example",))),
            [
                IngressTLS(("a.example",), "shop-tls-2"),
                IngressTLS(("b.example",), "shop-tls"),
                IngressTLS(("c.example",), "shop-tls-3"),
            ],
            id="names that no other entry has",
        ),
        pytest.param(
            ingress(IngressTLS(("q.example",), "q")), [IngressTLS(("q.example",), "q")], id="nothing that was written"
        ),
        pytest.param(
            ingress(IngressTLS(("*.a.example", "x.a.example", "*.a.example"), "q")),
            [IngressTLS(("*.a.example", "x.a.example", "*.a.example"), "q")],
            id="nothing that is valid, if redundant",
        ),
        pytest.param(
            ingress(IngressTLS(("A.Example", "a.example.", "*.BÜCHER.example", "a.example"), "q")),
            [IngressTLS(("a.example", "*.xn--bcher-kva.example"), "q")],
            id="what the API server would refuse has another form",
        ),
        pytest.param(
            ingress(IngressTLS(("_A.example", "ü..example", " A.example", "2001:DB8::1"), "q")),
            [IngressTLS(("_A.example", "ü..example", " A.example", "2001:DB8::1"), "q")],
            id="what has no other form is shown as written",
        ),
        pytest.param(
            ingress(IngressTLS(("A.example",), "q"), annotations={**ISSUER, "certshim.io/tls": "manual"}),
            [IngressTLS(("A.example",), "q")],
            id="hands off hosts, too",
        ),
        pytest.param(
            ingress(IngressTLS(("A.example",)), IngressTLS((), "x"), hosts=("a.example", "B.example")),
            [IngressTLS(("a.example",), "shop-tls"), IngressTLS(("b.example",), "x")],
            id="hosts compared in the form that is stored",
        ),
        pytest.param(ingress(name=""), [], id="no name yet"),
        pytest.param(
            ingress(IngressTLS((), "x"), IngressTLS(), name=""),
            [IngressTLS(("a.example",), "x"), IngressTLS()],
            id="no name yet, and nothing that needs one",
        ),
    ],
)
def test_completed(given: Ingress, tls: list[IngressTLS]) -> None:
    assert list(complete(given, SETTINGS).ingress.spec.tls) == tls


SHOP = IngressTLS(("a.example", "b.example"), "shop-tls")
OURS = marked("shop-tls", "a.example", "b.example")
LAST = "kubectl.kubernetes.io/last-applied-configuration"


def with_route(given: Ingress, host: str) -> Ingress:
    """Return the Ingress while it carries the challenge of a host, behind the rules of others."""
    paths = HTTPIngressRuleValue((challenge_path(SERVICE, "Prefix"),))
    spec = msgspec.structs.replace(given.spec, rules=(*given.spec.rules, IngressRule(host=host, http=paths)))
    return msgspec.structs.replace(given, spec=spec)


@pytest.mark.parametrize(
    ("given", "tls"),
    [
        pytest.param(with_route(ingress(), "x.example"), [IngressTLS(("a.example",), "shop-tls")], id="only annotated"),
        pytest.param(
            with_route(ingress(SHOP, hosts=SHOP.hosts, annotations=OURS), "x.example"), [SHOP], id="hosts of ours"
        ),
        pytest.param(
            with_route(ingress(IngressTLS((), "x")), "x.example"), [IngressTLS(("a.example",), "x")], id="no hosts"
        ),
    ],
)
def test_the_rule_of_a_challenge_asks_for_nothing(given: Ingress, tls: list[IngressTLS]) -> None:
    """It is there for some seconds, for a Certificate of whoever names the Ingress."""
    assert list(complete(with_route(given, "x.example"), SETTINGS).ingress.spec.tls) == tls


@pytest.mark.parametrize(
    ("given", "tls"),
    [
        pytest.param(
            ingress(SHOP, hosts=("b.example", "c.example", "a.example"), annotations=OURS),
            [IngressTLS(("a.example", "b.example", "c.example"), "shop-tls")],
            id="a host more, the others in their places",
        ),
        pytest.param(
            ingress(SHOP, hosts=("b.example",), annotations=OURS),
            [IngressTLS(("b.example",), "shop-tls")],
            id="one less",
        ),
        pytest.param(ingress(SHOP, hosts=("b.example", "a.example"), annotations=OURS), [SHOP], id="rules that moved"),
        pytest.param(ingress(SHOP, hosts=("",), annotations=OURS), [SHOP], id="no host any more"),
        pytest.param(
            ingress(
                SHOP, IngressTLS(("b.example",), "b"), hosts=("a.example", "b.example", "c.example"), annotations=OURS
            ),
            [IngressTLS(("a.example", "c.example"), "shop-tls"), IngressTLS(("b.example",), "b")],
            id="a host that another entry has now",
        ),
        pytest.param(
            ingress(IngressTLS((), "x"), SHOP, hosts=("a.example", "b.example", "c.example"), annotations=OURS),
            [IngressTLS((), "x"), IngressTLS(("a.example", "b.example", "c.example"), "shop-tls")],
            id="who had them keeps them",
        ),
        pytest.param(ingress(SHOP, hosts=("c.example",)), [SHOP], id="no mark"),
        pytest.param(
            ingress(IngressTLS(("a.example",), "shop-tls"), hosts=("c.example",), annotations=OURS),
            [IngressTLS(("a.example",), "shop-tls")],
            id="hosts that were edited",
        ),
        pytest.param(
            ingress(IngressTLS(SHOP.hosts), hosts=("c.example",), annotations=OURS),
            [SHOP],
            id="the same hosts, written by somebody who leaves the name to us",
        ),
        pytest.param(
            ingress(IngressTLS(SHOP.hosts, "other"), hosts=("c.example",), annotations=OURS),
            [IngressTLS(SHOP.hosts, "other")],
            id="a Secret that was edited",
        ),
        pytest.param(
            ingress(SHOP, hosts=("c.example",), annotations=OURS | {"certshim.io/tls": "manual"}),
            [SHOP],
            id="hands off",
        ),
        pytest.param(
            ingress(
                SHOP,
                hosts=("c.example",),
                annotations=OURS | {LAST: '{"metadata":{"annotations":{"certshim.io/filled":"x"}}}'},
            ),
            [SHOP],
            id="a mark that was copied into a manifest",
        ),
    ],
)
def test_hosts_that_we_filled_in_follow_the_rules(given: Ingress, tls: list[IngressTLS]) -> None:
    """As long as they are what we wrote, and no manifest writes any."""
    assert list(complete(given, SETTINGS).ingress.spec.tls) == tls


@pytest.mark.parametrize(
    ("given", "mark"),
    [
        pytest.param(ingress(), f"shop-tls={fingerprint(['a.example'])}", id="filled in"),
        pytest.param(ingress(IngressTLS(("x.example",))), None, id="a name alone needs none"),
        pytest.param(
            ingress(IngressTLS(("x.example",), "shop-tls"), annotations=OURS), None, id="edited: the user's for good"
        ),
        pytest.param(ingress(SHOP, annotations=ISSUER | {"certshim.io/filled": "nonsense"}), None, id="no mark at all"),
        pytest.param(
            ingress(SHOP, annotations=OURS | {"certshim.io/tls": "manual"}), OURS["certshim.io/filled"], id="hands off"
        ),
        pytest.param(
            ingress(SHOP, annotations={"certshim.io/filled": "shop-tls=x"}), "shop-tls=x", id="who asks for nothing"
        ),
        pytest.param(
            ingress(SHOP, annotations=OURS | {LAST: '{"metadata":{"annotations":{"certshim.io/filled":"x"}}}'}),
            OURS["certshim.io/filled"],
            id="a manifest's is left to it",
        ),
    ],
)
def test_the_mark_says_what_is_ours(given: Ingress, mark: str | None) -> None:
    assert complete(given, SETTINGS).ingress.metadata.annotations.get("certshim.io/filled") == mark


def manifests(new: dict[str, Any], old: dict[str, Any] | None = None) -> Manifests:
    return Manifests(*(msgspec.Raw(msgspec.json.encode(obj)) for obj in (new, old) if obj is not None))


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param(
            {"annotations": {LAST: '{"spec":{"tls":[{"hosts":["a.example"],"secretName":"shop-tls"}]}}'}},
            id="client side",
        ),
        pytest.param(
            {"managedFields": [{"manager": "x", "operation": "Apply", "fieldsV1": {"f:spec": {"f:tls": {}}}}]},
            id="server side",
        ),
    ],
)
def test_hosts_that_a_manifest_writes_by_now_do_not_follow(metadata: dict[str, Any]) -> None:
    """Who wrote down what we had filled in has it; the mark goes, and the next rule changes nothing."""
    given = ingress(SHOP, hosts=("c.example",), annotations=OURS)

    completed = complete(given, SETTINGS, manifests({"metadata": metadata})).ingress

    assert completed.spec.tls == (SHOP,)
    assert "certshim.io/filled" not in completed.metadata.annotations


def test_what_is_changed_in_hosts_is_told() -> None:
    """The rules are the user's: for them it is only said what the API server would take."""
    given = ingress(IngressTLS(("A.example",), "x"), hosts=("Bücher.example", "b.example"))

    completion = complete(given, SETTINGS)

    assert completion.warnings == (
        "spec.rules[0].host: write xn--bcher-kva.example, the only form that an Ingress takes",
        "spec.tls[0].hosts[0]: stored as a.example, the only form that an Ingress takes",
    )
    assert completion.ingress.spec.rules == given.spec.rules


HOSTS = st.sampled_from(
    ["", "a.example", "b.example", "c.example", "A.example", "b.example.", "ü.example", "*.example"]
)
ENTRIES = st.builds(
    IngressTLS,
    hosts=st.lists(HOSTS.filter(bool), max_size=3).map(tuple),
    secret_name=st.sampled_from(["", "x", "shop-tls"]),
)
MARKS = st.lists(st.sampled_from(["a.example", "b.example", "c.example"]), max_size=2).flatmap(
    lambda hosts: st.sampled_from(["x", "shop-tls", "cert-manager.io/issuer", ""]).map(
        lambda name: {"certshim.io/filled": f"{name}={fingerprint(['le'] if '/' in name else hosts)}"}
    )
)
OTHERS = st.dictionaries(
    st.sampled_from([*LEGACY, *LEGACY.values(), "certshim.io/tls"]),
    st.sampled_from(["le", "true", "manual", ""]),
    max_size=4,
)
ANNOTATIONS = st.builds(lambda mark, others: mark | others, st.just({}) | MARKS, st.just(ISSUER) | OTHERS)
INGRESSES = st.builds(
    lambda tls, hosts, annotations, name: ingress(*tls, hosts=tuple(hosts), annotations=annotations, name=name),
    st.lists(ENTRIES, max_size=3),
    st.lists(HOSTS, max_size=3),
    ANNOTATIONS,
    st.sampled_from(["shop", ""]),
)
NULLED = st.sampled_from(["metadata.annotations", "spec.tls", "spec.rules"])


def raw_of(given: Ingress, nulled: str = "") -> dict[str, Any]:
    """Return the Ingress as JSON, with null where that member would be absent or empty."""
    raw: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(to_builtins(given)))
    parent, _, member = nulled.partition(".")
    if parent and not raw.setdefault(parent, {}).get(member):
        raw[parent][member] = None
    return raw


@given(INGRESSES, NULLED)
def test_operations_lead_to_the_completed_object(given: Ingress, nulled: str) -> None:
    """The patch written by hand does what one of `jsonpatch` does, in no more operations (of which a move is two)."""
    completion = complete(given, SETTINGS)
    operations = msgspec.json.decode(msgspec.json.encode(completion.operations))
    raw, wanted = raw_of(given, nulled), raw_of(completion.ingress, nulled)

    assert jsonpatch.JsonPatch(operations).apply(raw) == wanted
    theirs = [operation["op"] for operation in jsonpatch.make_patch(raw, wanted)]
    assert len(operations) <= len(theirs) + theirs.count("move")


@given(INGRESSES)
def test_completing_twice_changes_nothing_more(given: Ingress) -> None:
    once = complete(given, SETTINGS).ingress

    assert complete(once, SETTINGS).operations == ()


@given(INGRESSES)
def test_nothing_that_was_written_is_changed(given: Ingress) -> None:
    """But hosts that the API server would refuse, and what is ours."""
    mark = read_mark(given.metadata.annotations)
    completed = complete(given, SETTINGS).ingress

    assert completed.spec.rules == given.spec.rules
    for before, after in zip(given.spec.tls, completed.spec.tls, strict=False):
        stored = tuple(map(stored_host, before.hosts))
        ours = before.secret_name in mark
        assert ours or before.hosts in ((), after.hosts) or tuple(dict.fromkeys(stored)) == after.hosts
        assert before.secret_name in ("", after.secret_name)
    for key, value in given.metadata.annotations.items():
        assert key == "certshim.io/filled" or key in mark or completed.metadata.annotations[key] == value


def test_more_hosts_than_any_certificate_has_are_not_mended() -> None:
    """They are shown to the API server as they were written, and cost nothing."""
    given = ingress(IngressTLS(tuple(f"ü{i}.example" for i in range(300)), "x"))

    assert complete(given, SETTINGS).operations == ()


def test_many_entries_without_a_name_take_no_time() -> None:
    """A hundred thousand are named in one pass."""
    given = ingress(*[IngressTLS(("x.example",))] * 100_000)

    completed = complete(given, SETTINGS).ingress

    assert completed.spec.tls[-1].secret_name == "shop-tls-100000"
