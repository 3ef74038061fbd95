"""The page in a real browser: with ten thousand certificates, and on a real cluster.  Pictures go to build/ui/."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import yaml
from werkzeug.serving import make_server

from certs.api.certificate import Certificate
from shim.ui.model import State
from shim.ui.web import Access, create_app
from tests.cluster import Cluster, Process
from tests.cluster.browser import Browser
from tests.manifests import UI, objects
from tests.product import CERTSHIM, NAMESPACE, Product
from tests.shim.ui.people import DAY, NOW, Fixed, certificate, failing, many
from tests.system.shop import Shop, eventually

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
PICTURES = Path(__file__).parents[2] / "build" / "ui"
COUNT = 10_000
DRAWN = "document.querySelectorAll('.row').length"
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


@contextmanager
def served(certificates: Sequence[Certificate]) -> Iterator[str]:
    """Serve the page about these, for as long as the block."""
    server = make_server("127.0.0.1", 0, create_app(Fixed(certificates), Access()), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    """The page about ten thousand, one of them with markup in all its words."""
    with served([*many(COUNT - 1), failing("hostile", "zoo", sentence=HOSTILE, host=HOSTILE)]) as url:
        yield url


@pytest.fixture
def opened(browser: Browser, page: str) -> Browser:
    """The browser, with the page drawn."""
    browser.console.clear()
    browser.prefer("light")
    browser.open("about:blank")
    browser.open(page)
    browser.until(f"{DRAWN} > 5")
    return browser


def test_ten_thousand_are_shown_at_once(opened: Browser) -> None:
    """Only the visible lines exist; what fails comes first, and any key is answered at once."""
    assert opened.text("#count") == "10,000 of 10,000 certificates"
    assert opened.run(DRAWN) < 60
    assert opened.run("document.querySelector('.row span').innerText").strip().endswith("failing")
    took = opened.run(
        """(async () => { const begun = performance.now();
        const field = document.querySelector('#search'); field.value = 'site-07777';
        field.dispatchEvent(new Event('input')); await new Promise(requestAnimationFrame);
        return performance.now() - begun; })()"""
    )
    assert opened.text("#count") == "1 of 10,000 certificates"
    assert took < 1000  # usually 20; for whoever types it is an instant
    opened.picture(PICTURES / "search.png")
    assert opened.console == []


def test_the_timeline_has_a_bar_for_each_day_on_which_something_comes(browser: Browser) -> None:
    """An expiry only where no renewal comes before it; what is late is today's, what is far is not shown."""
    noon = NOW + DAY / 2
    certificates = [
        certificate("one", renewal_time=noon + 30 * DAY, not_after=noon + 60 * DAY),
        certificate("two", renewal_time=noon + 30 * DAY, not_after=noon + 60 * DAY),
        certificate("far", renewal_time=noon + 200 * DAY, not_after=noon + 300 * DAY),
        certificate("late", renewal_time=noon - 3 * DAY, not_after=noon + 5 * DAY),
        failing("lost", not_after=noon + 7 * DAY),
    ]

    with served(certificates) as url:
        browser.open("about:blank")
        browser.open(url)
        browser.until("document.querySelectorAll('#timeline rect').length > 0")
        bars = browser.run("Array.from(document.querySelectorAll('#timeline rect')).map(bar => bar.textContent)")
        legend = browser.text("#timeline .legend")
        heights = browser.run(
            "Array.from(document.querySelectorAll('#timeline rect')).map(bar => bar.getBoundingClientRect().height)"
        )

    assert bars == ["1 renewed today or before", "1 expire in 5 days", "1 expire in 7 days", "2 renewed in 30 days"]
    assert "most on a day: 2" in legend
    assert heights[3] == pytest.approx(2 * heights[0], rel=0.1)
    assert min(heights) > 1


def test_scrolling_to_the_end(opened: Browser) -> None:
    opened.press("End")

    opened.until("document.querySelector('.row[aria-selected=\"true\"]') !== null")
    assert opened.run("document.querySelector('.row[aria-selected=\"true\"]').getAttribute('aria-rowindex')") == "10000"
    assert opened.run(DRAWN) < 60


