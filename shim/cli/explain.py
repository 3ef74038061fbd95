"""`certshim explain`: what is wrong with certificates, why, and what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from shim.cli import kinds, place, progress, selection
from shim.cli import output as forms
from shim.cli.exits import Exit
from shim.cli.selection import Selection, chosen, tell_missing

if TYPE_CHECKING:
    from certs.api.certificate import Certificate
    from certs.api.ingress import Ingress
    from shim.chain.explaining import Explanation
    from shim.chain.links import Chain
    from shim.chain.live import Sight
    from shim.chain.reading import Reader


@dataclass(frozen=True, slots=True)
class Told:
    """One certificate: how it stands, and what was seen from here."""

    chain: Chain
    explanation: Explanation
    seen: tuple[Sight, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What was asked about: a Certificate, or an Ingress with its certificates; `lack` says why without all."""

    told: tuple[Told, ...]
    ingress: Ingress | None = None
    asks: bool = True
    lack: str = ""

    @property
    def is_of_solver(self) -> bool:
        """Is it an Ingress for a proof, of which nobody wants to know?"""
        from certs.known import SOLVER_LABEL  # noqa: PLC0415 - as everything that --help needs not

        return self.ingress is not None and SOLVER_LABEL in self.ingress.metadata.labels

    @property
    def is_well(self) -> bool:
        """Is there nothing to do?"""
        return not self.lack and all(one.explanation.state == "good" for one in self.told)


@click.command("explain")
@kinds.argument
@selection.options("them")
@forms.option("text", *forms.TABLES)
@click.option("--probe/--no-probe", default=None, help="Try CA and names from here, too. [those that are named]")
@click.option("--nameserver", multiple=True, metavar="IP:PORT", help="Resolve by these. [this machine's]")
@click.option("--http-port", default=80, hidden=True, help="Instead of 80; for tests.")
@click.option("--loopback", is_flag=True, hidden=True, help="Let probes go to loopback; for tests.")
@place.options(all_namespaces=True)
def command(kind: str, selection: Selection, output: str, place: place.Place, **given: Any) -> None:
    """Say what is wrong with Certificates, or with those of Ingresses, and what to do.

    Where one is not ready, its CA and its names are tried from this machine, too, which may see them otherwise than
    the cluster does.  Without names it is all of the namespace (with -A of all), a paragraph each.
    Exit code 0: all are ready; 1: one is not, or its renewal fails, or is not there, or an Ingress lacks one.
    """
    probes = bool(selection.names) if given["probe"] is None else given["probe"]
    with progress.busy("Reading") as say:
        found, missing = chosen(place, selection, kinds.type_of(kind))
        subjects = list(_subjects(place, found, given if probes else {}, say))
    if not selection.names:
        subjects = [one for one in subjects if not one.is_of_solver]
    shown = subjects if selection.names else [one for one in subjects if one.asks]  # an Ingress need not ask for any
    _tell(shown, output, place, is_one=selection.is_one, silent=len(subjects) - len(shown))
    code = tell_missing(place, kinds.type_of(kind), found, missing)
    sys.exit(code or (Exit.DONE if all(one.is_well for one in shown) else Exit.NOT_WELL))


def _subjects(
    place: place.Place, found: Sequence[Ingress | Certificate], given: dict[str, Any], say: progress.Say
) -> Iterator[Subject]:
    from certs.api.certificate import Certificate  # noqa: PLC0415
    from certs.api.ingress import Ingress  # noqa: PLC0415
    from shim.chain.explaining import explain  # noqa: PLC0415
    from shim.chain.reading import Reader  # noqa: PLC0415

    reader = Reader(place.client, place.namespace)

    def told(certificate: Certificate) -> Told:
        chain = reader.chain(certificate)
        explanation = explain(chain, datetime.now(UTC))
        if explanation.state != "good":
            explanation = explain(chain, datetime.now(UTC), reader.led_until())
        if explanation.state == "good" or not given:
            return Told(chain, explanation)
        say(f"Trying the CA and the names of {certificate.metadata.name} from here")
        return Told(chain, explanation, _seen(chain, given))

    for number, one in enumerate(found, 1):
        say(f"Reading {number} of {len(found)}")
        if isinstance(one, Ingress):
            certificates = reader.owned(Certificate, one)
            lack = lacking(one, reader, datetime.now(UTC), has_some=bool(certificates))
            yield Subject(tuple(map(told, certificates)), one, bool(certificates) or asks(one), lack)
        else:
            yield Subject((told(one),))


