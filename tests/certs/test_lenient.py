"""Objects are read as Go reads them: what it takes is judged, what it does not take is a malformed request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.crd import KINDS, Kind
from certs.api.issuer import Issuer
from certs.api.order import Order
from certs.judge import Judge, decode
from certs.lenient import lenient, mended
from certs.rules.findings import Undecodable
from tests.certs.api.filled import CASES, filled
from tests.certs.test_judge import request
from tests.webhook.reviews import RESOURCES, review


def read(kind: Kind, text: str | bytes) -> Any:
    """Return the object as admission reads it."""
    raw = text if isinstance(text, bytes) else text.encode()
    return decode(msgspec.json.Decoder(lenient(kind)), msgspec.Raw(raw))


# Each was tried on cert-manager's webhook.
TAKEN: dict[str, tuple[Kind, str]] = {
    "nothing but a kind": (Certificate, "{}"),
    "unknown fields": (Certificate, '{"spec":{"secretname":"a","unknown":[{}]},"more":1}'),
    "words that no schema knows": (Certificate, '{"spec":{"usages":["x"],"privateKey":{"algorithm":"x"}}}'),
    "nulls for fields of any sort": (
        Certificate,
        '{"metadata":null,"spec":{"secretName":null,"isCA":null,"dnsNames":null,"privateKey":{"size":null}},"status":null}',
    ),
    "nulls in lists": (Issuer, '{"spec":{"acme":{"solvers":[null]},"ca":{"ocspServers":[null]}}}'),
    "nulls in maps": (Certificate, '{"spec":{"secretTemplate":{"labels":{"a":null}}}}'),
    "numbers at the limit": (
        Certificate,
        '{"metadata":{"generation":9223372036854775807},"spec":{"renewBeforePercentage":-2147483648}}',
    ),
    "minus nothing": (Certificate, '{"spec":{"revisionHistoryLimit":-0}}'),
    "times in any zone": (Certificate, '{"status":{"notAfter":"2026-01-02T03:04:05.123456789+02:00"}}'),
    "base64 in lines": (CertificateRequest, '{"spec":{"request":"YWFh\\nYWFh\\r\\n"}}'),
    "the second of two": (Certificate, '{"spec":{"secretName":"a","secretName":"b"}}'),
    "spaces": (Certificate, ' \t\r\n{ "spec" : { } }\n'),
    "any solver configuration": (
        Issuer,
        '{"spec":{"acme":{"solvers":[{"dns01":{"webhook":{"config":[null,{"a":null,"b":1e4}]}}}]}}}',
    ),
}
REFUSED: dict[str, tuple[Kind, str]] = {
    "nothing": (Certificate, ""),
    "null": (Certificate, "null"),
    "a list": (Certificate, "[]"),
    "text": (Certificate, '"x"'),
    "cut off": (Certificate, '{"spec":{'),
    "more behind it": (Certificate, "{} {}"),
    "a number for text": (Certificate, '{"spec":{"secretName":5}}'),
    "text for a number": (Certificate, '{"spec":{"revisionHistoryLimit":"1"}}'),
    "text for a truth": (Certificate, '{"spec":{"isCA":"true"}}'),
    "text for a list": (Certificate, '{"spec":{"dnsNames":"a"}}'),
    "a list for an object": (Certificate, '{"spec":[]}'),
    "an object for text": (Certificate, '{"spec":{"secretName":{}}}'),
    "a number in a list of text": (Certificate, '{"spec":{"dnsNames":[1]}}'),
    "a number in a map of text": (Certificate, '{"metadata":{"labels":{"a":1}}}'),
    "a fraction": (Certificate, '{"spec":{"revisionHistoryLimit":1.5}}'),
    "a whole number written as a fraction": (Certificate, '{"spec":{"revisionHistoryLimit":1.0}}'),
    "a whole number with an exponent": (Certificate, '{"spec":{"revisionHistoryLimit":1e2}}'),
    "beyond 32 bits": (Certificate, '{"spec":{"revisionHistoryLimit":2147483648}}'),
    "beyond 64 bits": (Certificate, '{"spec":{"privateKey":{"size":9223372036854775808}}}'),
    "far beyond 64 bits": (Certificate, f'{{"metadata":{{"generation":{10**30}}}}}'),
    "no number": (Certificate, '{"spec":{"revisionHistoryLimit":NaN}}'),
    "infinity": (Certificate, '{"spec":{"revisionHistoryLimit":Infinity}}'),
    "a date for a time": (Certificate, '{"status":{"notAfter":"2026-01-02"}}'),
    "a time without a zone": (Certificate, '{"status":{"notAfter":"2026-01-02T03:04:05"}}'),
    "no base64": (CertificateRequest, '{"spec":{"request":"a"}}'),
    "base64 with spaces": (CertificateRequest, '{"spec":{"request":"YW Fh"}}'),
    "no duration of a request": (CertificateRequest, '{"spec":{"duration":"soon"}}'),
    "no duration of an order": (Order, '{"spec":{"duration":""}}'),
    "no duration of a Certificate": (Certificate, '{"spec":{"renewBefore":"1"}}'),
    "a number for a duration": (Order, '{"spec":{"duration":3600}}'),
}


def code_of(kind: Kind, text: str) -> int:
    """Return with which code the creation of an object is answered."""
    name = kind.resource.kind
    group, plural = RESOURCES[name]
    body = review(plural, name, {"kind": name}, group=group)
    before, _, after = body.partition(b'"object"')
    _, _, rest = after.partition(b"}")
    asked = request(before + b'"object":{}' + rest)
    return Judge().validate(msgspec.structs.replace(asked, object=msgspec.Raw(text.encode()))).code


@pytest.mark.parametrize(("kind", "text"), TAKEN.values(), ids=TAKEN)
def test_takes(kind: Kind, text: str) -> None:
    """It is judged on its merits."""
    assert code_of(kind, text) in {200, 403}


@pytest.mark.parametrize(("kind", "text"), REFUSED.values(), ids=REFUSED)
def test_refuses(kind: Kind, text: str) -> None:
    """It is no object of its kind."""
    assert code_of(kind, text) == 400


@pytest.mark.parametrize(
    ("kind", "text", "path", "expected"),
    [
        (Certificate, "{}", "spec.secret_name", ""),
        (Certificate, "{}", "spec.issuer_ref.name", ""),
        (Certificate, '{"spec":{"SecretName":"a","secretname":"b"}}', "spec.secret_name", ""),
        (Certificate, '{"spec":{"secretName":"a","secretName":"b"}}', "spec.secret_name", "b"),
        (Certificate, '{"spec":{"secretName":null,"isCA":true}}', "spec.is_ca", True),
        (Certificate, '{"spec":{"dnsNames":[null,"a"]}}', "spec.dns_names", ("", "a")),
        (Certificate, '{"spec":{"secretTemplate":{"labels":{"a":null}}}}', "spec.secret_template.labels", {"a": ""}),
        (Certificate, '{"spec":{"duration":null,"dnsNames":[null]}}', "spec.duration", None),
        (CertificateRequest, '{"spec":{"request":"YWFh\\nYWFh\\n"}}', "spec.request", b"aaaaaa"),
        (
            Certificate,
            '{"status":{"notAfter":"2026-01-02T03:04:05+02:00"}}',
            "status.not_after",
            datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC),
        ),
    ],
)
def test_reads(kind: Kind, text: str, path: str, expected: object) -> None:
    """What is not there is zero; the case of names counts; the last of several counts."""
    value = read(kind, text)
    for name in path.split("."):
        value = getattr(value, name)

    assert value == expected


def test_a_null_member_is_an_empty_one() -> None:
    """In a list of objects too, and what is free keeps its nulls."""
    config = '{"webhook":{"config":[null]}}'
    issuer = read(Issuer, f'{{"spec":{{"acme":{{"solvers":[null,{{"dns01":{config}}}]}},"ca":null}}}}')

    empty, solver = issuer.spec.acme.solvers
    assert (empty.http01, empty.dns01, issuer.spec.ca) == (None, None, None)
    assert solver.dns01.webhook.config == [None]


@pytest.mark.parametrize(("kind", "variant"), CASES)
def test_reads_whatever_the_strict_type_reads(kind: Kind, variant: int) -> None:
    """An object with every field filled is the same to both, and there is nothing to mend in it."""
    sent = filled(kind, variant)

    plain = msgspec.to_builtins(read(kind, msgspec.json.encode(sent)))

    del sent["apiVersion"], sent["kind"]
    assert plain == msgspec.to_builtins(msgspec.convert(sent, kind))
    assert mended(sent, lenient(kind)) == sent


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.resource.kind)
@pytest.mark.parametrize(
    "text",
    [
        b'{"metadata":{"name":"\xff"}}',
        b'{"spec":"\xed\xa0\x80"}',
        b'{"spec":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"more":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b'{"spec":{"secretName":null,"more":' + b"[" * 900 + b"]" * 900 + b"}}",
        b'{"metadata":{"generation":' + b"9" * 100_000 + b"}}",
        b'{"metadata":{"generation":1e999999999}}',
        b"\xef\xbb\xbf{}",
        b"\x00",
    ],
    ids=["utf-8", "surrogate", "lists", "objects", "lists-beside-null", "digits", "exponent", "bom", "zero"],
)
def test_hostile_bytes_are_refused_or_read(kind: Kind, text: bytes) -> None:
    """Nothing but `Undecodable` is raised."""
    try:
        obj = read(kind, text)
    except Undecodable as error:
        said = str(error)
    else:
        said = type(obj).__name__

    assert said == kind.__name__ or said.startswith("cannot read the object: ")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("name", "a", "")), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_a_value_in_the_wrong_place_gets_an_answer(data: st.DataObject) -> None:
    """Whatever stands anywhere in an object: it is read, or refused as malformed."""
    kind, variant = data.draw(st.sampled_from(CASES))
    node = filled(kind, variant)
    place: Any = node
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not place[key] or not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(VALUES)

    try:
        obj = read(kind, msgspec.json.encode(node))
    except Undecodable:
        return
    assert isinstance(obj, kind)
