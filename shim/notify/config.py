"""The file of `--notifications`: who is told what.  Everything that is wrong with it is said at once, by path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email.errors import HeaderParseError
from email.headerregistry import Address
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
import yaml

from certs.api.meta import wire_name
from certs.decide.incidents import CALM, REPEAT, Rhythm
from certs.decide.trouble import GRACE, Kind, Patience, Severity, Trouble
from certs.durations import parse_duration

MOST_RECEIVERS: Final = 20
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class InvalidNotifications(ValueError):
    """All that is wrong with the file, a line each."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename=wire_name):
    """A part of the file; a key that is not known is an error."""


class SecretKey(_Strict, frozen=True):
    """A key of a Secret in the cluster resource namespace."""

    name: str
    key: str


class Source(_Strict, frozen=True):
    """Where a credential stands: exactly one of both.  Read anew for each message, so that it may change."""

    file: str = ""
    secret: SecretKey | None = None


class Webhook(_Strict, frozen=True):
    """A URL that gets JSON by POST."""

    url: str = ""
    url_from: Source | None = None
    hmac_key_from: Source | None = None
    """Signs each body: HMAC-SHA-256."""
    ca_file: str = ""


class Slack(_Strict, frozen=True):
    """An incoming webhook of Slack, or of what takes the same (Mattermost)."""

    url_from: Source
    ca_file: str = ""


class SMTP(_Strict, frozen=True, kw_only=True):
    """A mail server."""

    host: str
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password_file: str = ""
    password_from: Source | None = None
    from_: str = msgspec.field(name="from")
    to: tuple[str, ...]
    ca_file: str = ""

    @property
    def password(self) -> Source | None:
        """Where the password stands, however it is said."""
        return Source(file=self.password_file) if self.password_file else self.password_from


class Receiver(_Strict, frozen=True):
    """Somebody to tell, by exactly one way."""

    name: Name
    webhook: Webhook | None = None
    slack: Slack | None = None
    smtp: SMTP | None = None


class Route(_Strict, frozen=True):
    """Whom to tell of which Certificates; what is left out is any.  All routes that fit count."""

    receivers: tuple[str, ...]
    namespaces: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    kinds: tuple[Kind, ...] = ()
    severities: tuple[Severity, ...] = ()

    def fits(self, namespace: str, labels: dict[str, str], trouble: Trouble) -> bool:
        """Is it about this Certificate, in this trouble?"""
        return (
            (not self.namespaces or any(fnmatchcase(namespace, pattern) for pattern in self.namespaces))
            and all(labels.get(key) == value for key, value in self.labels.items())
            and (not self.kinds or trouble.kind in self.kinds)
            and (not self.severities or trouble.severity in self.severities)
        )


class _File(_Strict, frozen=True):
    version: Literal[1]
    receivers: Annotated[tuple[Receiver, ...], msgspec.Meta(min_length=1, max_length=MOST_RECEIVERS)]
    routes: tuple[Route, ...] = ()
    grace: str = ""
    repeat: str = ""
    calm: str = ""
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class Notifications:
    """What the file says.  `cluster` is how the cluster is called in messages."""

    receivers: tuple[Receiver, ...] = ()
    routes: tuple[Route, ...] = ()
    patience: Patience = field(default_factory=Patience)
    rhythm: Rhythm = field(default_factory=Rhythm)
    cluster: str = ""

    def receivers_of(self, namespace: str, labels: dict[str, str], trouble: Trouble) -> tuple[str, ...]:
        """Return who is told of it, each once; without routes all are."""
        if not self.routes:
            return tuple(one.name for one in self.receivers)
        fitting = (route for route in self.routes if route.fits(namespace, labels, trouble))
        return tuple(dict.fromkeys(name for route in fitting for name in route.receivers))


NOBODY: Final = Notifications()


