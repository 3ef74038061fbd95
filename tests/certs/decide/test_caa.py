"""May the CA issue?  RFC 8659 §3 to §5 and RFC 8657 as a table."""

from __future__ import annotations

import pytest

from certs.decide.caa import Asking, CAARecord, Verdict, climb, judge

CA = "letsencrypt.org"
ACCOUNT = "https://acme.example/acct/7"
PERMITTED, DOUBTFUL, FORBIDDEN = Verdict.PERMITTED, Verdict.DOUBTFUL, Verdict.FORBIDDEN


def records(*texts: str) -> tuple[CAARecord, ...]:
    """Read records as zone files have them, without quotes: `0 issue letsencrypt.org`."""
    return tuple(CAARecord(int(flags), tag, value) for flags, tag, value in (text.split(" ", 2) for text in texts))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop.example.com", ("shop.example.com", "example.com", "com")),
        ("*.example.com", ("example.com", "com")),
        ("example.com.", ("example.com", "com")),
        ("com", ("com",)),
    ],
)
def test_records_are_looked_for_upwards(name: str, expected: tuple[str, ...]) -> None:
    """RFC 8659 §3: from the name itself, a wildcard's without its star, to the top-level domain."""
    assert climb(name) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param((), PERMITTED, id="no records"),
        pytest.param((f"0 issue {CA}",), PERMITTED, id="named"),
        pytest.param(("0 issue LetsEncrypt.ORG",), PERMITTED, id="letters of either size"),
        pytest.param((f"0 ISSUE {CA}",), PERMITTED, id="so for tags"),
        pytest.param((f"0 issue  \t{CA} ; ",), PERMITTED, id="white space"),
        pytest.param(("0 issue sectigo.com",), FORBIDDEN, id="another"),
        pytest.param(("0 issue sectigo.com", f"0 issue {CA}"), PERMITTED, id="one of several"),
        pytest.param(("0 issue ;",), FORBIDDEN, id="nobody"),
        pytest.param(("0 issue ",), FORBIDDEN, id="nobody, by an empty value"),
        pytest.param(("0 issue ;", f"0 issue {CA}"), PERMITTED, id="nobody and one"),
        pytest.param(("0 issue %%%",), FORBIDDEN, id="malformed"),
        pytest.param((f"0 issue {CA}; a=",), PERMITTED, id="a parameter without value"),
        pytest.param((f"0 issue {CA}; a=1;",), DOUBTFUL, id="malformed, and a CA may be lenient"),
        pytest.param((f"0 issue {CA} {CA}",), FORBIDDEN, id="two domains"),
        pytest.param((f"0 issue {'a' * 600}",), FORBIDDEN, id="too long"),
        pytest.param((f"0 issue not{CA}",), FORBIDDEN, id="a part of a name"),
        pytest.param((f"0 issue www.{CA}",), FORBIDDEN, id="a subdomain"),
        pytest.param(("0 issuewild ;",), PERMITTED, id="issuewild is for wildcards"),
        pytest.param(("0 iodef mailto:a@example.com",), PERMITTED, id="nothing about issuing"),
        pytest.param(("128 iodef mailto:a@example.com",), PERMITTED, id="critical and known"),
        pytest.param(("0 issuemail ;",), PERMITTED, id="S/MIME"),
        pytest.param(("0 tbs Unknown",), PERMITTED, id="unknown"),
        pytest.param(("128 tbs Unknown",), DOUBTFUL, id="unknown and critical"),
        pytest.param((f"0 issue {CA}", "128 tbs Unknown"), DOUBTFUL, id="named, and unknown and critical"),
        pytest.param(("0 issue sectigo.com", "128 tbs Unknown"), FORBIDDEN, id="another, and unknown"),
        pytest.param(("1 tbs Unknown",), PERMITTED, id="a flag that is not the critical one"),
        pytest.param((f"0 issue {CA}; accounturi={ACCOUNT}",), PERMITTED, id="our account"),
        pytest.param((f"0 issue {CA}; accounturi={ACCOUNT}8",), DOUBTFUL, id="another account"),
        pytest.param((f"0 issue {CA}; accounturi={ACCOUNT}; accounturi={ACCOUNT}",), DOUBTFUL, id="two accounts"),
        pytest.param(
            (f"0 issue {CA}; accounturi={ACCOUNT}8", f"0 issue {CA}; accounturi={ACCOUNT}"), PERMITTED, id="one of two"
        ),
        pytest.param((f"0 issue {CA}; validationmethods=dns-01,http-01",), PERMITTED, id="our method"),
        pytest.param((f"0 issue {CA}; validationmethods=dns-01",), DOUBTFUL, id="another method"),
        pytest.param(
            (f"0 issue {CA}; validationmethods=http-01; accounturi={ACCOUNT}",), PERMITTED, id="method and account"
        ),
        pytest.param((f"0 issue {CA}; policy=ev",), PERMITTED, id="a parameter of the CA's own"),
        pytest.param((f"0 issue sectigo.com; accounturi={ACCOUNT}",), FORBIDDEN, id="another CA's parameters"),
    ],
)
def test_a_name(texts: tuple[str, ...], expected: Verdict) -> None:
    asking = Asking((CA,), ACCOUNT, "http-01")

    assert judge(records(*texts), asking).verdict is expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((f"0 issue {CA}",), PERMITTED),
        (("0 issue ;", f"0 issuewild {CA}"), PERMITTED),
        ((f"0 issue {CA}", "0 issuewild ;"), FORBIDDEN),
        ((f"0 issue {CA}", "0 issuewild sectigo.com"), FORBIDDEN),
        (("0 issue sectigo.com",), FORBIDDEN),
    ],
    ids=["issue counts", "issuewild alone counts", "no wildcards", "of another", "issue of another"],
)
def test_a_wildcard(texts: tuple[str, ...], expected: Verdict) -> None:
    """RFC 8659 §4.3: issuewild takes the place of issue, where there is one."""
    assert judge(records(*texts), Asking((CA,), wildcard=True)).verdict is expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("0 issue b.example", "0 issue a.example", "0 issue b.example"), "let only a.example, b.example issue"),
        (("0 issue ;",), "let nobody issue"),
        (
            tuple(f"0 issue {one}.example" for one in "dcba"),
            "let only a.example, b.example, c.example and others issue",
        ),
        (
            (f"0 issue {CA}; validationmethods=dns-01",),
            f"let {CA} issue by dns-01 only, and the solver is one for http-01",
        ),
        (
            (f"0 issue {CA}; accounturi=https://a",),
            f"let {CA} issue for the account https://a only, and this is {ACCOUNT}",
        ),
        (("128 tbs x",), 'have a critical property "tbs", which not every CA knows'),
        ((f"0 issue {CA};;",), f"name {CA} in a value that cannot be read"),
        ((), ""),
    ],
)
def test_what_is_said(texts: tuple[str, ...], expected: str) -> None:
    assert judge(records(*texts), Asking((CA,), ACCOUNT, "http-01")).why == expected


def test_an_account_that_is_not_known_yet_is_none_too_many() -> None:
    """Two URLs are too many for everybody (RFC 8657 §3); one is, only for who knows his."""
    one, two = f"0 issue {CA}; accounturi=a", f"0 issue {CA}; accounturi=a; accounturi=b"

    assert judge(records(one), Asking((CA,))).verdict is PERMITTED
    assert judge(records(two), Asking((CA,))).verdict is DOUBTFUL


def test_a_ca_with_several_identities_needs_one() -> None:
    assert judge(records("0 issue pki.goog"), Asking(("google.com", "pki.goog"))).verdict is PERMITTED
