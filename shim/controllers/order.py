"""The Order controller: one ACME exchange per step, each result stored or remembered before the next."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Final

import msgspec
import structlog

from certs.api.challenge import Challenge, ChallengeSpec
from certs.api.issuer import ACMEIssuer
from certs.api.meta import ObjectMeta, controller_of, owner_reference
from certs.api.order import ACMEAuthorization, ACMEState, ChallengeType, Order, OrderStatus
from certs.decide import order as decision
from certs.decide import solver as solvers
from certs.decide.challenge import unsupported
from certs.decide.challengestatus import has_expired
from certs.decide.challengesteps import FINALIZER, Progress
from certs.decide.direction import overridden
from certs.decide.effects import Tell, one_line
from certs.decide.issuerrevision import is_outdated
from certs.decide.order import (
    ACMEStep,
    Authorize,
    DeleteChallenge,
    Download,
    Finalize,
    NewOrder,
    ObservedOrder,
    Poll,
    Seen,
    SetOrderStatus,
    StartOver,
    Step,
    seen_from,
)
from certs.decide.preflight import AskNames, TellFindings
from certs.decide.sharing import names_of
from certs.names import challenge_name
from certs.outcomes import Failure, Outcome, Permanent, RateLimited, Transient, WaitingForUser
from certs.pki.csr import read_csr
from certs.pki.x509 import InvalidCertificate, read_chain
from shim.acme.gateway import UNAUTHORIZED, Gateway
from shim.acme.ledgers import AccountAt
from shim.acme.problems import AccountGone, AlreadyReplaced, OrderGone, OrderNotReady
from shim.acme.recovery import find_order
from shim.acme.resources import AuthorizationResource, OrderResource
from shim.controllers import orderlimits
from shim.controllers.issuer import forget_account, gateway_of
from shim.controllers.preflight import Preflight
from shim.controllers.sharing import Sharing
from shim.controllers.world import World, with_next_attempt
from shim.kube.errors import AlreadyExists
from shim.stores import OWNER

log: structlog.stdlib.BoundLogger = structlog.get_logger()

COMPONENT: Final = "cert-manager-orders"
# Public CAs offer one or two; each costs an exchange.
MOST_ALTERNATES: Final = 10


class OrderController:
    """One Order from its creation to its certificate."""

    name = "orders"

    def __init__(self, world: World, preflight: Preflight | None = None) -> None:
        self._world = world
        self._preflight = preflight or Preflight()
        self._sharing = Sharing(world.stores)

    def observe(self, namespace: str, name: str) -> ObservedOrder | None:
        """Gather the Order, its issuer, its Challenges, and what the CA last said."""
        stores = self._world.stores
        order = stores.orders.get(namespace, name)
        if order is None:
            return None
        issuer = stores.issuer(namespace, order.spec.issuer_ref)
        return ObservedOrder(
            order=order,
            issuer=issuer,
            challenges=tuple(stores.challenges.by_index(OWNER, order.metadata.uid)),
            seen=self._world.seen.get(order.metadata.uid),
            look=self._preflight.look(order),
            held_until=self._world.held_until(order, issuer),
            first=self._sharing.first(order),
        )

    def decide(self, observed: ObservedOrder, now: datetime) -> Step | Outcome:
        """Return the next step."""
        return decision.decide(observed, now)

    def act(self, observed: ObservedOrder, step: Step, now: datetime) -> None:
        """Take it; what the CA refuses for good ends the Order, with its sentence."""
        if isinstance(step, AskNames | TellFindings):
            self._preflight.act(observed, step, now)
            return
        try:
            self._act(observed, step, now)
        except OrderGone as error:
            self._start_over(observed, str(error), now)
        except AccountGone as error:
            if observed.order.status.url and is_outdated(observed.order, observed.issuer):
                self._start_over(
                    observed, f"its issuer has changed since, and it may be another account's: {error}", now
                )
                return
            forget_account(self._world, observed.issuer, now)
            raise
        except WaitingForUser as error:
            if error.reason == UNAUTHORIZED:  # nobody may find the account: its issuer shall tell
                forget_account(self._world, observed.issuer, now)
            raise
        except Permanent as error:
            self._set_status(observed, decision.failed_status(observed, ACMEState.ERRORED, one_line(str(error)), now))
            self._world.tell(observed.order, (Tell("Failed", one_line(str(error)), "Warning"),), COMPONENT)

    def _act(self, observed: ObservedOrder, step: ACMEStep, now: datetime) -> None:
        order = observed.order
        match step:
            case NewOrder():
                self._new_order(observed, now)
            case Authorize():
                self._authorize(observed, step.url, now)
            case Finalize():
                self._finalize(observed, now)
            case Poll():
                self._heard(observed, self._gateway(observed).order(order.status.url), now)
            case Download():
                self._download(observed, step.url, now)
            case StartOver():
                self._start_over(observed, step.why, now)
            case SetOrderStatus():
                self._set_status(observed, step.status)
                if step.tell is not None:
                    self._world.tell(order, (step.tell,), COMPONENT)
            case DeleteChallenge():
                uid = next((one.metadata.uid for one in observed.challenges if one.metadata.name == step.name), "")
                self._world.client.delete(Challenge, order.metadata.namespace, step.name, uid=uid)

    def report(self, observed: ObservedOrder, failure: Failure, retry_at: datetime | None, now: datetime) -> None:
        """Say in the status and in an event what holds the Order up; its state stays, since it may still succeed."""
        order = observed.order
        self._world.hold(order, observed.issuer, failure)
        sentence = one_line(with_next_attempt(failure, retry_at))
        self._world.tell(order, (Tell(failure.reason or "Error", sentence, "Warning"),), COMPONENT)
        if order.status.reason != sentence:
            self._set_status(observed, msgspec.structs.replace(order.status, reason=sentence))

    def _acme(self, observed: ObservedOrder) -> ACMEIssuer:
        return decision.ready_issuer(observed.issuer, observed.order)

    def _gateway(self, observed: ObservedOrder) -> Gateway:
        acme = self._acme(observed)
        assert observed.issuer is not None  # noqa: S101  ready_issuer has looked
        return gateway_of(self._world, observed.issuer, acme)

    def _set_status(self, observed: ObservedOrder, status: OrderStatus) -> None:
        if status.state.is_failure:
            self._world.ledgers.ended(observed.order.metadata.uid, issued=False)
        order = msgspec.structs.replace(observed.order, status=status)
        self._world.client.update_status(order, field_manager=COMPONENT)

    def _start_over(self, observed: ObservedOrder, why: str, now: datetime) -> None:
        order = observed.order
        owner = controller_of(order.metadata)
        if owner is not None:
            self._world.note_start_over(owner.uid, one_line(why), now)
        self._world.tell(order, (Tell("StartedOver", one_line(f"Deleting the order: {why}"), "Warning"),), COMPONENT)
        self._world.client.delete(Order, order.metadata.namespace, order.metadata.name, uid=order.metadata.uid)

    def _download(self, observed: ObservedOrder, url: str, now: datetime) -> None:
        gateway, preferred = self._gateway(observed), self._acme(observed).preferred_chain
        try:
            issued = gateway.certificate(url)
        except OrderGone:
            self._not_there_yet(gateway, observed, url, now)
            return
        chain = issued.pem
        if preferred and not ends_at(chain, preferred):
            others = (_alternate(gateway, alternate) for alternate in issued.alternates[:MOST_ALTERNATES])
            chain = next((other for other in others if ends_at(other, preferred)), chain)
        if self._sharing.is_shared(observed.order) and not is_for(chain, observed.order):
            self._start_over(observed, "the CA has issued its certificate for another Order's key", now)
            return
        self._set_status(observed, decision.completed(observed, chain))
        self._world.ledgers.ended(observed.order.metadata.uid, issued=True)
        self._world.tell(observed.order, (Tell("Complete", "Order completed successfully"),), COMPONENT)
        self._world.seen.drop(observed.order.metadata.uid)
        self._preflight.proven(observed)

    def _not_there_yet(self, gateway: Gateway, observed: ObservedOrder, url: str, now: datetime) -> None:
        """Order nothing again that is issued: part of a CA may not know yet what another part has signed.

        Raises `OrderGone` when the order is gone, too.
        """
        answer = gateway.order(observed.order.status.url)
        if answer.certificate == url and answer.status is ACMEState.VALID:
            raise Transient(
                f"cannot download the certificate {url}: the CA says that it is issued, and does not have it there: "
                "nothing to do unless it lasts",
                reason="ACME",
            )
        self._heard(observed, answer, now)

    def _new_order(self, observed: ObservedOrder, now: datetime) -> None:
        order = observed.order
        names = names_of(order)
        gateway = self._gateway(observed)
        account, kept = AccountAt(gateway.server, gateway.account_uri), self._world.made.get(order.metadata.uid)
        # Kept is what the API server has not taken the URL of.
        made = kept[1] if kept is not None and kept[0] == account else self._made(gateway, observed, names, now)
        self._sharing.claim(order, made.url)
        self._world.made.put(order.metadata.uid, (account, made))
        self._set_status(
            observed,
            decision.ordered(
                order,
                url=made.url,
                finalize_url=made.finalize,
                authorizations=made.authorizations,
                state=made.status,
            ),
        )
        self._world.made.drop(order.metadata.uid)
        self._world.seen.put(order.metadata.uid, Seen(state=ACMEState.PENDING, next_poll=now))

    def _made(self, gateway: Gateway, observed: ObservedOrder, names: tuple[str, ...], now: datetime) -> OrderResource:
        """Return what the CA has made for the names, or makes now."""
        order = observed.order
        orderlimits.enter(self._world, gateway, observed.issuer, order, now)
        # Whoever created the Order a moment ago in this process knows that no newOrder has been sent for it.
        first_try = self._world.untried.take(f"{order.metadata.namespace}/{order.metadata.name}")
        made = None if first_try else find_order(gateway, names, free=partial(self._sharing.is_free, order))
        try:
            return made or self._ordered(gateway, order, names, now)
        except RateLimited as limited:
            orderlimits.refused(self._world, gateway, order, limited)
            raise
        except Permanent as refused:
            if refused.reason == UNAUTHORIZED:
                self._require_account(gateway, order)
            raise

    def _require_account(self, gateway: Gateway, order: Order) -> None:
        """Raise `WaitingForUser` when it is the account that the CA takes nothing of."""
        try:
            gateway.find_account()
        except (Transient, RateLimited, Permanent) as error:
            log.info("account not found out about", order=order.metadata.name, error=str(error))

    def _ordered(self, gateway: Gateway, order: Order, names: tuple[str, ...], now: datetime) -> OrderResource:
        """Ask for the order; a CA that does not like what it replaces is asked again without (RFC 9773 §5)."""
        spec, until = order.spec, decision.not_after(order, now)
        profile = self._profile(gateway, order)
        if spec.replaces and gateway.directory().renewal_info:
            try:
                return gateway.new_order(names, not_after=until, profile=profile, replaces=spec.replaces)
            except AlreadyReplaced as error:
                log.info("ordering without replaces", order=order.metadata.name, error=str(error))
        return gateway.new_order(names, not_after=until, profile=profile)

    def _profile(self, gateway: Gateway, order: Order) -> str:
        """Return the profile to order with; one that the CA does not offer is refused before anything is ordered."""
        offered = gateway.directory().profiles
        if order.spec.profile and order.spec.profile not in offered:
            offered = gateway.directory(max_age=0).profiles  # it may have been added since
        profile = decision.wanted_profile(order, offered)
        if profile != order.spec.profile:
            text = f'Ordering with the profile "{profile}", since the names are IP addresses'
            self._world.tell(order, (Tell("ProfileChosen", text),), COMPONENT)
        return profile

    def _authorize(self, observed: ObservedOrder, url: str, now: datetime) -> None:
        order = observed.order
        authorization = self._gateway(observed).authorization(url)
        if authorization.status is ACMEState.VALID:
            self._set_status(observed, decision.authorized(order, _described(authorization)))
        elif authorization.status.is_failure:
            problem = authorization.error or f"the authorization is {authorization.status}"
            reason = one_line(f'{decision.FAILED_PROOF} "{authorization.identifier}": {problem}')
            self._set_status(observed, decision.failed_status(observed, authorization.status, reason, now))
        else:
            self._create_challenge(observed, authorization, now)

    def _create_challenge(self, observed: ObservedOrder, authorization: AuthorizationResource, now: datetime) -> None:
        order = observed.order
        challenge = self._challenge(observed, authorization)
        try:
            created = self._world.client.create(challenge, field_manager=COMPONENT)
        except AlreadyExists:
            self._world.client.get(Challenge, order.metadata.namespace, challenge.metadata.name)
            return
        # The authorization was pending a moment ago: the Challenge need not begin by asking.
        self._world.progress.put(created.metadata.uid, Progress(since=now, due=now, looked=True))
        text = f'Created Challenge resource "{challenge.metadata.name}" for domain "{authorization.identifier}"'
        self._world.tell(order, (Tell("Created", text),), COMPONENT)

    def _challenge(self, observed: ObservedOrder, authorization: AuthorizationResource) -> Challenge:
        order, acme = observed.order, self._acme(observed)
        name = f"*.{authorization.identifier}" if authorization.wildcard else authorization.identifier
        chosen = solvers.choose(acme.solvers, name, order.metadata.labels, authorization.challenges)
        if chosen is None:
            why = solvers.why_none(acme.solvers, name, authorization.challenges)
            raise WaitingForUser(
                f"Failed to determine a valid solver configuration for the set of domains on the Order: {why}",
                reason="Solver",
            )
        kind: ChallengeType = "HTTP-01" if chosen.challenge.type == solvers.HTTP_01 else "DNS-01"
        solver = overridden(chosen.solver, order.metadata.annotations)
        why = unsupported(kind, name, solver)
        if why:
            raise WaitingForUser(why, reason="Solver")
        spec = ChallengeSpec(
            url=chosen.challenge.url,
            authorization_url=authorization.url,
            dns_name=authorization.identifier,
            wildcard=authorization.wildcard,
            type=kind,
            token=chosen.challenge.token,
            key=self._key(observed, kind, chosen.challenge.token),
            solver=solver,
            issuer_ref=order.spec.issuer_ref,
        )
        metadata = ObjectMeta(
            name=challenge_name(order.metadata.name, spec),
            namespace=order.metadata.namespace,
            labels=order.metadata.labels,
            # From its first moment: what is written outside of the cluster has to be taken out again.
            finalizers=(FINALIZER,) if kind == "DNS-01" else (),
            owner_references=(owner_reference(order),),
        )
        return Challenge(metadata=metadata, spec=spec)

    def _key(self, observed: ObservedOrder, kind: ChallengeType, token: str) -> str:
        gateway = self._gateway(observed)
        return gateway.dns_value(token) if kind == "DNS-01" else gateway.key_authorization(token)

    def _finalize(self, observed: ObservedOrder, now: datetime) -> None:
        """Send the CSR; an order that is not ready (or was finalized before a crash) is looked at instead."""
        gateway, order = self._gateway(observed), observed.order
        try:
            der = read_csr(order.spec.request).der
            answer = gateway.finalize(order.status.finalize_url, der, order_url=order.status.url)
        except OrderNotReady:
            answer = gateway.order(order.status.url)
        self._heard(observed, answer, now)

    def _heard(self, observed: ObservedOrder, answer: OrderResource, now: datetime) -> None:
        """Remember how the CA says the order stands; an invalid one is the end."""
        since = observed.order.metadata.creation_timestamp
        if answer.status.is_failure and has_expired(answer.expires, since, now):
            # Nobody has refused anything: what was waited for came too late.
            raise OrderGone(f"the order {answer.url} has expired: a new order will be started", reason="OrderGone")
        if answer.status.is_failure:
            reason = one_line(f"Failed to finalize Order: {answer.error or 'the CA says that it is invalid'}")
            self._set_status(observed, decision.failed_status(observed, answer.status, reason, now))
            self._world.tell(observed.order, (Tell("Failed", reason, "Warning"),), COMPONENT)
            return
        self._world.seen.put(
            observed.order.metadata.uid,
            seen_from(
                answer.status,
                now=now,
                retry_after=answer.retry_after,
                certificate_url=answer.certificate if answer.status is ACMEState.VALID else "",
                polls=polls_so_far(observed.seen, answer.status),
            ),
        )


def polls_so_far(before: Seen | None, state: ACMEState) -> int:
    """Return how often the CA has been asked since the order is in that state: the pace begins anew with each.

    So the first look after the CSR was sent comes as soon as a fast CA needs, however long the proofs took;
    an order that stays as it is, is asked after more and more seldom.
    """
    return before.polls + 1 if before is not None and before.state is state else 0


def _alternate(gateway: Gateway, url: str) -> bytes:
    """Return another chain for the certificate; nothing when the CA does not have it, since that one is good, too."""
    try:
        return gateway.certificate(url).pem
    except Permanent as error:
        log.warning("alternate chain not to be had", url=url, error=str(error))
        return b""


def ends_at(chain: bytes, common_name: str) -> bool:
    """Was the topmost certificate of the chain issued by a CA of that common name?  Not of one that cannot be read."""
    try:
        return read_chain(chain)[-1].issuer_common_name == common_name
    except InvalidCertificate:  # what is stored is judged with the request
        return False


def is_for(chain: bytes, order: Order) -> bool:
    """Is the certificate for the key of the Order's signing request?"""
    try:
        return read_chain(chain)[0].public_key == read_csr(order.spec.request).public_key
    except InvalidCertificate:
        return False


def _described(authorization: AuthorizationResource) -> ACMEAuthorization:
    return ACMEAuthorization(
        url=authorization.url,
        identifier=authorization.identifier,
        wildcard=authorization.wildcard,
        initial_state=authorization.status,
        challenges=authorization.challenges,
    )
