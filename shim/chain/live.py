"""What of a certificate's way can be tried from where `certshim explain` runs: its CA, its names, their routes.

It is the machine of whoever asks, not the cluster: what is wrong from here may be well from there, and the other way
round, and the sentences say where they were seen from.  The questions are those that the shim asks before an order
(`shim.preflight`), all at the same time, for some seconds at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from certs.api.certificate import KeyAlgorithm
from certs.api.challenge import Challenge
from certs.api.issuer import ACMEIssuer
from certs.api.order import ACMEState
from certs.decide.caa import Asking
from certs.decide.findings import CA, Layer, Outlook, Surveyed, outlook
from certs.decide.http01mode import MODE
from certs.decide.preflight import WITHIN
from certs.outcomes import Failure
from certs.pki.keys import encode_key
from certs.publicca import public_ca
from shim import VERSION
from shim.acme.gateway import Gateway
from shim.acme.signing import AccountKey
from shim.acme.transport import Settings, Transport, Trust
from shim.chain.links import Chain
from shim.keys import generate_key
from shim.preflight.background import Task
from shim.preflight.survey import Question, Survey
from shim.solvers.dns01.solver import DNSSettings
from shim.solvers.selfcheck import SelfCheck

MOST_NAMES: Final = 5  # an order may have a hundred, which fail by the same
LAYERS: Final = {Layer.DNS: "DNS", Layer.CAA: "CAA", Layer.ROUTE: "route", Layer.SILENCE: "route"}


class Sight(NamedTuple):
    """What was seen of one thing: `well`, or the sentence says what is wrong."""

    what: str
    well: bool
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Eyes:
    """By which resolvers (`ip:port`; none: the system's), and to which port; `loopback` is for tests."""

    nameservers: tuple[str, ...] = ()
    port: int = 80
    loopback: bool = False


def look(chain: Chain, eyes: Eyes) -> tuple[Sight, ...]:
    """Return what is seen; nothing where the issuer is of another kind, or cannot be read."""
    acme = chain.issuer.spec.acme if chain.issuer is not None else None
    if acme is None:
        return ()
    known = public_ca(acme.server)
    ca = CA(known.name if known is not None else urlsplit(acme.server).netloc, is_public=known is not None)
    directory, identities = _directory(acme, ca)
    check = SelfCheck(eyes.nameservers, eyes.port, loopback=eyes.loopback)
    survey = Survey(check, DNSSettings(nameservers=eyes.nameservers, recursive_only=bool(eyes.nameservers)))
    end = time.monotonic() + WITHIN.total_seconds()
    tasks = [task for question in questions(chain) for task in survey.tasks(question, ca, lambda: Asking(identities))]
    if not tasks:
        return (directory,)
    with ThreadPoolExecutor(len(tasks)) as threads:
        answers = tuple(threads.map(_asked(end), tasks))
    return (directory, *told(outlook(answers, ca)))


def questions(chain: Chain) -> Iterator[Question]:
    """Yield what to ask: of the Challenges that are not won, and of their routes where one should lead to us."""
    lost = [one for one in chain.challenges if one.status.state is not ACMEState.VALID]
    for challenge in lost[:MOST_NAMES]:
        name = f"*.{challenge.spec.dns_name}" if challenge.spec.wildcard else challenge.spec.dns_name
        yield Question(name, challenge.spec.type, routed=_is_routed(chain, challenge))


def _is_routed(chain: Chain, challenge: Challenge) -> bool:
    """Should its route stand, and lead to the responder?  One of its own stays after a failure."""
    http01 = challenge.spec.solver.http01
    templates = (chain.issuer, chain.certificate, challenge)
    if http01 is None or any(one is not None and one.metadata.annotations.get(MODE) == "pod" for one in templates):
        return False
    is_in_anothers = http01.ingress is not None and bool(http01.ingress.name)
    return challenge.status.presented or (challenge.status.state.is_failure and not is_in_anothers)


def told(seen: Outlook) -> Iterator[Sight]:
    """Yield it name by name, what is wrong first.  CAA is silent where it is well: that is so for most names."""
    for finding in seen.wrong:
        yield Sight(f'{LAYERS[finding.layer]} of "{finding.name}"', well=False, sentence=finding.sentence)
    wrong = {(one.name, LAYERS[one.layer]) for one in seen.wrong}
    for name, layer in sorted({(name, LAYERS[layer]) for name, layer in seen.right if layer is not Layer.CAA}):
        if (name, layer) not in wrong:
            yield Sight(f'{layer} of "{name}"', well=True)


def _directory(acme: ACMEIssuer, ca: CA) -> tuple[Sight, tuple[str, ...]]:
    """Ask the CA what it offers, as everybody may; return that, and whom CAA records must name."""
    transport = Transport(Trust(acme.ca_bundle, acme.skip_tls_verify), Settings(user_agent=f"certshim/{VERSION}"))
    key = AccountKey(encode_key(generate_key(KeyAlgorithm.ECDSA)))  # signs nothing
    try:
        directory = Gateway(acme.server, key, transport).directory()
    except Failure as error:
        return Sight(f"CA {ca.name}", well=False, sentence=str(error)), ()
    return Sight(f"CA {ca.name}", well=True), directory.caa_identities


def _asked(end: float) -> Callable[[Task[Surveyed]], Surveyed]:
    return lambda task: task(end)
