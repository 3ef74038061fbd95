"""What the answers about an Order's names lead to, in each mode and at each moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from certs.decide.findings import Finding, Layer, Outlook
from certs.decide.preflight import (
    HELD,
    WITHIN,
    AskNames,
    Hold,
    Look,
    Mode,
    TellFindings,
    again,
    answered,
    asked,
    before_order,
    listed,
    pause,
    remark,
    untold,
)
from certs.outcomes import Wait
from tests.certs.decide.objects import NOW

SURE = Finding("a.example", Layer.DNS, sure=True, sentence='"a.example" is wrong')
MAYBE = Finding("b.example", Layer.ROUTE, sure=False, sentence='"b.example" may be wrong')
SENTENCE = f"{HELD}: {SURE.sentence}"


def look(mode: Mode = Mode.ENFORCE, *, ago: float = 0.5, answered: bool = True, **fields: Any) -> Look:
    return Look(mode, asked_at=NOW - timedelta(seconds=ago), answered=answered, **({"looks": 1} | fields))


@pytest.mark.parametrize(
    ("known", "said", "expected"),
    [
        pytest.param(None, "", None, id="nobody is to be asked"),
        pytest.param(Look(Mode.WARN), "", AskNames(), id="warn, nobody asked"),
        pytest.param(Look(Mode.ENFORCE), "", AskNames(), id="enforce, nobody asked"),
        pytest.param(look(Mode.WARN, answered=False), "", None, id="warn waits for no answer"),
        pytest.param(look(Mode.WARN, findings=(SURE,)), "", None, id="warn holds nothing"),
        pytest.param(
            look(answered=False),
            "",
            Wait(NOW + timedelta(seconds=2.5), "its names are asked about"),
            id="it waits",
        ),
        pytest.param(look(ago=3, answered=False), "", None, id="but three seconds only"),
        pytest.param(look(), "", None, id="nothing is wrong"),
        pytest.param(look(findings=(MAYBE,)), "", None, id="nothing is sure"),
        pytest.param(look(findings=(SURE, MAYBE)), "", Hold(SENTENCE), id="held"),
        pytest.param(look(findings=(SURE,)), "something else", Hold(SENTENCE), id="held, another reason stands there"),
        pytest.param(
            look(findings=(SURE,)),
            SENTENCE,
            Wait(NOW + timedelta(seconds=0.5), "what was wrong with its names is looked at"),
            id="held, and said",
        ),
        pytest.param(look(ago=1, findings=(SURE,)), SENTENCE, AskNames(), id="asked again"),
        pytest.param(
            look(ago=1, answered=False, looks=2, findings=(SURE,)),
            SENTENCE,
            Wait(NOW + timedelta(seconds=2), "its names are asked about"),
            id="being asked again",
        ),
        pytest.param(look(ago=1, looks=2), SENTENCE, None, id="mended"),
    ],
)
def test_before_the_order(known: Look | None, said: str, expected: object) -> None:
    assert before_order(known, said, NOW) == expected


def test_the_pauses_double_to_thirty_seconds() -> None:
    assert [pause(looks).total_seconds() for looks in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


def test_of_what_is_not_asked_about_nothing_is_wrong() -> None:
    """Another Order has proven it meanwhile, or it has another solver."""
    before = look(findings=(SURE, MAYBE), ago=9)

    after = asked(before, frozenset(("b.example",)), NOW)

    assert (after.findings, after.asked_at, after.answered, after.looks) == ((MAYBE,), NOW, False, 2)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (Outlook(), (SURE,)),
        (Outlook(right=frozenset((("a.example", Layer.DNS),))), ()),
        (Outlook(right=frozenset((("a.example", Layer.CAA),))), (SURE,)),
        (Outlook((MAYBE,)), (MAYBE, SURE)),
        (Outlook((replace(MAYBE, layer=Layer.SILENCE),)), (SURE,)),
        (Outlook((replace(SURE, sure=False),)), (replace(SURE, sure=False),)),
    ],
    ids=["nobody answered", "seen right", "another layer", "something else", "nobody is there", "not sure any more"],
)
def test_what_was_wrong_stays_so_until_it_is_seen_right(seen: Outlook, expected: tuple[Finding, ...]) -> None:
    assert answered(look(answered=False, findings=(SURE,)), seen).findings == expected


@pytest.mark.parametrize(
    ("known", "held", "expected"),
    [
        (None, False, None),
        (look(Mode.WARN, answered=False, findings=(SURE,)), False, None),
        (look(Mode.WARN), False, None),
        (look(Mode.WARN, findings=(SURE, MAYBE)), False, TellFindings((SURE, MAYBE))),
        (look(Mode.WARN, findings=(SURE,)), True, TellFindings((SURE,))),
        (look(Mode.WARN, findings=(SURE,), told=(SURE,)), False, None),
        (look(Mode.WARN, findings=(SURE, MAYBE), told=(SURE,)), False, TellFindings((MAYBE,))),
        (look(findings=(SURE, MAYBE)), True, TellFindings((MAYBE,))),
        (look(findings=(SURE,)), True, None),
    ],
    ids=["off", "no answer", "nothing", "all", "before the order", "told", "one is new", "enforced", "held tells it"],
)
def test_findings_are_told_once(known: Look | None, held: bool, expected: object) -> None:  # noqa: FBT001  a table
    """One event; what holds an Order up is told by that itself."""
    assert untold(known, held=held) == expected


def test_the_event_is_bounded() -> None:
    """The API server takes 1,024 characters."""
    long = Finding("a.example", Layer.DNS, sure=True, sentence="x" * 600)
    (tell,) = TellFindings((long, long)).tells

    assert len(tell.message) <= 1000
    assert tell.type == "Warning"


@pytest.mark.parametrize(
    ("known", "now", "expected"),
    [
        (None, NOW, None),
        (look(Mode.WARN), NOW, None),
        (look(Mode.WARN, ago=1, findings=(SURE,)), NOW, AskNames()),
        (
            look(Mode.WARN, ago=0, answered=False, looks=2, findings=(SURE,)),
            NOW,
            Wait(NOW + 2 * WITHIN, "what was wrong with its names is looked at"),
        ),
    ],
    ids=["off", "nothing was wrong", "due", "no answer yet"],
)
def test_what_was_wrong_is_asked_again(known: Look | None, now: datetime, expected: object) -> None:
    assert again(known, now) == expected


def test_a_reason_is_explained_by_what_was_found_of_its_name() -> None:
    known = look(Mode.WARN, findings=(SURE, MAYBE))

    assert remark(known, "a.example") == f" ({SURE.sentence})"
    assert remark(known, "c.example") == ""
    assert remark(None, "a.example") == ""


def test_a_wildcard_is_its_names() -> None:
    """A Challenge has the name without its star."""
    known = look(Mode.WARN, findings=(Finding("*.a.example", Layer.CAA, sure=True, sentence="no"),))

    assert remark(known, "a.example") == " (no)"


def test_of_many_findings_some_are_shown() -> None:
    assert listed([SURE] * 5) == "; ".join([SURE.sentence] * 3) + "; and 2 more"
