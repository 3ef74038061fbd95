"""Every state of the model that can be reached, breadth first, and what must be true of each.

What must never be is looked for in each state and on each move.  What must come about in the end is shown by going
on from each state with nobody interfering any more: with an issuer that signs it leads to a Certificate that is
settled, with one that refuses to an attempt that is given up and a pause, with one that says nothing to a Certificate
that says it is waiting.  A violation is told with
a shortest way to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from certs.api.certificate import CertificateStatus
from certs.api.meta import ConditionStatus, find_condition, is_true
from certs.decide.certificatesteps import CreateRequest, ReuseSecret, Step, StoreNextKey
from certs.decide.issuance import KEY_RECHECK, MOMENT
from certs.decide.request import is_finished
from certs.outcomes import Done, Outcome, Wait
from tests.certs.decide.model import (
    Budget,
    Chain,
    RequestWord,
    State,
    certificate_of,
    get,
    next_keys_of,
    observe,
    pair_of,
    pairs_of,
    place_of,
    put,
    request_object,
    requests_of,
    wanted_size,
)
from tests.certs.decide.modelacts import Decisions, Held, Move, steps, taken, without_lag
from tests.certs.decide.modelmoves import answers, doings, inside, ticks

# The longest undisturbed way, through a renewal and several failures, has about forty.
MOST_STEPS: Final = 80
MOST_LINES: Final = 30
NOTHING_LEFT: Final = Budget(0, 0)


class Manner(Enum):
    """What the issuer does with every request from now on."""

    SIGNS = auto()
    REFUSES = auto()
    SILENT = auto()


class Violation(AssertionError):
    """Something is not as it must be; with the way there."""


@dataclass
class Walk:
    """The states from some starts, within the budget that each start has; others change the spec to one of `specs`."""

    starts: tuple[State, ...]
    specs: tuple[str, ...]
    decisions: Decisions = field(default_factory=Decisions)
    moves: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    _before: dict[State, tuple[State | None, str]] = field(default_factory=dict)
    _ways: dict[tuple[State, Manner], tuple[State | None, str]] = field(default_factory=dict)

    @property
    def states(self) -> int:
        """How many were reached."""
        return len(self._before)

    def run(self) -> None:
        """Visit them all; raises `Violation` at the first state or move that is not as it must be."""
        level = list(self.starts)
        self._before.update((state, (None, "")) for state in level)
        while level:
            reached: list[State] = []
            for state in level:
                self._visit(state, reached)
            level = reached

    def _visit(self, state: State, reached: list[State]) -> None:
        self._require(wrong_in(state, is_undisturbed=self._is_undisturbed(state)), state)
        for move, is_controller in self._moves(state):
            self.moves += 1
            self._require(wrong_on(state, move, is_controller=is_controller), state, move.what)
            if move.step is not None:
                self.taken[type(move.step).__name__] += 1
            if move.after not in self._before:
                self._before[move.after] = (state, move.what)
                reached.append(move.after)
        for manner in Manner:
            self.ends[self._end_of(state, manner)] += 1

    def _is_undisturbed(self, state: State) -> bool:
        """Has nobody interfered, and has no time passed?"""
        return all(state.budget == start.budget for start in self.starts)

    def _moves(self, state: State) -> Iterator[tuple[Move, bool]]:
        """Return what may happen, and whether the controller does it."""
        step = self.decisions.of(state)
        if not isinstance(step, Wait | Done):
            yield from ((move, True) for move in steps(state, step))
        elif state.lag is None and not (isinstance(step, Wait) and step.until - state.now <= KEY_RECHECK):
            self._require([*_wrong_at_rest(state, is_undisturbed=self._is_undisturbed(state))], state)
        yield from ((move, False) for move in inside(state))
        yield from ((move, False) for move in answers(state, bad=False))
        troubles, left = state.budget
        if troubles:
            less = state._replace(budget=Budget(troubles - 1, left))
            yield from ((move, False) for move in answers(less, good=False))
            yield from ((move, False) for move in doings(less, self.specs))
        if left:
            yield from ((move, False) for move in ticks(state._replace(budget=Budget(troubles, left - 1))))

    # What comes about in the end.

    def _end_of(self, state: State, manner: Manner) -> str:
        """Return the word for the end of the undisturbed way; each state on it is gone through once."""
        passed: list[State] = []
        current = state._replace(budget=NOTHING_LEFT)
        way: list[str] = []
        while (current, manner) not in self._ways:
            step = self._next(current, manner)
            if isinstance(step, str):
                self._require([step] if step.startswith("!") else [], state, *way)
                self._ways[current, manner] = (None, step)
                break
            passed.append(current)
            way.append(step.what)
            if len(way) > MOST_STEPS or step.after in passed:
                self._require(["goes on without an end"], state, *way)
            current = step.after
        end = self._ways[current, manner][1]
        self._ways.update(((one, manner), (current, end)) for one in passed)
        return end

    def _next(self, state: State, manner: Manner) -> Move | str:
        """Return what happens next when nobody interferes, or the end in a word (with "!": not one that may be)."""
        if state.lag is not None or not state.issuer.is_ready:
            ready = state.issuer._replace(is_ready=True)
            return Move("store catches up, issuer ready", without_lag(state)._replace(issuer=ready))
        decided = self.decisions.of(state)
        if isinstance(decided, Wait | Done):
            return _after_rest(state, decided, manner)
        return _after_step(state, decided)

    # How it is told.

    def _require(self, wrong: list[str], state: State, *further: str) -> None:
        if not wrong:
            return
        way = list(further)
        at: State | None = state
        while at is not None:
            at, what = self._before.get(at, (None, ""))
            way.insert(0, what)
        lines = [f"{number:3} {what}" for number, what in enumerate(filter(None, way), start=1)]
        start = f"in process: {state.issuer.in_process}, mill: {state.has_mill}"
        if len(lines) > MOST_LINES:
            lines[MOST_LINES:] = ["    and so on"]
        raise Violation("\n".join([*wrong, f"on the way from nothing ({start}):", *lines]))


def _answer(state: State, manner: Manner) -> Iterator[Move]:
    """Return the next answer of an issuer of that manner; it refuses what it can."""
    if manner is Manner.SILENT:
        return
    possible = list(answers(state))
    refusals = [move for move in possible if move.what.startswith(("failed", "refused"))]
    consents = [move for move in possible if move.what.startswith(("signed (good)", "signed at once", "approved"))]
    yield from (consents if manner is Manner.SIGNS else refusals or consents)


def _after_step(state: State, step: Step) -> Move | str:
    after = taken(state, step)
    if isinstance(after, Held):
        return "held"
    name = type(step).__name__
    return Move(name, after) if after != state else f"! the same step twice: {name}"


def _after_rest(state: State, rest: Outcome, manner: Manner) -> Move | str:
    for move in (*inside(state), *_answer(state, manner)):
        return move
    missing = unsettled(state)
    wakes = isinstance(rest, Wait) and state.now < rest.until
    status = certificate_of(state.server).status
    if manner is Manner.SILENT and missing is not None and is_true(status.conditions, "Issuing"):
        return "waits"
    if not wakes or not isinstance(rest, Wait):
        return f"! {missing or 'settled'}, and nothing wakes it"
    if missing is None:
        return "settled"
    if manner is Manner.SIGNS or rest.until - state.now <= MOMENT:
        return _go_on(state, rest)
    return _gave_up(state, rest)


def _go_on(state: State, wait: Wait) -> Move:
    """Let the time pass that is waited for; an answer that stands until somebody deletes it is deleted."""
    name = _standing_answer(state)
    if name is not None:
        return Move(f"somebody deletes {name}", state._replace(server=put(state.server, name, None)))
    return Move(f"clock: {wait.why}", state._replace(now=wait.until))


def _gave_up(state: State, wait: Wait) -> str:
    status = certificate_of(state.server).status
    issuing = find_condition(status.conditions, "Issuing")
    if issuing is None or is_true(status.conditions, "Issuing") or status.last_failure_time is None:
        return f"! waits for {wait.why}, and has not given up"
    return "gave up"


def _standing_answer(state: State) -> str | None:
    """Return the name of a request that was denied or found invalid: the API has that stand until it is deleted."""
    revision = (certificate_of(state.server).status.revision or 0) + 1
    for name, word in requests_of(state.server).items():
        stands = any(is_true(word.status.conditions, kind) for kind in ("Denied", "InvalidRequest"))
        if word.revision == revision and stands:
            return name
    return None


def unsettled(state: State) -> str | None:
    """Return what a Certificate that is well and at rest has and this has not; None when it is."""
    return next(_lacks(state), None)


def _lacks(state: State) -> Iterator[str]:
    pair, status = pair_of(state.server), certificate_of(state.server).status
    if not is_true(status.conditions, "Ready"):
        yield "not Ready"
    if is_true(status.conditions, "Issuing"):
        yield "still Issuing"
    if pair is None or pair.chain is None or not _is_for(state, pair.chain):
        yield "Ready with a Secret that is not what is asked for"
    if status.renewal_time is None or status.renewal_time <= state.now:
        yield "due for renewal"
    if next_keys_of(state.server):
        yield "a next private key is left"
    if any(_is_pointless(word, status.revision or 0) for word in requests_of(state.server).values()):
        yield "a request is left that nobody needs"
    if len(requests_of(state.server)) > 1:
        yield "more requests than the history has"


def _is_pointless(word: RequestWord, revision: int) -> bool:
    """Is it for the next issuance, which is not needed, and no failure to be looked at?"""
    ready = find_condition(word.status.conditions, "Ready")
    return word.revision > revision and (ready is None or ready.reason not in {"Failed", "Denied"})


def _is_for(state: State, chain: Chain) -> bool:
    observed = observe(state)
    names = set(observed.certificate.spec.dns_names)
    size = wanted_size(certificate_of(state.server).spec)
    return chain.how == "good" and set(chain.csr.names) == names and chain.csr.key.size == size


# What must never be.


def wrong_in(state: State, *, is_undisturbed: bool) -> list[str]:
    """Return what is wrong in a state."""
    return [*_wrong_pair(state), *_wrong_requests(state), *(_wasted(state) if is_undisturbed else ())]


def _wrong_pair(state: State) -> Iterator[str]:
    for pair in pairs_of(state.server).values():
        if pair.chain is not None and (pair.chain.csr.key != pair.key or pair.chain.how not in {"good", "temporary"}):
            yield f"the Secret holds a key and a certificate that do not belong together: {pair}"


def _wrong_requests(state: State) -> Iterator[str]:
    live = [
        word.revision
        for name, word in requests_of(state.server).items()
        if word.revision and not is_finished(request_object(name, word))
    ]
    if len(live) != len(set(live)):
        yield "two live requests of one revision"


def _wrong_at_rest(state: State, *, is_undisturbed: bool) -> Iterator[str]:
    """Return what the status says while there is nothing to be done for longer than minutes, and is not so."""
    status, pair = certificate_of(state.server).status, pair_of(state.server)
    if not is_true(status.conditions, "Ready") or is_true(status.conditions, "Issuing"):
        return
    if pair is None or pair.chain is None or not _is_for(state, pair.chain):
        yield f"Ready is true, and the Secret holds {pair}"
    elif is_undisturbed and pair.chain.revision != status.revision:
        yield f"revision {pair.chain.revision} is stored, and the status says {status.revision}"


def _wasted(state: State) -> Iterator[str]:
    """Crashes and lost answers alone cost no second key, request, or signature, and lose none."""
    pair, keys = pair_of(state.server), [word.key for word in next_keys_of(state.server).values()]
    stored = [*keys, *([pair.key] if pair is not None else [])]
    if len(set(stored)) > 1 or any(key is not None and key.number > 1 for key in stored):
        yield f"two private keys for one issuance: {stored}"
    words = requests_of(state.server).values()
    if len(words) > 1:
        yield "two requests for one issuance"
    yield from (
        f"a request with a key that is not stored: {word.csr.key}" for word in words if word.csr.key not in stored
    )
    revision = certificate_of(state.server).status.revision
    if revision and (pair is None or pair.chain is None or pair.chain.revision != revision):
        yield f"the status claims revision {revision}, and the Secret holds {pair}"


def wrong_on(before: State, move: Move, *, is_controller: bool) -> list[str]:
    """Return what is wrong with a move."""
    return [*_wrong_step(before, move), *(_wrong_change(before, move.after) if is_controller else ())]


def _wrong_change(before: State, after: State) -> Iterator[str]:
    """Return what no step of the controller may do, whatever it makes of its act."""
    if not pairs_of(before.server).keys() <= pairs_of(after.server).keys():
        yield "the Secret was deleted"
    old, new = certificate_of(before.server).status, certificate_of(after.server).status
    was, becomes = old.revision or 0, new.revision or 0
    if becomes not in {was, was + 1}:
        yield f"revision {was} became {becomes}"
    unseen = before.lag is not None and before.lag.name == place_of(before.view)
    pair = pair_of(after.server)
    if becomes != was and not unseen and (pair is None or pair.chain is None or pair.chain.revision != becomes):
        yield f"revision {becomes} is claimed while the Secret holds {pair}"
    if (new.failed_issuance_attempts or 0) < (old.failed_issuance_attempts or 0) and becomes == was:
        yield "failures were forgotten without a success"
    ended = _issuing(new) is ConditionStatus.FALSE and _issuing(old) is not ConditionStatus.FALSE
    if ended and new.failed_issuance_attempts != (old.failed_issuance_attempts or 0) + 1:
        yield "a failure was not counted"


def _issuing(status: CertificateStatus) -> ConditionStatus | None:
    condition = find_condition(status.conditions, "Issuing")
    return condition.status if condition is not None else None


def _wrong_step(before: State, move: Move) -> Iterator[str]:
    """Return what is wrong with a step that was done as decided, on what the store showed as it is."""
    if move.step is None or before.lag is not None:
        return
    if move.after == before:
        yield f"a step that changes nothing: {move.what}"
    if isinstance(move.step, CreateRequest) and get(before.server, move.step.name) is None:
        yield from _wrong_request(move.after, move.step.name)
    if isinstance(move.step, StoreNextKey):
        yield from _wrong_key(before, move.step.name)
    if isinstance(move.step, ReuseSecret):
        yield from _wrong_reuse(before, move.after)


def _wrong_request(state: State, name: str) -> Iterator[str]:
    made = get(state.server, name)
    assert isinstance(made, RequestWord)
    if made.csr.key not in [word.key for word in next_keys_of(state.server).values()]:
        yield "a request was made with a key that is not stored"
    if made.csr.key.size != wanted_size(certificate_of(state.server).spec):
        yield "a request was made with a key that is not as the spec says"


def _wrong_reuse(before: State, after: State) -> Iterator[str]:
    status, pair = certificate_of(before.server).status, pair_of(after.server)
    if pair is None or pair.chain is None or not _is_for(before, pair.chain) or pair.chain.revision != status.revision:
        yield f"used again is what is not asked for: {pair}"
    if is_true(status.conditions, "Issuing"):
        yield "used again is a certificate that a new one was asked for"
    if status.renewal_time is not None and status.renewal_time <= before.now:
        yield "used again is what is due for renewal"
    ready = find_condition(status.conditions, "Ready")
    if ready is None or ready.observed_generation == observe(before).certificate.metadata.generation:
        yield "used again is the key of a Secret that somebody has deleted"


def _wrong_key(state: State, name: str) -> Iterator[str]:
    status, pair = certificate_of(state.server).status, pair_of(state.server)
    named = status.next_private_key_secret_name
    if named is not None and named != name and named in next_keys_of(state.server):
        yield "a second key was made beside the one that the status names"
    brought = [word.chain for word in requests_of(state.server).values() if word.revision == (status.revision or 0) + 1]
    if is_true(status.conditions, "Issuing") and pair is not None and pair.chain is not None and pair.chain in brought:
        yield "a key was made for an issuance that is stored"
