"""What the responder answers to a question of our own, so that a way to it can be tried while no Challenge waits.

No CA asks for such a token: theirs have at least 22 characters of base64url (RFC 8555 §8.1), and the answer is no
key authorization.
"""

from __future__ import annotations

from typing import Final

PATH: Final = "/.well-known/acme-challenge/certshim.probe"
ANSWER: Final = "certshim"
