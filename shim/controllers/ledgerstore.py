"""Where ledgers are kept: one ConfigMap for each account, in the cluster resource namespace.

Written behind, some seconds after a change and at the end, so that a thousand orders cost a few writes.  What a killed
process has not written is forgotten: then the CA tells, as it did before there were ledgers.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog

from certs.api.core import ConfigMap
from certs.api.meta import ObjectMeta
from shim.acme.ledgers import AccountAt, Ledgers
from shim.kube.client import Client
from shim.kube.errors import Forbidden, KubeError, NotFound

log: structlog.stdlib.BoundLogger = structlog.get_logger()

MANAGER: Final = "certshim-ledger"
KEY: Final = "used"
EVERY: Final = 5.0  # seconds
SERVER: Final = "acme.certshim.io/server"
ACCOUNT: Final = "acme.certshim.io/account"


def config_map_name(account: AccountAt) -> str:
    """Return the name of an account's ConfigMap."""
    return f"certshim-acme-limits-{hashlib.sha256(' '.join(account).encode()).hexdigest()[:10]}"


class LedgerStore:
    """Reads and writes them; `start` and `stop` once each."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        *,
        every: float = EVERY,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.ledgers = Ledgers(self._load)
        self._client = client
        self._namespace = namespace
        self._every = every
        self._now = now
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what has changed, and end."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _load(self, account: AccountAt) -> str:
        try:
            return self._client.get(ConfigMap, self._namespace, config_map_name(account)).data.get(KEY, "")
        except NotFound:
            return ""
        except Forbidden as error:
            # No reason to order nothing.  Other failures pass, and what is stored must not be written over.
            log.warning("cannot read a ledger; beginning an empty one", account=account.uri, error=str(error))
            return ""

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            self._write()
        self._write()

    def _write(self) -> None:
        for account, text in self.ledgers.take_changed(self._now()).items():
            metadata = ObjectMeta(
                name=config_map_name(account),
                namespace=self._namespace,
                annotations={SERVER: account.server, ACCOUNT: account.uri},
            )
            try:
                self._client.apply(ConfigMap(metadata=metadata, data={KEY: text}), field_manager=MANAGER)
            except KubeError as error:
                log.warning("cannot write a ledger; tried again", account=account.uri, error=str(error))
                self.ledgers.put_back(account)
