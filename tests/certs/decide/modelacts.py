"""The controller's step in the model, and how it may go wrong.

The acts are those of `shim/controllers/certificate.py` as the API server sees them: a create that finds its name taken
has the store catch up, a status written on a version that is not the last is refused, a delete of what is gone
is no error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, assert_never

from certs.api.certificate import RotationPolicy
from certs.api.meta import find_condition
from certs.decide.certificate import decide
from certs.decide.certificatesteps import (
    AskRenewalInfo,
    CreateRequest,
    DeleteNextKey,
    DeleteRequest,
    OrderKey,
    ReuseSecret,
    RewriteSecret,
    SecretStep,
    SetCertificateStatus,
    Step,
    StoreNextKey,
    WriteSecret,
    WriteTemporary,
)
from certs.decide.precedence import LookAhead
from certs.decide.repair import LookAgain
from certs.outcomes import Outcome
from tests.certs.decide.model import (
    CERTIFICATE,
    SPECS,
    CertificateWord,
    Chain,
    CSRWord,
    KeyWord,
    Lag,
    Memory,
    NextKeyWord,
    PairWord,
    RequestWord,
    State,
    Word,
    certificate_of,
    get,
    new_key_of,
    next_keys_of,
    observe,
    pair_of,
    pairs_of,
    place_of,
    put,
    requests_of,
    wanted_size,
)


class Move(NamedTuple):
    """What happens, and the state after it; `step` where it is the controller's, done as decided."""

    what: str
    after: State
    step: Step | None = None


class Held(NamedTuple):
    """The controller wants something that cannot be done until somebody changes something."""

    why: str


class Decisions:
    """`decide`, asked once for each view, and how often it was asked."""

    def __init__(self) -> None:
        self._known: dict[object, Step | Outcome] = {}

    def of(self, state: State) -> Step | Outcome:
        """Return what is decided in a state."""
        rewritten = state.memory.rewritten is not None
        question = (state.view, state.now, new_key_of(state), rewritten, state.memory.no_temporary, state.issuer)
        if question not in self._known:
            self._known[question] = decide(observe(state), state.now)
        return self._known[question]

    @property
    def asked(self) -> int:
        """How many different questions there were."""
        return len(self._known)


def without_lag(state: State) -> State:
    """Have the store show everything as it is."""
    return _tidy(state._replace(lag=None))


def begun_anew(state: State) -> State:
    """Be a new process: nothing remembered, everything listed."""
    return state._replace(lag=None, memory=Memory())


def _tidy(state: State) -> State:
    """Take away what makes no difference: a lag that shows the truth, a note about what is no more."""
    lag, memory = state.lag, state.memory
    if lag is not None and get(state.server, lag.name) == lag.old:
        state = state._replace(lag=None)
    noted = memory.rewritten
    if noted is not None and noted != (certificate_of(state.view).spec, pair_of(state.view)):
        state = state._replace(memory=memory._replace(rewritten=None))
    return state


def written(state: State, name: str, word: Word | None, *, is_seen: bool = True) -> State:
    """Return the state after a write: seen by the store at once, or not yet."""
    lag = state.lag
    if not is_seen:
        lag = Lag(name, get(state.view, name))
    elif lag is not None and lag.name == name:
        lag = None
    return _tidy(state._replace(server=put(state.server, name, word), lag=lag))


# The controller.


def steps(state: State, step: Step) -> Iterator[Move]:
    """Return how the step may go: done, a crash before or after, its answer lost."""
    said = _said(step)
    yield Move(f"crash before {said}", begun_anew(state))
    done = taken(state, step)
    if isinstance(done, Held):
        return
    yield Move(said, done, step)
    yield Move(f"{said}, then crash", begun_anew(done))
    name = _changed(state, done)
    if name is not None and state.lag is None:
        lagging = done._replace(lag=Lag(name, get(state.server, name)), memory=state.memory)
        yield Move(f"{said}, answer lost", _tidy(lagging))
    if isinstance(step, WriteTemporary):
        memory = state.memory._replace(no_temporary=True)
        yield Move("no temporary certificate can be made", state._replace(memory=memory), step)


def _changed(before: State, after: State) -> str | None:
    """Return the name of what a step has changed on the API server, if anything."""
    names = {name for name, _ in (*before.server, *after.server)}
    return next((name for name in sorted(names) if get(before.server, name) != get(after.server, name)), None)


def taken(state: State, step: Step) -> State | Held:
    """Return the state after the step, as its act and the API server make it."""
    certificate = certificate_of(state.view)
    match step:
        case OrderKey():
            return state._replace(memory=state.memory._replace(mill=f"{wanted_size(certificate.spec)} under way"))
        case StoreNextKey(name):
            return _key_stored(state, name)
        case DeleteNextKey(name) | DeleteRequest(name):
            # What is gone already is no error, and tells the store nothing.
            return written(state, name, None) if get(state.server, name) else state
        case CreateRequest():
            return _request_created(state, step)
        case WriteTemporary() | WriteSecret() | RewriteSecret() | ReuseSecret():
            return _secret_written(state, step)
        case SetCertificateStatus(status):
            is_last = certificate == certificate_of(state.server)  # otherwise a Conflict
            return written(state, CERTIFICATE, certificate._replace(status=status)) if is_last else state
        case AskRenewalInfo():
            raise AssertionError("the issuers of the model have no renewal information")
        case LookAgain() | LookAhead():
            raise AssertionError("nobody in the model looks at names")
    assert_never(step)


