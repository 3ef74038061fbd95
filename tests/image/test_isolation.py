"""Where there can be no node, it is said why."""

from __future__ import annotations

from tests.node.isolation import missing


def test_a_user_is_told_that_root_is_needed() -> None:
    assert missing(user=1000) == "a node needs Linux and root"
