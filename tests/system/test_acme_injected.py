"""A CA that misbehaves, before a real one: each ends Ready, or in the right class with the right sentence."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import Cluster, PebbleSettings
from tests.cluster.ca import Pebble
from tests.cluster.interposer import (
    Act,
    Answer,
    Interposer,
    after,
    break_after,
    break_before,
    edit,
    pass_on,
    refuse,
    say,
)
from tests.system.shop import Shop, eventually

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
ISSUER = "cert-manager.io/issuer"


@pytest.fixture(scope="module")
def pebble(cluster: Cluster) -> Iterator[Pebble]:
    """A CA of these tests' own: some make it forget everything."""
    started = cluster.pebble("injected", PebbleSettings(nonce_reject_percent=0))
    yield started
    cluster.stop_pebble(started)


@pytest.fixture
def ca(cluster: Cluster, pebble: Pebble, tmp_path: Path) -> Iterator[Interposer]:
    with Interposer(pebble, cluster.ports.free(), tmp_path) as interposer:
        yield interposer


@pytest.fixture
def use(shop: Shop, ca: Interposer) -> Callable[..., str]:
    """Apply an Issuer for it and an Ingress, once the issuer is ready; return the host."""

    def use(*hosts: str, **acme: object) -> str:
        issuer = shop.product.issuer("difficult", shop.namespace, ca=ca)  # type: ignore[arg-type]  # URL and root
        issuer["spec"]["acme"] |= acme
        shop.apply(issuer)
        shop.ready("Issuer", "difficult")
        names = hosts or (shop.host(),)
        shop.ingress("web", *names, annotations={ISSUER: "difficult"})
        return names[0]

    return use


def order(shop: Shop) -> dict[str, Any]:
    """Return the status of the only Order, empty while there is none."""
    return next((one.get("status", {}) for one in shop.all("Order")), {})


def why(shop: Shop) -> str:
    """Return what the Certificate says about its issuance."""
    return str(shop.condition("Certificate", "web-tls", "Issuing").get("message", ""))


def date(seconds: float) -> str:
    """Return a moment as HTTP writes it."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


# -- what passes by itself --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["new-order", "authorization", "challenge", "finalize", "certificate"])
@pytest.mark.parametrize(
    "acts",
    [
        pytest.param((refuse("serverInternal", 500), say(502, b"<html>Bad Gateway</html>")), id="errors"),
        pytest.param((break_before,), id="broken before"),
        pytest.param((break_after,), id="broken after"),
    ],
)
def test_what_breaks_once_is_done_again(
    shop: Shop, ca: Interposer, use: Callable[..., str], kind: str, acts: tuple[Act, ...]
) -> None:
    """And nothing is ordered twice: an order whose answer was lost is found in the account's list."""
    ca.on(kind, *acts)

    use()

    assert shop.issued("web-tls").is_pair
    assert ca.passed.count("new-order") == 1
    # Whose answer was lost sends the request again, and the CA says that it has it.
    assert ca.passed.count("finalize") == 1 + (kind == "finalize" and acts == (break_after,))


@pytest.mark.parametrize(
    ("kind", "act"),
    [
        pytest.param("directory", say(200, b"<html>welcome</html>"), id="a page as directory"),
        pytest.param("order", say(200, b"x" * 11_000_000), id="eleven megabytes"),
        pytest.param("authorization", say(200, b"[1, 2]"), id="a list as authorization"),
        pytest.param("order", edit(lambda answer: Answer(200, answer.headers, answer.body[:-5])), id="half of it"),
    ],
)
def test_what_cannot_be_read_is_asked_for_again(
    shop: Shop, ca: Interposer, use: Callable[..., str], kind: str, act: Act
) -> None:
    ca.on(kind, act)

    use()

    assert shop.issued("web-tls").is_pair


