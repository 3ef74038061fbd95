"""Lines and pages."""

from __future__ import annotations

import json
import time
from itertools import chain

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.api.core import SecretMetadata, Service
from shim.kube.errors import KubeError
from shim.kube.wire import KindDecoder, Lines, Unreadable


@given(st.lists(st.binary(max_size=8)), st.binary(max_size=8))
def test_lines_do_not_depend_on_the_chunks(chunks: list[bytes], rest: bytes) -> None:
    """However a stream is cut into chunks, the same lines come out."""
    lines = Lines()
    stream = b"".join(chunks) + rest
    found = [line for chunk in [*chunks, rest] for line in lines.feed(chunk)]

    assert found == stream.split(b"\n")[:-1]


def test_a_long_line_in_small_chunks_costs_no_more_than_its_length() -> None:
    """Two hundred thousand chunks of one line are joined once, not at every chunk."""
    lines = Lines()
    began = time.process_time()
    for _ in range(200_000):
        assert list(lines.feed(b"x" * 10)) == []
    (line,) = lines.feed(b"\n")

    assert len(line) == 2_000_000
    assert time.process_time() - began < 2


def test_a_line_without_end_is_refused() -> None:
    """No server can fill our memory with one line."""
    lines = Lines()

    with pytest.raises(KubeError, match="more than"):
        list(chain.from_iterable(lines.feed(b"x" * 1024 * 1024) for _ in range(100)))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"metadata":{"resourceVersion":"1"},"items":null}', id="null"),
        pytest.param(b'{"metadata":{"resourceVersion":"1"}}', id="absent"),
        pytest.param(b'{"metadata":{"resourceVersion":"1"},"items":[]}', id="empty"),
    ],
)
def test_a_list_may_have_no_items(body: bytes) -> None:
    """Go writes an empty list in three ways."""
    listed = KindDecoder(Service).page(body)

    assert (listed.metadata.resource_version, listed.objects, listed.unreadable) == ("1", (), ())


def test_an_unreadable_item_is_told_apart() -> None:
    """The others are decoded, and its name and the reason are known."""
    items = [{"metadata": {"name": "good"}}, {"metadata": {"name": "bad", "namespace": "shop"}, "spec": 1}, "nothing"]
    listed = KindDecoder(Service).page(json.dumps({"metadata": {}, "items": items}).encode())

    assert [obj.metadata.name for obj in listed.objects] == ["good"]
    assert [(bad.metadata.namespace, bad.metadata.name) for bad in listed.unreadable] == [("shop", "bad"), ("", "")]
    assert "spec" in listed.unreadable[0].error


def test_what_is_no_list_is_an_error() -> None:
    """A page of HTML is not an empty list."""
    with pytest.raises(msgspec.DecodeError):
        KindDecoder(Service).page(b"<html>")


def test_an_event_keeps_its_object_raw() -> None:
    """The object of a line is decoded only when its type is known."""
    decoder = KindDecoder(SecretMetadata)
    event = decoder.event(b'{"type":"ADDED","object":{"metadata":{"name":"x","managedFields":[{}]},"data":{"k":"!"}}}')
    obj = decoder.object(event.object)

    assert not isinstance(obj, Unreadable)
    assert obj.metadata.name == "x"
