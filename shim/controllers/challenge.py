"""The Challenge controller: has the way made, checks it, tells the CA, waits for its verdict, and cleans up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from certs.api.challenge import Challenge, ChallengeStatus
from certs.api.issuer import AnyIssuer
from certs.api.meta import controller_of
from certs.api.order import ACMEState, Order
from certs.decide import challenge as decision
from certs.decide.challenge import answered, check_pause, foreign_solver, is_respecified, routed
from certs.decide.challengeend import cleanup_failed, cleanup_goes_on
from certs.decide.challengestatus import concluded, explained, verdict
from certs.decide.challengesteps import (
    FINALIZER,
    FINALIZERS,
    UNDERWAY_LOOK,
    AddFinalizer,
    Answer,
    CleanUp,
    Discard,
    DropFinalizers,
    EnsureRoute,
    Look,
    ObservedChallenge,
    Present,
    Progress,
    SelfCheck,
    SetChallengeStatus,
    Step,
    TakeAway,
    is_dns,
)
from certs.decide.effects import Tell, one_line
from certs.decide.issuerrevision import is_outdated
from certs.decide.order import poll_pause, without_challenge
from certs.outcomes import Failure, Outcome, Permanent, RateLimited, WaitingForUser
from shim.acme.gateway import Gateway
from shim.acme.problems import AccountGone, OrderGone
from shim.controllers import orderlimits
from shim.controllers.issuer import forget_account, gateway_of
from shim.controllers.world import World, with_next_attempt
from shim.kube.errors import KubeError
from shim.solvers.dns01.solver import DNS01, NotYet
from shim.solvers.http01.solver import HTTP01, NotReachable
from shim.solvers.jobs import StillWorking
from shim.stores import DNS_NAME, OWNER

COMPONENT: Final = "cert-manager-challenges"
# A CA that is asked at once after its answer has usually just begun to look.
FIRST_LOOK: Final = timedelta(milliseconds=25)


class ChallengeController:
    """One Challenge to its end."""

    name = "challenges"

    def __init__(self, world: World, http01: HTTP01, dns01: DNS01) -> None:
        self._world = world
        self._http01 = http01
        self._dns01 = dns01

    def observe(self, namespace: str, name: str) -> ObservedChallenge | None:
        """Gather the Challenge, its issuer, whether its route stands, and what we remember."""
        challenge = self._world.stores.challenges.get(namespace, name)
        if challenge is None:
            return None
        order = self._order_of(challenge)
        is_over = challenge.status.state.is_final or challenge.metadata.deletion_timestamp is not None
        issuer = self._world.stores.issuer(namespace, challenge.spec.issuer_ref)
        route_ready = challenge.status.state.is_final or self._is_ready(challenge)
        answered_by_us = route_ready and not is_over and not is_dns(challenge)
        return ObservedChallenge(
            challenge=challenge,
            issuer=issuer,
            route_ready=route_ready,
            progress=self._world.progress.get(challenge.metadata.uid),
            complete=order is None or not is_dns(challenge) or self._is_complete(order),
            replaceable=order is not None and not order.status.state.is_final,
            respecified=not is_over and self._is_respecified(challenge, order, issuer),
            clear=not is_over or is_dns(challenge) or self._http01.is_clear(challenge),
            obstacle=self._http01.waits_for(challenge) if answered_by_us else None,
            answerable_since=self._http01.answers_since(challenge) if answered_by_us else None,
            grace=self._http01.grace,
            held_until=self._world.held_until(challenge, issuer),
            over=(self._dns01 if is_dns(challenge) else self._http01).over(challenge),
        )

    def _order_of(self, challenge: Challenge) -> Order | None:
        owner = controller_of(challenge.metadata)
        order = self._world.stores.orders.get(challenge.metadata.namespace, owner.name) if owner is not None else None
        return order if order is not None and owner is not None and order.metadata.uid == owner.uid else None

    def _is_complete(self, order: Order) -> bool:
        """Has the Order all its Challenges?"""
        challenges = tuple(self._world.stores.challenges.by_index(OWNER, order.metadata.uid))
        return not without_challenge(order, challenges)

    def _is_respecified(self, challenge: Challenge, order: Order | None, issuer: AnyIssuer | None) -> bool:
        acme = issuer.spec.acme if issuer is not None else None
        if (
            order is None
            or acme is None
            or is_dns(challenge)
            or not is_outdated(order, issuer)
            or not FINALIZERS.isdisjoint(challenge.metadata.finalizers)
        ):
            return False  # what has a finalizer is another's, and goes by whether its pod answers
        return is_respecified(challenge, order, acme)

    def _is_ready(self, challenge: Challenge) -> bool:
        if is_dns(challenge):
            return self._dns01.is_presented(challenge)
        return self._http01.is_ready(challenge)

    def decide(self, observed: ObservedChallenge, now: datetime) -> Step | Outcome:
        """Return the next step."""
        return decision.decide(observed, now)

    def act(self, observed: ObservedChallenge, step: Step, now: datetime) -> None:
        """Take it; what the CA refuses for good ends the Challenge, with its sentence."""
        try:
            self._act(observed, step, now)
        except AccountGone as error:
            order = self._order_of(observed.challenge)
            if order is not None and is_outdated(order, observed.issuer):
                why = one_line(f"its issuer has changed since, and it may be another account's: {error}")
                self._write(observed.challenge, concluded(observed.challenge, ACMEState.EXPIRED, why, now))
                return
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
                self._remember(challenge, routed(observed.progress, now))
            case TakeAway():
                self._http01.take_away(challenge)
            case Present() | CleanUp():
                (self._present if isinstance(step, Present) else self._clean_up)(observed, now)
            case SelfCheck():
                self._self_check(observed, now)
            case Answer():
                self._answer(observed, now)
            case SetChallengeStatus():
                self._write(challenge, step)
            case Discard():
                self._discard(challenge, step)
            case AddFinalizer() | DropFinalizers():
                self._finalizers(challenge, step)

    def report(self, observed: ObservedChallenge, failure: Failure, retry_at: datetime | None, now: datetime) -> None:
        """Say in the status and in an event what holds the Challenge up."""
        challenge = observed.challenge
        self._world.hold(challenge, observed.issuer, failure)
        sentence = one_line(with_next_attempt(failure, retry_at))
        if challenge.status.state.is_final:
            tell = Tell("CleanUpError", f"Error cleaning up challenge: {sentence}", "Warning")
            self._world.tell(challenge, (tell,), COMPONENT)
            return
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
            problem = explained(said, observed.progress)
            since = challenge.metadata.creation_timestamp
            expires = authorization.expires
            state = verdict(authorization.status, observed.progress, expires=expires, since=since, now=now)
            if state is ACMEState.VALID and not is_dns(challenge):
                self._world.precedence.learn(observed.progress)
            if state is ACMEState.INVALID:
                name = challenge.spec.dns_name
                orderlimits.proof_failed(self._world, self._gateway(observed), observed.issuer, name, now)
            self._write(challenge, concluded(challenge, state, one_line(problem), now))
            return
        before = observed.progress or Progress(since=now, due=now)
        pause = now + poll_pause(before.polls)
        due = max(pause, authorization.retry_after or pause) if before.answered else now
        found = one_line(str(authorization.error)) if authorization.error is not None and before.answered else ""
        self._remember(challenge, replace(before, looked=True, polls=before.polls + 1, due=due, ca_problem=found))

    def _self_check(self, observed: ObservedChallenge, now: datetime) -> None:
        before = observed.progress
        assert before is not None  # noqa: S101  decided so
        challenge = observed.challenge
        try:
            (self._dns01 if is_dns(challenge) else self._http01).check(challenge)
        except StillWorking:
            self._remember(challenge, replace(before, due=now + UNDERWAY_LOOK))
        except (NotReachable, NotYet) as problem:
            due = now + check_pause(before.checks, challenge.spec.type)
            self._remember(
                challenge,
                replace(
                    before,
                    checks=before.checks + 1,
                    check_problem=one_line(str(problem)),
                    unseen_from_here=isinstance(problem, NotReachable) and problem.from_here,
                    due=due,
                ),
            )
        else:
            self._remember(challenge, replace(before, reachable=True))

    def _present(self, observed: ObservedChallenge, now: datetime) -> None:
        before, issuer = observed.progress, observed.issuer
        assert before is not None and issuer is not None  # noqa: S101, PT018  decided so
        challenge = observed.challenge
        if not self._is_ours(challenge, issuer):
            raise WaitingForUser(
                f'cannot present "{challenge.spec.dns_name}": the value is not the one that the account of '
                f'{type(issuer).resource.kind} "{issuer.metadata.name}" has for this token',
                reason="PresentError",
            )
        try:
            self._dns01.present(challenge, issuer, lambda: self._beside(challenge, issuer))
        except StillWorking:
            self._remember(challenge, replace(before, due=now + UNDERWAY_LOOK))
        except Permanent as failure:
            # It is about the issuer, and its change wakes the Challenge: no reason to fail the issuance.
            raise WaitingForUser(str(failure), reason=failure.reason) from failure
        else:
            self._remember(challenge, replace(before, due=now))

    def _beside(self, challenge: Challenge, issuer: AnyIssuer) -> Iterator[Challenge]:
        """Return the Challenges whose values are to stand at the same name, by the same writer."""
        spec = challenge.spec
        for other in self._world.stores.challenges.by_index(DNS_NAME, spec.dns_name):
            metadata = other.metadata
            if (
                metadata.uid != challenge.metadata.uid
                and metadata.namespace == challenge.metadata.namespace
                and metadata.deletion_timestamp is None
                and FINALIZER in metadata.finalizers
                and not other.status.state.is_final
                and (other.spec.solver, other.spec.issuer_ref) == (spec.solver, spec.issuer_ref)
                and not foreign_solver(other, issuer)
                and self._is_ours(other, issuer)
            ):
                yield other

    def _is_ours(self, challenge: Challenge, issuer: AnyIssuer) -> bool:
        """Is its value that of the issuer's account, so that it proves something for us and for nobody else?"""
        acme = issuer.spec.acme
        assert acme is not None  # noqa: S101  decided so
        try:
            return challenge.spec.key == gateway_of(self._world, issuer, acme).dns_value(challenge.spec.token)
        except Permanent:
            return False  # no token of any CA's

    def _clean_up(self, observed: ObservedChallenge, now: datetime) -> None:
        """Try to; what goes wrong is told and tried again, and never holds up who deletes it."""
        challenge, issuer, before = observed.challenge, observed.issuer, observed.progress
        try:
            why_not = foreign_solver(challenge, issuer)
            if not why_not and issuer is not None and not self._dns01.is_presented(challenge):
                why_not = "" if self._is_ours(challenge, issuer) else "the value is not that of the issuer's account"
            self._dns01.clean_up(challenge, issuer, why_not, lambda: self._is_needed(challenge))
        except StillWorking:
            self._remember(challenge, cleanup_goes_on(before, now))
        except (Failure, KubeError) as failure:
            problem = one_line(str(failure))
            self._world.tell(
                challenge, (Tell("CleanUpError", f"Error cleaning up challenge: {problem}", "Warning"),), COMPONENT
            )
            until = failure.until if isinstance(failure, RateLimited) else None
            self._remember(challenge, cleanup_failed(before, problem, now, until))
        else:
            self._remember(challenge, replace(before or Progress(now, now), cleaned=True))

    def _is_needed(self, challenge: Challenge) -> bool:
        """Does another Challenge wait for the same value?  A CA may give two orders the same authorization."""
        return any(
            other.metadata.uid != challenge.metadata.uid
            and other.spec.key == challenge.spec.key
            and other.metadata.deletion_timestamp is None
            and not other.status.state.is_final
            for other in self._world.stores.challenges.by_index(DNS_NAME, challenge.spec.dns_name)
        )

    def _discard(self, challenge: Challenge, step: Discard) -> None:
        self._world.tell(challenge, (Tell("Discarded", one_line(step.why), "Warning"),), COMPONENT)
        metadata = challenge.metadata
        self._world.client.delete(Challenge, metadata.namespace, metadata.name, uid=metadata.uid)

    def _answer(self, observed: ObservedChallenge, now: datetime) -> None:
        before = observed.progress
        assert before is not None  # noqa: S101  decided so
        # Servers refuse, as malformed, an answer to a challenge that they are validating already (told before a crash);
        # if the challenge is really gone, the next look says so.  What they say to a second answer is no matter.
        with suppress(Permanent if before.answers else OrderGone):
            self._gateway(observed).answer(observed.challenge.spec.url)
        self._remember(observed.challenge, answered(before, now, look_at=now + FIRST_LOOK))

    def _finalizers(self, challenge: Challenge, step: AddFinalizer | DropFinalizers) -> None:
        metadata = challenge.metadata
        wanted = step.kept if isinstance(step, DropFinalizers) else (*metadata.finalizers, FINALIZER)
        changes = {"resourceVersion": metadata.resource_version, "finalizers": list(wanted) or None}
        self._world.client.patch(Challenge, metadata.namespace, metadata.name, {"metadata": changes})
        if isinstance(step, DropFinalizers):
            self._world.tell(challenge, step.tell, COMPONENT)
            self._world.progress.drop(metadata.uid)

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
