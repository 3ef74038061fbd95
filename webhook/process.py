"""One webhook process put together: judge, certificate, readiness, and the threads that keep them.

Everything is made in the worker, after gunicorn has forked: sockets to the API server and threads do
not survive a fork.  The threads only ever change what a review reads by one assignment.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from certs import publicca
from certs.health import Finding, found
from certs.judge import Judge
from shim.kube.errors import KubeError
from webhook import tls
from webhook.app import create_app
from webhook.authority import make_authority, make_leaf
from webhook.metrics import ServingCertificate
from webhook.readiness import Readiness
from webhook.review import Reviewer
from webhook.settings import Settings, own_names
from webhook.site import Site
from webhook.tls import Serving

if TYPE_CHECKING:
    from webhook.surroundings import Surroundings

log = logging.getLogger(__name__)

RETRY_AFTER: Final = timedelta(seconds=1)
FILES_EVERY: Final = timedelta(seconds=1)


class Process:
    """The parts of one worker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self.serving = Serving()
        publicca.prepare()
        self._surroundings = None if settings.standalone else _surroundings(settings)
        facts = self._surroundings.facts if self._surroundings is not None else None
        approver = self._surroundings.approver if self._surroundings is not None else None
        self.reviewer = Reviewer(Judge(settings.ingress, facts, settings.policy), approver=approver)
        self._readiness = Readiness(
            lambda: self.reviewer.tally.reviews,
            lambda: self._surroundings.obstacle if self._surroundings is not None else "",
        )
        flask = create_app(
            self.reviewer,
            healthy=lambda: (found("serving-certificate", self.serving.problem),),
            ready=self._look,
            collectors=(
                ServingCertificate(lambda: self.serving.expires_at),
                *((self._surroundings.collector,) if self._surroundings is not None else ()),
            ),
        )
        self.site = Site(self.reviewer, flask)
        now = datetime.now(UTC)
        own = make_leaf(make_authority(now), own_names(settings), now, timedelta(days=90))
        self.serving.use(own.pair, placeholder=not settings.standalone)

    def start(self) -> None:
        """Start the threads; does not wait for any of them."""
        if self._settings.files is not None:
            files = tls.Files(self._settings.files.chain, self._settings.files.key)
            self._run("serving files", lambda: self._repeat(lambda now: self._use_files(files, now)))
        surroundings = self._surroundings
        if surroundings is None:
            return
        surroundings.start()
        if self._settings.files is None:
            turn = surroundings.turn(self.serving)
            self._run("serving certificate", lambda: self._repeat(turn))
        self._run("readiness", lambda: surroundings.probe(self._readiness, self.serving, self._stopping))

    def stop(self) -> None:
        """Stop the threads; they end within their requests' deadlines, or with the process."""
        self._stopping.set()
        if self._surroundings is not None:
            self._surroundings.stop()

    def _look(self) -> tuple[Finding, ...]:
        """Return what keeps us from being ready, and what does not but is worth a sentence."""
        if self._surroundings is None:
            return (found("serving-certificate", self.serving.problem),)
        return (
            found("serving-certificate", self.serving.problem),
            found("called-by-api-server", self._readiness.problem),
            found("informers", "", otherwise=self._surroundings.remark),
        )

    def _run(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _repeat(self, turn: Callable[[datetime], datetime]) -> None:
        """Take turns until the process stops.  A turn that fails is taken again soon, told once per new reason.

        So is one that a mistake of ours has broken: without turns there would be no certificate in some days.
        """
        told = ""
        while not self._stopping.is_set():
            now = datetime.now(UTC)
            try:
                again, told = turn(now), ""
            except (KubeError, OSError) as error:  # ssl.SSLError is an OSError
                again = now + RETRY_AFTER
                if str(error) != told:
                    told = str(error)
                    log.warning("cannot look after the serving certificate", extra={"reason": told})
            except Exception as error:
                again = now + RETRY_AFTER
                if repr(error) != told:
                    told = repr(error)
                    log.exception("looking after the serving certificate crashed")
            self._stopping.wait(max((again - datetime.now(UTC)).total_seconds(), 0))

    def _use_files(self, files: tls.Files, now: datetime) -> datetime:
        pair = files.changed()
        if pair is not None:
            self.serving.use(pair)
            log.info("serving certificate read")
        return now + FILES_EVERY


def _surroundings(settings: Settings) -> Surroundings:
    from webhook.surroundings import Surroundings  # noqa: PLC0415 - see there

    return Surroundings(settings)
