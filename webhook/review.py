"""A review as bytes to a verdict as bytes: the hot path, called by the Flask route and by the connection alike.

What is no AdmissionReview is a bad request of HTTP (415, 413, 400) and has no verdict; everything
else is answered with 200 and a verdict inside, as the API wants it.  Typed decoding skips what no
rule reads (`managedFields` above all); a review of 2 to 9 KB costs 10 to 30 µs.
Nothing here blocks, and nothing raises: a mistake of ours is logged, and counted and answered with 500, which the
API server takes for a call that failed (so `failurePolicy` decides) and passes on to the user.
The one question that needs the API server (may this user approve?) is returned as `Deferred`, for the connection to
have it answered elsewhere.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, NamedTuple, Protocol

import msgspec

from certs.api.admission import AdmissionReply, AdmissionRequest, AdmissionResponse, AdmissionReview, Status
from certs.judge import Judge
from certs.problems import Problem
from certs.rules.approval import Question
from certs.verdict import DENIED_BY, NOT_CHECKED, WARNED_BY, Verdict

log = logging.getLogger(__name__)

MAX_BODY: Final = 3 * 1024 * 1024  # the API server's own limit for a request body
MUTATE: Final = "/mutate"
VALIDATE: Final = "/validate"
PATHS: Final = (MUTATE, VALIDATE)
JSON: Final = "application/json"
APPROVAL_UNCHECKED: Final = {"not-checked": "approval: there is no API server to ask"}
LOOKED_UP_WITHIN: Final = 4.0  # seconds: the API server waits five for an answer
CRASHED: Final = 500
PROBED: Final = "configmaps"  # what `webhook.readiness` has the API server ask us about

OUTCOMES: Final = {"denied": DENIED_BY, "warned": WARNED_BY, "unchecked": NOT_CHECKED}  # and the audit annotations

_DECODER: Final = msgspec.json.Decoder(AdmissionReview)
_ENCODER: Final = msgspec.json.Encoder()


class Approver(Protocol):
    """Knows who may approve."""

    def answer(self, question: Question, deadline: float) -> Problem | None:
        """Return why the requester may not, or None; blocks until a moment of `time.monotonic` at most."""


class Reply(NamedTuple):
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str = JSON
    close: bool = False


class Deferred(NamedTuple):
    """An answer that needs a look-up first: `look_up` blocks until the moment given, `tell` makes an answer of it."""

    look_up: Callable[[float], Problem | None]
    tell: Callable[[Problem | None], Reply]


class Count(NamedTuple):
    """What a verdict is counted under."""

    path: str
    kind: str
    operation: str
    code: int


@dataclass(slots=True)
class Tally:
    """How often what was decided; read by the metrics, written only on the event loop."""

    verdicts: Counter[Count] = field(default_factory=Counter)
    malformed: Counter[int] = field(default_factory=Counter)
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)  # by id of the rule and what it has led to

    @property
    def reviews(self) -> int:
        """How many reviews were answered so far."""
        return self.verdicts.total()


class Reviewer:
    """Answers reviews; what it counts is its only state."""

    def __init__(self, judge: Judge, tally: Tally | None = None, *, approver: Approver | None = None) -> None:
        self.tally = tally or Tally()
        self._judge = judge
        self._approver = approver
        self._verdicts: Mapping[str, Callable[[AdmissionRequest], Verdict]] = {
            MUTATE: judge.mutate,
            VALIDATE: judge.validate,
        }

    def answer(self, path: str, content_type: str, body: bytes) -> Reply:
        """Return the answer to a POST, looked up if need be; `path` is one of `PATHS`."""
        begun = self.begin(path, content_type, body)
        if isinstance(begun, Deferred):
            return begun.tell(begun.look_up(time.monotonic() + LOOKED_UP_WITHIN))
        return begun

    def begin(self, path: str, content_type: str, body: bytes) -> Reply | Deferred:
        """Return the answer to a POST, or how to get it; `path` is one of `PATHS`."""
        if content_type != JSON and content_type.partition(";")[0].strip().lower() != JSON:
            return self.refuse(415, f"send {JSON}, not {content_type[:80]!r}")
        if len(body) > MAX_BODY:
            return self.refuse(413, f"a review has at most {MAX_BODY} bytes")
        try:
            review = _DECODER.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self.refuse(400, f"this is no AdmissionReview: {error}")
        if review.kind != "AdmissionReview" or review.api_version != "admission.k8s.io/v1":
            given = f"{review.api_version}/{review.kind}"[:120]
            return self.refuse(400, f"send admission.k8s.io/v1 AdmissionReview, not {given}")
        try:
            return self._judged(path, review.request)
        except Exception as error:  # noqa: BLE001 - one object that no rule was ready for must not cut the connection
            return self._crashed(path, review.request, error)

    def _judged(self, path: str, request: AdmissionRequest) -> Reply | Deferred:
        question = self._judge.approval_asked(request) if path == VALIDATE and request.sub_resource else None
        if question is None:
            return self._told(path, request, self._verdicts[path](request))
        if self._approver is None:
            verdict = self._judge.validate(request)
            return self._told(path, request, replace(verdict, audit={**verdict.audit, **APPROVAL_UNCHECKED}))
        return Deferred(
            partial(self._approver.answer, question),
            partial(self._judged_after, path, request),
        )

    def _judged_after(self, path: str, request: AdmissionRequest, approval: Problem | None) -> Reply:
        try:
            return self._told(path, request, self._judge.validate(request, approval))
        except Exception as error:  # noqa: BLE001 - as in `begin`
            return self._crashed(path, request, error)

    def _told(self, path: str, request: AdmissionRequest, verdict: Verdict) -> Reply:
        self.tally.verdicts[Count(path, _label(request), request.operation, verdict.code)] += 1
        if verdict.audit:
            self._count_rules(verdict)
        # A readiness probe that reached the wrong replica must not find the same connection again.
        return Reply(200, encoded(request.uid, verdict), close=request.resource.resource == PROBED)

    def _count_rules(self, verdict: Verdict) -> None:
        """Count each rule once for a review, by the ids that the audit log has: they are ours, so they are few."""
        for outcome, key in OUTCOMES.items():
            for rule in filter(None, verdict.audit.get(key, "").split(",")):
                self.tally.rules[rule.partition(":")[0], outcome] += 1

    def _crashed(self, path: str, request: AdmissionRequest, error: Exception) -> Reply:
        """Return the answer where a rule has raised."""
        resource = _label(request)
        named = f"{request.namespace}/{request.name}" if request.namespace else request.name
        told = {"path": path, "resource": resource, "object": named, "operation": request.operation}
        log.error("review crashed", exc_info=error, extra=told)
        self.tally.verdicts[Count(path, resource, request.operation, CRASHED)] += 1
        why = "it has made a mistake, which its log shows"
        return refusal(CRASHED, f"certshim cannot judge this object of {resource}: {why}")

    def refuse(self, status: int, message: str) -> Reply:
        """Return the answer to what is no review, and count it."""
        self.tally.malformed[status] += 1
        return refusal(status, message)


def refusal(status: int, message: str) -> Reply:
    """Return a Status as the API server answers its own bad requests."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": message}
    return Reply(status, _ENCODER.encode(body))


KINDS: Final = frozenset(
    (
        "certificates",
        "certificaterequests",
        "issuers",
        "clusterissuers",
        "orders",
        "challenges",
        "ingresses",
    )
)


def _label(request: AdmissionRequest) -> str:
    """Return the resource for the metrics: one of ours, so that nobody can fill them with made-up ones."""
    resource = request.resource.resource
    return resource if resource in KINDS else "other"


def encoded(uid: str, verdict: Verdict) -> bytes:
    """Return the AdmissionReview that carries the verdict."""
    status: Status | msgspec.UnsetType = msgspec.UNSET
    if not verdict.allowed:
        status = Status(code=verdict.code, message=verdict.message, reason=verdict.reason)
    operations = verdict.operations
    return _ENCODER.encode(
        AdmissionReply(
            AdmissionResponse(
                uid=uid,
                allowed=verdict.allowed,
                status=status,
                patch=_ENCODER.encode(operations) if operations else msgspec.UNSET,
                patch_type="JSONPatch" if operations else msgspec.UNSET,
                audit_annotations=dict(verdict.audit) if verdict.audit else msgspec.UNSET,
                warnings=verdict.warnings or msgspec.UNSET,
            )
        )
    )