def test_what_is_not_known_is_ignored(shop: Shop, ca: Interposer, use: Callable[..., str]) -> None:
    """New fields everywhere, and challenges of types that nobody has heard of, before the one that is."""

    def with_more(answer: Answer) -> Answer:
        return answer.with_json(mood="good", nested={"a": [1, None]})

    def with_challenges(answer: Answer) -> Answer:
        known = json.loads(answer.body)["challenges"]
        new: list[dict[str, Any]] = [
            {
                "type": "smoke-01",
                "url": f"{ca.directory_url}/smoke",
                "status": "pending",
                "signal": {"colour": "white"},
            },
            {"type": "dns-persist-01", "url": f"{ca.directory_url}/persist", "status": "pending", "issuer-domains": []},
            {"status": "pending", "type": "nothing-else"},
        ]
        return with_more(answer).with_json(challenges=[*new, *known])

    for kind in ("directory", "new-account", "new-order", "order", "finalize"):
        ca.always(kind, edit(with_more))
    ca.always("authorization", edit(with_challenges))

    use()

    assert shop.issued("web-tls").is_pair


# -- what the CA wants to be waited for ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["new-order", "authorization", "challenge", "finalize", "order", "certificate"])
@pytest.mark.parametrize(
    ("act", "word"),
    [
        pytest.param(lambda: refuse("rateLimited", 429, "slowly", headers={"Retry-After": "4"}), "slowly", id="429"),
        pytest.param(
            lambda: refuse("serverInternal", 503, "busy", headers={"Retry-After": date(6)}), "busy", id="503 by date"
        ),
    ],
)
def test_who_says_when_is_asked_then_and_not_before(
    shop: Shop, ca: Interposer, use: Callable[..., str], kind: str, act: Callable[[], Act], word: str
) -> None:
    ca.on(kind, act())
    use()
    eventually(lambda: word in why(shop), "the Certificate says it")

    told = why(shop)

    assert "until 2" in told
    assert " UTC" in told
    shop.issued("web-tls")
    first, second = ca.times(kind)[:2]
    assert 2.9 < second - first < 9


@pytest.mark.parametrize("kind", ["directory", "new-account"])
def test_an_issuer_that_is_limited_says_until_when(shop: Shop, ca: Interposer, kind: str) -> None:
    ca.on(kind, refuse("rateLimited", 429, "too many of you", headers={"Retry-After": "4"}))
    shop.apply(shop.product.issuer("difficult", shop.namespace, ca=ca))  # type: ignore[arg-type]  # URL and root

    def told() -> str:
        return str(shop.condition("Issuer", "difficult").get("message", ""))

    eventually(lambda: "too many of you" in told() and "until 2" in told(), "the Issuer says until when")
    shop.ready("Issuer", "difficult")
    first, second = ca.times(kind)[:2]
    assert 2.9 < second - first < 9


def test_an_order_that_is_worked_on_for_long_is_asked_after_seldom(
    shop: Shop, ca: Interposer, use: Callable[..., str]
) -> None:
    """Twenty seconds of `processing`: told in the state, and polled at the CA's pace or a slower one of ours."""
    until = time.monotonic() + 600

    def processing(answer: Answer) -> Answer:
        if time.monotonic() > until:
            return answer
        return answer.with_json(status="processing", certificate=None)

    def finalized(answer: Answer) -> Answer:
        nonlocal until
        until = time.monotonic() + 20
        return processing(answer)

    ca.on("finalize", edit(finalized))
    use()
    eventually(lambda: ca.count("finalize"), "it is finalized")
    ca.always("order", edit(processing))

    eventually(lambda: order(shop).get("state") == "processing", "the state is told")
    shop.issued("web-tls")

    assert ca.count("finalize") == 1
    assert ca.count("order") < 16


# -- what only people can mend ---------------------------------------------------------------------------------------


def test_a_name_that_is_refused_is_named(shop: Shop, ca: Interposer, use: Callable[..., str]) -> None:
    """Of three, by a subproblem; asked once a day, or when the spec changes."""
    good, bad, other = (shop.host() for _ in range(3))
    sub = {
        "type": "urn:ietf:params:acme:error:rejectedIdentifier",
        "detail": "on our list",
        "identifier": {"type": "dns", "value": bad},
    }
    ca.on("new-order", refuse("rejectedIdentifier", 400, "one is refused", subproblems=[sub]))
    use(good, bad, other)

    eventually(lambda: order(shop).get("state") == "errored", "the Order has failed")

    assert bad in order(shop)["reason"]
    assert "on our list" in order(shop)["reason"]
    eventually(lambda: "next attempt at" in why(shop), "the Certificate says when")
    assert "or as soon as the spec changes" in why(shop)
    assert ca.count("new-order") == 1
    shop.ingress("web", good, other, annotations={ISSUER: "difficult"})
    assert set(shop.issued("web-tls").leaf.dns_names) == {good, other}


