"""The command's flags: everything wrong at once, exit code 2."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from shim.cli.webhook import command


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        pytest.param(
            ["--secure-port=99999", "--logging-format=xml", "--dynamic-serving-leaf-duration=7d", "--bind=nowhere"],
            ["--secure-port=99999", "--logging-format=xml", "unknown unit", "--bind=nowhere"],
            id="values that cannot be read",
        ),
        pytest.param(
            ["--dynamic-serving-leaf-duration=1s"],
            [
                "--dynamic-serving-ca-secret-namespace: is needed",
                "--dynamic-serving-ca-secret-name: is needed",
                "--dynamic-serving-dns-names: is needed",
                "--dynamic-serving-leaf-duration: must be at least 1m",
            ],
            id="values that do not fit together",
        ),
        pytest.param(
            ["--standalone", "--tls-cert-file=/nowhere/tls.crt"],
            ["set both, or neither", "--tls-cert-file=/nowhere/tls.crt: there is no such file"],
            id="half a pair of files",
        ),
    ],
)
def test_wrong_flags_are_told_all_at_once(arguments: list[str], texts: list[str]) -> None:
    result = CliRunner().invoke(command, arguments)

    assert result.exit_code == 2
    for text in texts:
        assert text in result.output


def test_environment_sets_a_flag() -> None:
    result = CliRunner().invoke(command, [], env={"CERTSHIM_SECURE_PORT": "x"})

    assert "--secure-port=x" in result.output
