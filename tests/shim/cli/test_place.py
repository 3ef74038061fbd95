"""The options that say where: the same at all commands, and what is wrong with them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from shim.cli import commandspage, main
from shim.cli.exits import Exit

# Each command that looks at a cluster, with what else it must be given.
NAMESPACED = (
    "account show letsencrypt",
    "account rotate-key letsencrypt",
    "account deactivate letsencrypt --yes",
    "approve web-1",
    "check api",
    "deny web-1",
    "events certificate web",
    "events ingress web",
    "explain certificate web",
    "explain ingress web",
    "inspect secret web",
    "probe certificate/web",
    "probe secret/web",
    "renew web",
    "renew --all",
    "status certificate web",
    "ui --no-open",
    "wait certificate web",
    "wait certificate --all",
)
CLUSTER_WIDE = ("adopt --check", "adopt --back --yes", "doctor", "upgrade migrate-api-version", "version")
# They say themselves that nothing answers, as the first of what they look at.
TELLS_ITSELF = {"check api": Exit.NOT_WELL, "doctor": Exit.NOT_WELL}


def run(words: str, *more: str) -> Result:
    return CliRunner(env={"KUBECONFIG": "/nonexistent"}).invoke(main, [*words.split(), *more])


def kubeconfig(directory: Path, server: str) -> Path:
    path = directory / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "one", "cluster": {"server": server}}],
        "users": [{"name": "one", "user": {"token": "secret"}}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
        "current-context": "one",
    }
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def nobody(tmp_path: Path) -> Iterator[Path]:
    """A kubeconfig of a server that does not answer: the port is bound, and nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield kubeconfig(tmp_path, f"https://127.0.0.1:{bound.getsockname()[1]}")


@pytest.mark.parametrize("words", [*NAMESPACED, *CLUSTER_WIDE])
def test_without_credentials_each_says_how_to_name_some(words: str) -> None:
    """Exit code 3: nothing can be told of the cluster."""
    result = run(words)

    assert result.exit_code == Exit.UNKNOWN, result.output
    told = result.stdout if words.startswith("probe") else result.stderr
    assert "cannot find credentials for the API server in the pod, KUBECONFIG or ~/.kube/config" in told
    assert "Name a file with credentials by --kubeconfig or KUBECONFIG" in told


@pytest.mark.parametrize("words", [*NAMESPACED, *CLUSTER_WIDE])
def test_where_nobody_answers_each_says_so(words: str, nobody: Path) -> None:
    """Exit code 3, a sentence on stderr, and how to look at it; monitoring reads its line from stdout."""
    result = run(words, "--kubeconfig", str(nobody))

    assert result.exit_code == TELLS_ITSELF.get(words, Exit.UNKNOWN), result.output
    told = result.stdout if words.startswith("probe") or words == "doctor" else result.stderr
    assert "Connection refused" in told
    assert "kubectl cluster-info --kubeconfig=" in told or words in TELLS_ITSELF


@pytest.mark.parametrize("words", [*NAMESPACED, *CLUSTER_WIDE])
def test_a_context_that_is_not_there(words: str, nobody: Path) -> None:
    """The same sentence at all of them."""
    result = run(words, "--kubeconfig", str(nobody), "--context", "two")

    assert result.exit_code == Exit.UNKNOWN, result.output
    assert "Expected object with name two" in result.output or "there is no context two" in result.output
    assert f"kubectl config get-contexts --kubeconfig={nobody}" in result.output


@pytest.mark.parametrize("words", NAMESPACED)
@pytest.mark.parametrize("namespace", ["A_B", "a/b", "-a", "a" * 64])
def test_no_namespace_can_be_called_so(words: str, namespace: str) -> None:
    """Called wrongly: nothing is asked."""
    result = run(words, "-n", namespace)

    assert result.exit_code == (Exit.UNKNOWN if words.startswith("probe") else Exit.WRONG_CALL)
    assert "is no name of a namespace" in result.stderr
    assert not result.stdout


@pytest.mark.parametrize("words", [*NAMESPACED, *CLUSTER_WIDE])
def test_a_wrong_option(words: str) -> None:
    """Click's own sentence, with where help is."""
    result = run(words, "--no-such-option")

    assert result.exit_code == (Exit.UNKNOWN if words.startswith("probe") else Exit.WRONG_CALL)
    assert "No such option '--no-such-option'" in result.stderr
    assert "--help' for help." in result.stderr
    assert not result.stdout


@pytest.mark.parametrize("content", ["[1, 2", "hello", "- a\n- b", "", "contexts: 7", "clusters: [{name: one}]"])
def test_a_file_that_is_no_kubeconfig(content: str, tmp_path: Path) -> None:
    """A sentence, and no traceback."""
    path = tmp_path / "kubeconfig"
    path.write_text(content)

    result = run("explain certificate web", "--kubeconfig", str(path))

    assert result.exit_code == Exit.UNKNOWN
    assert result.stderr.startswith(f"Error: cannot find credentials for the API server in {path}: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("token", ["secret\n", "s\u00e9same"])
def test_a_token_that_cannot_be_sent(token: str, tmp_path: Path) -> None:
    """A sentence without it, and no traceback."""
    path = kubeconfig(tmp_path, "http://127.0.0.1:1")
    path.write_text(
        yaml.safe_dump({**yaml.safe_load(path.read_text()), "users": [{"name": "one", "user": {"token": token}}]})
    )

    result = run("explain certificate web", "--kubeconfig", str(path))

    assert result.exit_code == Exit.UNKNOWN
    assert "its token has a line's end" in result.stderr
    assert token.strip() not in result.output


@pytest.mark.parametrize("listen", ["127.0.0.1", "127.0.0.1:http", "127.0.0.1:65536", ":8000"])
def test_an_address_where_no_page_can_be(listen: str) -> None:
    result = run(f"ui --no-open --listen={listen}")

    assert result.exit_code == Exit.WRONG_CALL
    assert f"Error: --listen={listen}: write HOST:PORT" in result.stderr


def test_what_asks_no_cluster_needs_no_credentials() -> None:
    """The version of this program, the endpoint of anybody."""
    assert run("version --client --short").exit_code == Exit.DONE
    assert "credentials" not in run("probe 127.0.0.1:1").output


def test_the_words_are_the_same_everywhere() -> None:
    """Each command that looks at a cluster has these options by the same letters and words."""
    said: dict[str, set[str]] = {name: set() for name in ("kubeconfig", "context", "all_of_them", "selector", "output")}
    asking = 0
    for _, command in commandspage.commands():
        options = {one.name: one for one in command.params if isinstance(one, click.Option)}
        asking += "context" in options
        for name in said.keys() & options.keys() if "context" in options else ():
            words = "" if name in {"output", "selector"} else options[name].help
            said[name].add(f"{options[name].opts} {words}")

    assert asking >= len({words.split()[0] for words in (*NAMESPACED, *CLUSTER_WIDE)})
    assert {name: len(found) for name, found in said.items()} == dict.fromkeys(said, 1), said
