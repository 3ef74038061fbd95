"""Manifests of before and what becomes of them: a corpus with expected files, and what must hold for all of it.

After a change that is meant, write the expected files anew and look at the difference:

    certshim convert -q -f tests/cases/legacy/NAME.yaml -o tests/cases/legacy/today/NAME.yaml 2>/dev/null
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from certs.wanted import Settings
from shim.check.judging import Options, check
from shim.convert.converting import Converted, convert

CASES = Path(__file__).parents[2] / "cases" / "legacy"
NAMES = sorted(path.stem for path in CASES.glob("*.yaml"))
ROOT = Path(__file__).parents[3]


def one(text: str | bytes) -> Converted:
    (result,) = convert([("x.yaml", text.encode() if isinstance(text, str) else text)])
    return result


def told(result: Converted) -> str:
    return "".join(f"{note.line}: {'to do' if note.is_lost else 'changed'}: {note.text}\n" for note in result.notes)


def case(name: str) -> bytes:
    return (CASES / f"{name}.yaml").read_bytes()


def tree(text: str) -> Any:
    return yaml.safe_load(text)


@pytest.mark.parametrize("name", NAMES)
def test_case_of_the_corpus(name: str) -> None:
    """Text and notes, word for word."""
    result = one(case(name))

    assert result.after == (CASES / "today" / f"{name}.yaml").read_text()
    assert told(result) == (CASES / "notes" / f"{name}.txt").read_text()
    assert result.unreadable == []


@pytest.mark.parametrize("name", NAMES)
def test_what_was_converted_passes_the_check(name: str) -> None:
    """Form and rules: the API server would take every object."""
    options = Options(Settings(default_issuer_name="le"))

    found = check([(name, one(case(name)).after.encode())], options)

    assert found
    assert [(result.name, error.sentence) for result in found for error in result.errors] == []


@pytest.mark.parametrize("name", NAMES)
def test_converting_twice_changes_nothing_more(name: str) -> None:
    """Today's manifests come back byte for byte, without a note about what was changed."""
    once = one(case(name)).after

    assert one(once).after == once
    assert told(one(once)) == ""


@pytest.mark.parametrize("name", NAMES)
def test_no_comment_is_lost(name: str) -> None:
    """Each comment of the file is still there, in its order within the document's text."""
    comment = re.compile(r"(?:^|\s)#.*$", re.MULTILINE)
    before, after = case(name).decode(), one(case(name)).after

    assert [words.strip() for words in comment.findall(before)] == [words.strip() for words in comment.findall(after)]


@pytest.mark.parametrize("path", sorted((ROOT / "manifests").rglob("*.yaml")), ids=lambda path: path.name)
def test_manifests_of_today_are_not_touched(path: Path) -> None:
    """Ours, all of them."""
    assert not one(path.read_bytes()).is_changed


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion:   v1\nkind: ConfigMap\ndata:\n    a: |\n      apiVersion: extensions/v1beta1\n",
        "# certmanager.k8s.io/v1alpha1\nreplicas:   3\n",
        "- certmanager.k8s.io/v1alpha1\n-   b\n",
        "apiVersion: extensions/v1beta1\nkind: Deployment\nspec:   {}\n",
        "{{ template }} # no YAML, and nothing of before in it\n",
        "",
    ],
)
def test_what_is_not_ours_is_not_touched(text: str) -> None:
    """Not a byte, although the words of before stand in it."""
    result = one(text)

    assert result.after == text
    assert result.unreadable == []


ISSUER = """\
apiVersion: certmanager.k8s.io/v1alpha1
kind: {kind}
metadata: {{name: le}}
spec:
  acme:
    server: https://ca.example.com/directory
    privateKeySecretRef: {{name: le}}
    http01: {{}}
    dns01: {{providers: [{{name: dns, route53: {{region: eu}}}}]}}
"""
CERTIFICATE = """\
apiVersion: certmanager.k8s.io/v1alpha1
kind: Certificate
metadata: {{name: {name}}}
spec:
  secretName: {name}
  commonName: {name}.example.com
  issuerRef: {{name: le, kind: {kind}}}
  acme: {{config: [{{domains: [{name}.example.com], {config}}}]}}
"""
DNS = "dns01: {provider: dns}"
NGINX = "http01: {ingressClass: nginx}"
TRAEFIK = "http01: {ingressClass: traefik}"


