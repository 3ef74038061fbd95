"""Which objects a command is about: those that are named, those with labels, or all.

Commands that only look take all of the namespace when none is named, as `kubectl get` does; those that change
something or wait want to be told so, by `--all`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shim.cli.exits import Exit, fitted
from shim.cli.terminal import wrapped

if TYPE_CHECKING:
    from certs.api.meta import KubeObject
    from shim.cli.place import Place

ObjectT = TypeVar("ObjectT", bound="KubeObject")
Command = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Selection:
    """The names, or the labels (a selector as kubectl's); neither: all of the place."""

    names: tuple[str, ...] = ()
    labels: str = ""

    @property
    def is_one(self) -> bool:
        """Is it one object, by its name?"""
        return len(self.names) == 1


def options(what: str, *, acts: bool = False) -> Callable[[Command], Command]:
    """Give a command `[NAME]...` and `-l`, with `acts` also `--all`; it gets `selection`, a `Selection`.

    To stand above `place.options(all_namespaces=True)`.  `what` is what they are called, in the plural.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(names: tuple[str, ...], selector: str, every: bool = False, **given: Any) -> None:  # noqa: FBT002
            if names and selector:
                raise click.UsageError(f"Name {what}, or give --selector: one of the two.")
            if acts and sum((bool(names), bool(selector), every)) != 1:
                raise click.UsageError(f"Name {what}, or give --selector, or --all: one of the three.")
            if names and given.get("all_of_them"):
                raise click.UsageError("Names are of one namespace: leave out --all-namespaces.")
            command(selection=Selection(tuple(dict.fromkeys(names)), selector), **given)

        if acts:
            words = "All of the namespace, or with -A of all namespaces."
            run = click.option("--all", "every", is_flag=True, help=words)(run)
        run = click.option("--selector", "-l", default="", metavar="LABELS", help="Those with these labels.")(run)
        return click.argument("names", nargs=-1, metavar="[NAME]...")(run)

    return decorate


def chosen(
    place: Place, selection: Selection, kind: type[ObjectT]
) -> tuple[tuple[ObjectT, ...], tuple[click.ClickException, ...]]:
    """Return the objects, and for each name that there is none of, the error that says so.

    KubeError where the API server says anything else; ClickException where there is no such namespace.
    """
    from shim.kube.errors import NotFound  # noqa: PLC0415 - as everything that --help needs not

    found, missing = [], []
    for name in selection.names:
        try:
            found.append(place.client.get(kind, place.namespace, name))
        except NotFound as error:
            missing.append(place.failure(error))
    if not selection.names:
        found = [*place.client.list(kind, place.namespace, labels=selection.labels)]
        if not found and place.lacks_namespace():
            raise place.no_namespace(f"cannot list {kind.resource.plural}{place.within}")
    return tuple(found), tuple(missing)


def all_chosen(place: Place, selection: Selection, kind: type[ObjectT]) -> tuple[ObjectT, ...]:
    """Return the objects, one at least; what is missing is said, and the last of it raised."""
    found, missing = chosen(place, selection, kind)
    if missing:
        for one in missing[:-1]:
            fitted(one).show()
        raise missing[-1]
    if not found:
        raise click.ClickException(none_found(place, kind))
    return found


def tell_missing(
    place: Place, kind: type[KubeObject], found: Sequence[KubeObject], missing: Sequence[click.ClickException]
) -> Exit:
    """Say on stderr what is not there; return the exit code."""
    for error in missing:
        fitted(error).show()
    if not found and not missing:
        click.echo(wrapped(none_found(place, kind), err=True), err=True)
    return Exit.NOT_WELL if missing else Exit.DONE


def none_found(place: Place, kind: type[KubeObject]) -> str:
    """Return what is said where there is nothing."""
    plural = "Ingresses" if kind.resource.kind == "Ingress" else f"{kind.resource.kind}s"
    return f"No {plural} found{place.within}."
