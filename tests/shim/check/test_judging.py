"""Files to results: form and rules together, facts among the files, and what is left unsaid."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.rules.catalogue import CATALOGUE
from certs.rules.rule import Action, Policy
from certs.wanted import Settings
from shim.check.judging import ABSENCE, NEVER_IN_FILES, SEEN, Options, check
from shim.check.results import Finding, Result, tally

INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations:
    cert-manager.io/issuer: le
spec:
  rules:
    - host: shop.example.com
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {service: {name: shop, port: {number: 80}}}
"""
CERTIFICATE = """\
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: shop
spec:
  secretName: shop-tls
  issuerRef: {name: le}
  dnsNames: [shop.example.com]
"""
ISSUER = """\
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: le}
spec:
  acme:
    server: https://ca.internal.example/directory
    privateKeySecretRef: {name: le}
    solvers: [{http01: {ingress: {ingressClassName: nginx}}}]
"""


def results(*texts: str, options: Options | None = None) -> list[Result]:
    files = [(f"{number}.yaml", text.encode()) for number, text in enumerate(texts)]
    return check(files, options or Options())


def only(*texts: str, options: Options | None = None) -> Result:
    (result,) = results(*texts, options=options)
    return result


def told(findings: tuple[Finding, ...]) -> list[tuple[int, str, str]]:
    return [(found.line, found.rule, found.path) for found in findings]


def test_what_is_right_passes_without_a_word() -> None:
    """An annotated Ingress, its issuer and a Certificate of another name."""
    certificate = CERTIFICATE.replace("shop", "other")

    assert [(one.is_allowed, one.errors, one.warnings) for one in results(INGRESS, ISSUER, certificate)] == [
        (True, (), ())
    ] * 3


def test_form_and_rules_are_told_in_one_pass() -> None:
    """A wrong type that is mended, an unknown field, and what a rule says; each on its line."""
    result = only(
        INGRESS.replace("cert-manager.io/issuer: le", "cert-manager.io/isuer: le\n    example.com/on: yes").replace(
            "pathType", "pathtype"
        )
    )

    assert told(result.errors) == [
        (6, "unknown-annotation", "metadata.annotations[cert-manager.io/isuer]"),
        (7, "schema", "metadata.annotations[example.com/on]"),
        (14, "schema", "spec.rules[0].http.paths[0].pathtype"),
    ]
    assert result.errors[1].remedy == 'quote it: "yes"'
    assert result.errors[2].remedy == "did you mean pathType?"


def test_what_form_and_rule_both_find_is_told_once() -> None:
    """A missing issuerRef is the rule's to tell, not the schema's again."""
    result = only(CERTIFICATE.replace("  issuerRef: {name: le}\n", ""))

    assert [(rule, path) for _, rule, path in told(result.errors)] == [("api-certificate", "spec.issuerRef.name")]


def test_what_cannot_be_mended_is_not_judged() -> None:
    """Rules are not asked of an object that is none."""
    result = only(CERTIFICATE.replace("[shop.example.com]", "{a: b}").replace("secretName: shop-tls", "isCA: false"))

    assert {rule for _, rule, _ in told(result.errors)} == {"schema"}


def test_a_key_that_stands_there_twice_is_refused() -> None:
    """On the line of the second, with the line of the first."""
    result = only(CERTIFICATE + "  secretName: other\n")

    assert told(result.errors) == [(9, "schema", "spec.secretName")]
    assert "first in line 6" in result.errors[0].detail


def test_defaults_are_filled_in_before_judging() -> None:
    """As in the API server, the Ingress is judged with spec.tls filled in, in its namespace."""
    result = only(INGRESS, options=Options(namespace="shop"))

    assert (result.is_allowed, result.namespace, result.name) == (True, "shop", "shop")


def test_a_request_gets_the_identity_of_nobody() -> None:
    """What the API server writes is no mistake of the file; only the request itself is judged."""
    request = CERTIFICATE.replace("kind: Certificate", "kind: CertificateRequest")
    request = request.replace("secretName: shop-tls", "request: ''").replace("  dnsNames: [shop.example.com]\n", "")

    assert [path for _, _, path in told(only(request).errors)] == ["spec.request"]