def test_all_by_keyboard(opened: Browser) -> None:
    """Search, down, open, close, filter, help."""
    opened.press("/")
    opened.type("site-00003")
    opened.until("document.querySelector('#count').innerText.startsWith('1 of')")
    opened.press("Enter")
    opened.press("Enter")
    opened.until("document.querySelector('#detail h2')?.innerText === 'treasury/site-00003'")
    opened.until("document.querySelector('#detail').innerText.includes('connection refused')")
    opened.picture(PICTURES / "chain.png")
    opened.press("Escape")
    assert opened.run("document.querySelector('#detail').hidden") is True
    opened.press("Escape")
    assert opened.text("#count") == "10,000 of 10,000 certificates"
    opened.press("2")
    opened.until("document.querySelector('#count').innerText.startsWith('9 of')")
    opened.press("?")
    assert opened.run("document.querySelector('#keysheet').open") is True
    opened.picture(PICTURES / "keys.png")


def test_what_comes_from_the_cluster_is_text(opened: Browser) -> None:
    """Names, hosts and messages are other people's: none of it becomes markup."""
    opened.run("document.querySelector('#search').value = 'hostile'")
    opened.run("document.querySelector('#search').dispatchEvent(new Event('input'))")
    opened.until("document.querySelector('.row .sentence')?.innerText.includes('<img')")
    opened.press("j")
    opened.press("Enter")
    opened.until("document.querySelector('#detail').innerText.includes('onerror')")

    assert opened.run("document.title") == "Certificates"
    assert opened.run("document.querySelectorAll('main img').length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dark_and_light(opened: Browser, page: str, scheme: str) -> None:
    """As the system prefers, until somebody chooses; every text can be read (WCAG AA)."""
    opened.run("localStorage.clear()")
    opened.prefer(scheme)
    opened.open("about:blank")
    opened.open(page)
    opened.until(f"{DRAWN} > 5")
    assert opened.run("document.documentElement.dataset.theme") == scheme
    opened.press("j")
    opened.picture(PICTURES / f"list-{scheme}.png")

    assert opened.run(CONTRASTS) == []
    opened.press("t")
    assert opened.run("document.documentElement.dataset.theme") != scheme
    opened.run("localStorage.clear()")


# Texts whose colour is too near to what is behind them: 4.5 to 1 is wanted.
CONTRASTS = """(() => {
const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = (colour) => { const [r, g, b] = numbers(colour).slice(0, 3).map((one) => {
  const part = one / 255; return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const behind = (node) => { for (; node; node = node.parentElement) {
  const colour = getComputedStyle(node).backgroundColor; if ((numbers(colour)[3] ?? 1) === 1) return colour; }
  return 'rgb(255, 255, 255)'; };
const found = [];
for (const node of document.querySelectorAll('body *')) {
  const own = [...node.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim());
  if (!own || !node.checkVisibility()) continue;
  const [one, other] = [light(getComputedStyle(node).color), light(behind(node))];
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  if (ratio < 4.5) found.push(`${node.className || node.tagName}: ${ratio.toFixed(2)}`);
}
return [...new Set(found)]; })()"""


def test_in_the_cluster_it_reads_no_secret(product: Product, cluster: Cluster, shim: Process, namespace: str) -> None:
    """As the account of its own manifest, behind a proxy: what it may not read is named."""
    shop = Shop(product, cluster, namespace)
    shop.ingress("web", shop.host(), annotations={"cert-manager.io/issuer": shop.issuer()})
    shop.issued("web-tls")
    rights = [one for one in objects(UI.read_text()) if one["kind"] not in {"Deployment", "Service"}]
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(rights))
    kubeconfig = cluster.service_account_kubeconfig(NAMESPACE, "certshim-ui")
    served = cluster.run(
        "ui-within",
        [CERTSHIM, "ui", "--kubeconfig", kubeconfig, "--behind-proxies=1", "--no-open"],
        env={"PYTHONUNBUFFERED": "1"},
    )
    found = eventually(lambda: re.search(r"http://[^/]+/", served.log.read_text()), "it is served")
    assert found is not None
    eventually(lambda: requests.get(f"{found[0]}healthz", timeout=5).ok, "all is read")

    chain = requests.get(f"{found[0]}api/certificates/{namespace}/web-tls", timeout=5).json()

    assert chain["state"] == "good"
    assert [one["kind"] for one in chain["objects"]][:3] == ["Ingress", "Certificate", "Issuer"]
    assert list(chain["unread"]) == ["Secret"]
    spec = {"secretName": "far", "dnsNames": [shop.host()], "issuerRef": {"name": "far", "kind": "ClusterIssuer"}}
    metadata = {"name": "far", "namespace": namespace}
    shop.apply({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": metadata, "spec": spec})
    far = eventually(lambda: requests.get(f"{found[0]}api/certificates/{namespace}/far", timeout=5), "it is known")
    assert list(far.json()["unread"]) == ["Secret"]  # what is not there is no right that is missing
    stuck = product.issuer("picky", namespace)
    stuck["spec"]["acme"]["solvers"][0]["selector"] = {"dnsNames": ["another.example"]}
    shop.apply(stuck)
    spec = {"secretName": "stuck", "dnsNames": [shop.host()], "issuerRef": {"name": "picky"}}
    metadata = {"name": "stuck", "namespace": namespace}
    shop.apply({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": metadata, "spec": spec})

    def listed(name: str) -> tuple[State, str]:
        lines = requests.get(f"{found[0]}api/certificates", timeout=5).json()["certificates"]
        line = next(line for line in lines if line[:2] == [namespace, name])
        return line[2], line[-1]

    assert listed("far") == (State.FAILING, 'ClusterIssuer "far" does not exist; create it.')
    eventually(lambda: listed("stuck")[1].startswith("Order stuck-1-"), "the list says that it is stuck")
    assert listed("stuck")[0] == State.FAILING
    assert listed("web-tls") == (State.READY, "")
    served.stop()


def test_on_a_real_cluster(browser: Browser, product: Product, cluster: Cluster, shim: Process, namespace: str) -> None:
    """What fails is on the page within seconds, with its sentence and its chain; then it is mended, live."""
    shop, host = Shop(product, cluster, namespace), ""
    host = shop.host()
    cluster.names.set("set-servfail", host=f"{host}.")
    shop.ingress("web", host, annotations={"cert-manager.io/issuer": shop.issuer()})
    command: list[str | Path] = [CERTSHIM, "ui", "--kubeconfig", cluster.admin, "-n", namespace, "--no-open"]
    served = cluster.run("ui", command, env={"PYTHONUNBUFFERED": "1"})
    url = eventually(lambda: re.search(r"http://\S+", served.log.read_text()), "it is served")
    assert url is not None
    browser.open("about:blank")  # the page of another test may still ask a server that is gone
    browser.console.clear()
    browser.open(url[0])
    browser.until("document.querySelector('.row .sentence')?.innerText.includes('SERVFAIL')", 20)
    assert "token" not in str(browser.run("location.href"))
    browser.press("j")
    browser.press("Enter")
    browser.until("document.querySelector('#detail .advice')?.innerText.includes('dig')", 10)
    objects = browser.run(
        "[...document.querySelectorAll('#detail .link > b')].map((one) => one.innerText.split(' ')[0])"
    )
    browser.picture(PICTURES / "cluster.png")

    assert objects == ["Ingress", "Certificate", "Issuer", "CertificateRequest", "Order", "Challenge"]
    cluster.names.set("clear-servfail", host=f"{host}.")
    browser.until("document.querySelector('.row span').innerText.includes('ready')", 30)
    assert browser.console == []
    began = time.monotonic()
    served.stop()
    assert time.monotonic() - began < 10
