"""Who wants which rule to deny, to warn, or to be silent: the admin's settings, and a namespace's own annotation.

Both write ids of the catalogue and actions.  Everything that is wrong is told at once.  A namespace wins over the
admin's settings, except for the rules that those lock.  Rules about Ingresses take any action, lint of our own kinds
warns or is off; the API's decisions are nobody's to change.

Annotation of a Namespace:  certshim.io/admission: host-claimed=deny,tls-missing=off
Settings, as read from YAML: {"rules": {"host-claimed": "deny"}, "locked": ["host-claimed"]}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from certs.rules.catalogue import CATALOGUE
from certs.rules.nearest import nearest
from certs.rules.rule import NO_POLICY, Action, Policy

NAMESPACES_REMEMBERED: Final = 1024  # different texts; most namespaces have none, and the rest a few
MAX_SHOWN: Final = 40  # characters of somebody's text in a sentence about it
FORM: Final = "<rule>=<action>"


@dataclass(frozen=True, slots=True)
class Local:
    """The policy of one namespace, and which of its own wishes are left out of it, and why."""

    policy: Policy
    complaint: str = ""


def parse_policy(text: str) -> Policy:
    """Return the policy of an annotation `<rule>=<action>,…`; raises ValueError, a line for each mistake."""
    actions: dict[str, Action] = {}
    wrong: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        rule, equals, action = (piece.strip() for piece in part.partition("="))
        if not equals:
            wrong.append(f"{_shown(part)}: write {FORM}")
        elif rule in actions:
            wrong.append(f"{_shown(rule)} stands there twice")
        else:
            _choose(rule, action, actions, wrong)
    if wrong:
        raise ValueError("\n".join(wrong))
    return Policy(actions)


def read_policy(tree: object) -> Policy:
    """Return the policy of settings that were read from YAML; raises ValueError, a line for each mistake."""
    if tree is None:  # an empty file
        return NO_POLICY
    if not isinstance(tree, Mapping):
        raise ValueError("is no mapping; write for example rules: {host-claimed: deny}")  # noqa: TRY004 - a setting
    wrong = [f"{_shown(key)}: is no setting{_meant(str(key), ('rules', 'locked'))}" for key in tree if key not in _READ]
    actions: dict[str, Action] = {}
    locked: set[str] = set()
    for key, read in _READ.items():
        if tree.get(key) is not None:
            wrong += read(tree[key], actions, locked)
    if wrong:
        raise ValueError("\n".join(wrong))
    return Policy(actions, frozenset(locked))


def _read_rules(tree: object, actions: dict[str, Action], _locked: set[str]) -> Iterator[str]:
    if not isinstance(tree, Mapping):
        yield "rules: is no mapping; write for example rules: {host-claimed: deny}"
        return
    wrong: list[str] = []
    for rule, action in tree.items():
        # YAML 1.1 reads a bare `off` as false.
        _choose(str(rule), "off" if action is False else str(action), actions, wrong)
    yield from (f"rules: {line}" for line in wrong)


def _read_locked(tree: object, _actions: dict[str, Action], locked: set[str]) -> Iterator[str]:
    if not isinstance(tree, list):
        yield "locked: is no list; write for example locked: [host-claimed]"
        return
    for rule in map(str, tree):
        problem = _unchangeable(rule)
        if problem:
            yield f"locked: {problem}"
        locked.add(rule)


_READ: Final[Mapping[object, Callable[[object, dict[str, Action], set[str]], Iterator[str]]]] = {
    "rules": _read_rules,
    "locked": _read_locked,
}


def _choose(rule: str, word: str, actions: dict[str, Action], wrong: list[str]) -> None:
    """Take one wish, or say what is wrong with it."""
    problem = _unchangeable(rule)
    allowed = () if problem else CATALOGUE[rule].allowed
    if problem:
        wrong.append(problem)
    elif word not in allowed:
        words = " or ".join(allowed)
        why = "only warns: " if word == Action.DENY else ""
        wrong.append(f"{rule}={_shown(word)}: {why}write {words}{_meant(word, allowed)}")
    else:
        actions[rule] = Action(word)


def _unchangeable(rule: str) -> str:
    """Return why nobody can say anything about that rule; empty when one can."""
    entry = CATALOGUE.get(rule)
    if entry is None:
        changeable = [known.id for known in CATALOGUE.values() if known.allowed]
        return f"there is no rule {_shown(rule)}{_meant(rule, changeable)}"
    return "" if entry.allowed else f"{rule}: is the API's decision, which no policy changes"


def _meant(word: str, known: tuple[str, ...] | list[str]) -> str:
    found = nearest(word, known)
    return f"; did you mean {found}?" if found is not None else ""


def _shown(text: object) -> str:
    word = str(text)
    return word if len(word) <= MAX_SHOWN else f"{word[: MAX_SHOWN - 1]}…"


def local_policies(admin: Policy) -> Callable[[str], Local]:
    """Return a function from a namespace's annotation to its policy, which remembers what it has read."""

    @lru_cache(maxsize=NAMESPACES_REMEMBERED)
    def local(text: str) -> Local:
        try:
            own = parse_policy(text)
        except ValueError as error:
            return Local(admin, str(error).partition("\n")[0])
        wishes = {rule: action for rule, action in own.actions.items() if rule not in admin.locked}
        refused = ", ".join(rule for rule in own.actions if rule not in wishes)
        complaint = f"{refused}: locked by the cluster's admin" if refused else ""
        return Local(Policy({**admin.actions, **wishes}, admin.locked), complaint)

    return local
