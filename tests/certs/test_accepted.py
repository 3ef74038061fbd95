"""What admission accepts can be served: every Certificate of an accepted Ingress is accepted itself.

Ingresses are built at random, from values that are right, nearly right and wrong for every annotation of the
table.  They go the whole way: mutation, patch, validation, `certs.wanted`; each Certificate then goes through its own
admission, its schema, and becomes a certificate signing request.
"""

from __future__ import annotations

from typing import Any, cast

import jsonpatch
import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from certs.annotations import CHOOSING, LEGACY, TRANSLATED
from certs.api.admission import AdmissionRequest, AdmissionReview
from certs.api.certificate import KeyAlgorithm, KeyUsage
from certs.api.ingress import Ingress
from certs.api.meta import encode
from certs.completion import mutated, operations
from certs.judge import Judge, decode
from certs.lenient import lenient
from certs.manifests import Manifests
from certs.pki.csr import build_csr
from certs.wanted import Settings, Wanted, certificates, is_wanted
from shim.keys import generate_key
from tests.manifests import CRDS
from tests.webhook.reviews import review

CRD = CRDS / "certificates.cert-manager.io.yaml"
SETTINGS = Settings()
JUDGE = Judge(SETTINGS)
DECODER = msgspec.json.Decoder(lenient(Ingress))
Plain = dict[str, Any]


def schema() -> jsonschema.Draft202012Validator:
    (version,) = yaml.safe_load(CRD.read_text())["spec"]["versions"]
    return jsonschema.Draft202012Validator(version["schema"]["openAPIV3Schema"])


SCHEMA = schema()
KEY = generate_key(KeyAlgorithm.ECDSA)


def request(resource: str, kind: str, obj: Plain, group: str) -> AdmissionRequest:
    return msgspec.json.decode(review(resource, kind, obj, group=group), type=AdmissionReview).request


def plain(value: object) -> Any:
    """Return the value as JSON has it."""
    return msgspec.json.decode(msgspec.json.encode(value))


def admitted(ingress: Plain) -> Plain | None:
    """Return the Ingress as it would be stored, or None when it is refused; before it is filled in as well as after."""
    asked = request("ingresses", "Ingress", ingress, "networking.k8s.io")
    decoded = read(ingress)
    mutation = mutated(decoded, SETTINGS, Manifests(asked.object, asked.old_object))
    patch = operations(decoded, mutation) if mutation is not None else ()
    stored: Any = jsonpatch.JsonPatch(plain(patch)).apply(ingress)
    verdict = JUDGE.validate(request("ingresses", "Ingress", stored, "networking.k8s.io"))

    first = JUDGE.mutate(asked)
    assert first.allowed == verdict.allowed, (first.message, verdict.message)
    if not verdict.allowed:
        return None
    assert first.operations == patch
    again = JUDGE.mutate(request("ingresses", "Ingress", stored, "networking.k8s.io"))
    assert again.operations == (), "mutated twice"
    return cast("Plain", stored)


def read(ingress: Plain) -> Ingress:
    """Return the Ingress as its kind."""
    found: Ingress = decode(DECODER, msgspec.Raw(msgspec.json.encode(ingress)))
    return found


def faults(ingress: Plain) -> list[str]:
    """Return what is wrong with the Certificates of an accepted Ingress; nothing, or admission has let it through."""
    decoded = read(ingress)
    if not is_wanted(decoded, SETTINGS):
        return []
    wanted = certificates(decoded, SETTINGS)
    if not isinstance(wanted, Wanted):
        return [str(wanted)]
    found = [f"skipped: {problem}" for problem in wanted.skipped]
    for certificate in wanted.certificates:
        obj = msgspec.json.decode(encode(certificate))
        verdict = JUDGE.validate(request("certificates", "Certificate", obj, "cert-manager.io"))
        found += [verdict.message] if not verdict.allowed else []
        found += [error.message for error in SCHEMA.iter_errors(obj)]
        build_csr(certificate.spec, KEY)
    return found


