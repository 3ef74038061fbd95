"""What commands do that change something or wait, on an API server that is in the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from certs.api.certificate import Certificate, CertificateStatus
from shim.cli import main, wait
from shim.cli.exits import Exit
from tests.certs.decide.objects import certificate, condition, issuer, with_status
from tests.fakes.apiserver import Close, FakeAPIServer, Status

Run = Callable[[str], Result]
MANIFEST = """\
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web}
spec: {secretName: web-tls, dnsNames: [shop.test], privateKey: {algorithm: ECDSA}, issuerRef: {name: letsencrypt}}
"""
READY = CertificateStatus(conditions=(condition("Ready", reason="Ready"),))
FORBIDDEN = Status(403, "Forbidden", "not you")


@pytest.fixture
def run(api: FakeAPIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    config = api.kubeconfig(tmp_path / "kubeconfig")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "web.yaml").write_text(MANIFEST)
    return lambda words: CliRunner().invoke(main, [*words.split(), "-n", "web", "--kubeconfig", config])


def issuing(api: FakeAPIServer) -> list[str]:
    """Return the names of the Certificates that are to be issued anew."""
    stored = api.history.objects[Certificate.resource.api_version, "certificates"].values()
    return [one["metadata"]["name"] for one in stored if one.get("status", {}).get("conditions")]


CREATE = "create certificaterequest web-1 --from-certificate-file web.yaml"


def test_a_request_that_is_refused_leaves_no_key(api: FakeAPIServer, run: Run, tmp_path: Path) -> None:
    """So that the same command can be given again once that is mended."""
    api.script("create", FORBIDDEN)

    refused = run(CREATE)
    again = run(CREATE)

    assert refused.exit_code == Exit.NOT_WELL
    assert refused.stderr.splitlines()[1] == "Private key removed again, file web-1.key"
    assert again.exit_code == Exit.DONE, again.output
    assert (tmp_path / "web-1.key").read_text().startswith("-----BEGIN")


def test_a_request_that_may_have_been_created_keeps_its_key(api: FakeAPIServer, run: Run, tmp_path: Path) -> None:
    api.script("create", Close())

    assert run(CREATE).exit_code == Exit.UNKNOWN
    assert (tmp_path / "web-1.key").exists()


@pytest.mark.parametrize(
    ("file", "option"), [("web-1.key", "--output-key-file"), ("web-1.crt", "--output-certificate-file")]
)
def test_a_file_that_is_there_is_said_before_anything_is_created(
    api: FakeAPIServer, run: Run, tmp_path: Path, file: str, option: str
) -> None:
    (tmp_path / file).write_text("mine")

    done = run(f"{CREATE} --fetch-certificate")

    assert done.exit_code == Exit.NOT_WELL
    assert done.stderr == f"Error: {file} is there already: name another by {option}\n"
    assert (tmp_path / file).read_text() == "mine"
    assert api.count("create") == 0


@pytest.mark.parametrize("content", [b"\xff\xfe", b"null: 1\nkind: Certificate\napiVersion: cert-manager.io/v1\n"])
def test_a_file_that_is_no_manifest(run: Run, tmp_path: Path, content: bytes) -> None:
    """A sentence, and no traceback."""
    (tmp_path / "web.yaml").write_bytes(content)

    done = run(CREATE)

    assert done.exit_code == Exit.NOT_WELL
    assert done.stderr.startswith("Error: web.yaml: is no Certificate: ")


def test_what_has_changed_meanwhile_is_renewed_as_it_is_then(api: FakeAPIServer, run: Run) -> None:
    api.put(certificate("one"))
    api.script("update", Status(409, "Conflict", "it has changed"))

    assert run("renew one").exit_code == Exit.DONE
    assert issuing(api) == ["one"]


def test_one_that_is_refused_is_in_nobodys_way(api: FakeAPIServer, run: Run) -> None:
    for name in ("one", "two", "three"):
        api.put(certificate(name))
    api.script("update", None, FORBIDDEN)

    done = run("renew --all")

    assert done.exit_code == Exit.NOT_WELL
    assert len(issuing(api)) == len(done.stdout.splitlines()) == 2
    assert "not you" in done.stderr


@pytest.mark.parametrize("fault", [Close(), Status(503, "ServiceUnavailable", "busy")], ids=["gone", "busy"])
def test_waiting_outlives_an_api_server_that_is_away(
    api: FakeAPIServer, run: Run, monkeypatch: pytest.MonkeyPatch, fault: Close | Status
) -> None:
    """For a moment, and not at the beginning."""
    monkeypatch.setattr(wait, "INTERVAL", 0.01)
    api.put(certificate())
    api.script("get", None, fault, fault)

    done = run("wait certificate shop --timeout 300ms")

    assert done.exit_code == Exit.UNKNOWN
    assert done.stderr.splitlines()[1].startswith("Not in time. Certificate web/shop is not ready: ")

    api.script("get", fault)
    assert "Not in time" not in run("wait certificate shop --timeout 300ms").stderr


def test_what_has_become_ready_meanwhile_is_seen(api: FakeAPIServer, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def becomes_ready(_seconds: float) -> None:
        api.put(with_status(certificate(), READY))

    monkeypatch.setattr("shim.cli.wait.time.sleep", becomes_ready)
    api.put(certificate())
    api.script("get", None, Close())

    assert run("wait certificate shop").stdout == "All are ready.\n"


def test_watching_outlives_an_api_server_that_is_away(
    api: FakeAPIServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[float] = []
    first_turn = ("Certificate", "Issuer", "Secret")

    def sleep(seconds: float) -> None:
        turns.append(seconds)
        if len(turns) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("shim.cli.events.time.sleep", sleep)
    api.put(certificate())
    api.script("get", *(None for _ in first_turn), Close())

    done = run("events certificate shop --watch")

    assert len(turns) == 3
    assert "Aborted!" in done.stderr


def test_an_issuer_by_name_is_found_where_no_other_may_be_read(api: FakeAPIServer, run: Run) -> None:
    """Who may look at one namespace has no right to ClusterIssuers."""
    api.put(issuer())
    api.script("get", None, FORBIDDEN)

    assert run("account show letsencrypt").stderr.startswith("Error: cannot read the account key of letsencrypt")

    api.script("get", Status(404, "NotFound", "not there"), FORBIDDEN)
    assert "not you" in run("account show letsencrypt").stderr
