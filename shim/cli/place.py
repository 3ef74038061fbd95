"""Where a command works: the cluster, the user's own rights, and the namespace.  Options as kubectl's.

All commands that look at a cluster have these options from here, so that words, defaults and errors are the same.
Credentials are looked for when the cluster is first asked: a command that asks none needs none.
"""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import click

from shim.cli.exits import Unknowable

if TYPE_CHECKING:
    from shim.kube.errors import KubeError
    from shim.kube.kubeclient import KubeClient
    from shim.kube.transport import Transport

NAMESPACE: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1123, "label"
Command = Callable[..., None]


class Place:
    """A cluster, seen with the rights of whoever runs the command.

    `KubeError` comes from whatever asks; the decorators below make the command's error of it.
    """

    def __init__(self, kubeconfig: str = "", context: str = "", namespace: str | None = None) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._namespace = namespace
        self._opened: list[Transport] = []

    @cached_property
    def namespace(self) -> str:
        """The namespace; empty: all of them."""
        if self._namespace is not None:
            return self._namespace
        from shim.kube.transport import namespace_of  # noqa: PLC0415 - as everything that --help needs not

        return namespace_of(self._kubeconfig, context=self._context)

    @cached_property
    def transport(self) -> Transport:
        """The API server, for one request at a time."""
        self._opened.append(self.connect(workers=1))
        return self._opened[0]

    @cached_property
    def client(self) -> KubeClient:
        """Its client."""
        from shim.kube.kubeclient import KubeClient  # noqa: PLC0415

        return KubeClient(self.transport)

    def connect(self, *, workers: int) -> Transport:
        """Return a transport of its own, for so many threads; whoever asks closes it."""
        from shim.kube.transport import connect  # noqa: PLC0415

        return connect(self._kubeconfig, context=self._context, workers=workers)

    def reach(self) -> None:
        """Raise KubeError unless the API server answers: for commands whose own requests tell of that otherwise."""
        self.transport.request("GET", "/version", attempt="cannot ask the API server")

    def close(self) -> None:
        """Close what was opened."""
        for transport in self._opened:
            transport.close()

    @property
    def within(self) -> str:
        """How a sentence says where something was looked for."""
        return f" in {self.namespace} namespace" if self.namespace else ""

    @property
    def options(self) -> str:
        """The options by which kubectl looks at the same cluster, with a space before each."""
        given = (("--kubeconfig", self._kubeconfig), ("--context", self._context))
        return "".join(f" {name}={shlex.quote(value)}" for name, value in given if value)

    def lacks_namespace(self) -> bool:
        """Is it known that the namespace is not there?  Not, when that cannot be asked."""
        from certs.api.core import Namespace  # noqa: PLC0415
        from shim.kube.errors import KubeError, NotFound  # noqa: PLC0415

        if not self.namespace:
            return False
        try:
            self.client.get(Namespace, "", self.namespace)
        except NotFound:
            return True
        except KubeError:
            return False
        return False

    def told(self, error: KubeError) -> str:
        """Return an error of the API server with what to do about it."""
        from shim.cli.remedies import remedy  # noqa: PLC0415
        from shim.kube.errors import NotFound  # noqa: PLC0415

        if isinstance(error, NotFound) and self.lacks_namespace():
            return self.no_namespace(str(error)).message
        advice = remedy(error, self._namespace or "", self.options)
        return f"{str(error).rstrip('.')}. {advice}" if advice else str(error)

    def no_namespace(self, attempt: str) -> click.ClickException:
        """Return the error of a command whose namespace is not there."""
        return click.ClickException(
            f"{attempt}: there is no namespace {self.namespace}. Those that there are: "
            f"kubectl get namespaces{self.options}"
        )

    def failure(self, error: KubeError) -> click.ClickException:
        """Return the error of the command: exit code 3 where nothing could be asked, else 1."""
        from shim.kube.errors import NoCredentials, Unavailable  # noqa: PLC0415

        kind = Unknowable if isinstance(error, (Unavailable, NoCredentials)) else click.ClickException
        return kind(self.told(error))


def options(
    *, all_namespaces: bool = False, namespace: str | None = None, meaning: str = "Namespace. [of the context]"
) -> Callable[[Command], Command]:
    """Give a command `--kubeconfig`, `--context` and `-n` (and `-A`); it gets `place`, a `Place`.

    `namespace` is the one without `-n` (empty: all; None: that of the context), which `meaning`, its help, says.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(*args: object, all_of_them: bool = False, **given: Any) -> None:
            chosen: str = given.pop("namespace")
            if all_of_them and chosen:
                raise click.UsageError("Give either --namespace or --all-namespaces.")
            _run(command, args, "" if all_of_them else chosen or namespace, given)

        options = [click.option("--namespace", "-n", default="", metavar="NAME", help=meaning, callback=_named)]
        if all_namespaces:
            every = click.option("--all-namespaces", "-A", "all_of_them", is_flag=True, help="In all namespaces.")
            options.insert(0, every)
        return functools.reduce(lambda done, option: option(done), options, _cluster(run))

    return decorate


def cluster_options(command: Command) -> Command:
    """Give a command that is about the whole cluster `--kubeconfig` and `--context`; it gets `place`, a `Place`."""

    @functools.wraps(command)
    def run(*args: object, **given: Any) -> None:
        _run(command, args, "", given)

    return _cluster(run)


def _cluster(run: Command) -> Command:
    run = click.option("--kubeconfig", default="", metavar="FILE", help="Credentials. [as kubectl finds them]")(run)
    return click.option("--context", default="", metavar="NAME", help="Context of the kubeconfig. [the current]")(run)


def _named(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Refuse what no namespace can be called; a callback of click."""
    if value and NAMESPACE.fullmatch(value) is None:
        raise click.BadParameter(
            f"{value!r} is no name of a namespace: it has lower-case letters, digits and dashes, 63 at most."
        )
    return value


def _run(command: Command, args: tuple[object, ...], namespace: str | None, given: dict[str, Any]) -> None:
    """Run it at its place; what the cluster says against it is the error of the command."""
    from shim.kube.errors import KubeError  # noqa: PLC0415

    place = Place(given.pop("kubeconfig"), given.pop("context"), namespace)
    try:
        command(*args, place=place, **given)
    except KubeError as error:
        raise place.failure(error) from error
    finally:
        place.close()