LABEL = "x" * 63
HOSTS = st.sampled_from(
    [
        "shop.example.com",
        "Shop.Example.COM",
        "shop.example.com.",
        "www.example.com",
        "*.example.com",
        "*.Example.com.",
        "bücher.example",
        "*.bücher.example",
        "xn--bcher-kva.example",
        "☃.example",
        "_dmarc.example.com",
        "10.0.0.1",
        "2001:db8::1",
        "",
        " ",
        "*",
        "a.*.example.com",
        "-.example.com",
        "a..example.com",
        f"{LABEL}.{LABEL}.{LABEL}.{LABEL[:61]}",  # 253
        f"{LABEL}.{LABEL}.{LABEL}.{LABEL}.com",
        "https://shop.example.com/",
        "localhost",
    ]
)
SECRETS = st.sampled_from(["", "shop-tls", "a", "a.b", "A", "a_b", "-", "x" * 253, "x" * 254, "ü"])
NUMBERS = [
    "1",
    "0",
    "-1",
    "+2",
    "99",
    "100",
    "101",
    "256",
    "384",
    "2048",
    "4096",
    "8193",
    "2147483648",
    "9" * 12,
    "1.5",
]
DURATIONS = ["1h", "59m", "5m", "4m", "2160h", "2159h55m", "1h30m", "90d", "-1h", "0", "1e3h", "9999999h", "2562047h"]
VALUES: dict[str, list[str]] = {
    "common-name": ["shop.example.com", "x" * 64, "x" * 65, "ü" * 33, "a,b"],
    "alt-names": [
        "a.example.com, B.example.com",
        "a.example.com,",
        "10.0.0.1",
        "*.example.com,a.example.com",
        "ü.example",
    ],
    "ip-sans": ["192.0.2.1, 2001:DB8::1", "192.0.2.1,192.0.2.1", "192.0.2.1/24", "fe80::1%eth0", "1.2.3"],
    "email-sans": [
        "a@example.com",
        "a@example.com, b@example.com",
        "A <a@example.com>",
        "a@bücher.example",
        "ü@example.com",
    ],
    "subject-countries": ["DE", "DE,AT", "de", "Germany", "D", "D\0"],
    "subject-serialnumber": ["1", "ü", "x" * 65, "\0"],
    "usages": [",".join(KeyUsage), "server auth", "Server Auth", "any,any", "any,"],
    "private-key-algorithm": ["RSA", "ECDSA", "Ed25519", "rsa"],
    "private-key-encoding": ["PKCS1", "PKCS8", "DER"],
    "private-key-rotation-policy": ["Never", "Always", "never"],
    "secret-template": [
        '{"annotations": {"a": "b"}, "labels": {"c": "d"}}',
        '{"annotations": {"a b": "c"}}',
        '{"annotations": {"cert-manager.io/x": "y"}}',
        '{"annotations": {"cert-manager.io/allow-direct-injection": "true"}}',
        '{"labels": {"a": "b c"}}',
        '{"labels": {"a": "x y", "b/c/d": ""}}',
        '{"labels": {"-": ""}}',
        '{"labels": null}',
        "{}",
        "[]",
    ],
    "profile": ["tlsserver", "a b", "x" * 65, "ü", "\0"],
    "issuer": ["le", "LE", "x" * 300],
    "cluster-issuer": ["le"],
    "issuer-kind": ["Issuer", "ClusterIssuer", "PCA"],
    "issuer-group": ["cert-manager.io", "pca.example.com"],
}
RECORDS = ["A", 'A,"B, Inc."', "A,,B", ",", 'A"B', '""', "x" * 65, "ü", "\0", "A\nB"]
COMMON = ["", " ", "true", "le"]


def values(key: str) -> st.SearchStrategy[str]:
    """Return texts for an annotation, most of them of its kind."""
    name = key.partition("/")[2]
    if name in VALUES:
        own = VALUES[name]
    elif name.startswith("subject-"):
        own = RECORDS
    else:
        own = DURATIONS if name in {"duration", "renew-before"} else NUMBERS
    return st.sampled_from(own) | st.sampled_from(COMMON) | st.text(max_size=8)


KEYS = sorted({annotation.key for annotation in (*CHOOSING, *TRANSLATED)} | set(LEGACY))
TRIGGERS = st.sampled_from(
    [
        {"cert-manager.io/issuer": "le"},
        {"cert-manager.io/cluster-issuer": "le"},
        {"certmanager.k8s.io/cluster-issuer": "le"},
        {"kubernetes.io/tls-acme": "true"},
        {},
    ]
)
ANNOTATIONS = st.builds(
    lambda trigger, others: trigger | dict(others),
    TRIGGERS,
    st.lists(st.sampled_from(KEYS).flatmap(lambda key: st.tuples(st.just(key), values(key))), max_size=3),
)
ENTRY = st.fixed_dictionaries({}, optional={"hosts": st.lists(HOSTS, max_size=4) | st.none(), "secretName": SECRETS})
RULE = st.fixed_dictionaries({}, optional={"host": HOSTS})
INGRESSES: st.SearchStrategy[Plain] = st.builds(
    lambda name, annotations, labels, spec: {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "team", "annotations": annotations, "labels": labels},
        "spec": spec,
    },
    st.sampled_from(["shop", "x" * 253, "a.b"]),
    ANNOTATIONS,
    st.sampled_from([{}, {"app": "shop"}, {"app": ""}]),
    st.fixed_dictionaries(
        {}, optional={"rules": st.lists(RULE, max_size=3), "tls": st.lists(ENTRY, max_size=3) | st.none()}
    ),
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(INGRESSES)
def test_what_is_accepted_can_be_served(ingress: Plain) -> None:
    stored = admitted(ingress)
    event("refused" if stored is None else "accepted")

    assert stored is None or faults(stored) == []


