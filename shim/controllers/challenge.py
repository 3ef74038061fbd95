"""The Challenge controller: has the way made, checks it, tells the CA, and waits for its verdict."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from certs.api.challenge import Challenge, ChallengeStatus
from certs.api.order import ACMEState
from certs.decide import challenge as decision
from certs.decide.challenge import (
    Answer,
    DropFinalizers,
    EnsureRoute,
    Look,
    ObservedChallenge,
    Progress,
    SelfCheck,
    SetChallengeStatus,
    Step,
    check_pause,
    concluded,
)
from certs.decide.effects import Tell, one_line
from certs.decide.order import poll_pause
from certs.outcomes import Failure, Outcome, Permanent
from shim.acme.gateway import Gateway
from shim.acme.problems import AccountGone, OrderGone
from shim.controllers.issuer import forget_account, gateway_of
from shim.controllers.world import World, with_next_attempt
from shim.solvers.http01 import HTTP01, NotReachable

COMPONENT: Final = "cert-manager-challenges"
# A CA that is asked at once after its answer has usually just begun to look.
FIRST_LOOK: Final = timedelta(milliseconds=25)


class ChallengeController:
    """One Challenge to its end."""

    name = "challenges"

    def __init__(self, world: World, http01: HTTP01) -> None:
        self._world = world
        self._http01 = http01

    def observe(self, namespace: str, name: str) -> ObservedChallenge | None:
        """Gather the Challenge, its issuer, whether its route stands, and what we remember."""
        challenge = self._world.stores.challenges.get(namespace, name)
        if challenge is None:
            return None
        return ObservedChallenge(
            challenge=challenge,
            issuer=self._world.stores.issuer(namespace, challenge.spec.issuer_ref),
            route_ready=challenge.status.state.is_final or self._http01.is_ready(challenge),
            progress=self._world.progress.get(challenge.metadata.uid),
            grace=self._http01.grace,
        )

    def decide(self, observed: ObservedChallenge, now: datetime) -> Step | Outcome:
        """Return the next step."""
        return decision.decide(observed, now)

    def act(self, observed: ObservedChallenge, step: Step, now: datetime) -> None:
        """Take it; what the CA refuses for good ends the Challenge, with its sentence."""
        try:
            self._act(observed, step, now)
        except AccountGone:
            forget_account(self._world, observed.issuer, now)
            raise
        except Permanent as error:
            # What the CA has forgotten is expired; what it refuses is errored.
            state = ACMEState.EXPIRED if isinstance(error, OrderGone) else ACMEState.ERRORED
            self._write(observed.challenge, concluded(observed.challenge, state, one_line(str(error)), now))

    def _act(self, observed: ObservedChallenge, step: Step, now: datetime) -> None:
        challenge = observed.challenge
        match step:
            case Look():
                self._look(observed, now)
            case EnsureRoute():
                self._http01.ensure(challenge)
            case SelfCheck():
                self._self_check(observed, now)
            case Answer():
                self._answer(observed, now)
            case SetChallengeStatus():
                self._write(challenge, step)
            case DropFinalizers():
                self._drop_finalizers(challenge, step)

    def report(self, observed: ObservedChallenge, failure: Failure, retry_at: datetime | None, now: datetime) -> None:
        """Say in the status and in an event what holds the Challenge up."""
        challenge = observed.challenge
        sentence = one_line(with_next_attempt(failure, retry_at))
        tell = Tell(failure.reason or "PresentError", f"Error presenting challenge: {sentence}", "Warning")
        if challenge.status.reason == sentence:
            self._world.tell(challenge, (tell,), COMPONENT)
            return
        status = msgspec.structs.replace(challenge.status, processing=True, state=ACMEState.PENDING, reason=sentence)
        self._write(challenge, SetChallengeStatus(status, (tell,)))

    def _gateway(self, observed: ObservedChallenge) -> Gateway:
        issuer = observed.issuer
        assert issuer is not None and issuer.spec.acme is not None  # noqa: S101, PT018  decided so
        return gateway_of(self._world, issuer, issuer.spec.acme)

    def _look(self, observed: ObservedChallenge, now: datetime) -> None:
        challenge = observed.challenge
        authorization = self._gateway(observed).authorization(challenge.spec.authorization_url)
        if authorization.status.is_final:
            said = str(authorization.error or f"the authorization is {authorization.status}")
            problem = decision.explained(said, observed.progress)
            state = decision.verdict(authorization.status, observed.progress)
            self._write(challenge, concluded(challenge, state, one_line(problem), now))
            return
        before = observed.progress or Progress(since=now, due=now)
        pause = now + poll_pause(before.polls)
        due = max(pause, authorization.retry_after or pause) if before.answered else now
        self._remember(challenge, replace(before, looked=True, polls=before.polls + 1, due=due))

    def _self_check(self, observed: ObservedChallenge, now: datetime) -> None:
        before = observed.progress
        assert before is not None  # noqa: S101  decided so
        try:
            self._http01.check(observed.challenge)
        except NotReachable as problem:
            due = now + check_pause(before.checks)
            self._remember(
                observed.challenge,
                replace(
                    before,
                    checks=before.checks + 1,
                    check_problem=one_line(str(problem)),
                    unseen_from_here=problem.from_here,
                    due=due,
                ),
            )
        else:
            self._remember(observed.challenge, replace(before, reachable=True))

    def _answer(self, observed: ObservedChallenge, now: datetime) -> None:
        before = observed.progress
        assert before is not None  # noqa: S101  decided so
        # Servers refuse, as malformed, an answer to a challenge that they are validating already (told before a crash);
        # if the challenge is really gone, the next look says so.
        with suppress(OrderGone):
            self._gateway(observed).answer(observed.challenge.spec.url)
        self._remember(observed.challenge, replace(before, answered=True, polls=0, due=now + FIRST_LOOK))

    def _drop_finalizers(self, challenge: Challenge, step: DropFinalizers) -> None:
        metadata = challenge.metadata
        changes = {"resourceVersion": metadata.resource_version, "finalizers": list(step.kept) or None}
        self._world.client.patch(Challenge, metadata.namespace, metadata.name, {"metadata": changes})

    def _remember(self, challenge: Challenge, progress: Progress) -> None:
        self._world.progress.put(challenge.metadata.uid, progress)

    def _write(self, challenge: Challenge, step: SetChallengeStatus) -> None:
        written = self._update(challenge, step.status)
        self._world.tell(written, step.tell, COMPONENT)
        if step.status.state.is_final:
            self._world.progress.drop(challenge.metadata.uid)

    def _update(self, challenge: Challenge, status: ChallengeStatus) -> Challenge:
        return self._world.client.update_status(
            msgspec.structs.replace(challenge, status=status), field_manager=COMPONENT
        )
