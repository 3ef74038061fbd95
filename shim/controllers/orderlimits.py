"""What an Order has to pass before anything is ordered: the CA's refusal of others, and what is used up already."""

from __future__ import annotations

from datetime import datetime

import structlog

from certs.api.issuer import AnyIssuer
from certs.api.order import Order
from certs.decide import ratelimits
from certs.decide.policies import stored_leaf
from certs.decide.ratelimits import Limits, of_failures, of_order
from certs.decide.sharing import names_of
from certs.outcomes import RateLimited
from shim.acme.gateway import Gateway
from shim.acme.ledgers import AccountAt
from shim.acme.problems import AccountLimited
from shim.controllers.world import World

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def enter(world: World, gateway: Gateway, issuer: AnyIssuer | None, order: Order, now: datetime) -> None:
    """Return when it is the Order's turn; raises `RateLimited` with it until then."""
    names = names_of(order)
    attempt = f"cannot create an order for {names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}"
    account, uid = AccountAt(gateway.server, gateway.account_uri), order.metadata.uid
    replaces = bool(order.spec.replaces)
    world.gate.enter(account, uid, attempt, now, replaces=replaces)
    charges = of_order(names, replaces=replaces, is_renewal=is_renewal(world, order))
    failures = () if replaces else of_failures(names)
    world.ledgers.enter(account, limits(issuer), uid, charges, failures, attempt=attempt, now=now)


def refused(world: World, gateway: Gateway, order: Order, limited: RateLimited) -> None:
    """Note what the CA has refused, so that others need not be refused, too."""
    account, names = AccountAt(gateway.server, gateway.account_uri), names_of(order)
    if isinstance(limited, AccountLimited):
        world.gate.close(account, order.metadata.uid, limited)
        return
    charges = ratelimits.refused_by(str(limited), (*of_order(names), *of_failures(names)))
    world.ledgers.refused(account, charges, limited.until)


def proof_failed(world: World, gateway: Gateway, issuer: AnyIssuer | None, name: str, now: datetime) -> None:
    """Note that the CA has not found what it looked for."""
    account = AccountAt(gateway.server, gateway.account_uri)
    world.ledgers.failed(account, limits(issuer), of_failures((name,)), now)


def limits(issuer: AnyIssuer | None) -> Limits:
    """Return what the CA of an issuer allows; an annotation that admission would refuse counts as none."""
    acme = issuer.spec.acme if issuer is not None else None
    if issuer is None or acme is None:
        return ratelimits.NONE
    try:
        return ratelimits.limits_of(acme.server, issuer.metadata.annotations.get(ratelimits.ANNOTATION, ""))
    except ratelimits.InvalidLimits as error:
        log.warning("published rate limits are used", issuer=issuer.metadata.name, error=str(error))
        return ratelimits.limits_of(acme.server)


def is_renewal(world: World, order: Order) -> bool:
    """Is a certificate of exactly these names in the Secret that this one is for?"""
    certificate = world.stores.certificate_of(order)
    namespace = order.metadata.namespace
    secret = world.stores.secrets.get(namespace, certificate.spec.secret_name) if certificate is not None else None
    leaf = stored_leaf(secret)
    return leaf is not None and {*leaf.dns_names, *leaf.ip_addresses} == set(names_of(order))
