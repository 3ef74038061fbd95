"""E-mail addresses as certificates carry them (RFC 5280 §4.2.1.6: rfc822Name), in the form that the API accepts."""

from __future__ import annotations

import re

# The address alone: a dot-atom and a domain (RFC 5322 §3.4.1), no display name, no quotes.
_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\]\\.]+(\.[^\s@\"(),:;<>\[\]\\.]+)*@([^\s@\"(),:;<>\[\]\\]+(?<!\.)|\[[0-9.]+\])")


def is_email_address(text: str) -> bool:
    """Is it a bare address, with no display name and no angle brackets?"""
    return _EMAIL.fullmatch(text) is not None