def read_file(path: str) -> Notifications:
    """Return what the file says; ValueError with all that is wrong with it."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  as given
            return read(file.read())
    except OSError as error:
        raise InvalidNotifications(f"cannot read it: {error.strerror}; mount the ConfigMap that has it") from error


def read(text: bytes) -> Notifications:
    """Return what a text says; InvalidNotifications with all that is wrong with it."""
    try:
        tree: Any = yaml.safe_load(text)
        file = msgspec.convert(tree, _File)
    except yaml.YAMLError as error:
        raise InvalidNotifications(f"is no YAML: {' '.join(str(error).split())}") from error
    except msgspec.ValidationError as error:
        raise InvalidNotifications(f"{error}; docs/notifications.md has every field") from error
    wrong = [*_wrong_receivers(file.receivers), *_wrong_routes(file), *_wrong_times(file)]
    if wrong:
        raise InvalidNotifications("\n".join(wrong))
    grace = _time(file.grace, GRACE)
    return Notifications(
        file.receivers,
        file.routes,
        Patience(grace=grace, stuck=max(4 * grace, grace)),
        Rhythm(repeat=_time(file.repeat, REPEAT), calm=_time(file.calm, CALM)),
        file.cluster,
    )


def _time(text: str, default: timedelta) -> timedelta:
    return parse_duration(text).timedelta if text else default


def _wrong_times(file: _File) -> Iterator[str]:
    for name, text, least in (
        ("grace", file.grace, timedelta(0)),
        ("repeat", file.repeat, timedelta(hours=1)),
        ("calm", file.calm, timedelta(0)),
    ):
        try:
            if text and parse_duration(text).timedelta < least:
                yield f"{name}: {text} is too short: write at least {least}"
        except ValueError as error:
            yield f"{name}: {error}; write for example 15m or 24h"


def _wrong_routes(file: _File) -> Iterator[str]:
    known = {one.name for one in file.receivers}
    for number, route in enumerate(file.routes):
        if not route.receivers:
            yield f"routes[{number}].receivers: names nobody; name receivers, or leave the route out"
        for name in route.receivers:
            if name not in known:
                yield f'routes[{number}].receivers: there is no receiver "{name}"; there are {", ".join(sorted(known))}'
    used = {name for route in file.routes for name in route.receivers}
    for name in sorted(known - used) if file.routes else ():
        yield f'receivers: "{name}" is in no route, and would never be told; name it in one, or take it out'


def _wrong_receivers(receivers: Iterable[Receiver]) -> Iterator[str]:
    seen: set[str] = set()
    for number, receiver in enumerate(receivers):
        at = f"receivers[{number}]"
        if receiver.name in seen:
            yield f'{at}.name: "{receiver.name}" is the name of another, too'
        seen.add(receiver.name)
        ways = [way for way in (receiver.webhook, receiver.slack, receiver.smtp) if way is not None]
        if len(ways) != 1:
            yield f"{at}: needs exactly one of webhook, slack and smtp, and has {len(ways)}"
        if receiver.webhook is not None:
            yield from _wrong_webhook(f"{at}.webhook", receiver.webhook)
        if receiver.slack is not None:
            yield from _wrong_source(f"{at}.slack.urlFrom", receiver.slack.url_from)
        if receiver.smtp is not None:
            yield from _wrong_smtp(f"{at}.smtp", receiver.smtp)


def _wrong_webhook(at: str, webhook: Webhook) -> Iterator[str]:
    if bool(webhook.url) == (webhook.url_from is not None):
        yield f"{at}: needs exactly one of url and urlFrom"
    if webhook.url and (wrong := wrong_url(webhook.url)):
        yield f"{at}.url: {wrong}"
    yield from _wrong_source(f"{at}.urlFrom", webhook.url_from)
    yield from _wrong_source(f"{at}.hmacKeyFrom", webhook.hmac_key_from)


def _wrong_source(at: str, source: Source | None) -> Iterator[str]:
    if source is not None and bool(source.file) == (source.secret is not None):
        yield f"{at}: needs exactly one of file and secret"


def _wrong_smtp(at: str, smtp: SMTP) -> Iterator[str]:
    if not smtp.to:
        yield f"{at}.to: names nobody; write at least one address"
    for name, value in (("from", smtp.from_), *(("to", one) for one in smtp.to)):
        if not _is_address(value):
            yield f'{at}.{name}: "{value}" is no mail address; write it as name@example.com'
    if smtp.password_file and smtp.password_from is not None:
        yield f"{at}: needs at most one of passwordFile and passwordFrom"
    yield from _wrong_source(f"{at}.passwordFrom", smtp.password_from)
    if bool(smtp.username) != (smtp.password is not None):
        yield f"{at}: username and password go together; write both or neither"
    if smtp.username and smtp.security == "none":
        yield f"{at}.security: a password is not sent in the clear; write starttls or tls"


def _is_address(text: str) -> bool:
    try:
        address = Address(addr_spec=text)
    except (HeaderParseError, ValueError, IndexError):
        return False
    return bool(address.username and address.domain) and text.isascii()


def wrong_url(url: str) -> str:
    """Return what is wrong with where to send to, without the URL, which may be a secret; empty when nothing is."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "must begin with https:// (or http://) and name a host"
    if any(not one.isprintable() or one.isspace() for one in url):
        return "must have no spaces and no control characters"
    return ""
