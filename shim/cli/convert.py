"""`certshim convert`: manifests of before, as they are written today."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shim.convert.converting import Converted

STDOUT: Final = "-"
FORMATS: Final = ("yaml", "json")  # what `-o` means to cmctl


@click.command("convert", short_help="Turn manifests of before cert-manager 1.0 into today's.")
@click.argument("files", nargs=-1, type=click.Path(allow_dash=True))
@click.option("-f", "--filename", "named", multiple=True, help="A file or folder, or - for standard input.")
@click.option("-w", "--in-place", is_flag=True, help="Write each file back where it was.")
@click.option("-o", "--output", default=STDOUT, help="File to write to, - for standard output. [-]")
@click.option("--diff", is_flag=True, help="Print what would change as a unified diff, and write nothing unless -w.")
@click.option("-q", "--quiet", is_flag=True, help="Tell only what could not be carried over.")
def command(
    files: tuple[str, ...], named: tuple[str, ...], in_place: bool, output: str, diff: bool, quiet: bool
) -> None:
    """Turn manifests for cert-manager 0.5 to 1.5 and Ingresses of v1beta1 into today's; comments and order stay.

    What belongs together (an issuer, and Certificates that chose how it proves their names) must be given together.
    What was changed beyond spelling and what could not be carried over is told on standard error.
    Exit code 0: all was carried over; 1: something is left to do; 2: something cannot be read, and is left as it was.
    """
    names = [*named, *files]
    _check_usage(names, output, in_place=in_place)
    from shim.convert.converting import convert  # noqa: PLC0415 - ruamel.yaml
    from shim.manifests.sources import sources  # noqa: PLC0415

    results = convert(sources(names, lambda: sys.stdin.buffer))
    for line in _told(results, quiet=quiet):
        click.echo(line, err=True)
    if diff:
        click.echo("".join(_differences(results)), nl=False)
    if in_place:
        _write_back(results)
    elif not diff:
        _write(output, _joined(results))
    sys.exit(_exit_code(results))


def _check_usage(names: Sequence[str], output: str, *, in_place: bool) -> None:
    if not names:
        raise click.UsageError("Name the files to convert with -f, or -f - for standard input.")
    if output == "json":
        raise click.UsageError("-o names a file to write to; only YAML is written, and JSON files stay JSON.")
    if in_place and STDOUT in names:
        raise click.UsageError("Standard input cannot be written in place: leave out -w.")
    if in_place and output != STDOUT:
        raise click.UsageError("Choose one of -w and -o.")


def _told(results: Iterable[Converted], *, quiet: bool) -> Iterator[str]:
    for result in results:
        for error in result.unreadable:
            yield f"{result.name}:{error.line}: unreadable: {error}"
        for note in result.notes:
            if note.is_lost:
                yield f"{result.name}:{note.line}: to do: {note.text}"
            elif not quiet:
                yield f"{result.name}:{note.line}: changed: {note.text}"


def _differences(results: Iterable[Converted]) -> Iterator[str]:
    from difflib import unified_diff  # noqa: PLC0415 - seldom asked for

    for result in results:
        before, after = (text.splitlines(keepends=True) for text in (result.before, result.after))
        for line in unified_diff(before, after, result.name, result.name):
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _joined(results: Sequence[Converted]) -> str:
    """Return all files as one stream; between two of them there must be a separator."""
    texts = [result.after for result in results if result.after.strip()]
    joined = ""
    for text in texts:
        if joined and not text.startswith("---"):
            joined += "---\n"
        joined += text if text.endswith("\n") or len(texts) == 1 else f"{text}\n"
    return joined


def _write(output: str, text: str) -> None:
    if output in {STDOUT, "yaml"}:
        click.echo(text, nl=False)
        return
    _replace(output, text)


def _write_back(results: Iterable[Converted]) -> None:
    for result in results:
        if result.is_changed:
            _replace(result.name, result.after)


def _replace(name: str, text: str) -> None:
    """Write a file whole or not at all, with the mode that it had."""
    import shutil  # noqa: PLC0415 - only where something is written
    import tempfile  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    path = Path(name).resolve()  # a link stays one
    try:
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            made = Path(file.name)
            file.write(text.encode())
        try:
            if path.exists():
                shutil.copymode(path, made)
            else:
                made.chmod(0o644)
            made.replace(path)
        finally:
            made.unlink(missing_ok=True)
    except OSError as error:
        raise click.ClickException(f"cannot write {name}: {error.strerror}") from error


def _exit_code(results: Iterable[Converted]) -> int:
    found = list(results)
    if any(result.unreadable for result in found):
        return 2
    return 1 if any(note.is_lost for result in found for note in result.notes) else 0
