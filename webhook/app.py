"""The Flask application: the table of routes, and what a person or a probe asks for.

The two review paths are here for completeness; `webhook.site` answers them before Flask's
dispatch by the same `Reviewer.answer`, so counting and refusing happen in one place.
Reviews are taken over TLS only: the plain health port shares this application.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Flask, Response, request
from prometheus_client.registry import Collector

from certs.health import Finding, is_well, told
from webhook.metrics import Verdicts, exposition
from webhook.review import MAX_BODY, MUTATE, PATHS, VALIDATE, Reply, Reviewer, refusal

Checks = Callable[[], Sequence[Finding]]


def create_app(reviewer: Reviewer, *, healthy: Checks, ready: Checks, collectors: Sequence[Collector] = ()) -> Flask:
    """Return the application; `collectors` go to /metrics beside the verdicts."""
    app = Flask("webhook", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY

    def review() -> Response:
        if not request.is_secure:
            return _response(refusal(404, f"{request.path} is served over TLS only"))
        return _response(reviewer.answer(request.path, request.content_type or "", request.get_data(cache=False)))

    def metrics() -> Response:
        body, content_type = exposition((Verdicts(reviewer.tally), *collectors))
        return Response(body, content_type=content_type)

    for path in (MUTATE, VALIDATE):
        app.add_url_rule(path, f"review {path}", review, methods=["POST"])
    app.add_url_rule("/metrics", "metrics", metrics)
    app.add_url_rule("/livez", "livez", lambda: _health("livez", (), 200))
    app.add_url_rule("/healthz", "healthz", lambda: _health("healthz", healthy(), 500))
    app.add_url_rule("/readyz", "readyz", lambda: _health("readyz", ready(), 503))
    app.register_error_handler(404, lambda _: _response(refusal(404, f"no such path; reviews go to {PATHS}")))
    app.register_error_handler(405, lambda _: _response(refusal(405, "send reviews by POST, all else by GET")))
    app.register_error_handler(413, lambda _: _response(refusal(413, f"a review has at most {MAX_BODY} bytes")))
    return app


def _health(page: str, findings: Sequence[Finding], failed: int) -> Response:
    text = told(page, findings, verbose="verbose" in request.args)
    return Response(text, 200 if is_well(findings) else failed, content_type="text/plain; charset=utf-8")


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, content_type=reply.content_type)