def _seen(chain: Chain, given: dict[str, Any]) -> tuple[Sight, ...]:
    from shim.chain.live import Eyes, look  # noqa: PLC0415

    return look(chain, Eyes(tuple(given["nameserver"]), given["http_port"], given["loopback"]))


def _tell(subjects: Sequence[Subject], form: str, place: place.Place, *, is_one: bool, silent: int) -> None:
    """Print them; `silent` Ingresses beside them ask for nothing."""
    match form:
        case "text":
            from shim.cli import explained  # noqa: PLC0415

            explained.tell(subjects, is_one=is_one, silent=silent)
        case "table" | "wide":
            from shim.cli import explained  # noqa: PLC0415

            explained.table(subjects, wide=form == "wide", everywhere=not place.namespace)
        case _:
            forms.tell([record for one in subjects for record in _records(one)], form, is_one=is_one)


def _records(subject: Subject) -> Iterator[object]:
    from shim.chain.recording import explained_record  # noqa: PLC0415
    from shim.chain.records import IngressRecord  # noqa: PLC0415

    records = tuple(explained_record(one.chain, one.explanation, one.seen) for one in subject.told)
    if subject.ingress is None:
        yield from records
        return
    states = [one.state for one in records]
    yield IngressRecord(
        namespace=subject.ingress.metadata.namespace,
        name=subject.ingress.metadata.name,
        state=next((state for state in ("failing", "waiting", "good") if state in states), "none"),
        explanation=subject.lack,
        certificates=records,
    )


def asks(ingress: Ingress) -> bool:
    """Does it ask for certificates, as far as can be told without the flags of the shim?"""
    from certs.wanted import Settings, is_annotated  # noqa: PLC0415

    return is_annotated(ingress.metadata.annotations, Settings())


def lacking(ingress: Ingress, reader: Reader, now: datetime, *, has_some: bool) -> str:
    """Return why an Ingress does not have the certificates that it asks for, and what to do; nothing when it has."""
    from certs.annotations import CLUSTER_ISSUER  # noqa: PLC0415
    from shim.chain.advice import advice_on  # noqa: PLC0415

    namespace, name = ingress.metadata.namespace, ingress.metadata.name
    asked = asks(ingress)
    if said := _complaint(ingress, reader, now, has_some=has_some) if asked else "":
        advice = advice_on(said, host="HOST", namespace=namespace, ingress=name, request="NAME")
        what = "asks for certificates that it does not get" if has_some else "asks for certificates and has none"
        return f"Ingress {namespace}/{name} {what}: {said.rstrip('.')}. {advice}".rstrip()
    if has_some:
        return ""
    if asked:
        return (
            f"Ingress {namespace}/{name} asks for certificates and has none yet: it names no host under spec.tls or "
            f"spec.rules, or nobody follows it; see its events: kubectl describe ingress {name} -n {namespace}"
        )
    return (
        f"Ingress {namespace}/{name} asks for no certificate: annotate it, for example with "
        f"{CLUSTER_ISSUER}: letsencrypt"
    )


def _complaint(ingress: Ingress, reader: Reader, now: datetime, *, has_some: bool) -> str:
    """Return what is wrong with it: as it is now, or else as the shim has said last; or that none works."""
    from certs.decide.ingress import ObservedIngress, remarks  # noqa: PLC0415
    from certs.problems import Problems  # noqa: PLC0415
    from certs.wanted import Settings, certificates  # noqa: PLC0415
    from shim.chain.explaining import halted  # noqa: PLC0415
    from shim.chain.links import LONG_AGO, when  # noqa: PLC0415
    from shim.kube.errors import Forbidden  # noqa: PLC0415

    # There may be an issuer of those that name none: a flag of the shim, which is not seen from here.
    observed = ObservedIngress(ingress, settings=Settings(default_issuer_name="default"))
    wanted = certificates(observed.served, observed.settings)
    if isinstance(wanted, Problems):
        return f"cannot ask for certificates: {wanted}"
    skipped = () if observed.is_fillable else remarks(observed)
    if skipped and (has_some or not wanted.certificates):
        return skipped[0].message
    if has_some:
        return ""
    try:
        events = [one for one in reader.events_of(ingress) if one.source.component == "cert-manager-ingress-shim"]
    except Forbidden:
        events = []
    if idle := halted(reader.led_until(), max(map(when, events), default=LONG_AGO), now):
        return idle
    return events[-1].message if events and events[-1].type == "Warning" else ""
