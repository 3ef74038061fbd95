"""Options that are times, written as Kubernetes writes them: 90s, 5m, 1h30m."""

from __future__ import annotations

from datetime import timedelta

import click


def duration(_ctx: click.Context, _param: click.Parameter, value: str) -> timedelta:
    """Read one; a callback of click."""
    from certs.durations import parse_duration  # noqa: PLC0415 - as everything that --help needs not

    try:
        return parse_duration("0s" if value == "0" else value).timedelta
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