def test_issuers_of_the_files_are_known() -> None:
    """A wildcard that no solver of an issuer among the files can prove is refused."""
    found = results(INGRESS.replace("shop.example.com", '"*.example.com"'), ISSUER)

    assert [rule for _, rule, _ in told(found[0].errors)] == ["host-unprovable"]


def test_what_is_not_among_the_files_is_not_missed() -> None:
    """Unless they are said to be everything."""
    assert only(INGRESS).warnings == ()
    assert [rule for _, rule, _ in told(only(INGRESS, options=Options(complete=True)).warnings)] == ["issuer-not-found"]


def test_collisions_among_the_files_are_told() -> None:
    """A Secret that a hand-written Certificate fills already."""
    named = CERTIFICATE.replace("name: shop\nspec", "name: mine\nspec")

    ingress, _ = results(INGRESS, named)

    assert [rule for _, rule, _ in told(ingress.errors)] == ["secret-owned"]


def test_of_two_that_claim_the_same_the_first_has_it() -> None:
    """The other is told, once."""
    text = INGRESS + "  tls: [{hosts: [shop.example.com], secretName: x}]\n"

    first, second = results(text, text.replace("name: shop\n", "name: other\n", 1))

    assert first.errors == ()
    assert [rule for _, rule, _ in told(second.errors)] == ["secret-owned"]


def test_a_policy_and_a_namespace_choose_the_action() -> None:
    """Settings and the annotation of a Namespace among the files, as in a cluster."""
    typo = INGRESS.replace("cert-manager.io/issuer: le", "cert-manager.io/isuer: le")
    annotations = "{certshim.io/admission: unknown-annotation=off}"
    namespace = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: default, annotations: {annotations}}}\n"
    lax = Options(policy=Policy({"unknown-annotation": Action.WARN}))

    assert [rule for _, rule, _ in told(only(typo, options=lax).warnings)] == ["unknown-annotation"]
    assert results(typo, namespace)[0].errors == ()


def test_the_default_issuer_is_the_webhooks() -> None:
    """`kubernetes.io/tls-acme` needs one."""
    ingress = INGRESS.replace("cert-manager.io/issuer: le", 'kubernetes.io/tls-acme: "true"')

    assert [rule for _, rule, _ in told(only(ingress).errors)] == ["issuer-missing"]
    assert only(ingress, options=Options(Settings(default_issuer_name="le"))).errors == ()


def test_lists_are_opened() -> None:
    """What `kubectl get -o yaml` prints; an item of a typed list may leave out its type."""
    listed = "apiVersion: v1\nkind: List\nitems:\n- " + CERTIFICATE.replace("\n", "\n  ")
    typed = "apiVersion: cert-manager.io/v1\nkind: CertificateList\nitems:\n- metadata: {name: x}\n  spec: {}\n"

    assert only(listed).name == "shop"
    assert [(one.kind, one.place.line) for one in results(typed)] == [("Certificate", 4)]


