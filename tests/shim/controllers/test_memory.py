from __future__ import annotations

from shim.controllers.memory import Memory


def test_notes_are_kept_replaced_taken_and_dropped() -> None:
    """Nothing there is None, and to forget it is fine."""
    memory: Memory[str] = Memory()
    assert memory.get("a") is None
    memory.drop("a")

    memory.put("a", "one")
    memory.put("a", "two")
    assert memory.get("a") == "two"
    assert memory.take("a") == "two"
    assert memory.take("a") is None

    memory.put("a", "three")
    memory.drop("a")
    assert memory.get("a") is None


def test_the_oldest_are_forgotten_first() -> None:
    """What was noted again is young again."""
    memory: Memory[int] = Memory()
    for number in range(50_000):
        memory.put(str(number), number)
    memory.put("0", 0)
    memory.put("more", 1)

    assert memory.get("0") == 0
    assert memory.get("1") is None
    assert memory.get("2") == 2
