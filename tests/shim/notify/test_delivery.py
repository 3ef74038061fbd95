"""Messages at real receivers: an HTTP server, and a mail server that wants TLS and a password."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from certs.decide.incidents import Event
from certs.decide.trouble import Kind, Severity
from shim.notify.config import SMTP, SecretKey, Slack, Source, Webhook
from shim.notify.credentials import NoCredential
from shim.notify.delivery import NotDelivered
from shim.notify.mail import MailDelivery
from shim.notify.message import Line, Message
from shim.notify.slack import SlackDelivery
from shim.notify.slack import payload as slack_payload
from shim.notify.webhook import DEDUPE, SIGNATURE, WebhookDelivery
from tests.certs.decide.objects import NOW
from tests.shim.notify.places import hook, mail_server

LINE = Line("shop", "web-tls", "Certificate shop/web-tls is not ready: <!channel> no A record & no AAAA.", "Add one.")
MESSAGE = Message(
    id="abc.1",
    incident="abc",
    number=1,
    event=Event.OPENED,
    kind=Kind.FAILING,
    severity=Severity.WARNING,
    issuer="ClusterIssuer le",
    since=NOW - timedelta(hours=2),
    at=NOW,
    count=12,
    cluster="prod",
    lines=(LINE,),
)


def no_secret(ref: SecretKey) -> bytes:
    raise NoCredential(f"there is no Secret {ref.name}")


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_a_webhook_gets_signed_json(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("hmac key\n")
    with hook() as receiver:
        config = Webhook(url=receiver.url, hmac_key_from=Source(file=str(key)))
        WebhookDelivery(config, no_secret, clock=lambda: 1000.5).send(MESSAGE)

    (posted,) = receiver.posted
    told = json.loads(posted.body)
    assert posted.headers[DEDUPE] == "abc.1"
    digest = hmac.new(b"hmac key", b"1000." + posted.body, hashlib.sha256).hexdigest()
    assert posted.headers[SIGNATURE] == f"t=1000,v1={digest}"
    assert (told["version"], told["id"], told["event"], told["count"]) == (1, "abc.1", "opened", 12)
    assert told["certificates"][0]["explanation"] == LINE.text


def test_slack_gets_blocks_in_which_nothing_is_a_mention() -> None:
    with hook() as receiver:
        read: list[SecretKey] = []

        def read_secret(ref: SecretKey) -> bytes:
            read.append(ref)
            return f"{receiver.url}\n".encode()

        SlackDelivery(Slack(url_from=Source(secret=SecretKey("slack", "url"))), read_secret).send(MESSAGE)

    told = json.loads(receiver.posted[0].body)
    assert read == [SecretKey("slack", "url")]
    assert "12 certificates are failing" in told["text"]
    assert "<!channel>" not in receiver.posted[0].body.decode()
    assert told["blocks"][-1]["elements"][0]["text"] == "… and 11 more"


def test_blocks_stay_within_what_slack_takes() -> None:
    long = Line("n" * 63, "c" * 253, "<" * 700, "&" * 700)
    message = Message(**{name: getattr(MESSAGE, name) for name in MESSAGE.__slots__} | {"lines": (long,) * 10})

    blocks = slack_payload(message)["blocks"]
    assert len(blocks) <= 50
    assert all(len(block["text"]["text"]) <= 3000 for block in blocks if "text" in block)


@pytest.mark.parametrize(("status", "is_final"), [(500, False), (429, False), (404, False), (302, False), (400, True)])
def test_what_a_webhook_does_not_take(status: int, is_final: bool) -> None:  # noqa: FBT001
    with hook() as receiver, hook() as elsewhere:
        receiver.status, receiver.location = status, elsewhere.url
        with pytest.raises(NotDelivered, match=f"it answered {status}") as caught:
            WebhookDelivery(Webhook(url=receiver.url), no_secret).send(MESSAGE)

    assert caught.value.final is is_final
    assert elsewhere.posted == []


def test_a_secret_url_is_in_no_error() -> None:
    url = f"http://127.0.0.1:{closed_port()}/services/T0/very-secret"
    with pytest.raises(NotDelivered, match="nobody answers") as caught:
        SlackDelivery(Slack(url_from=Source(secret=SecretKey("slack", "url"))), lambda _: url.encode()).send(MESSAGE)

    assert "very-secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def smtp(inbox_port: int, ca: Path, password: Path, **more: object) -> SMTP:
    usual: dict[str, object] = {
        "host": "127.0.0.1",
        "port": inbox_port,
        "username": "certshim",
        "password_file": str(password),
        "from_": "certs@example.com",
        "to": ("ops@example.com", "shop@example.com"),
        "ca_file": str(ca),
    }
    return SMTP(**(usual | more))  # type: ignore[arg-type]


def test_mails_of_one_incident_are_one_thread(tmp_path: Path) -> None:
    """STARTTLS, a password, all recipients; references to the first mail; an injected line stays in the subject."""
    password = tmp_path / "password"
    password.write_text("mail secret\n")
    fields = {name: getattr(MESSAGE, name) for name in MESSAGE.__slots__}
    again = Message(**fields | {"id": "abc.2", "number": 2, "event": Event.REPEATED, "cluster": "prod\r\nBcc: x@y.z"})
    with mail_server(tmp_path, closed_port()) as inbox:
        delivery = MailDelivery(smtp(inbox.port, inbox.ca_file, password), no_secret)
        delivery.send(MESSAGE)
        delivery.send(again)

    first, second = inbox.mails
    assert inbox.recipients[0] == ["ops@example.com", "shop@example.com"]
    assert first["Subject"] == "[prod] 12 certificates are failing (ClusterIssuer le)"
    assert first["Auto-Submitted"] == "auto-generated"
    assert second["References"] == second["In-Reply-To"] == first["Message-ID"] == "<abc.1@example.com>"
    assert second["Bcc"] is None
    body = first.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert "What to do: Add one." in body.decode()
    assert "certshim explain certificate web-tls -n shop" in body.decode()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param({}, "does not take this username and password", id="wrong password"),
        pytest.param({"ca_file": ""}, "TLS failed", id="unknown CA"),
        pytest.param({"username": "", "password_file": "", "security": "none"}, "it answered 530", id="no TLS"),
    ],
)
def test_what_a_mail_server_does_not_take(tmp_path: Path, more: dict[str, object], said: str) -> None:
    password = tmp_path / "password"
    password.write_text("wrong secret")
    with mail_server(tmp_path, closed_port()) as inbox, pytest.raises(NotDelivered, match=said) as caught:
        MailDelivery(smtp(inbox.port, inbox.ca_file, password, **more), no_secret).send(MESSAGE)

    assert "wrong secret" not in str(caught.value)
    assert not caught.value.final


def test_a_password_that_mail_servers_do_not_take(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("Straßenbahn")
    refused = pytest.raises(NotDelivered, match="other characters than those of ASCII")
    with mail_server(tmp_path, closed_port(), password="Straßenbahn") as inbox, refused as caught:
        MailDelivery(smtp(inbox.port, inbox.ca_file, password), no_secret).send(MESSAGE)

    assert "Stra" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_it_is_said_how_often_it_is_told() -> None:
    assert MESSAGE.since_when.endswith("Told once a day until it is over.")
    often = dataclasses.replace(MESSAGE, repeat=timedelta(hours=6))
    assert often.since_when.endswith("Told again after 6 h until it is over.")


@pytest.mark.parametrize(
    ("about", "subject", "of"),
    [
        ((), "[prod] Over after 2 hours: certificates were failing (ClusterIssuer le)", "2 hours."),
        (("shop/a",), "[prod] Over after 2 hours: Certificate shop/a was failing (ClusterIssuer le)", ", of shop/a."),
        (
            tuple(f"shop/{number}" for number in range(12)),
            "[prod] Over after 2 hours: certificates were failing (ClusterIssuer le)",
            ", shop/9 and 2 more.",
        ),
    ],
    ids=["gone", "one", "many"],
)
def test_of_what_is_over_it_is_said_what_it_was(about: tuple[str, ...], subject: str, of: str) -> None:
    over = dataclasses.replace(MESSAGE, event=Event.CLOSED, count=0, lines=(), about=about)

    assert over.subject == subject
    assert of in over.since_when


def test_a_recipient_that_is_refused_is_not_tried_for_ever(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("mail secret")
    with mail_server(tmp_path, closed_port()) as inbox:
        config = smtp(inbox.port, inbox.ca_file, password, to=("ops@example.com", "nobody@example.com"))
        with pytest.raises(NotDelivered, match="refuses 1 of the recipients") as caught:
            MailDelivery(config, no_secret).send(MESSAGE)

    assert caught.value.final
    assert len(inbox.mails) == 1


def test_nobody_at_the_mail_server(tmp_path: Path) -> None:
    config = smtp(closed_port(), tmp_path / "none", tmp_path / "none", username="", password_file="")
    with pytest.raises(NotDelivered, match="cannot send a mail by"):
        MailDelivery(config, no_secret).send(MESSAGE)


def test_a_password_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NoCredential, match="cannot read file"):
        MailDelivery(smtp(1, tmp_path / "x", tmp_path / "none"), no_secret).send(MESSAGE)