def certificate(name: str, config: str, kind: str = "Issuer") -> str:
    return CERTIFICATE.format(name=name, config=config, kind=kind)


def solvers(*certificates: str, kind: str = "Issuer") -> Any:
    """Return the solvers that an issuer gets when these are in other files."""
    files = [("issuer.yaml", ISSUER.format(kind=kind).encode())]
    files += [(f"{number}.yaml", text.encode()) for number, text in enumerate(certificates)]
    return tree(convert(files)[0].after)["spec"]["acme"]["solvers"]


def http01(name: str) -> Any:
    return {"http01": {"ingress": {"class": name}}}


def test_issuers_and_certificates_are_joined_across_files() -> None:
    """One way of HTTP-01 is for all names; a provider is for those that chose it."""
    assert solvers(certificate("a", NGINX), certificate("b", DNS), certificate("c", DNS)) == [
        http01("nginx"),
        {"selector": {"dnsNames": ["b.example.com", "c.example.com"]}, "dns01": {"route53": {"region": "eu"}}},
    ]


def test_several_ways_of_http01_get_the_names_that_chose_them() -> None:
    """None of them can be for all."""
    first, second, _ = solvers(certificate("a", NGINX), certificate("b", TRAEFIK))

    assert first == {"selector": {"dnsNames": ["a.example.com"]}, **http01("nginx")}
    assert second == {"selector": {"dnsNames": ["b.example.com"]}, **http01("traefik")}


def test_cluster_issuers_are_joined_whatever_the_namespace() -> None:
    """A ClusterIssuer has none."""
    text = certificate("a", NGINX, "ClusterIssuer").replace("{name: a}", "{name: a, namespace: shop}")

    assert solvers(text, kind="ClusterIssuer")[0] == http01("nginx")


def test_a_namespaced_issuer_serves_its_own_namespace_only() -> None:
    """A Certificate of another namespace meant another Issuer of the name: its choice goes into an annotation."""
    text = certificate("a", NGINX).replace("{name: a}", "{name: a, namespace: shop}")

    assert solvers(text)[0] == {"http01": {"ingress": {}}}
    converted = one(text)
    assert tree(converted.after)["metadata"]["annotations"] == {
        "acme.cert-manager.io/http01-override-ingress-class": "nginx"
    }
    assert "says it now" in told(converted)


def test_an_unknown_provider_is_told() -> None:
    """At the Certificate that named it."""
    files = [
        ("issuer.yaml", ISSUER.format(kind="Issuer").encode()),
        ("x.yaml", certificate("a", "dns01: {provider: x}").encode()),
    ]

    assert "Issuer le has no provider x" in told(convert(files)[1])


@pytest.mark.parametrize("kind", ["Certificate", "CertificateRequest", "Order", "Challenge"])
def test_the_group_of_the_issuer_is_todays(kind: str) -> None:
    """Nobody signs for issuers of the group of then."""
    version = "apiVersion: certmanager.k8s.io/v1alpha1"
    spec = "spec: {secretName: x, issuerRef: {name: le, group: certmanager.k8s.io}}"

    after = tree(one(f"{version}\nkind: {kind}\nmetadata: {{name: x}}\n{spec}\n").after)

    assert after["spec"]["issuerRef"] == {"name": "le", "group": "cert-manager.io"}


def test_solvers_of_today_stay_behind_those_of_before() -> None:
    """An issuer could have both."""
    text = (
        ISSUER.format(kind="Issuer")
        + "    solvers: [{selector: {dnsZones: [z.example]}, http01: {ingress: {class: x}}}]\n"
    )

    assert tree(one(text).after)["spec"]["acme"]["solvers"][-1] == {
        "selector": {"dnsZones": ["z.example"]},
        **http01("x"),
    }


