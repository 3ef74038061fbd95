"""Lexicon: options, and what an issuer of a namespace must not reach; the contract is in tests/contract."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from certs.api.issuer import DNS01Solver, Lexicon
from certs.api.meta import LocalObjectReference
from certs.outcomes import WaitingForUser
from shim.solvers.dns01 import Change, DNSWriter
from shim.solvers.dns01.lexicon import Writer, build
from shim.solvers.dns01.lexicon_process import settled
from tests.contract.dns01 import ZONE, credentials
from tests.contract.dns01.lexicon import Fake
from tests.contract.dns01.vendor import SECRET

NAME = f"_acme-challenge.shop.{ZONE}"
ADD = Change(zone=ZONE, name=NAME, add=frozenset({"ours"}))


def writer(
    provider: str = "powerdns",
    options: Mapping[str, object] = MappingProxyType({}),
    *,
    ambient: bool = False,
    zone: str = "",
) -> DNSWriter:
    settings = Lexicon(
        provider=provider, zone=zone, options=dict(options), secret_ref=LocalObjectReference(name="vendor")
    )
    return build(DNS01Solver(lexicon=settings), credentials(ambient=ambient, vendor=SECRET))


def test_options_are_written_with_dashes_or_underscores() -> None:
    written = writer(
        options={"--pdns-server-id": "one", "pdns_server": "https://pdns", "auth-retries": 3, "flag": True}
    )

    assert isinstance(written, Writer)
    assert written.options == {
        "pdns_server_id": "one",
        "pdns_server": "https://pdns",
        "auth_retries": "3",
        "flag": True,
        "auth_token": SECRET,
    }


def test_the_secret_has_the_last_word() -> None:
    written = writer(options={"auth_token": "public"})

    assert isinstance(written, Writer)
    assert written.options["auth_token"] == SECRET


@pytest.mark.parametrize("value", [["a"], {"a": "b"}, None], ids=["list", "object", "null"])
def test_an_option_that_is_no_word_waits_for_the_user(value: object) -> None:
    with pytest.raises(WaitingForUser, match=r"lexicon\.options\.servers"):
        writer(options={"servers": value})


@pytest.mark.parametrize("ttl", ["5m", True, -1, ""])
def test_a_time_to_live_that_is_none_waits_for_the_user(ttl: object) -> None:
    with pytest.raises(WaitingForUser, match="option ttl"):
        writer(options={"ttl": ttl})


@pytest.mark.parametrize("provider", ["auto", "localzone", "", "../evil", "_private", "os.path"])
def test_a_provider_that_must_not_be_loaded_waits_for_the_user(provider: str) -> None:
    with pytest.raises(WaitingForUser, match=r"lexicon\.provider"):
        writer(provider)


def test_a_provider_that_does_not_exist_waits_for_the_user() -> None:
    with pytest.raises(WaitingForUser, match="no such provider"):
        writer("clouddflare").change(ADD)


def test_a_provider_whose_client_is_missing_says_what_to_install() -> None:
    with pytest.raises(WaitingForUser, match=r"pip install dns-lexicon\[softlayer\]"):
        writer("softlayer").change(ADD)


@pytest.mark.parametrize("prefix", ["", "file::"])
def test_an_option_names_no_file_of_the_shims(tmp_path: Path, prefix: str) -> None:
    key = tmp_path / "key"
    key.write_text("hunter2")

    with pytest.raises(WaitingForUser, match="auth_api_key"):
        writer("transip", {"auth_api_key": f"{prefix}{key}"})


def test_whoever_may_use_the_shims_identity_may_name_its_files(tmp_path: Path) -> None:
    written = writer("transip", {"auth_api_key": str(tmp_path)}, ambient=True)

    assert isinstance(written, Writer)


def test_the_process_has_nobodys_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    own, others = writer(ambient=True), writer()
    assert isinstance(own, Writer)
    assert isinstance(others, Writer)

    assert own._environment()["AWS_SECRET_ACCESS_KEY"] == "hunter2"
    assert "AWS_SECRET_ACCESS_KEY" not in others._environment()
    assert others._environment()["HTTPS_PROXY"] == "http://proxy.test:3128"


class Strict:
    """A provider that does not keep to lexicon's rules: it raises when there is nothing to do."""

    def __init__(self, *values: str, is_listing: bool = True) -> None:
        self.values = set(values)
        self._is_listing = is_listing

    def create_record(self, rtype: str, name: str, content: str) -> None:
        if content in self.values:
            raise RuntimeError("it is there")
        self.values.add(content)

    def delete_record(self, identifier: None, rtype: str, name: str, content: str) -> None:
        self.values.remove(content)

    def list_records(self, rtype: str, name: str) -> list[dict[str, str]]:
        if not self._is_listing:
            raise RuntimeError("it cannot be listed")
        return [{"type": rtype, "name": name, "content": f'"{value}"'} for value in self.values]


@pytest.mark.parametrize(("values", "wanted"), [(("ours",), True), ((), False)], ids=["there", "gone"])
def test_a_provider_that_complains_of_nothing_to_do_is_asked_again(values: tuple[str, ...], *, wanted: bool) -> None:
    provider = Strict(*values)

    settled(provider, NAME, "ours", wanted=wanted)

    assert provider.values == set(values)


def test_a_provider_that_cannot_do_it_is_believed() -> None:
    with pytest.raises(KeyError):
        settled(Strict(is_listing=False), NAME, "ours", wanted=False)


def test_a_zone_can_be_named() -> None:
    """A provider may have the parent of what the servers of the name call a zone."""
    fake = Fake()
    with fake.serving():
        sub = Change(zone=f"shop.{ZONE}", name=NAME, add=frozenset({"ours"}))

        writer(options={"pdns_server": fake.url}, zone=ZONE).change(sub)

        assert fake.values(NAME) == {"ours"}


def test_a_name_outside_the_named_zone_waits_for_the_user() -> None:
    with pytest.raises(WaitingForUser, match=r"correct lexicon\.zone"):
        writer(zone="other.test").change(ADD)
