"""Colours for those who want them."""

from __future__ import annotations

import os

import click


def painted(text: str, colour: str) -> str:
    """Return a text in a colour, unless nobody wants colours (https://no-color.org); click takes them out of pipes."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour, bold=True)
