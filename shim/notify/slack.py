"""A message as blocks for an incoming webhook of Slack.

Whatever comes from objects is escaped, so that nobody's host name can mention a channel or make a link: in mrkdwn,
`&`, `<` and `>` are what Slack asks to escape.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from certs.decide.incidents import Event
from certs.decide.trouble import Severity
from shim.notify.config import Slack
from shim.notify.credentials import ReadSecret, resolve
from shim.notify.message import Line, Message
from shim.notify.posting import post

LONGEST: Final = 2900  # Slack takes 3000 characters in a section's text


class SlackDelivery:
    """Posts to one incoming webhook."""

    def __init__(self, config: Slack, read_secret: ReadSecret) -> None:
        self._config = config
        self._read_secret = read_secret

    def send(self, message: Message) -> None:
        """Deliver it."""
        url = resolve(self._config.url_from, self._read_secret)
        post(url, msgspec.json.encode(payload(message)), {}, ca_file=self._config.ca_file)


def payload(message: Message) -> dict[str, Any]:
    """Return what is sent: `text` is for notifications, `blocks` for the channel."""
    return {
        "text": escaped(message.subject),
        "unfurl_links": False,
        "blocks": list(_blocks(message)),
    }


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    yield _section(f"{_mark(message)} *{escaped(message.subject)}*\n{escaped(message.since_when)}")
    for line in message.lines:
        yield _section(_paragraph(line))
    if message.remainder:
        yield {"type": "context", "elements": [{"type": "mrkdwn", "text": f"… {message.remainder}"}]}


def _paragraph(line: Line) -> str:
    advice = f"\n*What to do:* {escaped(line.advice)}" if line.advice else ""
    command = f"\n`certshim explain certificate {line.name} -n {line.namespace}`"
    return f"*{escaped(f'{line.namespace}/{line.name}')}*: {escaped(line.text)}"[: LONGEST - 900] + advice + command


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:LONGEST]}}


def _mark(message: Message) -> str:
    if message.event is Event.CLOSED:
        return ":white_check_mark:"
    return ":red_circle:" if message.severity is Severity.CRITICAL else ":warning:"


def escaped(text: str) -> str:
    """Return text in which nothing is a mention or a link.

    >>> escaped("<!channel> now & here")
    '&lt;!channel&gt; now &amp; here'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
