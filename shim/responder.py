"""Answers HTTP-01: for every pending Challenge in the store, at any host that leads here.

    GET /.well-known/acme-challenge/<token>   Host: <the challenge's name>   → 200, the key authorization

It keeps nothing of its own, so every replica answers, from the moment at which the Challenge is in its
store.  A token is looked up, for the name that it was given for (RFC 8555 §8.3), and only while a Challenge
with it exists.  To our own question whether a way leads here (`shim.probe`) the answer is fixed.  Everybody on the
internet can come here; `shim.tokenserver` is fit for that.
"""

from __future__ import annotations

from collections.abc import Callable

from certs.api.challenge import Challenge
from certs.route import PREFIX
from shim import probe
from shim.flags import Address
from shim.kube.store import Store
from shim.stores import TOKEN
from shim.tokenserver import READ_WITHIN, Found, TokenServer, without_port

Asked = Callable[[Challenge], None]


def key_authorization(challenges: Store[Challenge], host: str, path: str) -> Challenge | None:
    """Return the Challenge that a request is about, or None.  `host` is the Host header, with or without a port."""
    if not path.startswith(PREFIX):
        return None
    name = without_port(host).lower()
    token = path.removeprefix(PREFIX)
    candidates = challenges.by_index(TOKEN, token) if token else ()
    return next((one for one in candidates if one.spec.dns_name == name and one.spec.type == "HTTP-01"), None)


class Responder(TokenServer):
    """The server of the shim.

    `asked` is called after each answer to GET, which for the CA's request means: its verdict is near.  It is called
    in the loop's thread and must not block.
    """

    def __init__(
        self,
        address: Address,
        challenges: Store[Challenge],
        asked: Asked,
        *,
        read_within: float = READ_WITHIN,
        most_open: int | None = None,
    ) -> None:
        super().__init__(address, self._find, name="responder", read_within=read_within, most_open=most_open)
        self._challenges = challenges
        self._asked = asked

    def _find(self, host: str, path: str) -> Found | None:
        if path == probe.PATH:
            return Found(probe.ANSWER.encode())
        challenge = key_authorization(self._challenges, host, path)
        if challenge is None:
            return None
        return Found(challenge.spec.key.encode(), lambda: self._asked(challenge))