def test_items_of_a_typed_list_need_no_type_of_their_own() -> None:
    """What `kubectl get ingresses -o yaml` of old printed for one kind."""
    item = "{spec: {backend: {serviceName: a, servicePort: 80}}}"
    text = f"apiVersion: extensions/v1beta1\nkind: IngressList\nitems: [{item}]\n"

    converted = tree(one(text).after)

    assert converted["apiVersion"] == "networking.k8s.io/v1"
    assert converted["items"] == [{"spec": {"defaultBackend": {"service": {"name": "a", "port": {"number": 80}}}}}]


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_line_ends_stay(ending: str) -> None:
    """A file from Windows stays one."""
    text = ISSUER.format(kind="Issuer").replace("\n", ending)

    after = one(text).after

    assert after.count(ending) == after.count("\n") > 5
    assert ("\r" in after) == (ending == "\r\n")


def test_a_last_line_without_end_stays_one() -> None:
    """No byte is added."""
    assert not one(ISSUER.format(kind="Issuer").rstrip("\n")).after.endswith("\n")


def test_json_stays_json() -> None:
    """With its indentation; numbers stay numbers and text stays text."""
    document = {
        "apiVersion": "certmanager.k8s.io/v1alpha1",
        "kind": "Certificate",
        "metadata": {"name": "x"},
        "spec": {"secretName": "x", "commonName": "80", "keySize": 2048, "isCA": False, "issuerRef": {"name": "x"}},
    }
    text = msgspec.json.format(msgspec.json.encode(document), indent=4).decode()

    after = one(text).after

    spec = msgspec.json.decode(after)["spec"]
    assert spec["commonName"] == "80"
    assert spec["privateKey"] == {"size": 2048, "rotationPolicy": "Never"}
    assert '\n    "kind"' in after


def test_json_in_ascii_is_read() -> None:
    """As Python and Ansible write it: what is beyond the first 65,536 characters is two escapes, and one character."""
    text = json.dumps({"apiVersion": "cert-manager.io/v1alpha2", "kind": "Issuer", "metadata": {"name": "\U0001f600"}})

    result = one(text)

    assert result.unreadable == []
    assert json.loads(result.after)["metadata"]["name"] == "\U0001f600"


@pytest.mark.parametrize(
    ("wrong", "todo"),
    [("metadata: {name: {{ x }}}}", "render templates first"), ("metadata:\n\tname: x", "mend it first")],
)
def test_what_is_no_yaml_is_told_with_what_to_do(wrong: str, todo: str) -> None:
    """Templates are to be rendered; a tab is a mistake."""
    (error,) = one(f"apiVersion: certmanager.k8s.io/v1alpha1\nkind: Issuer\n{wrong}\n").unreadable

    assert todo in str(error)


def test_a_template_is_left_as_it_is_and_told() -> None:
    """The rest of the file is converted."""
    text = "apiVersion: certmanager.k8s.io/v1alpha1\nkind: Issuer\nmetadata: {{ x }}\n---\n" + ISSUER.format(
        kind="Issuer"
    )

    result = one(text)

    assert [error.line for error in result.unreadable] == [3]
    assert result.after.startswith(text[:60])
    assert "solvers:" in result.after


@pytest.mark.parametrize("tail", ["spec: &a {b: *a}\n", "items: &a\n- *a\n", f"spec: {'[' * 300 + ']' * 300}\n"])
def test_abysses_are_left_as_they_are(tail: str) -> None:
    """A value within itself, or endless nesting."""
    result = one(f"apiVersion: certmanager.k8s.io/v1alpha1\nkind: IssuerList\n{tail}")

    assert result.after.endswith(tail)
    assert bool(result.unreadable) == ("[[" in tail)


