from __future__ import annotations

import msgspec
import pytest

from certs.api.challenge import ChallengeSpec
from certs.api.issuer import (
    RFC2136,
    ACMESolver,
    AzureDNS,
    CloudDNS,
    HTTP01Ingress,
    IngressTemplate,
    PodTemplate,
    Route53,
)
from certs.api.order import OrderSpec
from certs.gojson import SHAPES, challenge_json, go_json, order_json


def test_orders() -> None:
    """All fields in Go's order, the CSR null, the duration in Go's one form."""
    spec = msgspec.json.decode(
        b'{"replaces":"r","profile":"p","duration":"2160h","ipAddresses":["10.0.0.1"],"dnsNames":["b","a"],'
        b'"commonName":"b","issuerRef":{"group":"g","kind":"k","name":"n"},"request":"QQ=="}',
        type=OrderSpec,
    )

    assert order_json(spec) == (
        b'{"request":null,"issuerRef":{"name":"n","kind":"k","group":"g"},"commonName":"b","dnsNames":["b","a"],'
        b'"ipAddresses":["10.0.0.1"],"duration":"2160h0m0s","profile":"p","replaces":"r"}'
    )


def test_orders_leave_out_what_is_empty() -> None:
    """Only the request and the issuer's name are always there."""
    spec = msgspec.json.decode(b'{"request":"QQ==","issuerRef":{"name":"n"}}', type=OrderSpec)

    assert order_json(spec) == b'{"request":null,"issuerRef":{"name":"n"}}'
    assert order_json(spec, "a-long-name-1") == (
        b'{"certificateRequestName":"a-long-name-1","spec":{"request":null,"issuerRef":{"name":"n"}}}'
    )


def challenge(solver: str) -> bytes:
    """Return the JSON of the solver within that of a Challenge."""
    spec = msgspec.json.decode(
        f'{{"url":"u","authorizationURL":"a","dnsName":"d","type":"HTTP-01","token":"t","key":"secret",'
        f'"solver":{solver},"issuerRef":{{"name":"n"}}}}',
        type=ChallengeSpec,
    )
    head = (
        b'{"url":"u","authorizationURL":"a","dnsName":"d","wildcard":false,"type":"HTTP-01","token":"t","key":"",'
        b'"solver":'
    )
    tail = b',"issuerRef":{"name":"n"}}'
    text = challenge_json(spec)
    assert text.startswith(head)
    assert text.endswith(tail)
    return text.removeprefix(head).removesuffix(tail)


@pytest.mark.parametrize(
    ("solver", "expected"),
    [
        pytest.param("{}", "{}", id="empty"),
        pytest.param(
            '{"selector":{},"http01":{"ingress":{}}}', '{"selector":{},"http01":{"ingress":{}}}', id="pointers"
        ),
        pytest.param(
            '{"http01":{"ingress":{"ingressClassName":"","serviceType":"ClusterIP"}},"selector":{"matchLabels":{"b":"1","a":"2"}}}',
            '{"selector":{"matchLabels":{"a":"2","b":"1"}},"http01":{"ingress":{"serviceType":"ClusterIP","ingressClassName":""}}}',
            id="maps-are-sorted",
        ),
        pytest.param(
            '{"http01":{"ingress":{"podTemplate":{},"ingressTemplate":{}}}}',
            '{"http01":{"ingress":{"podTemplate":{"metadata":{},"spec":{}},"ingressTemplate":{"metadata":{}}}}}',
            id="templates-are-never-empty",
        ),
        pytest.param(
            '{"dns01":{"route53":{"region":"r","hostedZoneID":"z"}}}',
            '{"dns01":{"route53":{"secretAccessKeySecretRef":{"name":""},"hostedZoneID":"z","region":"r"}}}',
            id="route53",
        ),
        pytest.param(
            '{"dns01":{"cloudDNS":{"project":"p","serviceAccountSecretRef":{"key":"k","name":"s"}}}}',
            '{"dns01":{"cloudDNS":{"serviceAccountSecretRef":{"name":"s","key":"k"},"project":"p"}}}',
            id="clouddns",
        ),
        pytest.param(
            '{"dns01":{"webhook":{"groupName":"g","solverName":"s","config":{"b":[1,null],"a":"<&>"}}},"waitInsteadOfSelfCheck":"90s"}',
            r'{"dns01":{"webhook":{"groupName":"g","solverName":"s","config":{"a":"\u003c\u0026\u003e","b":[1,null]}}},'
            '"waitInsteadOfSelfCheck":"1m30s"}',
            id="webhook",
        ),
    ],
)
def test_solvers(solver: str, expected: str) -> None:
    """Solvers as Go's structs write them."""
    assert challenge(solver).decode() == expected


def test_a_bad_duration_stays() -> None:
    """A name can be computed of what the webhook did not see."""
    assert challenge('{"waitInsteadOfSelfCheck":"soon"}') == b'{"waitInsteadOfSelfCheck":"soon"}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<a>&", r'"\u003ca\u003e\u0026"'),
        ("\u2028\u2029", r'"\u2028\u2029"'),
        ("\x00\b\f\n\r\t\x1f\x7f", '"\\u0000\\b\\f\\n\\r\\t\\u001f\x7f"'),
        ('"\\', r'"\"\\"'),
        ("é😀", '"é😀"'),
    ],
    ids=["html", "line-separators", "control", "quotes", "unicode"],
)
def test_strings(text: str, expected: str) -> None:
    """Strings escaped as Go escapes them (compared with Go 1.26)."""
    assert go_json(text).decode() == expected


@pytest.mark.parametrize(
    ("field", "struct"),
    [
        ("azureDNS", AzureDNS),
        ("cloudDNS", CloudDNS),
        ("rfc2136", RFC2136),
        ("route53", Route53),
        ("podTemplate", PodTemplate),
        ("ingressTemplate", IngressTemplate),
    ],
)
def test_shapes_name_every_field(field: str, struct: type[msgspec.Struct]) -> None:
    """A field that is added to a struct must find its place in Go's order, or it would be left out of the hash."""
    assert sorted(SHAPES[field]) == sorted(struct.__struct_encode_fields__)


def test_every_shape_is_of_a_field_of_a_solver() -> None:
    """No shape is there for a field that no longer exists."""
    schema = msgspec.json.encode(msgspec.json.schema(ACMESolver)).decode()

    assert HTTP01Ingress.__name__ in schema
    assert all(f'"{field}"' in schema for field in SHAPES)
