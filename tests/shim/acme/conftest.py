"""A fake CA and gateways to it, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from certs.api.certificate import KeyAlgorithm
from certs.pki.keys import PrivateKeyPEM, encode_key
from shim.acme.gateway import Gateway
from shim.acme.signing import AccountKey
from shim.acme.transport import Exchange, Settings, Transport, Trust
from shim.keys import generate_key
from tests.fakes.acme import FakeCA

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def key_pem() -> PrivateKeyPEM:
    return encode_key(generate_key(KeyAlgorithm.ECDSA))


@pytest.fixture
def ca() -> Iterator[FakeCA]:
    with FakeCA() as server:
        yield server


@pytest.fixture
def exchanges() -> list[Exchange]:
    return []


@pytest.fixture
def settings(exchanges: list[Exchange]) -> Settings:
    return Settings(
        user_agent="certshim/test",
        connect_seconds=2.0,
        total_seconds=5.0,
        now=lambda: NOW,
        observe=exchanges.append,
        environment_proxies={},
    )


@pytest.fixture
def transport(settings: Settings) -> Iterator[Transport]:
    made = Transport(Trust(), settings)
    yield made
    made.close()


@pytest.fixture
def connect(ca: FakeCA, key_pem: PrivateKeyPEM, transport: Transport) -> Callable[[], Gateway]:
    """Return a maker of gateways that know no account yet."""
    return lambda: Gateway(ca.url, AccountKey(key_pem), transport)


@pytest.fixture
def gateway(connect: Callable[[], Gateway]) -> Gateway:
    """A gateway with a registered account."""
    made = connect()
    made.register("ops@example.org")
    return made
