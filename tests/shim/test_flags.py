from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import click
import pytest
from click.testing import CliRunner

from shim import flags
from shim.flags import Address, Flag

FLAGS = (
    Flag("log-level", "info", flags.one_of("info", "debug"), "Least level"),
    Flag("concurrent-workers", "10", flags.whole_number(1, 256), "Workers"),
    Flag("leader-elect", "true", flags.boolean, "Elect"),
)


@click.command()
@flags.options(FLAGS)
def command(**given: str) -> None:
    """Print what was read."""
    click.echo(sorted(flags.read(FLAGS, given).items()))


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, arguments, env=environment)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("arguments", "environment", "level"),
    [
        pytest.param([], {}, "info", id="default"),
        pytest.param(["--log-level=debug"], {}, "debug", id="flag"),
        pytest.param([], {"CERTSHIM_LOG_LEVEL": "debug"}, "debug", id="environment"),
        pytest.param(["--log-level=info"], {"CERTSHIM_LOG_LEVEL": "debug"}, "info", id="flag over environment"),
    ],
)
def test_where_a_value_comes_from(arguments: list[str], environment: dict[str, str], level: str) -> None:
    """The command line wins over the environment, and that over the default."""
    assert run(*arguments, **environment) == (
        0,
        f"[('concurrent_workers', 10), ('leader_elect', True), ('log_level', '{level}')]\n",
    )


def test_everything_wrong_is_told_at_once() -> None:
    """Exit code 2, one line for each flag, with its variable and what to write instead."""
    code, output = run("--log-level=loud", "--leader-elect=perhaps", CERTSHIM_CONCURRENT_WORKERS="0")

    assert code == 2
    for line in (
        "--log-level=loud (or CERTSHIM_LOG_LEVEL): must be one of info, debug",
        "--concurrent-workers=0 (or CERTSHIM_CONCURRENT_WORKERS): must be a whole number from 1 to 256",
        "--leader-elect=perhaps (or CERTSHIM_LEADER_ELECT): must be true or false",
    ):
        assert line in output


def test_help_tells_the_defaults() -> None:
    """Every flag is in the help, in the order of the table."""
    output = run("--help")[1]

    assert "--log-level TEXT" in output
    assert "Least level [info]" in output
    assert output.index("--log-level") < output.index("--concurrent-workers") < output.index("--leader-elect")


@pytest.mark.parametrize(
    ("reader", "text", "value"),
    [
        (flags.text, "", ""),
        (flags.required, "x", "x"),
        (flags.boolean, "1", True),
        (flags.boolean, "F", False),
        (flags.words, "", ()),
        (flags.words, " a, b,,c ", ("a", "b", "c")),
        (flags.duration, "1h30m", timedelta(minutes=90)),
        (flags.whole_number(1, 65535), "65535", 65535),
        (flags.one_of("a", "b"), "b", "b"),
        (flags.address, "127.0.0.1:80", Address("127.0.0.1", 80)),
        (flags.address, ":80", Address("0.0.0.0", 80)),  # noqa: S104 -- what is read, not what is bound
        (flags.address, "[::1]:80", Address("::1", 80)),
        (flags.address, "[10.0.0.1]:80", Address("10.0.0.1", 80)),
        (flags.listen_address, "0", None),
        (flags.listen_address, "[::]:9402", Address("::", 9402)),
        (flags.addresses, "a.test:80,b.test:80", (Address("a.test", 80), Address("b.test", 80))),
        (flags.nameservers, "", ()),
        (flags.nameservers, "10.0.0.1:53,[2001:db8::1]:53", ("10.0.0.1:53", "[2001:db8::1]:53")),
    ],
)
def test_readable(reader: Callable[[str], object], text: str, value: object) -> None:
    """Each form that is accepted."""
    assert reader(text) == value


@pytest.mark.parametrize(
    ("reader", "text", "message"),
    [
        (flags.required, "", "must not be empty"),
        (flags.boolean, "yes", "must be true or false"),
        (flags.duration, "5", 'missing unit in duration "5"; write for example 15s'),
        (flags.duration, "0s", "must be longer than zero"),
        (flags.duration, "-1h", "must be longer than zero"),
        (flags.whole_number(1, 10), "11", "from 1 to 10"),
        (flags.whole_number(1, 10), "-1", "from 1 to 10"),
        (flags.whole_number(1, 10), "²", "from 1 to 10"),
        (flags.one_of("a", "b"), "", "must be one of a, b"),
        (flags.address, "host", "must be host:port"),
        (flags.address, "host:http", "must be host:port"),
        (flags.address, "host:65536", "must be host:port"),
        (flags.address, "::1:80", "must be host:port"),
        (flags.listen_address, "9402", "must be host:port"),
        (flags.nameservers, "dns.test:53", "dns.test is not an IP address"),
        (flags.nameservers, "10.0.0.1", "must be host:port"),
    ],
)
def test_unreadable(reader: Callable[[str], object], text: str, message: str) -> None:
    """The error says what is wrong and what to write instead."""
    with pytest.raises(ValueError, match=re.escape(message)):
        reader(text)
