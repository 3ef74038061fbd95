"""How `certshim explain` tells it to people: paragraphs, trees of objects, a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from certs.api.meta import find_condition
from shim.cli import tables
from shim.cli.colours import painted
from shim.cli.tables import Column
from shim.cli.terminal import wrapped

if TYPE_CHECKING:
    from shim.chain.links import Chain
    from shim.chain.live import Sight
    from shim.cli.explain import Subject, Told

COLOURS: Final = {"good": "green", "waiting": "yellow", "failing": "red", "none": "yellow"}
MARKS: Final = {"good": "✓", "waiting": "…", "failing": "✗"}
WORDS: Final = {"good": "ready", "waiting": "waiting", "failing": "failing"}
URGENCY: Final = ("good", "waiting", "failing")  # the worst last: next to the prompt
# What an object of the chain says of itself, by how it ends.
SAYS: Final = {"Ready=True": "green", "Ready=False": "red", "valid": "green", "pending": "yellow"}
COLUMNS: Final = (
    Column("NAMESPACE"),
    Column("INGRESS"),
    Column("CERTIFICATE"),
    Column("STATE", colours=COLOURS),
    Column("EXPLANATION", wraps=True),
    Column("ADVICE", wraps=True, is_wide=True),
)


def tell(subjects: Sequence[Subject], *, is_one: bool, silent: int) -> None:
    """Print a paragraph each, of one that was named its objects, too; of several how many stand how."""
    told = sorted((one for subject in subjects for one in subject.told), key=_urgency)
    for number, one in enumerate(told):
        if number:
            click.echo()
        _paragraph(one, marked=not is_one)
        if is_one:
            click.echo()
            for line in tree(one.chain):
                click.echo(line)
    lacking = [one.lack for one in subjects if one.lack]
    for number, lack in enumerate(lacking):
        if number or told:
            click.echo(err=True)
        click.echo(wrapped(lack, *_margins("waiting", marked=not is_one), err=True), err=True)
    bare = sum(bool(one.lack and not one.told) for one in subjects)
    if len(told) > 1 or (not is_one and (told or lacking or silent)):
        click.echo(f"\n{summary([one.explanation.state for one in told], bare, silent)}")


def summary(states: Sequence[str], lacking: int, silent: int) -> str:
    """Return how many stand how.

    >>> summary(["good", "failing", "good"], 0, 1)
    '3 certificates: 2 ready, 1 failing. 1 Ingress asks for none.'
    """
    counts = Counter(states)
    parts = [f"{counts[state]} {WORDS[state]}" for state in URGENCY if counts[state]]
    said = [f"{_counted(len(states), 'certificate')}: {', '.join(parts)}." if parts else "No certificates."]
    if lacking:
        said.append(f"{_counted(lacking, 'Ingress')} {'has' if lacking == 1 else 'have'} none yet.")
    if silent:
        said.append(f"{_counted(silent, 'Ingress')} {'asks' if silent == 1 else 'ask'} for none.")
    return " ".join(said)


def table(subjects: Sequence[Subject], *, wide: bool, everywhere: bool) -> None:
    """Print a line for each certificate, and for each Ingress that lacks one."""
    rows = [row for subject in subjects for row in _rows(subject)]
    of_ingresses = any(subject.ingress is not None for subject in subjects)
    hidden = {number for number, shown in ((0, everywhere), (1, of_ingresses)) if not shown}

    def kept(row: Sequence[Any]) -> list[Any]:
        return [cell for number, cell in enumerate(row) if number not in hidden]

    tables.write(kept(COLUMNS), [kept(row) for row in rows], wide=wide)


def tree(chain: Chain) -> Iterator[str]:
    """Give the chain, one object a line."""
    depth = 0
    if chain.ingress is not None:
        yield _branch(0, "Ingress", chain.ingress.metadata.name, "")
        depth = 1
    yield _branch(depth, "Certificate", chain.certificate.metadata.name, _ready(chain.certificate))
    if chain.request is not None:
        yield _branch(depth + 1, "CertificateRequest", chain.request.metadata.name, _ready(chain.request))
    if chain.order is not None:
        yield _branch(depth + 2, "Order", chain.order.metadata.name, chain.order.status.state or "not asked yet")
    for one in chain.challenges:
        says = f'{one.spec.type} for "{one.spec.dns_name}" {one.status.state or "pending"}'
        yield _branch(depth + 3, "Challenge", one.metadata.name, says)
    for kind, why in chain.unread.items():
        yield wrapped(f"({kind} is left out: {why})")


def _paragraph(one: Told, *, marked: bool) -> None:
    state, metadata = one.explanation.state, one.chain.certificate.metadata
    name = f"Certificate {metadata.namespace}/{metadata.name}"
    first, rest = _margins(state, marked=marked)
    text = wrapped(one.explanation.text, first, rest)
    click.echo(text.replace(f"{first}{name}", painted(f"{first}{name}", COLOURS[state]), 1))
    if one.explanation.advice:
        click.echo(f"\n{wrapped(one.explanation.advice, rest, rest)}")
    if one.seen:
        click.echo(f"\n{rest}Seen from this machine:")
    for sight in one.seen:
        click.echo(_sight(sight, f"{rest}  "))


def _margins(state: str, *, marked: bool) -> tuple[str, str]:
    return (f"{MARKS[state]} ", "  ") if marked else ("", "")


def _sight(sight: Sight, margin: str) -> str:
    mark, colour = ("✓", "green") if sight.well else ("✗", "red")
    text = wrapped(f"{sight.what}{'' if sight.well else f': {sight.sentence}'}", f"{margin}{mark} ", f"{margin}  ")
    return text.replace(mark, painted(mark, colour), 1)


def _branch(depth: int, kind: str, name: str, says: str) -> str:
    """Return a line of the tree, which goes on below its first word where the terminal is narrow."""
    margin = f"{'   ' * max(depth - 1, 0)}{'└─ ' if depth else ''}"
    line = wrapped(f"{kind} {name}{f': {says}' if says else ''}", margin, " " * (len(margin) + 2))
    colour = next((colour for word, colour in SAYS.items() if says.startswith(word) or says.endswith(f" {word}")), "")
    word = says.split(" ", maxsplit=1)[0] if says.startswith(tuple(SAYS)) else says.rsplit(" ", 1)[-1]
    return f"{painted(word, colour)}".join(line.rsplit(word, 1)) if colour else line


def _ready(obj: Any) -> str:
    found = find_condition(obj.status.conditions, "Ready")
    return f"Ready={found.status} ({found.reason})" if found is not None else "no word yet"


def _rows(subject: Subject) -> Iterator[tuple[str, ...]]:
    ingress = subject.ingress.metadata if subject.ingress is not None else None
    for one in subject.told:
        metadata, told = one.chain.certificate.metadata, one.explanation
        yield metadata.namespace, ingress.name if ingress else "", metadata.name, told.state, told.text, told.advice
    if ingress is not None and subject.lack:
        yield ingress.namespace, ingress.name, "", "none", subject.lack, ""


def _urgency(one: Told) -> int:
    return URGENCY.index(one.explanation.state)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 'es' if what.endswith('s') else 's'}"