@pytest.mark.parametrize(
    ("head", "rule", "remedy"),
    [
        ("apiVersion: certmanager.k8s.io/v1alpha1\nkind: Issuer", "legacy-version", "run `certshim convert`"),
        ("apiVersion: cert-manager.io/v1alpha2\nkind: Certificate", "legacy-version", "run `certshim convert`"),
        ("apiVersion: extensions/v1beta1\nkind: Ingress", "legacy-version", "run `certshim convert`"),
        ("apiVersion: networking.k8s.io/v1beta1\nkind: Ingress", "legacy-version", "run `certshim convert`"),
        ("apiVersion: cert-manager.io/v1\nkind: Certficate", "unknown-kind", "did you mean Certificate?"),
        ("apiVersion: cert-manager.io/v1\nkind: Order", "unknown-kind", "write acme.cert-manager.io/v1"),
        ("apiVersion: certmanager.io/v1\nkind: Issuer", "unknown-kind", "did you mean cert-manager.io/v1?"),
        ("apiVersion: cert-manager.io/v2\nkind: Issuer", "unknown-kind", "did you mean cert-manager.io/v1?"),
        ("apiVersion: networking.k8s.io/v1\nkind: Ingres", "unknown-kind", "did you mean Ingress?"),
        ("kind: Certificate\nspec: {}", "unknown-kind", "write cert-manager.io/v1"),
        ("apiVersion: acme.cert-manager.io/v1\nspec: {}", "unknown-kind", "write Order or Challenge"),
    ],
)
def test_types_of_yesterday_and_near_misses_are_told(head: str, rule: str, remedy: str) -> None:
    """What kubectl would answer with `no matches for kind`."""
    result = only(f"{head}\nmetadata: {{name: x}}\n")

    assert [(found.rule, found.remedy) for found in result.errors] == [(rule, remedy)]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: apps/v1\nkind: Deployment\nspec: {unknown: on}\n",
        "apiVersion: networking.k8s.io/v1\nkind: IngressClass\n",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n",
        "apiVersion: config.openshift.io/v1\nkind: Ingress\n",
        "apiVersion: networking.gke.io/v1\nkind: ManagedCertificate\n",
        "apiVersion: v2\nname: chart\n",
        "replicas: 3\n",
        "- a\n- b\n",
        "just text\n",
        "kind: Deployment\nmetadata: {{ .Values.x }}\n",
    ],
)
def test_documents_of_others_are_none_of_our_business(text: str) -> None:
    """They are skipped without a word, templates too when their kind can be seen."""
    assert results(text) == []


@pytest.mark.parametrize(
    "text", ["kind: Ingress\nmetadata: {{ .Values.x }}\n", INGRESS.replace("shop", "'{{ .name }}'")]
)
def test_templates_are_told_to_be_rendered_first(text: str) -> None:
    """Whether YAML stumbles over them or takes them for text."""
    result = only(text)

    assert result.is_unreadable
    assert "helm template" in result.errors[0].remedy


def test_metadata_of_namespaces_and_secrets_is_checked() -> None:
    """Annotations and labels must be text there, too; their data is not looked at."""
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: x, labels: {a: 1}}\ndata: {k: '***'}\n"

    assert told(only(secret).errors) == [(3, "schema", "metadata.labels[a]")]


def test_every_rule_that_asks_for_other_objects_is_sorted() -> None:
    """A new one must say in `shim.check.judging` whether files can answer it, and whether absence in them counts."""
    assert {entry.id for entry in CATALOGUE.values() if entry.needs_facts} == ABSENCE | NEVER_IN_FILES | SEEN


def test_exit_codes() -> None:
    """0 clean or warned, 1 refused, 2 unreadable; strict makes warnings count."""
    clean, refused = results(INGRESS), results(INGRESS.replace("issuer", "isuer"))
    warned = results(INGRESS, options=Options(complete=True))

    assert tally(clean).exit_code(strict=True) == 0
    assert tally(refused).exit_code(strict=False) == 1
    assert tally([*refused, *results("kind: Ingress\na: {{")]).exit_code(strict=False) == 2
    assert [tally(warned).exit_code(strict=strict) for strict in (False, True)] == [0, 1]


FIELDS = ("annotations", "labels", "name", "namespace", "tls", "hosts", "rules", "host", "http", "secretName", "acme")
KEYS = st.sampled_from(FIELDS)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(("le", "a.example")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
KINDS = st.sampled_from(
    [("networking.k8s.io/v1", "Ingress"), ("v1", "Secret"), ("v1", "Namespace")]
    + [("cert-manager.io/v1", kind) for kind in ("Certificate", "Issuer", "ClusterIssuer", "CertificateRequest")]
    + [("acme.cert-manager.io/v1", kind) for kind in ("Order", "Challenge")]
)


@given(KINDS, VALUES, VALUES)
def test_no_object_makes_it_raise(kind: tuple[str, str], metadata: object, spec: object) -> None:
    """Whatever stands in the fields, there is a result with sentences."""
    document = {"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, "spec": spec}

    for result in check([("x", msgspec.json.encode(document))], Options(complete=True)):
        assert all(found.sentence for found in (*result.errors, *result.warnings))
