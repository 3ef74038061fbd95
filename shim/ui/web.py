"""The page's web application: static files of our own, and what is known as JSON.  Only GET; nothing is changed.

Whoever serves it on loopback gives it a token: the page is opened with it once, and a cookie keeps it, so that other
users of the machine, and pages that somebody looks at in the same browser, get nothing.  The Host header must be one of
those that it is served under (DNS rebinding).  Behind a proxy that asks people who they are, neither is needed.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from flask import Flask, Response, abort, redirect, request
from werkzeug.middleware.proxy_fix import ProxyFix

from shim.kube.errors import Forbidden, KubeError, NotFound
from shim.ui.model import summary

if TYPE_CHECKING:
    from typing import Any

    from werkzeug.wrappers import Response as BaseResponse

    from shim.ui.source import Snapshot

COOKIE: Final = "certshim-ui"
STATIC: Final = Path(__file__).with_name("static")
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Known(Protocol):
    """What the page asks: `shim.ui.source.Source` is one."""

    @property
    def obstacle(self) -> str:
        """What is not known yet."""

    def snapshot(self) -> Snapshot:
        """All lines."""

    def chain(self, namespace: str, name: str) -> dict[str, Any]:
        """All about one certificate."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who gets in: with a token and under some names, or everybody that a proxy lets through (no token)."""

    token: str = ""
    hosts: frozenset[str] = frozenset()
    proxies: int = 0  # in front, whose X-Forwarded-* headers hold

    def admit(self) -> BaseResponse | None:
        """Judge a request: None lets it through, an HTTP error or a redirect answers it."""
        if request.method not in {"GET", "HEAD"}:
            abort(405)
        if self.hosts and request.host not in self.hosts:
            abort(421, f"this is not served under {request.host}")
        if not self.token or request.path == "/healthz" or self._is(request.cookies.get(COOKIE, "")):
            return None
        if self._is(request.args.get("token", "")):
            answer = redirect(request.script_root + request.path)
            answer.set_cookie(COOKIE, self.token, httponly=True, samesite="Strict")
            return answer
        return abort(403, "open the address that certshim ui has printed: it ends in ?token=…")

    def _is(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())


def create_app(source: Known, access: Access) -> Flask:
    """Return the application."""
    app = Flask("certshim", static_folder=str(STATIC), static_url_path="/static")
    if access.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=access.proxies, x_proto=access.proxies, x_prefix=access.proxies)  # type: ignore[method-assign]
    app.before_request(access.admit)
    app.after_request(_protect)
    app.add_url_rule("/", view_func=lambda: app.send_static_file("index.html"), endpoint="page")
    app.add_url_rule("/healthz", "health", partial(_health, source))
    app.add_url_rule("/api/certificates", "certificates", partial(_certificates, source))
    app.add_url_rule("/api/certificates/<namespace>/<name>", "certificate", partial(_certificate, source))
    return app


def _protect(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


def _health(source: Known) -> Response:
    return Response(source.obstacle or "ok", 503 if source.obstacle else 200, mimetype="text/plain")


def _certificates(source: Known) -> Response:
    found, obstacle = source.snapshot(), source.obstacle
    version = f"{found.version}.{hash(obstacle)}"
    if request.args.get("since") == version:
        return Response(status=304)
    return _json(
        {
            "version": version,
            "now": int(found.at.timestamp()),
            "obstacle": obstacle,
            "counts": summary(found.certificates),
            "certificates": found.certificates,
            "issuers": found.issuers,
        }
    )


def _certificate(source: Known, namespace: str, name: str) -> Response:
    try:
        return _json(source.chain(namespace, name))
    except NotFound as error:
        return _json({"error": str(error)}, 404)
    except Forbidden as error:
        return _json({"error": str(error)}, 403)
    except KubeError as error:
        return _json({"error": str(error)}, 502)


def _json(what: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(what), status, mimetype="application/json")