def _key_stored(state: State, name: str) -> State | Held:
    key = _next_key(state, certificate_of(state.view), pair_of(state.view))
    if isinstance(key, Held):
        return key
    used = state._replace(memory=state.memory._replace(mill=""))
    return without_lag(used) if get(state.server, name) else written(used, name, NextKeyWord(key))


def _request_created(state: State, step: CreateRequest) -> State:
    if get(state.server, step.name):
        return without_lag(state)
    csr = CSRWord(_next_key_word(state).key, SPECS[certificate_of(state.view).spec].dns_names)
    return written(state, step.name, RequestWord(step.revision, csr, state.now))


def _secret_written(state: State, step: SecretStep) -> State:
    pair = pair_of(state.view)
    if isinstance(step, RewriteSecret):
        assert pair is not None
        after = _applied(state, pair)
        stored = pair_of(after.server)
        assert stored is not None
        noted = (certificate_of(state.view).spec, stored)
        return _tidy(after._replace(memory=after.memory._replace(rewritten=noted)))
    word = requests_of(state.view)[step.request.metadata.name]
    if isinstance(step, ReuseSecret):
        return _applied(state, PairWord(pairs_of(state.view)[step.source].key, word.chain, told=True))
    key = _next_key_word(state).key
    if isinstance(step, WriteSecret):
        return _applied(state, PairWord(key, word.chain, told=True))
    return _applied(state, PairWord(key, Chain(word.csr, word.revision, unused_number(state), state.now, "temporary")))


def _applied(state: State, pair: PairWord) -> State:
    """Apply the Secret: formats that are asked for are ours, others' that are not asked for stay."""
    before, place = get(state.server, place_of(state.view)), place_of(state.view)
    asked = bool(SPECS[certificate_of(state.view).spec].additional_output_formats)
    theirs = before.formats if isinstance(before, PairWord) and before.formats == "theirs" else ""
    return written(state, place, pair._replace(formats="ours" if asked else theirs))


def _next_key_word(state: State) -> NextKeyWord:
    """Return the next private key that is observed."""
    observed = observe(state)
    assert observed.next_key is not None
    return next_keys_of(state.view)[observed.next_key.metadata.name]


def _next_key(state: State, certificate: CertificateWord, pair: PairWord | None) -> KeyWord | Held:
    size = wanted_size(certificate.spec)
    private_key = SPECS[certificate.spec].private_key
    assert private_key is not None
    if private_key.rotation_policy is RotationPolicy.NEVER and pair is not None and pair.key is not None:
        return pair.key if pair.key.size == size else Held("the pinned key does not fit")
    used = {key.number for key in _keys(state) if key.size == size}
    return KeyWord(size, next(number for number in range(1, 99) if number not in used))


def _keys(state: State) -> Iterator[KeyWord]:
    for word in _words(state):
        match word:
            case NextKeyWord(key):
                yield key
            case RequestWord():
                yield word.csr.key
            case PairWord():
                if word.key is not None:
                    yield word.key
                if word.chain is not None:
                    yield word.chain.csr.key


def unused_number(state: State) -> int:
    """Return the number of a new signature."""
    chains = [word.chain for word in _words(state) if isinstance(word, PairWord | RequestWord)]
    used = {chain.number for chain in chains if chain is not None}
    return next(number for number in range(1, 99) if number not in used)


def _words(state: State) -> Iterator[Word]:
    yield from (word for _, word in state.server)
    if state.lag is not None and state.lag.old is not None:
        yield state.lag.old
    if state.memory.rewritten is not None:
        yield state.memory.rewritten[1]


def _said(step: Step) -> str:
    match step:
        case SetCertificateStatus(status):
            issuing = find_condition(status.conditions, "Issuing")
            ready = find_condition(status.conditions, "Ready")
            return (
                f"SetCertificateStatus Ready={ready and ready.status} ({ready and ready.reason}) "
                f"Issuing={issuing and issuing.status} ({issuing and issuing.reason}) revision={status.revision} "
                f"failures={status.failed_issuance_attempts} next key {status.next_private_key_secret_name}"
            )
        case WriteSecret(request) | WriteTemporary(request):
            return f"{type(step).__name__} of {request.metadata.name}"
        case StoreNextKey(name) | DeleteNextKey(name) | CreateRequest(name) | DeleteRequest(name):
            return f"{type(step).__name__} {name}"
        case ReuseSecret(request, source):
            return f"ReuseSecret {source} of {request.metadata.name}"
        case OrderKey() | RewriteSecret() | AskRenewalInfo() | LookAgain() | LookAhead():
            return type(step).__name__
    assert_never(step)
