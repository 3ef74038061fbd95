"""Rules as data: what can be wrong, what a finding leads to, and who may change that.

A rule has an id (it stands in audit annotations, settings, the page of rules and `check --explain`),
a default action, a sentence for people, and a function that yields problems for a subject.  What is
done with a finding is decided here and nowhere else: `examine` runs the rules, leaves out those for
which facts are missing, and on an update forgives what was wrong before.

The API's own decisions about our kinds are no rules in this sense: nobody can switch them off.

What was wrong before is told by the text of the problem, without places in lists: an entry that only moved
because another was put before it is no news, a second mistake of the same kind is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Generic, TypeVar

from certs.problems import Problem
from certs.rules.findings import Findings

SubjectT = TypeVar("SubjectT")


class Action(StrEnum):
    """What a finding of a rule leads to."""

    DENY = "deny"
    WARN = "warn"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Rule(Generic[SubjectT]):
    """One thing that can be wrong.

    `sentence` says what is found, `remedy` in general how it is mended (each problem brings its own), `why` what
    would happen otherwise.  With `always` it is asked of an Ingress that wants no certificate, too.  `kinds` are those
    of which it is asked, for the page of rules.
    """

    id: str
    sentence: str
    check: Callable[[SubjectT], Iterable[Problem]]
    action: Action = Action.DENY
    remedy: str = ""
    why: str = ""
    always: bool = False
    needs_facts: bool = False
    kinds: tuple[str, ...] = ("Ingress",)


@dataclass(frozen=True, slots=True)
class Policy:
    """Actions that differ from the rules' own, by id; those of `locked` rules are not for a namespace to change."""

    actions: Mapping[str, Action] = field(default_factory=dict)
    locked: frozenset[str] = frozenset()

    def action_of(self, rule: Rule[SubjectT]) -> Action:
        """Return what a finding of the rule leads to."""
        return self.actions.get(rule.id, rule.action)


NO_POLICY: Final = Policy()
_PLACE: Final = re.compile(r"\[[0-9]+\]")


def _to_all(_rule: Rule[SubjectT], _subject: SubjectT) -> bool:
    return True


def examine(
    rules: Sequence[Rule[SubjectT]],
    new: SubjectT,
    old_of: Callable[[], SubjectT | None],
    policy: Policy,
    *,
    synced: bool,
    applies: Callable[[Rule[SubjectT], SubjectT], bool] = _to_all,
) -> Findings:
    """Return what is wrong now and was not before; `old_of` is asked only if anything is.

    `applies` says whether a rule was asked of the old object at all: what nobody objected to then is no excuse.
    """
    findings = Findings()
    broken: list[tuple[Rule[SubjectT], Problem]] = []
    actions = policy.actions
    for rule in rules:
        if actions and policy.action_of(rule) is Action.OFF:  # no rule is off by itself
            continue
        if rule.needs_facts and not synced:
            findings.skipped.append(rule.id)
            continue
        for problem in rule.check(new):
            broken.append((rule, problem))  # noqa: PERF401 - a comprehension is a call, for each of so many rules
    old = old_of() if broken else None
    if old is not None:
        asked = {rule.id: rule for rule, _ in broken if applies(rule, old)}.values()
        before = Counter(_text(rule, problem) for rule in asked for problem in rule.check(old))
        broken = list(_brought(broken, before))
    for rule, problem in broken:
        found = replace(problem, rule=rule.id)
        (findings.problems if policy.action_of(rule) is Action.DENY else findings.warned).add(found)
    return findings


def _text(rule: Rule[SubjectT], problem: Problem) -> str:
    return f"{rule.id} {problem}"


def _brought(
    broken: Iterable[tuple[Rule[SubjectT], Problem]], before: Counter[str]
) -> Iterator[tuple[Rule[SubjectT], Problem]]:
    """Yield the problems that were not there before: first the unmoved are struck off, then the moved."""
    moved = []
    for rule, problem in broken:
        text = _text(rule, problem)
        if before[text]:
            before[text] -= 1
        else:
            moved.append((_PLACE.sub("", text), rule, problem))
    anywhere: Counter[str] = Counter()
    for text, count in before.items():
        anywhere[_PLACE.sub("", text)] += count
    for text, rule, problem in moved:
        if anywhere[text]:
            anywhere[text] -= 1
        else:
            yield rule, problem
