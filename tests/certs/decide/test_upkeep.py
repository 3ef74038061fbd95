"""When a Secret that is not as it should be is written again, and when somebody else is given way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from certs.api.certificate import SecretTemplate
from certs.decide.certificatesteps import ObservedCertificate, RewriteSecret, Rewritten
from certs.decide.upkeep import AT_ONCE, FIRST_PAUSE, LONGEST_PAUSE, PEACE, keep_up, pause
from certs.outcomes import Wait
from tests.certs.decide.objects import NOW, certificate, stored

SECOND = timedelta(seconds=1)
CERT = certificate(secret_template=SecretTemplate(labels={"team": "shop"}))


def undone(note: Rewritten | None = None, version: str = "9", **fields: Any) -> ObservedCertificate:
    """Return a Secret without its label, in that version."""
    held = stored(CERT)
    held = msgspec.structs.replace(held, metadata=msgspec.structs.replace(held.metadata, resource_version=version))
    return ObservedCertificate(CERT, held, rewritten=note, **fields)


def rewritten(times: int, *, ago: timedelta = SECOND, generation: int = 1) -> Rewritten:
    return Rewritten(generation, "8", NOW - ago, times)


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        pytest.param(None, 0, id="never"),
        pytest.param(rewritten(1), 1, id="once"),
        pytest.param(rewritten(AT_ONCE - 1), AT_ONCE - 1, id="the last at once"),
        pytest.param(rewritten(AT_ONCE), FIRST_PAUSE, id="a fight"),
        pytest.param(rewritten(AT_ONCE, ago=FIRST_PAUSE), AT_ONCE, id="after the pause"),
        pytest.param(rewritten(AT_ONCE + 2), 4 * FIRST_PAUSE, id="a longer fight"),
        pytest.param(rewritten(1000), LONGEST_PAUSE, id="a war"),
        pytest.param(rewritten(1000, ago=LONGEST_PAUSE), 1000, id="never given up"),
        pytest.param(rewritten(1000, ago=PEACE + SECOND), 0, id="after peace"),
        pytest.param(rewritten(1000, generation=0), 0, id="of another spec"),
        pytest.param(rewritten(1000, ago=-2 * PEACE), 0, id="the clock went back"),
    ],
)
def test_when_it_is_written(note: Rewritten | None, expected: int | timedelta) -> None:
    """At once as the nth in a row, or after a pause since the last."""
    step = keep_up(undone(note), NOW)

    if isinstance(expected, timedelta):
        assert note is not None
        assert isinstance(step, Wait)
        assert step.until == note.at + expected
        assert "label team" in step.why
    else:
        assert step == RewriteSecret(
            "SecretTemplateMismatch",
            "not as the spec says: label team",
            expected,
            is_contested=expected == AT_ONCE - 1,
        )


def test_what_writing_does_not_change_is_not_written_again() -> None:
    """As it stands it is our answer: something of the API server's does not let it become right."""
    assert keep_up(undone(rewritten(1), version="8"), NOW) is None
    assert keep_up(undone(rewritten(1, generation=0), version="8"), NOW) is not None


def test_an_hour_of_fight_is_few_writes() -> None:
    """Whoever undoes it at once meets us some fifteen times, and is told of once."""
    steps: list[RewriteSecret] = []
    note, now = None, NOW
    while now < NOW + timedelta(hours=1):
        step = keep_up(undone(note, version=str(len(steps) + 100)), now)
        if isinstance(step, Wait):
            assert step.until > now
            now = step.until
            continue
        assert step is not None
        steps.append(step)
        note = Rewritten(1, "8", now, step.times + 1)

    assert len(steps) <= 20
    assert sum(step.is_contested for step in steps) == 1
    assert all(pause(times) <= pause(times + 1) for times in range(AT_ONCE, 100))
