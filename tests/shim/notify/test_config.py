"""The file of --notifications: what it may say, and what is said of a wrong one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from certs.decide.trouble import Kind, Severity, Trouble
from shim.notify.config import InvalidNotifications, read, read_file
from tests.certs.decide.objects import NOW

HOOK = {"name": "hook", "webhook": {"url": "https://hooks.example.com/x"}}
MAIL = {"name": "mail", "smtp": {"host": "mail.example.com", "from": "certs@example.com", "to": ["ops@example.com"]}}
WRONG = Trouble(Kind.FAILING, Severity.WARNING, NOW, None)


def text(*receivers: object, **more: object) -> bytes:
    return yaml.safe_dump({"version": 1, "receivers": list(receivers or (HOOK,)), **more}).encode()


def mail(**changed: object) -> dict[str, object]:
    return {"name": "mail", "smtp": MAIL["smtp"] | changed}  # type: ignore[operator]


def test_everything_can_be_said() -> None:
    slack = {"name": "chat", "slack": {"urlFrom": {"secret": {"name": "slack", "key": "url"}}}}
    routes = [
        {"receivers": ["hook"], "namespaces": ["shop-*"], "labels": {"team": "a"}},
        {"receivers": ["mail", "hook"], "kinds": ["failing"], "severities": ["critical"]},
        {"receivers": ["chat"], "kinds": ["expiring"]},
    ]
    config = read(text(HOOK, MAIL, slack, routes=routes, grace="5m", repeat="12h", calm="1m", cluster="prod"))
    critical = Trouble(Kind.FAILING, Severity.CRITICAL, NOW, None)

    assert (config.cluster, config.rhythm.repeat, config.patience.grace) == (
        "prod",
        timedelta(hours=12),
        timedelta(0, 300),
    )
    assert config.receivers_of("shop-1", {"team": "a"}, WRONG) == ("hook",)
    assert config.receivers_of("shop-1", {}, WRONG) == ()
    assert config.receivers_of("shop-1", {"team": "a"}, critical) == ("hook", "mail")


def test_without_routes_all_are_told_of_everything() -> None:
    assert read(text(HOOK, MAIL)).receivers_of("any", {}, WRONG) == ("hook", "mail")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"a: [", "is no YAML", id="no YAML"),
        pytest.param(b"", "Expected `object`", id="empty"),
        pytest.param(text(HOOK, routs=[]), "unknown field `routs`", id="misspelt"),
        pytest.param(
            yaml.safe_dump({"version": 2, "receivers": [HOOK]}).encode(), "Invalid enum value 2", id="version"
        ),
        pytest.param(yaml.safe_dump({"version": 1, "receivers": []}).encode(), "length >= 1", id="nobody"),
        pytest.param(text(HOOK, HOOK), "is the name of another, too", id="same name"),
        pytest.param(text({"name": "x"}), "needs exactly one of webhook, slack and smtp, and has 0", id="no way"),
        pytest.param(text(HOOK | {"smtp": MAIL["smtp"]}), "and has 2", id="two ways"),
        pytest.param(text({"name": "x", "webhook": {}}), "exactly one of url and urlFrom", id="no URL"),
        pytest.param(text({"name": "x", "webhook": {"url": "ftp://x"}}), "must begin with https://", id="scheme"),
        pytest.param(text({"name": "x", "webhook": {"url": "http://a b"}}), "no spaces", id="spaces"),
        pytest.param(text({"name": "x", "slack": {"urlFrom": {}}}), "exactly one of file and secret", id="no source"),
        pytest.param(text(mail(to=[])), "names nobody", id="mail to nobody"),
        pytest.param(text(mail(to=["ops"])), '"ops" is no mail address', id="no address"),
        pytest.param(text(mail(to=["a@b.c\nBcc: x@y.z"])), "is no mail address", id="injected header"),
        pytest.param(text(mail(username="me")), "username and password go together", id="no password"),
        pytest.param(
            text(mail(username="me", passwordFile="/p", security="none")), "not sent in the clear", id="in the clear"
        ),
        pytest.param(text(mail(port=0)), "`int` >= 1", id="port"),
        pytest.param(text(HOOK, routes=[{"receivers": ["hok"]}]), 'there is no receiver "hok"', id="unknown receiver"),
        pytest.param(text(HOOK, routes=[{"receivers": []}]), "names nobody", id="a route to nobody"),
        pytest.param(
            text(HOOK, MAIL, routes=[{"receivers": ["hook"]}]), '"mail" is in no route', id="a receiver without a route"
        ),
        pytest.param(text(HOOK, grace="soon"), "grace:", id="no duration"),
        pytest.param(text(HOOK, repeat="1m"), "repeat: 1m is too short", id="too often"),
    ],
)
def test_what_is_wrong_is_said(content: bytes, said: str) -> None:
    with pytest.raises(InvalidNotifications) as caught:
        read(content)

    assert said in str(caught.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidNotifications) as caught:
        read(text(mail(to=["ops"], username="me"), repeat="1m"))

    assert len(str(caught.value).splitlines()) == 3


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidNotifications, match="cannot read it: No such file"):
        read_file(str(tmp_path / "none.yaml"))