@pytest.mark.parametrize(
    ("kind", "act", "state", "parts"),
    [
        pytest.param(
            "finalize",
            refuse("badCSR", 400, "the key is weak"),
            "errored",
            ("the key is weak", "change spec.privateKey or the names"),
            id="badCSR",
        ),
        pytest.param(
            "new-order",
            refuse("caa", 403, "CAA record prevents issuance"),
            "errored",
            ("CAA record prevents issuance", "let the CAA records of the name allow this CA"),
            id="CAA, before anything is proven",
        ),
        pytest.param(
            "finalize",
            refuse("caa", 403, "CAA record prevents issuance"),
            "errored",
            ("CAA record prevents issuance", "let the CAA records of the name allow this CA"),
            id="CAA, looked at again",
        ),
        pytest.param(
            "new-order",
            refuse("unsupportedIdentifier", 400, "no such kind"),
            "errored",
            ("no such kind", "use a CA that issues for its kind"),
            id="unsupportedIdentifier",
        ),
        pytest.param(
            "new-order",
            edit(lambda answer: answer.with_json(identifiers=[{"type": "dns", "value": "another.example.test"}])),
            "errored",
            ("the server made an order for other names", "another.example.test"),
            id="an order for other names",
        ),
    ],
)
def test_what_is_refused_for_good_ends_the_order(
    shop: Shop, ca: Interposer, use: Callable[..., str], kind: str, act: Act, state: str, parts: tuple[str, ...]
) -> None:
    ca.on(kind, act)
    use()

    eventually(lambda: order(shop).get("state") == state, f"the Order is {state}")

    for part in parts:
        assert part in order(shop)["reason"]
    eventually(lambda: parts[0] in why(shop) and "next attempt at" in why(shop), "the Certificate says so")
    assert ca.count(kind) == 1


def test_a_caa_record_that_forbids_is_told(shop: Shop, ca: Interposer, use: Callable[..., str]) -> None:
    """The CA looks at CAA when it validates; its word is in the authorization, and stays until the records change."""

    def forbidden(answer: Answer) -> Answer:
        authorization = json.loads(answer.body)
        if not any(one.get("status") == "valid" for one in authorization["challenges"]):
            return answer
        error = {"type": "urn:ietf:params:acme:error:caa", "detail": "CAA record prevents issuance", "status": 403}
        challenges = [{**one, "status": "invalid", "error": error} for one in authorization["challenges"]]
        return answer.with_json(status="invalid", challenges=challenges)

    ca.always("authorization", edit(forbidden))
    host = use()

    eventually(lambda: order(shop).get("state") == "invalid", "the Order has failed")

    assert f'Failed to prove control of "{host}"' in order(shop)["reason"]
    assert "CAA record prevents issuance" in order(shop)["reason"]
    eventually(lambda: "next attempt at" in why(shop), "the Certificate says when")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert f"{tomorrow:%Y-%m-%d}" in why(shop)
    assert "or as soon as the spec changes" in why(shop)
    assert ca.count("finalize") == 0


def test_what_the_user_has_to_agree_to_is_told_with_its_address(
    shop: Shop, ca: Interposer, use: Callable[..., str]
) -> None:
    """Nothing has failed for good: it goes on as soon as the CA lets it."""
    terms = refuse(
        "userActionRequired",
        403,
        "the terms have changed, see https://ca.test/terms",
        headers={"Link": '<https://ca.test/terms>;rel="terms-of-service"'},
    )
    ca.always("new-order", terms)
    use()

    eventually(lambda: "https://ca.test/terms" in why(shop), "the Certificate says where")

    assert order(shop).get("state", "") in {"", "pending"}


