"""One worker put together: what it was told at its start reaches the reviews."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from certs.rules.rule import Action, Policy
from tests.webhook.reviews import ingress, review
from webhook.process import Process
from webhook.review import JSON, VALIDATE
from webhook.settings import Listen, Settings


def test_reviews_follow_the_policy_of_the_settings() -> None:
    settings = Settings(Listen("127.0.0.1", 0), standalone=True, policy=Policy({"tls-missing": Action.DENY}))
    body = review("ingresses", "Ingress", ingress(rules=[{}]), group="networking.k8s.io")

    reply = Process(settings).reviewer.answer(VALIDATE, JSON, body)

    response = json.loads(reply.body)["response"]
    assert (response["allowed"], response["auditAnnotations"]["denied-by"]) == (False, "tls-missing")


def test_turns_go_on_after_a_mistake(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody else would renew the serving certificate; one mistake is told once."""
    process = Process(Settings(Listen("127.0.0.1", 0), standalone=True))
    turns: list[datetime] = []

    def turn(now: datetime) -> datetime:
        turns.append(now)
        if len(turns) == 2:
            process.stop()
        raise LookupError("no such curve")

    process._repeat(turn)

    assert len(turns) == 2
    assert caplog.messages == ["looking after the serving certificate crashed"]
