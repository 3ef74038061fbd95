"""How a message is delivered: the Protocol, and what goes wrong with it."""

from __future__ import annotations

from typing import Final, Protocol

from shim.notify.message import Message

WITHIN: Final = 15.0  # seconds for each exchange


class NotDelivered(Exception):
    """It was not taken; `str()` says what was attempted, where, and why not, without any credential.

    `final`: this message will never be taken, and is not tried again.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class Delivery(Protocol):
    """One way to somebody."""

    def send(self, message: Message) -> None:
        """Deliver it, or raise NotDelivered or NoCredential; blocks, for a bounded time."""
