"""The context of the moment: swapped while a listener stays, never replaced by a broken pair."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from webhook.authority import make_authority, make_leaf
from webhook.tls import Files, KeyPair, Serving

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AUTHORITY = make_authority(NOW)
FIRST = make_leaf(AUTHORITY, ["localhost"], NOW)
SECOND = make_leaf(AUTHORITY, ["localhost"], NOW)


def served(listening: ssl.SSLContext) -> x509.Certificate:
    """Return the certificate that a handshake in memory gets."""
    client = ssl.create_default_context()
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server)
    theirs = listening.wrap_bio(to_server, to_client, server_side=True)
    done = 0
    while done < 2:
        done = 0
        for side in (ours, theirs):
            try:
                side.do_handshake()
                done += 1
            except ssl.SSLWantReadError:
                continue
    der = ours.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


def test_new_certificate_is_served_at_once_by_the_same_listener() -> None:
    serving = Serving()
    serving.use(FIRST.pair)
    listening = serving.listening_context()
    assert served(listening) == FIRST.certificate

    serving.use(SECOND.pair)

    assert served(listening) == SECOND.certificate


def test_broken_pair_leaves_what_is_served() -> None:
    serving = Serving()
    serving.use(FIRST.pair)

    with pytest.raises(ssl.SSLError):
        serving.use(KeyPair(FIRST.pair.chain, SECOND.pair.key))

    assert served(serving.listening_context()) == FIRST.certificate


def test_placeholder_is_a_problem() -> None:
    serving = Serving()
    serving.use(FIRST.pair, placeholder=True)
    assert serving.problem

    serving.use(FIRST.pair)

    assert not serving.problem


def test_files_are_read_again_only_when_they_change(tmp_path: Path) -> None:
    chain, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    chain.write_bytes(FIRST.pair.chain)
    key.write_bytes(FIRST.pair.key)
    files = Files(chain, key)
    assert files.changed() == FIRST.pair
    assert files.changed() is None

    key.write_bytes(SECOND.pair.key)
    os.utime(key, ns=(1, 1))

    assert files.changed() == KeyPair(FIRST.pair.chain, SECOND.pair.key)
