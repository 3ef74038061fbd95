"""The Flask application: the table of routes, and what a person or a probe asks for.

The two review paths are here for completeness; `webhook.site` answers them before Flask's
dispatch by the same `Reviewer.answer`, so counting and refusing happen in one place.
Reviews are taken over TLS only: the plain health port shares this application.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, request

from webhook.metrics import exposition
from webhook.review import MAX_BODY, MUTATE, PATHS, VALIDATE, Reply, Reviewer, refusal

Check = Callable[[], str]


def create_app(reviewer: Reviewer, *, healthy: Check, ready: Check) -> Flask:
    """Return the application; a check returns what is wrong, or an empty string."""
    app = Flask("webhook", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY

    def review() -> Response:
        if not request.is_secure:
            return _response(refusal(404, f"{request.path} is served over TLS only"))
        return _response(reviewer.answer(request.path, request.content_type or "", request.get_data(cache=False)))

    def metrics() -> Response:
        body, content_type = exposition(reviewer.tally)
        return Response(body, content_type=content_type)

    for path in (MUTATE, VALIDATE):
        app.add_url_rule(path, f"review {path}", review, methods=["POST"])
    app.add_url_rule("/metrics", "metrics", metrics)
    app.add_url_rule("/livez", "livez", lambda: _health("", 200))
    app.add_url_rule("/healthz", "healthz", lambda: _health(healthy(), 500))
    app.add_url_rule("/readyz", "readyz", lambda: _health(ready(), 503))
    app.register_error_handler(404, lambda _: _response(refusal(404, f"no such path; reviews go to {PATHS}")))
    app.register_error_handler(405, lambda _: _response(refusal(405, "send reviews by POST, all else by GET")))
    app.register_error_handler(413, lambda _: _response(refusal(413, f"a review has at most {MAX_BODY} bytes")))
    return app


def _health(problem: str, failed: int) -> Response:
    text = f"{problem}\n" if problem else "ok\n"
    return Response(text, failed if problem else 200, content_type="text/plain; charset=utf-8")


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, content_type=reply.content_type)