MERGED = """\
apiVersion: v1
kind: List
items:
- apiVersion: cert-manager.io/v1alpha2
  kind: Certificate
  metadata: {name: a, labels: &labels {app: shop}}
  spec: &spec
    keySize: 4096
    secretName: a
    issuerRef: {name: le}
- apiVersion: cert-manager.io/v1alpha2
  kind: Certificate
  metadata: {name: b, labels: {<<: *labels, tier: web}}
  spec: {secretName: b, commonName: b.example.com, issuerRef: {name: le}}
"""


def test_what_merges_a_mapping_is_converted_around_it() -> None:
    """As long as nothing in the mapping itself changes."""
    result = one(MERGED)

    assert result.unreadable == []
    assert "labels: {<<: *labels, tier: web}" in result.after
    assert "v1alpha2" not in result.after


def test_a_merged_mapping_that_would_change_is_left_as_it_is() -> None:
    """It may mean other things where it is merged: said, with what to do, and the rest of the file is converted."""
    merging = MERGED.replace(
        "  spec: {secretName: b, commonName: b.example.com, issuerRef: {name: le}}", "  spec:\n    <<: *spec"
    )

    result = one(f"{merging}---\n{MERGED}")

    assert [(error.line, "write out what they stand for" in str(error)) for error in result.unreadable] == [(1, True)]
    assert result.after == f"{merging}---\n{one(MERGED).after}"


def test_aliases_of_aliases_take_no_time() -> None:
    """They are written as they were, and not unfolded to compare."""
    laughs = ["  a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    laughs += [f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    text = "\n".join(["apiVersion: certmanager.k8s.io/v1alpha1", "kind: Issuer", "spec:", *laughs, ""])

    assert one(text).after == text.replace("certmanager.k8s.io/v1alpha1", "cert-manager.io/v1")


@pytest.mark.parametrize("mapping", [2, 4])
@pytest.mark.parametrize("dash", [0, 2, 4])
def test_indentation_is_the_authors(mapping: int, dash: int) -> None:
    """Lines that need no change keep theirs, new ones follow it."""
    step, item = " " * mapping, " " * dash
    lines = [
        "apiVersion: extensions/v1beta1",
        "kind: Ingress",
        "metadata:",
        f"{step}name: x",
        "spec:",
        f"{step}rules:",
        f"{step}{item}- http:",
        f"{step}{item}  {step}paths:",
        f"{step}{item}  {step}{item}- backend:",
        f"{step}{item}  {step}{item}  {step}serviceName: a",
        f"{step}{item}  {step}{item}  {step}servicePort: 80",
    ]

    after = one("\n".join(lines) + "\n").after.splitlines()

    assert after[:9] == ["apiVersion: networking.k8s.io/v1", *lines[1:9]]
    assert after[9] == f"{step}{item}  {step}{item}  {step}service:"
    assert after[10] == f"{step}{item}  {step}{item}  {step}{step}name: a"


KEYS = st.sampled_from(
    (
        "metadata",
        "annotations",
        "labels",
        "spec",
        "acme",
        "http01",
        "dns01",
        "providers",
        "config",
        "solvers",
        "rules",
        "http",
    )
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
OLD_KINDS = ("Certificate", "Issuer", "Order", "Challenge", "CertificateRequest")
TYPES = st.sampled_from(
    [
        *(("certmanager.k8s.io/v1alpha1", kind) for kind in OLD_KINDS),
        ("cert-manager.io/v1alpha2", "ClusterIssuer"),
        ("extensions/v1beta1", "Ingress"),
        ("extensions/v1beta1", "IngressList"),
    ]
)


@given(TYPES, VALUES, VALUES)
def test_no_object_makes_it_raise(kind: tuple[str, str], metadata: object, spec: object) -> None:
    """Whatever stands in the fields, there is a file of today, and nothing more to convert in it."""
    document = {"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, "spec": spec, "items": metadata}

    result = one(yaml.safe_dump(document))

    assert one(result.after).after == result.after


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(content: bytes) -> None:
    """What cannot be read is told and left as it was."""
    result = one(b"# certmanager.k8s.io/v1alpha1\n" + content)

    assert result.unreadable or one(result.after).after == result.after