ISSUER = {"cert-manager.io/issuer": "le"}


def ingress(annotations: dict[str, str], *hosts: str, secret: str = "shop-tls") -> Plain:
    """Return an Ingress with an issuer and one entry."""
    tls = [{"hosts": list(hosts) or ["shop.example.com"], "secretName": secret}]
    keys = {f"cert-manager.io/{key}": text for key, text in annotations.items()}
    return {"metadata": {"name": "shop", "annotations": ISSUER | keys}, "spec": {"tls": tls}}


ACCEPTED = [
    pytest.param(
        ingress({}, "*.Example.com", "www.example.com", "10.0.0.1", "BÜCHER.example"), id="hosts of all sorts"
    ),
    pytest.param(ingress({}, f"{LABEL}.{LABEL}.{LABEL}.{LABEL[:61]}"), id="the longest host"),
    pytest.param(ingress({}, secret="x" * 253), id="the longest Secret"),
    pytest.param(ingress({"common-name": "x" * 64}), id="the longest common name"),
    pytest.param(ingress({"secret-template": '{"labels": {"a/b": "c"}, "annotations": {"a": "b c"}}'}), id="template"),
    pytest.param(ingress({"issuer-kind": "PCA", "issuer-group": "pca.example.com"}), id="external issuer"),
    pytest.param(ingress({"subject-countries": "DE,at", "subject-serialnumber": "HRB 1/2"}), id="subject"),
    pytest.param(ingress({"subject-serialnumber": "Nr. 1*_ü"}), id="serial number that is no PrintableString"),
    pytest.param(ingress({"private-key-algorithm": "Ed25519", "private-key-size": "-1"}), id="size of no meaning"),
    pytest.param(ingress({"renew-before-percentage": "1000"}), id="percentage that nobody looks at"),
]
REFUSED = [
    pytest.param(ingress({}, secret="Shop"), "is no name of a Secret", id="Secret in capitals"),
    pytest.param(ingress({}, secret="x" * 254), "is no name of a Secret", id="Secret too long"),
    pytest.param(ingress({"issuer-kind": "PCA"}), "is no kind of cert-manager.io", id="kind without group"),
    pytest.param(ingress({"subject-countries": "Germany"}), "is no country; write its two letters", id="country"),
    pytest.param(ingress({"subject-organizations": "A,,B"}), "has an empty value", id="nothing between commas"),
    pytest.param(ingress({"email-sans": "ü@example.com"}), "is not in ASCII", id="address not in ASCII"),
    pytest.param(
        ingress({"secret-template": '{"labels": {"a": "b c"}}'}), 'has "b c" among its labels; write', id="label"
    ),
    pytest.param(
        ingress({"secret-template": '{"annotations": {"a b": "c"}}'}),
        'has "a b" among its annotations; write',
        id="key",
    ),
]


@pytest.mark.parametrize("obj", ACCEPTED)
def test_the_edge_is_accepted(obj: Plain) -> None:
    stored = admitted(obj)

    assert stored is not None
    assert is_wanted(read(stored), SETTINGS)
    assert faults(stored) == []


@pytest.mark.parametrize(("obj", "message"), REFUSED)
def test_beyond_the_edge_is_told_at_the_ingress(obj: Plain, message: str) -> None:
    """These once got through, and the Certificate was refused, or could not be requested."""
    verdict = JUDGE.validate(request("ingresses", "Ingress", obj, "networking.k8s.io"))

    assert message in verdict.message
    assert all(problem.remedy for problem in verdict.problems)


def test_random_ingresses_are_of_both_sorts() -> None:
    """The property would prove nothing if all of them were refused, or none asked for anything."""
    seen: set[str] = set()

    @settings(max_examples=300, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(INGRESSES)
    def look(ingress: Plain) -> None:
        stored = admitted(ingress)
        if stored is None:
            seen.add("refused")
        elif is_wanted(read(stored), SETTINGS):
            seen.add("served")

    look()

    assert seen == {"refused", "served"}