# -- one order for two -----------------------------------------------------------------------------------------------


def test_an_order_that_the_ca_gives_out_twice_is_one_certificate_s(
    shop: Shop, ca: Interposer, use: Callable[..., str]
) -> None:
    """As Boulder does for an account that asks again for the same names: the second waits, and then orders its own."""
    given: list[Answer] = []
    # Both ask before either has finalized: the second is answered before the first may go on.
    both = threading.Event()

    def gives_again(forward: Callable[[], Answer]) -> Answer:
        if not given:
            given.append(forward())
            return given[0]
        both.set()
        return given[0]

    def held(forward: Callable[[], Answer]) -> Answer:
        assert both.wait(20)
        return forward()

    ca.on("new-order", gives_again, gives_again)
    ca.on("authorization", held)
    host = use()
    shop.ingress("again", host, annotations={ISSUER: "difficult"}, tls=[{"hosts": [host], "secretName": "again-tls"}])

    first, second = shop.issued("web-tls"), shop.issued("again-tls")

    assert first.is_pair
    assert second.is_pair
    assert first.leaf.serial != second.leaf.serial
    assert ca.passed.count("new-order") == 2
    assert ca.count("new-order") == 3
    assert ca.passed.count("finalize") == 2
    assert any("waits for Order" in message for reason, message in shop.events("Order") if reason == "OrderShared")
    assert all(one["status"].get("failedIssuanceAttempts", 0) == 0 for one in shop.all("Certificate"))


# -- what the CA forgets ---------------------------------------------------------------------------------------------


def test_an_account_that_is_gone_is_registered_again(shop: Shop, ca: Interposer, use: Callable[..., str]) -> None:
    ca.on("new-order", refuse("accountDoesNotExist", 400, "who are you"))

    use()

    assert shop.issued("web-tls").is_pair
    assert ca.count("new-order") == 2


@pytest.mark.parametrize("kind", ["authorization", "challenge", "finalize", "certificate"])
def test_a_ca_that_forgets_everything_amid_an_order(
    shop: Shop, ca: Interposer, use: Callable[..., str], cluster: Cluster, pebble: Pebble, kind: str
) -> None:
    """It restarts before that request: registered again, ordered anew, everything Ready without help."""
    ca.on(kind, after(lambda: cluster.restart_pebble(pebble)))

    use()

    assert shop.issued("web-tls", 60).is_pair
    assert ca.count("new-order") in {2, 3}  # who is told first that the account is gone asks once more


@pytest.mark.parametrize("kind", ["authorization", "challenge", "finalize"])
def test_an_order_goes_with_its_issuer_to_another_server(
    shop: Shop, ca: Interposer, use: Callable[..., str], cluster: Cluster, kind: str
) -> None:
    """Whose issuer gets another server because the CA has died is not asked to wait for the dead one."""
    ca.always(kind, break_before)
    use()
    eventually(lambda: ca.count(kind), "it is at the CA that has died")

    shop.apply(shop.product.issuer("difficult", shop.namespace, ca=cluster.ca))

    assert shop.issued("web-tls").is_pair
    assert all(one["status"].get("failedIssuanceAttempts", 0) == 0 for one in shop.all("Certificate"))


def test_an_order_of_a_hundred_names(shop: Shop, ca: Interposer, use: Callable[..., str]) -> None:
    hosts = [shop.host() for _ in range(100)]

    use(*hosts)

    assert set(shop.issued("web-tls", 90).leaf.dns_names) == set(hosts)
    assert ca.count("new-order") == ca.count("finalize") == 1


def test_nothing_is_in_the_way_of_who_does_right(shop: Shop, ca: Interposer, use: Callable[..., str]) -> None:
    """What an issuance asks of a CA that answers at once: each thing once, but for the looks at a proof."""
    ca.on("directory", pass_on)

    use()

    shop.issued("web-tls")
    counts = {kind: ca.count(kind) for kind in ("new-order", "challenge", "finalize", "certificate")}
    assert counts == {"new-order": 1, "challenge": 1, "finalize": 1, "certificate": 1}
    assert ca.count("authorization") <= 5
    assert ca.count("order") <= 3
