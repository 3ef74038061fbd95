from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.api.challenge import ChallengeSpec
from certs.api.issuer import ACMESolver
from certs.api.meta import IssuerReference, ObjectMeta
from certs.api.order import OrderSpec
from certs.names import (
    adler32_label,
    challenge_name,
    fnv1,
    hashed_name,
    ingress_secret_name,
    label_problems,
    next_key_secret_name,
    order_name,
    request_name,
    subdomain_problems,
)

ORDER = OrderSpec(request=b"a CSR", issuer_ref=IssuerReference(name="le"), dns_names=("example.com",))
CHALLENGE = ChallengeSpec(
    url="https://ca.test/chall/1",
    authorization_url="https://ca.test/authz/1",
    dns_name="example.com",
    type="HTTP-01",
    token="t0k3n",
    key="t0k3n.thumbprint",
    solver=ACMESolver(),
    issuer_ref=IssuerReference(name="le"),
)
names = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", fullmatch=True)


def test_hash_of_the_incumbent() -> None:
    """The vector of cert-manager's own test gives its name."""
    content = b'{"commonName":"unit.test.jetstack.io","secretName":"","issuerRef":{"name":""}}'

    assert hashed_name("unit.test.jetstack.io", content) == "unit.test.jetstack.io-1683025094"


def test_the_chain_of_names() -> None:
    """The numbers are those that Go's hash/fnv computes over Go's JSON of the same specs."""
    assert order_name("x-1", ORDER) == "x-1-366690321"
    assert challenge_name("x-1-366690321", CHALLENGE) == "x-1-366690321-2017764803"


@pytest.mark.parametrize(
    ("content", "number"),
    [(b"", 0x811C9DC5), (b"a", 0x050C5D7E), (b"foobar", 0x31F0B262)],
    ids=["empty", "a", "foobar"],
)
def test_fnv1(content: bytes, number: int) -> None:
    """The vectors of draft-eastlake-fnv, appendix C."""
    assert fnv1(content) == number


@pytest.mark.parametrize(
    ("certificate", "name"),
    [
        pytest.param("x", "x-7", id="short"),
        pytest.param("x" * 233, "x" * 233 + "-7", id="longest-that-is-kept"),
        pytest.param(
            "x" * 234,
            "x" * 168 + "-5e49947899449e853405aa8c52d35998bcc003fd1299e721f6990b38a698ca6c-7",
            id="cut-and-hashed",
        ),
    ],
)
def test_request_names(certificate: str, name: str) -> None:
    """A name of more than 233 characters is cut and hashed, so that a revision fits behind it."""
    assert request_name(certificate, 7) == name


def test_a_cut_request_name_ends_in_a_letter_or_digit() -> None:
    """A hyphen or dot at the place of the cut is left out."""
    assert request_name("x" * 160 + "-." * 4 + "x" * 80, 1).split("-")[0] == "x" * 160


@given(names, st.integers(1, 2**63 - 1))
def test_request_names_are_object_names(certificate: str, revision: int) -> None:
    """Whatever the Certificate is called and however often it was issued."""
    assert len(request_name(certificate, revision)) <= 253


def test_the_csr_does_not_change_the_name_of_an_order() -> None:
    """A request has one Order; its signature may differ each time it is made."""
    assert order_name("x-1", ORDER) == order_name("x-1", msgspec.structs.replace(ORDER, request=b"another"))


def test_what_is_ordered_changes_the_name_of_an_order() -> None:
    """Another set of names is another Order."""
    assert order_name("x-1", ORDER) != order_name("x-1", msgspec.structs.replace(ORDER, dns_names=("example.org",)))


def test_orders_of_long_request_names_differ() -> None:
    """Two requests whose names agree in the part that is kept do not share an Order."""
    one, other = "x" * 60 + "-1", "x" * 60 + "-2"

    assert order_name(one, ORDER) != order_name(other, ORDER)
    assert order_name(one, ORDER).rpartition("-")[0] == "x" * 52


def test_the_key_does_not_change_the_name_of_a_challenge() -> None:
    """The name is public; the key is the account's."""
    other = msgspec.structs.replace(CHALLENGE, key="another")

    assert challenge_name("x-1-2", CHALLENGE) == challenge_name("x-1-2", other)


@given(names)
def test_hashed_names_are_labels(prefix: str) -> None:
    """They fit where a Service's name fits, when the prefix has no dots."""
    name = challenge_name(prefix, CHALLENGE)

    assert len(name) <= 63
    assert label_problems(name.replace(".", "-")) == []


def test_the_next_key_has_one_name_for_each_issuance() -> None:
    """The same Certificate and revision find the Secret again; another revision or uid does not."""
    x = ObjectMeta(name="x", uid="0c2e")
    made = {
        next_key_secret_name(x, 1),
        next_key_secret_name(x, 1),
        next_key_secret_name(x, 2),
        next_key_secret_name(ObjectMeta(name="x", uid="0c2f"), 1),
    }

    assert len(made) == 3
    assert all(re.fullmatch("x-[bcdfghjklmnpqrstvwxz2456789]{5}", name) for name in made)


@given(names, st.uuids(), st.integers(1, 1000))
def test_names_of_secrets_are_object_names(name: str, uid: object, revision: int) -> None:
    """However long the name of the Certificate or Ingress is."""
    assert len(next_key_secret_name(ObjectMeta(name=name, uid=str(uid)), revision)) <= 253
    assert len(ingress_secret_name(name)) <= 253


@pytest.mark.parametrize("length", [1, 249, 250, 253])
def test_secrets_of_ingresses_end_in_tls(length: int) -> None:
    """Short names are kept whole, long ones cut and made unique."""
    name, other = ingress_secret_name("a" * length), ingress_secret_name("a" * (length - 1) + "b")

    assert name.endswith("-tls")
    assert name != other
    assert (name == "a" * length + "-tls") == (length <= 249)


def test_adler_labels() -> None:
    """The label of a domain is the incumbent's."""
    assert adler32_label("example.com") == "446694490"


@pytest.mark.parametrize(
    ("text", "subdomain", "label"),
    [
        ("shop", True, True),
        ("shop-1", True, True),
        ("1", True, True),
        ("shop.example", True, False),
        ("Shop", False, False),
        ("-shop", False, False),
        ("shop-", False, False),
        ("shop..example", False, False),
        ("shop\n", False, False),
        ("", False, False),
        ("a" * 63, True, True),
        ("a" * 64, True, False),
        ("a" * 254, False, False),
    ],
)
def test_object_names(text: str, subdomain: bool, label: bool) -> None:  # noqa: FBT001  columns of a table
    """RFC 1123 as Kubernetes applies it: a subdomain's labels may be as long as the whole."""
    assert (subdomain_problems(text) == []) is subdomain
    assert (label_problems(text) == []) is label


def test_object_names_are_refused_in_kubernetes_words() -> None:
    """People search for these texts."""
    too_long, malformed = subdomain_problems("Shop" * 64)

    assert too_long == "must be no more than 253 characters"
    assert malformed == (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
        r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )
