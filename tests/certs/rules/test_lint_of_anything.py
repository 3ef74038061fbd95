"""Lint takes whatever the API takes: it never fails, and what it suggests is right."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from certs.api.certificate import Certificate
from certs.api.issuer import ClusterIssuer, Issuer
from certs.facts import NothingKnown
from certs.known import FactsOf
from certs.lenient import lenient
from certs.proxies import blockers, displaced
from certs.publicca import lookalike, public_ca
from certs.rules.lint import lint
from certs.rules.rule import NO_POLICY
from tests.certs.test_judge import KINDS

SERVER = "https://acme-v02.api.letsencrypt.org/directory"
LABELS = st.sampled_from(
    [
        "shop",
        "Shop",
        "*",
        "",
        "xn--",
        "xn--lden-loa",
        "ä",
        "İ",
        "a_b",
        "-a",
        "a" * 64,
        "co",
        "uk",
        "org",
        "local",
        "10",
        "::1",
    ]
)
NAMES = st.one_of(
    st.lists(LABELS, min_size=1, max_size=5).map(".".join),
    st.text(max_size=20),
    st.sampled_from(["https://shop.org/x", "shop.org:443", "10.0.0.1", "[::1]", "http://[", " shop.org ", "shop.org."]),
)
SERVERS = st.one_of(
    st.text(max_size=30),
    st.sampled_from([SERVER, f"{SERVER}/", "http://[", "https://[::1]:x/", "https://acme-v02.api.letsencrypt.org:x/"]),
    st.builds(
        lambda url, i, letter: url[:i] + letter + url[i + 1 :], st.just(SERVER), st.integers(0, 45), st.characters()
    ),
)
DURATIONS = st.sampled_from(["1h", "160h", "2160h", "8760h", "-1h", "90d", "", "9223372036s"])
SPECS = st.fixed_dictionaries(
    {
        "secretName": st.text(max_size=8),
        "issuerRef": st.fixed_dictionaries({"name": st.just("le"), "kind": st.just("ClusterIssuer")}),
    },
    optional={
        "dnsNames": st.lists(NAMES, max_size=6),
        "ipAddresses": st.lists(NAMES, max_size=3),
        "commonName": NAMES,
        "literalSubject": st.one_of(st.text(max_size=10), NAMES.map("CN={}".format)),
        "uris": st.lists(st.text(max_size=5), max_size=2),
        "emailAddresses": st.lists(st.text(max_size=5), max_size=2),
        "duration": DURATIONS,
        "renewBefore": DURATIONS,
        "privateKey": st.fixed_dictionaries(
            {},
            optional={
                "algorithm": st.sampled_from(["RSA", "ECDSA", "Ed25519", "DSA", ""]),
                "size": st.integers(-1, 9000),
            },
        ),
    },
)
SELECTORS = st.fixed_dictionaries(
    {},
    optional={
        "dnsNames": st.lists(NAMES, max_size=2),
        "dnsZones": st.lists(NAMES, max_size=2),
        "matchLabels": st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    },
)
SOLVERS = st.fixed_dictionaries(
    {},
    optional={
        "selector": SELECTORS,
        "http01": st.just({"ingress": {}}),
        "dns01": st.just({"rfc2136": {"nameserver": "x"}}),
    },
)
ACMES = st.fixed_dictionaries(
    {"server": SERVERS, "privateKeySecretRef": st.just({"name": "account"})},
    optional={
        "email": st.one_of(st.text(max_size=10), NAMES.map("a@{}".format)),
        "profile": st.text(max_size=12),
        "enableDurationFeature": st.booleans(),
        "solvers": st.lists(SOLVERS, max_size=3),
    },
)


def made(kind: Any, spec: dict[str, Any]) -> Any:
    return msgspec.convert({"metadata": {"name": "le", "namespace": "team"}, "spec": spec}, lenient(kind))


@given(SPECS, ACMES)
def test_it_never_fails_of_a_certificate(spec: dict[str, Any], acme: dict[str, Any]) -> None:
    """And tells each thing with what to do."""
    certificate, issuer = made(Certificate, spec), made(ClusterIssuer, {"acme": acme})
    for facts in (FactsOf([issuer]), NothingKnown()):
        found = lint(certificate, lambda: None, facts, NO_POLICY)

        assert all(problem.remedy and problem.rule for problem in found.warned)
        assert not found.problems


@given(ACMES)
def test_it_never_fails_of_an_issuer(acme: dict[str, Any]) -> None:
    found = lint(made(Issuer, {"acme": acme}), lambda: None, FactsOf([]), NO_POLICY)

    assert all(problem.remedy and problem.rule for problem in found.warned)


@given(NAMES)
def test_a_name_that_is_suggested_is_right(name: str) -> None:
    """Whoever writes what lint says is not told something else."""
    spec = {"secretName": "x", "issuerRef": {"name": "x"}, "dnsNames": [name]}
    for problem in lint(made(Certificate, spec), lambda: None, NothingKnown(), NO_POLICY).warned:
        if problem.remedy.startswith("write ") and problem.rule != "certificate-name-invalid":
            meant = {**spec, "dnsNames": [problem.remedy.removeprefix("write ")]}

            assert not lint(made(Certificate, meant), lambda: None, NothingKnown(), NO_POLICY).warned


@given(SERVERS)
def test_a_server_that_is_suggested_is_right(server: str) -> None:
    meant = lookalike(server)
    if meant is not None:
        assert public_ca(meant) is not None
        assert lookalike(meant) is None


KEYS = st.sampled_from(
    [
        "nginx.ingress.kubernetes.io/server-snippet",
        "nginx.ingress.kubernetes.io/server-alias",
        "nginx.ingress.kubernetes.io/from-to-www-redirect",
        "nginx.org/mergeable-ingress-type",
        "nginx.org/server-snippets",
        "traefik.ingress.kubernetes.io/router.priority",
        "kubernetes.io/ingress.allow-http",
        "kubernetes.io/ingress.class",
    ]
)
TEXTS = st.one_of(st.text(max_size=40), st.text("{};# \nreturn301location~^/.$", max_size=60), st.just("true"))


@given(st.dictionaries(KEYS, TEXTS, max_size=4), st.lists(NAMES, max_size=3))
def test_annotations_of_proxies_are_read_whatever_they_are(annotations: dict[str, str], hosts: list[str]) -> None:
    paths = [{"path": host, "backend": {}} for host in hosts]
    rules = [{"host": host, "http": {"paths": paths}} for host in hosts]
    ingress = msgspec.convert(
        {"metadata": {"name": "web", "annotations": annotations}, "spec": {"rules": rules}}, lenient(KINDS["Ingress"])
    )

    assert all(problem.remedy for problem in (*blockers(ingress), *displaced(ingress, hosts)))
