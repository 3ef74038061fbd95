"""`certshim check`: judge manifests as admission would, with no cluster.

Nothing heavy is imported before there is something to judge: this runs as a hook on every commit.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from shim import flags
from shim.cli.colours import painted
from shim.flags import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from certs.rules.rule import Policy
    from shim.check.judging import Options
    from shim.check.results import Result, Tally

FORMS: Final = ("text", "json", "sarif", "github")
FLAGS: Final = (*flags.INGRESS, Flag("admission-settings", "", flags.text, "As --settings"))


@click.command("check", short_help="Judge manifests as admission would, with no cluster.")
@click.argument("files", nargs=-1, type=click.Path(allow_dash=True))
@click.option("--output", "-o", type=click.Choice(FORMS), default="text", help="Form of the results. [text]")
@click.option("--explain", metavar="RULE", help="Say what a rule is about, and end.")
@click.option("--settings", default="", help="YAML file that says which rules deny, warn or are off, as the webhook's.")
@click.option("--namespace", "-n", default="default", help="Namespace of objects that name none. [default]")
@click.option("--complete", is_flag=True, help="The files are all that there is: tell what is missing, too.")
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings, too.")
@click.option("--quiet", "-q", is_flag=True, help="Leave out warnings and the summary.")
@flags.options(FLAGS)
def command(files: tuple[str, ...], output: str, explain: str | None, **given: Any) -> None:
    """Judge the manifests in FILES as admission would, with no cluster.

    FILES are YAML or JSON files, folders (searched for *.yaml, *.yml, *.json), or - for standard input.
    Exit code 0: everything would be accepted; 1: something is refused; 2: something cannot be read.
    """
    if explain is not None:
        _explain(explain)
        return
    if not files:
        raise click.UsageError("Name the files to check, or - for standard input.")
    options = _options(given)
    results = _check(files, options)
    from shim.check.results import tally  # noqa: PLC0415 - as everything here that not every call needs

    sums = tally(results)
    if given["quiet"]:
        results = [_without_warnings(result) for result in results]
    for line in _told(output, results, sums, quiet=given["quiet"]):
        click.echo(line)
    sys.exit(sums.exit_code(strict=given["strict"]))


def _explain(rule: str) -> None:
    from shim.check.rules import explanation  # noqa: PLC0415

    try:
        click.echo("\n".join(explanation(rule)))
    except ValueError as error:
        raise click.UsageError(f"--explain: {error}.") from error


def _options(given: dict[str, Any]) -> Options:
    from certs.wanted import Settings  # noqa: PLC0415
    from shim.check.judging import Options  # noqa: PLC0415

    values = flags.read(FLAGS, {flag.key: given[flag.key] for flag in FLAGS})
    path = given["settings"] or values.pop("admission_settings")
    values.pop("admission_settings", None)
    return Options(Settings(**values), _policy(path), given["namespace"], given["complete"])


def _policy(path: str) -> Policy:
    """Return the policy of the settings file; every mistake in it is a line of the error."""
    from certs.policy import read_policy  # noqa: PLC0415
    from shim.check.settings import read_settings  # noqa: PLC0415

    if not path:
        return read_policy(None)
    try:
        return read_policy(read_settings(path))
    except ValueError as error:
        lines = "\n".join(f"--settings={path}: {line}" for line in str(error).splitlines())
        raise flags.WrongFlags(lines) from error


def _check(files: Sequence[str], options: Options) -> list[Result]:
    from shim.check.judging import check  # noqa: PLC0415
    from shim.manifests.sources import sources  # noqa: PLC0415

    return check(sources(files, lambda: sys.stdin.buffer), options)


def _without_warnings(result: Result) -> Result:
    from dataclasses import replace  # noqa: PLC0415

    return replace(result, warnings=())


def _told(output: str, results: Sequence[Result], sums: Tally, *, quiet: bool) -> Iterator[str]:
    """Yield the lines of the chosen form."""
    match output:
        case "json":
            from shim.check.output import plain_json  # noqa: PLC0415

            yield plain_json.document(results)
        case "sarif":
            from shim.check.output import sarif  # noqa: PLC0415

            yield sarif.document(results, successful=not sums.unreadable)
        case "github":
            from shim.check.output import github  # noqa: PLC0415

            yield from github.lines(results)
        case _:
            from shim.check.output import text  # noqa: PLC0415

            yield from text.lines(results, painted)
            if not quiet:
                yield text.summary(sums)
