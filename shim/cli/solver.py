"""`certshim solver`: answer one HTTP-01 challenge, and nothing else; what runs in the pods of `--acme-http01-mode=pod`.

    GET /.well-known/acme-challenge/<token>   Host: <domain>   → 200, the key authorization
    GET / and /healthz                                         → 200, for whoever probes
    all else                                                   → 404

The pod is given what to answer in its environment: arguments stand in the list of processes, and nothing that comes
of a key should.  It is no secret all the same, since whoever asks for the token gets it (RFC 8555 §8.3).
It reads nothing of the cluster and needs no service account.
"""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Final

import click

from certs.route import PREFIX
from shim import flags
from shim.ending import await_end
from shim.flags import Flag
from shim.tokenserver import Find, Found, TokenServer, without_port

PORT: Final = 8089
ALIVE: Final = ("/", "/healthz")
FLAGS: Final = (
    Flag("domain", "", flags.required, "The name, or address, that is proven"),
    Flag("token", "", flags.required, "The token that the CA gave"),
    Flag("key", "", flags.required, "The key authorization, which is the answer"),
    Flag(
        "listen-address", f":{PORT}", flags.address, "Where to listen; without a host at all addresses of both families"
    ),
)

log = logging.getLogger(__name__)


@click.command("solver")
@flags.options(FLAGS)
def command(**given: str) -> None:
    """Answer one HTTP-01 challenge: what solver pods run.

    Every flag is also an environment variable: --token is CERTSHIM_TOKEN.
    """
    values = flags.read(FLAGS, given)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    ending = threading.Event()
    _set_on_signals(ending)  # the first process of a container is not ended by a signal that it does not handle
    try:
        answer = answering(values["domain"], values["token"], values["key"])
        server = TokenServer(values["listen_address"], answer, name="solver")
    except OSError as error:
        raise click.ClickException(str(error)) from error
    server.start()
    log.info("answering for %s at port %d", values["domain"], server.port)
    await_end(ending)
    server.stop()


def answering(domain: str, token: str, key: str) -> Find:
    """Return what there is to answer: one token at one host, and a word for probes at any."""
    host, path, answer = domain.lower(), PREFIX + token, key.encode()
    first = threading.Event()

    def fetched() -> None:
        if not first.is_set():  # the rest may be anybody, as often as they like
            first.set()
            log.info("the token was fetched for the first time")

    def find(asked_host: str, asked_path: str) -> Found | None:
        if asked_path in ALIVE:
            return Found(b"")
        if asked_path == path and without_port(asked_host).lower() == host:
            return Found(answer, fetched)
        return None

    return find


def _set_on_signals(ending: threading.Event) -> None:
    def end(_signal: int, _frame: FrameType | None) -> None:
        ending.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
