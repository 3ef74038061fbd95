"""Which certificate is served for a name: a table over TLS entries and Secrets."""

from __future__ import annotations

import base64

import pytest

from tests.cluster.pki import CA, Pair
from tests.cluster.router.certificates import certificates_by_host, choose, pair_of
from tests.cluster.router.objects import TLS, Ingress, IngressSpec, Meta, Rule, Secret, World

_CA = CA("test CA")
_ONE, _TWO, _FAKE = _CA.server("one.test"), _CA.server("two.test"), _CA.server("fake")


def _secret(name: str, certificate: bytes | None, key: bytes | None) -> Secret:
    given = {"tls.crt": certificate, "tls.key": key}
    return Secret(Meta(name, "ns"), {k: base64.b64encode(v).decode() for k, v in given.items() if v is not None})


_SECRETS = (_secret("one", _ONE.certificate, _ONE.key), _secret("two", _TWO.certificate, _TWO.key))


def _ingress(*entries: TLS, hosts: tuple[str, ...] = ()) -> Ingress:
    return Ingress(Meta("web", "ns"), IngressSpec(tls=entries, rules=tuple(Rule(host) for host in hosts)))


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        pytest.param(_SECRETS[0], _ONE, id="good"),
        pytest.param(None, None, id="missing"),
        pytest.param(Secret(Meta("s", "ns")), None, id="no data"),
        pytest.param(_secret("s", _ONE.certificate, None), None, id="no key"),
        pytest.param(_secret("s", _ONE.certificate, _TWO.key), None, id="key of another"),
        pytest.param(_secret("s", b"rubbish", _ONE.key), None, id="rubbish"),
        pytest.param(_secret("s", b"", _ONE.key), None, id="empty"),
        pytest.param(Secret(Meta("s", "ns"), {"tls.crt": "%", "tls.key": "%"}), None, id="not base64"),
    ],
)
def test_secret_has_a_pair(secret: Secret | None, expected: Pair | None) -> None:
    """A certificate and its own key, or nothing."""
    assert pair_of(secret) == expected


@pytest.mark.parametrize(
    ("ingresses", "expected"),
    [
        pytest.param([_ingress(TLS(("a.test",), "one"))], {"a.test": _ONE}, id="host named"),
        pytest.param([_ingress(TLS((), "one"), hosts=("a.test",))], {"a.test": _ONE}, id="hosts of the rules"),
        pytest.param([_ingress(TLS(("a.test",), "none"))], {"a.test": None}, id="fake while missing"),
        pytest.param(
            [_ingress(TLS(("a.test",), "one")), _ingress(TLS(("a.test",), "two"))], {"a.test": _ONE}, id="first has it"
        ),
        pytest.param(
            [_ingress(TLS(("a.test",), "none")), _ingress(TLS(("a.test",), "two"))],
            {"a.test": _TWO},
            id="a good one before a missing one",
        ),
    ],
)
def test_hosts_get_certificates(ingresses: list[Ingress], expected: dict[str, Pair | None]) -> None:
    """The Secret's certificate for each host of the entry; the first Ingress that has a good one wins."""
    assert certificates_by_host(ingresses, World(secrets=_SECRETS)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("a.test", _ONE, id="own"),
        pytest.param("A.Test", _ONE, id="case does not matter"),
        pytest.param("b.test", _TWO, id="wildcard"),
        pytest.param("b.b.test", _FAKE, id="a wildcard is one label"),
        pytest.param("broken.test", _FAKE, id="broken, though a wildcard fits"),
        pytest.param("other.example", _FAKE, id="unknown"),
        pytest.param("", _FAKE, id="no server name"),
    ],
)
def test_name_chooses_its_certificate(name: str, expected: Pair) -> None:
    """The name's own before its wildcard's; the fake one for everything else."""
    assert choose(name, {"a.test": _ONE, "*.test": _TWO, "broken.test": None}, _FAKE) == expected
