"""The command's flags: everything wrong at once, exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from shim.cli.webhook import FLAGS, command
from shim.cli.webhook import _read as values_of
from webhook.settings import read


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


@pytest.mark.parametrize(
    ("given", "namespace"),
    [
        ({}, "cert-manager"),
        ({"dynamic_serving_ca_secret_namespace": "tls"}, "tls"),
        ({"dynamic_serving_ca_secret_namespace": "tls", "cluster_resource_namespace": "vault"}, "vault"),
    ],
    ids=["nothing", "where the webhook is", "what is said"],
)
def test_secrets_of_cluster_issuers_are_where_the_webhook_is(given: dict[str, str], namespace: str) -> None:
    """Unless a flag says another namespace."""
    values = values_of({**{flag.key: flag.default for flag in FLAGS}, **given}, "")

    assert read({**values, "standalone": True}).ingress.cluster_resource_namespace == namespace


def test_all_mistakes_of_the_admission_settings_are_told(tmp_path: Path) -> None:
    path = tmp_path / "admission.yaml"
    path.write_text("rules: {host-claimd: deny, tls-missing: maybe}\nlock: []\n")

    result = CliRunner().invoke(command, ["--standalone", f"--admission-settings={path}"])

    assert result.exit_code == 2
    for text in (
        "lock: is no setting; did you mean locked?",
        "rules: there is no rule host-claimd; did you mean host-claimed?",
        "rules: tls-missing=maybe: write deny or warn or off",
    ):
        assert f"--admission-settings={path}: {text}" in result.output


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, "cannot be read: No such file"), (b"a: [", "is no YAML"), (b"\xff\xfe\xff", "is no YAML")],
    ids=["no file", "no YAML", "no text"],
)
def test_admission_settings_that_cannot_be_read(tmp_path: Path, content: bytes | None, text: str) -> None:
    path = tmp_path / "admission.yaml"
    if content is not None:
        path.write_bytes(content)

    result = CliRunner().invoke(command, ["--standalone", f"--admission-settings={path}"])

    assert result.exit_code == 2
    assert f"--admission-settings={path}: {text}" in result.output
