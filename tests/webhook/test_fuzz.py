"""A minute of made-up reviews: objects of the corpus, bent at random, get a verdict that can be sent; nothing raises.

What hypothesis finds it makes small, and what it found belongs into `tests/cases/admission` afterwards.
`--hypothesis-profile=explore` searches on with other seeds.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from certs.judge import Judge
from tests.webhook.reviews import RESOURCES, review
from webhook.review import MUTATE, VALIDATE, Reviewer

CASES: Final = Path(__file__).parents[1] / "cases" / "admission"
WITHIN: Final = 0.5  # seconds for objects of some kilobytes, on the busiest machine
JUDGE: Final = Judge()
EXAMPLES: Final = 25_000  # some fifty seconds

OBJECTS: Final = [
    case[side]
    for path in sorted(CASES.glob("*.yaml"))
    for case in yaml.safe_load(path.read_text())
    for side in ("object", "old")
    if isinstance(case.get(side), dict) and case[side].get("kind") in RESOURCES
]

TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["", " ", "*", "*.", "..", "é.example", "xn--", "1e9h", "-1h", "CN=,", "\\", '"', "\x00", "TZ=", "@every"]
    ),
    st.text(alphabet="*/,-0123456789", max_size=30),
    st.integers(1, 400).map(lambda n: "a" * n),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=8,
)


@st.composite
def bent(draw: st.DrawFn, obj: Any) -> Any:
    """Return the object with a few of its values replaced, doubled or taken away."""
    made = json.loads(json.dumps(obj, default=str))
    for _ in range(draw(st.integers(0, 4))):
        places = list(_places(made))
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["value", "text", "double", "remove"])):
            case "value":
                holder[key] = draw(VALUES)
            case "text":
                holder[key] = draw(TEXTS)
            case "double" if isinstance(holder, list):
                holder.append(holder[key])
            case _:
                del holder[key]
        if not isinstance(made, dict) or not made:
            return made
    return made


def _places(value: Any) -> Any:
    """Yield each (container, key) below."""
    items = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    for key, member in items:
        yield value, key
        yield from _places(member)
    if isinstance(value, dict) and not items:
        value["spec"] = {}
        yield value, "spec"


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, bytes]:
    """Return path and body of a review that may be about anything."""
    seed = draw(st.sampled_from(OBJECTS))
    group, plural = RESOURCES[seed["kind"]]
    obj = draw(bent(seed))
    more: dict[str, Any] = {}
    if draw(st.booleans()):
        more["subResource"] = draw(st.sampled_from(["", "status"]))
    if draw(st.booleans()):
        more["dryRun"] = True
    old = draw(st.one_of(st.none(), st.just(seed), bent(seed)))
    body = review(
        plural,
        seed["kind"],
        obj,
        group=group,
        operation=draw(st.sampled_from(["CREATE", "UPDATE", "DELETE"])),
        old=old,
        **more,
    )
    return draw(st.sampled_from([MUTATE, VALIDATE])), body


@pytest.fixture(scope="module", autouse=True)
def _without_the_garbage_of_others() -> Iterator[None]:
    """What thousands of tests have left takes half a second to look through, in the middle of any verdict."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.timeout(300)
@settings(max_examples=EXAMPLES)
@given(requests())
@example((VALIDATE, b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{}}'))
def test_whatever_comes_gets_a_verdict(request: tuple[str, bytes]) -> None:
    path, body = request
    began = time.monotonic()

    reply = Reviewer(JUDGE).answer(path, "application/json", body)

    assert time.monotonic() - began < WITHIN
    assert reply.status in {200, 400}
    answer = json.loads(reply.body)
    if reply.status == 200:
        response = answer["response"]
        assert response["allowed"] or (response["status"]["code"] in {400, 403} and response["status"]["message"])
        assert all(len(warning) <= 120 for warning in response.get("warnings", []))
        assert len(response.get("warnings", [])) <= 8
